from itertools import chain

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from .relance_item_query import ids_sql

# What a line has of its row of the work list, by the same names.
ITEM_FIELDS = (
    "move_line_id",
    "move_id",
    "name",
    "label",
    "ref",
    "date",
    "date_due",
    "days_late",
    "amount_due",
)


class RelanceReminderLineInsert(models.Model):
    """Lines of new reminders, made in bulk (H8).

    They go from the work list into their table by one statement, as they stay: the
    values of twenty thousand entries never come to Python.
    """

    _name = "relance.reminder.line"
    _inherit = ["relance.reminder.line", "relance.bulk.insert"]

    @api.model
    def _item_fields(self):
        """Return the names of what a line has of its row of the work list, the same
        there and here; an addon that copies more of it adds them.

        :rtype: list[str]
        """
        return [*ITEM_FIELDS]

    @api.model
    def _claim_columns(self):
        """Return what the lines of new reminders store, by column.

        Of SQL over ``reminder``, which was just inserted, ``item``, the row of the work
        list, and ``claimed``: its ``level_id`` and ``is_first``, if it has its own.

        :rtype: dict[str, SQL]
        """
        return {
            "reminder_id": SQL("reminder.id"),
            "company_id": SQL("reminder.company_id"),
            "origin": SQL("reminder.origin"),
            "is_companion": SQL("reminder.main_reminder_id IS NOT NULL"),
            "state": SQL("reminder.state"),
            "level_id": SQL("COALESCE(claimed.level_id, reminder.level_id)"),
            "is_first": SQL("COALESCE(claimed.is_first, FALSE)"),
            "dropped": SQL("FALSE"),
            "is_last_sent": SQL("FALSE"),
            # The reminder says who made it: two foreign keys less to look at of each.
            "create_uid": SQL("NULL::int"),
            "write_uid": SQL("NULL::int"),
            **{name: SQL.identifier("item", name) for name in self._item_fields()},
        }

    @api.model
    def _insert_claims(self, claims):
        """Insert the lines of reminders that were just created, and mark each as the
        last one of its entry.

        :param list claims: of each reminder, it and its `Claim`
        :return: the lines
        """
        reminders = self.env["relance.reminder"].browse(r.id for r, _claim in claims)
        reminders.flush_recordset()
        item_ids = [*chain.from_iterable(claim.items._ids for _r, claim in claims)]
        if not item_ids:
            return self.browse()
        # A line that a later reminder has already stays its entry's last one.
        later = self._release_last(item_ids, min(reminders.mapped("date")))
        columns = {
            **self._claim_columns(),
            "is_last": SQL(
                "reminder.main_reminder_id IS NULL AND claimed.item_id <> ALL(%s)",
                ids_sql(later),
            ),
        }
        self._hold_levels(claims)
        insert = self._insert_sql(
            columns, self._claimed_sql(claims, item_ids), ("id", "reminder_id")
        )
        rows = self.env.execute_query(insert)
        lines = self.browse(id_ for id_, _reminder_id in rows)
        reminder_ids = [reminder_id for _id, reminder_id in rows]
        self._after_insert(lines, columns, {"reminder_id": reminder_ids})
        return lines

    @api.model
    def _hold_levels(self, claims):
        """Keep the entries' own levels from being deleted before others see the lines
        that have them, as a foreign key would: `lock_for_update` holds others up who
        make lines at them, too."""
        level_ids = {*chain.from_iterable(c.levels_by_id.values() for _r, c in claims)}
        if level_ids:
            self.env.execute_query(
                SQL(
                    "SELECT FROM relance_level WHERE id = ANY(%s) FOR KEY SHARE",
                    [*level_ids],
                )
            )

    @api.model
    def _claimed_sql(self, claims, item_ids):
        """Return where the lines of claims come from: `_claim_columns`.

        :param list item_ids: those of all claims, one after the other
        """
        reminder_ids = chain.from_iterable(
            [reminder.id] * len(claim.items) for reminder, claim in claims
        )
        levels, firsts = [], []
        # Where nothing has a level of its own, PostgreSQL fills up with NULL.
        if any(claim.levels_by_id or claim.first_ids for _reminder, claim in claims):
            for _reminder, claim in claims:
                levels += map(claim.levels_by_id.get, claim.items._ids)
                firsts += (id_ in claim.first_ids for id_ in claim.items._ids)
        return SQL(
            """FROM unnest(%(reminders)s, %(items)s, %(levels)s::int[],
                    %(firsts)s::bool[]) WITH ORDINALITY
                    AS claimed (reminder_id, item_id, level_id, is_first, position)
               JOIN relance_reminder reminder ON reminder.id = claimed.reminder_id
               JOIN %(work_list)s item ON item.id = claimed.item_id
           ORDER BY claimed.position""",
            reminders=ids_sql(reminder_ids),
            items=ids_sql(item_ids),
            levels=levels,
            firsts=firsts,
            work_list=self._work_list_sql(item_ids),
        )

    @api.model
    def _work_list_sql(self, item_ids, domain=Domain.TRUE, names=()):
        """Return the query of the rows of the work list that lines are made of.

        Of new lines they were locked and read before, with the rights of whoever asks
        for it: this transaction sees the very same.

        :param domain: which of these rows
        :param names: further columns to return
        """
        items = self.env["relance.item"].sudo()
        query = items._search(Domain("id", "in", {*item_ids}) & domain)
        return query.subselect(
            *(
                SQL(
                    "%s AS %s",
                    items._field_to_sql(items._table, name, query),
                    SQL.identifier(name),
                )
                for name in dict.fromkeys(("id", *self._item_fields(), *names))
            )
        )

    @api.model
    def _release_last(self, move_line_ids, date):
        """Take the mark of the last reminder from those of these journal items that
        were made until a day, for what is made that day to have it.

        Before the new ones are inserted: the unique indexes are checked row by row.

        :return: the journal items of which the last reminder was made later
        :rtype: list[int]
        """
        self.flush_model(["move_line_id", "is_last"])
        self.env["relance.reminder"].flush_model(["date"])
        rows = self.env.execute_query(
            SQL(
                """SELECT line.id, line.move_line_id, reminder.date <= %s
                     FROM relance_reminder_line line
                     JOIN relance_reminder reminder ON reminder.id = line.reminder_id
                    WHERE line.move_line_id = ANY(%s) AND line.is_last""",
                date,
                ids_sql(move_line_ids),
            )
        )
        before = self.browse(id_ for id_, _item, before in rows if before)
        before._set_column("is_last", False)
        return [item for _id, item, before in rows if not before]
