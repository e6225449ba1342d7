"""What the web client asks the server for, to show a list."""

from lxml import etree

#: Odoo's own list of the open receivable lines: the domain of its menu, and theirs.
RECEIVABLE = [
    ("display_type", "not in", ("line_section", "line_subsection", "line_note")),
    ("parent_state", "=", "posted"),
    ("account_id.account_type", "=", "asset_receivable"),
    ("reconciled", "=", False),
]
_PAGE = 80
#: The client counts no further.
_COUNT_LIMIT = 10001


class Screen:
    """A list view, as the web client loads it."""

    def __init__(self, env, model, view):
        self.model = env[model]
        arch = etree.fromstring(
            self.model.get_view(env.ref(view).id, view_type="list")["arch"]
        )
        names = {node.get("name") for node in arch.iterchildren("field")}
        self._fields = self.model.fields_get(sorted(names))
        self._specification = {
            name: {"fields": {"display_name": {}}} if "relation" in field else {}
            for name, field in self._fields.items()
        }

    def page(self, domain, order):
        """Load the first page and the count.

        :return: how many rows there are on it and in all
        """
        answer = self.model.web_search_read(
            domain,
            self._specification,
            limit=_PAGE,
            order=order,
            count_limit=_COUNT_LIMIT,
        )
        return [len(answer["records"]), answer["length"]]

    def groups(self, domain, groupby):
        """Load the groups with their sums.

        :return: how many there are
        """
        answer = self.model.web_read_group(
            domain, [groupby], self._aggregates(), limit=_PAGE
        )
        return len(answer["groups"])

    def _aggregates(self):
        """Return what the client sums up: every number of the list."""
        numbers = {
            name: field
            for name, field in self._fields.items()
            if field.get("aggregator")
            and field["type"] in ("float", "integer", "monetary")
        }
        result = [f"{name}:{field['aggregator']}" for name, field in numbers.items()]
        for name, field in numbers.items():
            if currency := field.get("currency_field"):
                result += [f"{currency}:array_agg_distinct", f"{name}:sum_currency"]
        return list(dict.fromkeys(result))
