import json
from itertools import chain

from odoo import api, models
from odoo.fields import Command
from odoo.tools import SQL

from .relance_reminder import IN_FLIGHT

# Lines inserted by one statement.
INSERT_SIZE = 5000


class RelanceReminderLineInsert(models.Model):
    """Lines of new reminders, made in bulk (H8).

    The ORM inserts a hundred rows at a time, computes what is stored by reading each
    line's reminder back, and writes it in a second statement. Here all of it is known
    beforehand: one statement inserts the lines as they stay.
    """

    _inherit = "relance.reminder.line"

    @api.model
    def _insert_claims(self, claims):
        """Insert the lines of reminders that were just created, and mark each as the
        last one of its entry.

        :param dict claims: the commands of ``line_ids``, by reminder
        :return: the lines
        """
        vals_list = []
        for reminder, commands in claims.items():
            shared = self._prepare_reminder_vals(reminder)
            usual = {"level_id": reminder.level_id.id, "is_first": False}
            for operation, _id, vals in commands:
                assert operation == Command.CREATE, "A new reminder's lines are new."
                vals_list.append(usual | vals | shared)
        if not vals_list:
            return self.browse()
        replaced = self._with_last({vals["move_line_id"] for vals in vals_list})
        for vals in vals_list:
            vals["is_last"] = (
                not vals["is_companion"]
                and vals["state"] in IN_FLIGHT
                and vals["move_line_id"] not in replaced
            )
        lines = self._insert_rows(vals_list)
        if replaced:
            self._mark_last(self.env["account.move.line"].browse(replaced))
        return lines

    @api.model
    def _prepare_reminder_vals(self, reminder):
        """Return what the lines of a new reminder store of it."""
        return {
            "reminder_id": reminder.id,
            "company_id": reminder.company_id.id,
            "origin": reminder.origin,
            "is_companion": bool(reminder.main_reminder_id),
            "state": reminder.state,
            "dropped": False,
            "is_last_sent": False,
        }

    @api.model
    def _with_last(self, move_line_ids):
        """Return those of these journal items that have a last reminder already.

        :rtype: set[int]
        """
        self.flush_model(["move_line_id", "is_last"])
        rows = self.env.execute_query(
            SQL(
                """SELECT move_line_id FROM relance_reminder_line
                    WHERE move_line_id = ANY(%s) AND is_last""",
                list(move_line_ids),
            )
        )
        return {id_ for (id_,) in rows}

    @api.model
    def _insert_rows(self, vals_list):
        """Insert rows as they are: what is stored and computed must be among the
        values, else it is computed later. No rights are checked.

        :param list vals_list: values of columns
        :return: the records
        """
        names = list(dict.fromkeys(chain.from_iterable(vals_list)))
        missing = [
            field
            for name, field in self._fields.items()
            if field.store and field.column_type and name not in names
        ]
        defaults = self.default_get([f.name for f in missing if not f.compute])
        records = self.browse()
        for start in range(0, len(vals_list), INSERT_SIZE):
            portion = vals_list[start : start + INSERT_SIZE]
            records += self._insert_portion(
                [defaults | vals for vals in portion], [*names, *defaults]
            )
        given = [self._fields[name] for name in names]
        # As after the ORM's own INSERT, but that nothing given is computed again.
        self._fields["reminder_id"]._insert_cache(
            records, [vals["reminder_id"] for vals in vals_list]
        )
        for field in given:
            for inverse in self.pool.field_inverses[field]:
                self.env[inverse.model_name].invalidate_model(
                    [inverse.name], flush=False
                )
        for field in missing:
            if field.compute:
                self.env.add_to_compute(field, records)
        with self.env.protecting(given, records):
            records.modified(names, create=True)
        return records

    @api.model
    def _insert_portion(self, vals_list, names):
        """Return the records of one INSERT.

        The rows are one JSON text: psycopg2 need not quote each value, nor PostgreSQL
        parse each as an expression.
        """
        empty = {
            name: False if self._fields[name].type == "boolean" else None
            for name in names
        }
        rows = json.dumps(
            [
                # False is how the ORM says that there is none.
                {
                    name: empty[name] if value is False else value
                    for name, value in vals.items()
                }
                for vals in vals_list
            ],
            default=str,
        )
        columns = SQL(", ").join(map(SQL.identifier, names))
        rows = self.env.execute_query(
            SQL(
                """INSERT INTO %(table)s (
                        %(columns)s, create_uid, create_date, write_uid, write_date)
                   SELECT %(columns)s, %(uid)s, %(now)s, %(uid)s, %(now)s
                     FROM json_to_recordset(%(rows)s) AS row (%(types)s)
                RETURNING id""",
                table=SQL.identifier(self._table),
                columns=columns,
                uid=self.env.uid,
                now=self.env.cr.now(),
                rows=rows,
                types=SQL(", ").join(
                    SQL(
                        "%s %s",
                        SQL.identifier(name),
                        SQL(self._fields[name].column_type[1]),
                    )
                    for name in names
                ),
            )
        )
        return self.browse(id_ for (id_,) in rows)
