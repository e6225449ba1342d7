import re
from collections.abc import Hashable
from itertools import repeat

from odoo import api, models
from odoo.tools import SQL

# Text and line breaks, as `Markup` escapes them. Neither control characters nor a start
# with a dash, a space or a mark: of some of these Odoo's sanitizer makes other things.
PLAIN_BODY = re.compile(
    r"(?=\w)"
    r"(?:[^<>&\x00-\x1f\x7f-\x9f\ud800-\udfff]|&(?:amp|lt|gt|#34|#39);|<br/?>)+"
)
# How the sanitizer writes some of it.
SANITIZED = (
    ("<br/>", "<br>"),
    ("&#34;", '"'),
    ("&#39;", "'"),
    ("\N{NO-BREAK SPACE}", "&nbsp;"),
)


class MailMessage(models.Model):
    """Notes about many reminders at once.

    Each reminder is noted on each of its invoices and on its customer (F3): eleven
    messages or so, for which the ORM took longer than for the rest of a letter. They
    pass through ``create`` with whatever other addons make of them there; what comes
    below it is done for all of them together.
    """

    _inherit = "mail.message"

    @api.model
    def _prepare_create_values(self, vals_list):
        """Override of `base`: of notes that set the same fields, what the others have
        by default is worked out once. No field of Odoo's has a default that differs
        from message to message: what does, like their ids, is set in `create`."""
        names = {frozenset(vals) for vals in vals_list}
        if not (self.env.context.get("relance_notes") and len(names) == 1):
            return super()._prepare_create_values(vals_list)
        known = self._add_missing_default_values(vals_list[0])
        notes = self.with_context(relance_note_defaults=known)
        return super(MailMessage, notes)._prepare_create_values(vals_list)

    @api.model
    def _add_missing_default_values(self, values):
        """Override of `base`, for the above."""
        known = self.env.context.get("relance_note_defaults")
        if known is None:
            return super()._add_missing_default_values(values)
        return known | values

    @api.model
    def _create(self, data_list):
        """Override of `base`: notes are inserted by one statement, their plain bodies
        without being parsed again, and their documents' caches are invalidated instead
        of being updated message by message."""
        if not (self.env.context.get("relance_notes") and self._are_notes(data_list)):
            return super()._create(data_list)
        stored = [data["stored"] for data in data_list]
        names = [name for name in stored[0] if self._fields[name].column_type]
        records = self._insert_notes(stored, names)
        for data, record in zip(data_list, records, strict=True):
            data["record"] = record
        for field in self._fields.values():
            if field.store and field.type in ("one2many", "many2many"):
                field._insert_cache(records, repeat(()))
        self._invalidate_noted(stored)
        protected = [(data["protected"], data["record"]) for data in data_list]
        with self.env.protecting(protected):
            records.modified(self._fields, create=True)
        records._validate_fields(stored[0])
        records.check_access("create")
        return records

    @api.model
    def _are_notes(self, data_list):
        """Return whether messages have the same columns and nothing but columns."""
        names = data_list[0]["stored"].keys()
        columns = {name: self._fields[name].column_type for name in names}
        return all(
            not any(data["inherited"].values())
            and data["stored"].keys() == names
            and all(
                isinstance(value, Hashable) if columns[name] else not value
                for name, value in data["stored"].items()
            )
            for data in data_list
        )

    @api.model
    def _insert_notes(self, vals_list, names):
        """Insert messages as the ORM would, by one statement.

        :param list names: of the columns that all of them have
        :return: the messages in their order
        """
        values, rows, arrays = [], [], []
        for name in names:
            column = self._note_column(name, vals_list)
            if len(set(column)) == 1:
                values.append(SQL("%s", column[0]))
            else:
                values.append(SQL.identifier("row", name))
                rows.append(SQL.identifier(name))
                type_ = SQL(self._fields[name].column_type[1])
                arrays.append(SQL("%s::%s[]", column, type_))
        # No field has such a name.
        number = SQL.identifier("number$")
        arrays.append(SQL("%s::int[]", list(range(len(vals_list)))))
        found = self.env.execute_query(
            SQL(
                """INSERT INTO %s (%s)
                   SELECT %s FROM unnest(%s) AS row (%s) ORDER BY %s
                RETURNING id""",
                SQL.identifier(self._table),
                SQL(", ").join(map(SQL.identifier, names)),
                SQL(", ").join(values),
                SQL(", ").join(arrays),
                SQL(", ").join([*rows, number]),
                number,
            )
        )
        return self.browse(id_ for (id_,) in found)

    @api.model
    def _note_column(self, name, vals_list):
        """Return what goes into a column of each message; what is alike is converted
        once."""
        field, converted, column = self._fields[name], {}, []
        for vals in vals_list:
            value = vals[name]
            if value not in converted:
                plain = sanitized_plain(value) if name == "body" else None
                converted[value] = plain or field.convert_to_column_insert(
                    value, self, vals
                )
            column.append(converted[value])
        return column

    @api.model
    def _invalidate_noted(self, vals_list):
        """Have what refers to messages read again: of their documents, authors…"""
        for name in vals_list[0]:
            field = self._fields[name]
            inverses = self.pool.field_inverses[field]
            if field.type == "many2one":
                ids = {id_ for vals in vals_list if (id_ := vals[name])}
                for inverse in inverses:
                    records = self.env[inverse.model_name].browse(ids)
                    records.invalidate_recordset([inverse.name], flush=False)
            elif field.type == "many2one_reference":
                ids_by_model = {}
                for vals in vals_list:
                    ids_by_model.setdefault(vals[field.model_field], set()).add(
                        vals[name]
                    )
                for inverse in inverses:
                    ids = ids_by_model.get(inverse.model_name, ())
                    records = self.env[inverse.model_name].browse(ids)
                    records.invalidate_recordset([inverse.name], flush=False)


def sanitized_plain(body):
    """Return what Odoo's sanitizer would make of a text with line breaks, or None where
    the body is more than that.

    >>> sanitized_plain("7&#39;th<br/>&lt;b&gt;")
    "<span>7'th<br>&lt;b&gt;</span>"
    >>> sanitized_plain("<b>bold</b>")
    """
    if not body or not PLAIN_BODY.fullmatch(body):
        return None
    # `Markup` would escape what takes another's place.
    body = str(body)
    for escaped, sanitized in SANITIZED:
        body = body.replace(escaped, sanitized)
    return f"<span>{body}</span>"
