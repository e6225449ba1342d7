from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.orm.domains import DomainAnd, DomainCondition
from odoo.tools import SQL, Query

from .relance_item_query import ItemQuery, ids_sql

# Columns that are those of the journal item.
LINE_COLUMNS = {
    "id": "id",
    "move_line_id": "id",
    "move_id": "move_id",
    "partner_id": "partner_id",
    "company_id": "company_id",
    "currency_id": "currency_id",
}
# Those that say of which few items a domain is.
NAMING_COLUMNS = ("id", "move_line_id", "move_id", "partner_id")
# The largest id that a column holds.
MAX_ID = 2**31 - 1
# So many items of a last level are looked at by it, not by their due dates.
MAX_NAMED = 20000
# Columns that are set only where something is left to pay.
OWED_COLUMNS = ("advised_step_id", "advised_level_id", "next_step_id", "next_level_id")
COMPARISONS = {">": SQL(">"), ">=": SQL(">="), "<": SQL("<"), "<=": SQL("<=")}
LATER = {">": SQL("<"), ">=": SQL("<="), "<": SQL(">"), "<=": SQL(">=")}
# How many journal items a page looks at for each row that it shows, and a count for
# each that it counts, before all are looked at in one query: first a few, then more.
WALKS = (3, 30, 150, 500)
COUNT_WALK = 1.5
MIN_WALK = 200
MAX_WALK = 50000
DATE_DUE = SQL("COALESCE(line.date_maturity, line.date)")


class RelanceItemSearch(models.Model):
    """How the work list is searched among a million open items (H8).

    The advice is worked out per row, so what is not worked out is what counts: a domain
    says something of the journal items themselves, for which there are indexes, and a
    page sorted by due date walks one of them and stops.
    """

    _inherit = "relance.item"

    @api.model
    def _search(self, domain, offset=0, limit=None, order=None, **kwargs):
        """Override: read what is needed, and for a page no more rows than it shows."""
        domain = Domain(domain).optimize_full(self)
        lazy = self.with_context(relance_item_lazy=True)
        # What it names by their ids is looked at alone, and need not be said again.
        named = [part for part in self._conjuncts(domain) if self._names_ids(part)]
        query = super(RelanceItemSearch, lazy)._search(
            self._without(domain, named), offset, limit, order, **kwargs
        )
        self = self._with_facts()
        if query.is_empty():
            return ItemQuery(query, self)
        if not named:
            indexed = self._indexed_query(query, domain, order, **kwargs)
            if indexed is not None:
                return indexed
        lines, conditions = self._lines_of(domain)
        if limit and not lines:
            ids = (
                self._walked_ids(query, conditions, order)
                if order
                else self._counted_ids(query, self._line_conditions(domain, sure=True))
            )
            if ids is not None:
                return self.browse(ids)._as_query()
        return ItemQuery(query, self, lines, conditions)

    @api.model
    def _lines_of(self, domain):
        """Return which journal items are looked at for a domain, or None where it names
        none, and the conditions on ``line`` that follow from it.

        :rtype: tuple[SQL | None, list[SQL]]
        """
        conditions = self._line_conditions(domain)
        named = self._lines_named(domain)
        return self._lines_sql(conditions) if named else None, conditions

    def _as_query(self, ordered=True):
        """Override: look at these rows alone."""
        lazy = self.with_context(relance_item_lazy=True)
        query = super(RelanceItemSearch, lazy)._as_query(ordered)
        self = self._with_facts()
        condition = SQL("line.id = ANY(%s)", ids_sql(self._ids))
        return ItemQuery(query, self, self._lines_sql([condition]))

    # What a domain says of journal items

    @api.model
    def _conjuncts(self, domain):
        """Return the conditions of a domain that all of its rows fulfil."""
        parts = domain.children if isinstance(domain, DomainAnd) else [domain]
        return [part for part in parts if isinstance(part, DomainCondition)]

    @api.model
    def _without(self, domain, parts):
        """Return a domain without some of its conditions."""
        if not parts:
            return domain
        children = domain.children if isinstance(domain, DomainAnd) else [domain]
        return Domain.AND([child for child in children if child not in parts])

    @api.model
    def _names_ids(self, part):
        """Return whether a condition is that rows are among some."""
        return (
            part.field_expr in ("id", "move_line_id")
            and part.operator == "in"
            and bool(self._plain_ids(part.value))
        )

    @api.model
    def _lines_named(self, domain):
        """Return whether a domain names the few journal items that it is about."""
        return any(self._names_lines(part) for part in self._conjuncts(domain))

    @api.model
    def _names_lines(self, part):
        ids = part.operator == "in" and self._plain_ids(part.value)
        if ids and part.field_expr == "last_level_id":
            return self._few_reminded_at(ids)
        return bool(ids) and part.field_expr in NAMING_COLUMNS

    @api.model
    def _few_reminded_at(self, level_ids):
        """Return whether these are the last levels of few items."""
        reminded = self._reminded_at_sql(level_ids)
        rows = self.env.execute_query(SQL("%s LIMIT %s", reminded, MAX_NAMED + 1))
        return len(rows) <= MAX_NAMED

    @api.model
    def _plain_ids(self, value):
        """Return the ids of an ``in`` condition, or None where it is something else:
        "none" is among them, or what can be no id, or they are those of a query."""
        if isinstance(value, (Query, SQL)):
            return None
        values = list(value)
        # Thousands, looked at again and again: not one by one.
        numbers = {*map(type, values)} <= {int}
        if not numbers or (values and (min(values) < 1 or max(values) > MAX_ID)):
            return None
        return values

    @api.model
    def _line_conditions(self, domain, sure=False):
        """Return the conditions on ``line`` that follow from a domain.

        :param bool sure: for a count that stops, which need not look at all rows: leave
            out those that rarely fulfil the domain
        :rtype: list[SQL]
        """
        conditions = []
        for part in self._conjuncts(domain):
            conditions += self._line_conditions_of(part, sure)
        return conditions

    @api.model
    def _line_conditions_of(self, part, sure):
        name, operator, value = part.field_expr, part.operator, part.value
        if name in ("date_due", "days_late"):
            return self._due_conditions(name, operator, value)
        if operator == "not in" and name in (*OWED_COLUMNS, "next_date"):
            return [self._owed_condition()] if list(value) == [False] else []
        ids = operator == "in" and self._plain_ids(value)
        if not ids:
            return []
        if name in LINE_COLUMNS:
            column = SQL.identifier("line", LINE_COLUMNS[name])
            return [SQL("%s = ANY(%s)", column, ids_sql(ids))]
        if name == "last_level_id":
            return [SQL("line.id IN (%s)", self._reminded_at_sql(ids))]
        if name == "advised_level_id":
            return [self._owed_condition(), *self._advised_conditions(ids, sure)]
        if name in (*OWED_COLUMNS, "is_due"):
            return [self._owed_condition()]
        return []

    @api.model
    def _owed_condition(self):
        return SQL("line.amount_residual_currency > 0")

    @api.model
    def _reminded_at_sql(self, level_ids):
        """Return the query of the journal items of which this may be the last level."""
        return SQL(
            """SELECT reminded.move_line_id FROM relance_reminder_line reminded
                WHERE (reminded.is_last OR reminded.is_last_sent)
                  AND reminded.level_id = ANY(%s)""",
            level_ids,
        )

    @api.model
    def _todays(self):
        """Return which days it is today, by the active companies' time zones."""
        days = {company._relance_today() for company in self.env.companies}
        return days or {fields.Date.context_today(self)}

    @api.model
    def _due_conditions(self, name, operator, value):
        """Return the condition on the due date that one on the days late means."""
        bound = self._due_bound(name, operator, value)
        return [SQL("%s %s %s::date", DATE_DUE, *bound)] if bound else []

    @api.model
    def _due_bound(self, name, operator, value):
        """Return the comparison of the due date that one of the days late, or of
        itself, means, and with which date; None where it is something else.

        :rtype: tuple[SQL, date] | None
        """
        if name not in ("date_due", "days_late") or value is False or value is None:
            return None
        if operator not in COMPARISONS:
            return None
        if name == "date_due":
            return COMPARISONS[operator], value
        # Late by more is due earlier; of several days it is, the widest bound.
        day = (max if operator in (">", ">=") else min)(self._todays())
        return LATER[operator], day - timedelta(days=value)

    @api.model
    def _advised_conditions(self, level_ids, sure=False):
        """Return the conditions on the rows advised these levels: due later than the
        day on which every plan goes on to the step after, and, where nothing was sent
        yet, late enough for one (C3).

        :param bool sure: look only at those that are late enough
        """
        spans = self._advised_spans(level_ids)
        if not spans:
            return [SQL("FALSE")]
        first_days, last_days = zip(*spans, strict=True)
        first = max(self._todays()) - timedelta(days=min(first_days))
        conditions = [
            SQL("%s <= %s::date", DATE_DUE, first)
            if sure
            else SQL(
                """(%s <= %s::date OR EXISTS (
                    SELECT FROM relance_reminder_line reminded
                     WHERE reminded.move_line_id = line.id
                       AND reminded.is_last_sent))""",
                DATE_DUE,
                first,
            )
        ]
        if None not in last_days:
            last = min(self._todays()) - timedelta(days=max(last_days))
            conditions.append(SQL("%s > %s::date", DATE_DUE, last))
        return conditions

    @api.model
    def _advised_spans(self, level_ids):
        """Return, for each step of these levels of a plan that some customer may have,
        how many days late it is reached, and at how many its plan goes on to the step
        after, None where it has none (A5, C3).

        :rtype: list[tuple[int, int | None]]
        """
        facts = self._facts()
        return [
            (first, last)
            for plan in facts["plan_steps"] or []
            if plan["customer_type"] != "public" or facts["any_public"]
            for level_id, first, last in zip(
                plan["level_ids"],
                plan["days"],
                [*plan["days"][1:], None],
                strict=True,
            )
            if level_id in level_ids
        ]

    # Walking by due date

    @api.model
    def _lines_sql(self, conditions, descending=False, size=None, after=None):
        """Return which journal items are looked at, from ``FROM`` on.

        :param conditions: conditions on ``line``
        :param bool descending: the latest due date first
        :param int size: how many of them, by due date
        :param tuple after: due date and id of the one to go on behind
        :rtype: SQL
        """
        where = [self._where(), *conditions]
        if after:
            where.append(
                SQL(
                    "(%s, line.id) %s (%s::date, %s)",
                    DATE_DUE,
                    SQL("<" if descending else ">"),
                    *after,
                )
            )
        direction = SQL("DESC" if descending else "ASC")
        return SQL(
            "FROM account_move_line line WHERE %s %s",
            SQL(" AND ").join(where),
            SQL(
                "ORDER BY %s %s, line.id %s LIMIT %s",
                DATE_DUE,
                direction,
                direction,
                size,
            )
            if size
            else SQL(),
        )

    @api.model
    def _walk_direction(self, order):
        """Return the order in which journal items are walked for a page sorted so, by
        their due date and id: "asc", "desc", or None where that does not sort it."""
        terms = self._due_terms(order)
        if not terms or terms[0][0] != "date_due":
            return None
        (_name, descending), *others = terms
        if others not in ([], [("id", descending)]):
            return None
        return "desc" if descending else "asc"

    @api.model
    def _due_terms(self, order):
        """Return what an order sorts by, due date and id, each with whether it is
        descending; None where it sorts by anything else.

        :rtype: list[tuple[str, bool]] | None
        """
        terms = []
        for term in order.lower().split(","):
            name, *way = term.split()
            descending = way == ["desc"]
            # The days late of two rows compare by their own companies' days.
            if name == "days_late" and len(self._todays()) == 1:
                name, descending = "date_due", not descending
            if name not in ("date_due", "id") or way not in ([], ["asc"], ["desc"]):
                return None
            terms.append((name, descending))
        return terms

    @api.model
    def _walked_ids(self, query, conditions, order):
        """Return the ids of a page, by looking at no more journal items than needed, in
        the order of an index; None where that finds too few.

        :param Query query: Odoo's query of the page
        :param conditions: conditions on ``line`` that its rows fulfil
        :param str order: how it is sorted
        """
        direction = self._walk_direction(order)
        if not direction:
            return None
        skipped, wanted = query.offset or 0, (query.offset or 0) + query.limit
        after, ids = None, []
        for factor in WALKS:
            size = max(factor * wanted, MIN_WALK)
            if size > MAX_WALK:
                break
            lines = self._lines_sql(conditions, direction == "desc", size, after)
            page = ItemQuery(query, self, lines)
            page.offset, page.limit = None, wanted - len(ids)
            ids += page.get_result_ids()
            after = len(ids) < wanted and self._last_walked(lines, size)
            if not after:
                return ids[skipped:]
        return None

    @api.model
    def _counted_ids(self, query, conditions):
        """Return the ids of as many rows as a count stops at, by looking at some of the
        journal items, those late the least first; None where they are not enough."""
        if query.offset:
            return None
        size = max(int(COUNT_WALK * query.limit), MIN_WALK)
        lines = self._lines_sql(conditions, descending=True, size=size)
        ids = ItemQuery(query, self, lines).get_result_ids()
        return ids if len(ids) == query.limit else None

    @api.model
    def _last_walked(self, lines, size):
        """Return due date and id of the last of these journal items, or None where
        there are less than asked for."""
        rows = self.env.execute_query(
            SQL("SELECT %s, line.id %s OFFSET %s", DATE_DUE, lines, size - 1)
        )
        return rows[0] if rows else None
