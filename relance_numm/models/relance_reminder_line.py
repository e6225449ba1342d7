from odoo import api, fields, models
from odoo.tools import SQL

from ..fields import GuardedMany2one
from .relance_item import CLAIM_KEY
from .relance_reminder import IN_FLIGHT, LINE_STATES


class RelanceReminderLine(models.Model):
    """One pièce of a reminder, with what was owed when it was made."""

    _name = "relance.reminder.line"
    _description = "Reminded item"
    _order = "reminder_id, date_due, id"

    reminder_id = fields.Many2one(
        "relance.reminder", required=True, ondelete="cascade", index=True
    )
    # The reminder's own foreign key guards it.
    company_id = GuardedMany2one(related="reminder_id.company_id", store=True)
    currency_id = fields.Many2one(related="reminder_id.currency_id")
    reminder_date = fields.Date(related="reminder_id.date")
    channel_id = fields.Many2one(related="reminder_id.channel_id")
    comment = fields.Char(related="reminder_id.comment")
    # Empty once deleted, as a draft's can be: what was claimed from the customer stays.
    # The last reminders of an entry are looked up by it: see `_last_sql`.
    move_line_id = fields.Many2one(
        "account.move.line", string="Journal item", ondelete="set null", index=True
    )
    # The reminders of an invoice, and how many they are. The journal item's foreign key
    # guards it; see `account.move.unlink`.
    move_id = GuardedMany2one("account.move", string="Invoice", index=True)
    name = fields.Char(string="Document number")
    label = fields.Char(string="Description")
    ref = fields.Char(string="Reference")
    date = fields.Date(string="Document date")
    date_due = fields.Date(string="Due date")
    days_late = fields.Integer(aggregator="max")
    amount_due = fields.Monetary(string="Amount to pay")
    # See `relance.level._unlink_except_reminded_at`. The rows of a last level are found
    # by it: see `relance.item._reminded_at_sql`.
    level_id = GuardedMany2one(
        "relance.level",
        compute="_compute_level_id",
        store=True,
        readonly=False,
        precompute=True,
        index="btree_not_null",
        help="The entry's own level: that of its reminder, or a lower one where the "
        "reminder is for several entries of different levels.",
    )
    origin = fields.Selection(related="reminder_id.origin", store=True)
    is_companion = fields.Boolean(
        string="Of a companion",
        compute="_compute_is_companion",
        store=True,
        help="Of a call, meeting or SMS that accompanies another reminder, which is "
        "the one that counts.",
    )
    is_first = fields.Boolean(
        string="First reminder",
        readonly=True,
        help="The first reminder that the entry gets by itself.",
    )
    skipped_on = fields.Date(
        readonly=True,
        help="The day on which a person canceled this automatic reminder: its step is "
        "not made again.",
    )
    dropped = fields.Boolean(
        string="Left out", help="Paid or blocked before the reminder left."
    )
    state = fields.Selection(
        LINE_STATES,
        compute="_compute_state",
        store=True,
    )
    is_last = fields.Boolean(
        readonly=True, help="The reminder that the work list shows for the item."
    )
    is_last_sent = fields.Boolean(
        readonly=True, help="The last reminder of the item that really left."
    )

    # The work list joins at most one of each per item: see `relance.item._joins`.
    _last_uniq = models.UniqueIndex("(move_line_id) WHERE is_last")
    _last_sent_uniq = models.UniqueIndex("(move_line_id) WHERE is_last_sent")
    # And what a person skipped, which is also taken back by entry: see
    # `account.move.line._relance_unskip`.
    _skipped_uniq = models.UniqueIndex("(move_line_id) WHERE skipped_on IS NOT NULL")
    # Two people creating at once never remind one pièce twice (D7).
    _in_flight_uniq = models.UniqueIndex(
        "(move_line_id) WHERE state IN ('to_confirm', 'pending', 'outgoing')"
        " AND is_companion IS NOT TRUE",
        "A reminder is already under way for one of these entries.",
    )
    # The cron counts the first reminders of the day (G4): see
    # `res.company._relance_first_left`.
    _first_idx = models.Index("(company_id, create_date) WHERE is_first")
    # Whatever happens to the cron: one automatic reminder of an entry at a level (G3).
    _automatic_uniq = models.UniqueIndex(
        "(move_line_id, level_id) WHERE origin = 'automatic'"
        " AND state NOT IN ('canceled', 'disavowed') AND is_companion IS NOT TRUE",
        "One of these entries already has an automatic reminder of this level.",
    )

    @api.depends("reminder_id.state", "reminder_id.date_disavowed", "dropped")
    def _compute_state(self):
        for line in self:
            if line.dropped:
                line.state = "canceled"
            elif line.reminder_id.date_disavowed:
                line.state = "disavowed"
            else:
                line.state = line.reminder_id.state

    @api.depends("reminder_id.level_id")
    def _compute_level_id(self):
        for line in self:
            line.level_id = line.reminder_id.level_id

    @api.depends("reminder_id.main_reminder_id")
    def _compute_is_companion(self):
        for line in self:
            line.is_companion = bool(line.reminder_id.main_reminder_id)

    @api.model
    def _prepare_item_vals(self, item):
        """Return the values taken from a row of the work list, as of when the reminder
        leaves; when it is made they go from there to here by themselves."""
        return {
            name: item[name].id if item._fields[name].type == "many2one" else item[name]
            for name in self._item_fields()
        }

    def _update_changed(self, vals):
        """Write those of the values that the line does not have yet: on the day on
        which it was made there are none."""
        self.ensure_one()
        changed = {
            name: value
            for name, value in vals.items()
            if (self[name].id if self._fields[name].type == "many2one" else self[name])
            != value
        }
        if changed:
            self.write(changed)

    def _unchanged(self):
        """Return those of these lines that are still owed and say what their row of the
        work list says now: of them there is nothing to write (D7).

        It is `_no_longer_owed_text` and `_prepare_item_vals` for all of them at once:
        what an addon adds to these goes into `relance.item._not_owed_codes` and into
        `_item_fields`.
        """
        item_ids = self.move_line_id.ids
        if not item_ids:
            return self.browse()
        self.env["relance.reminder"].flush_model(CLAIM_KEY)
        self.flush_model(["reminder_id", *self._item_fields()])
        owed = self.env["relance.item"]._owed_domain()
        rows = self.env.execute_query(
            SQL(
                """SELECT line.id
                     FROM relance_reminder_line line
                     JOIN relance_reminder reminder ON reminder.id = line.reminder_id
                     JOIN %(work_list)s item ON item.id = line.move_line_id
                    WHERE line.id = ANY(%(lines)s)
                      AND (%(reminder_key)s) = (%(item_key)s)
                      AND (%(line_values)s) IS NOT DISTINCT FROM (%(item_values)s)""",
                work_list=self._work_list_sql(item_ids, owed, CLAIM_KEY),
                lines=[*self._ids],
                reminder_key=_columns_of("reminder", CLAIM_KEY),
                item_key=_columns_of("item", CLAIM_KEY),
                line_values=_columns_of("line", self._item_fields()),
                item_values=_columns_of("item", self._item_fields()),
            )
        )
        return self.browse(id_ for (id_,) in rows)

    def _no_longer_owed_text(self, item):
        """Return why the reminder must no longer claim this pièce, or False (D7). What
        is asked of the row alone is in `relance.item._is_owed`.

        :param relance.item item: its row of the work list now, maybe none
        """
        self.ensure_one()
        reminder = self.reminder_id
        if not item:
            return self.env._(
                "%s: no longer open (paid, reconciled or set back to draft)", self.name
            )
        if not item._is_owed():
            return item._left_out_text()
        if item._claim_key() != tuple(reminder[name] for name in CLAIM_KEY):
            return self.env._("%s: its customer or currency was changed", self.name)
        return False

    def _skip(self):
        """Note that a person took these reminders back: by themselves, their entries
        wait for the step after (G3)."""
        self.move_line_id._relance_unskip()
        for company, lines in self.grouped("company_id").items():
            lines.skipped_on = company._relance_today()

    @api.model
    def _mark_last(self, move_lines):
        """Mark, for each of these journal items, its last and its last sent reminder.

        Kept up to date by whatever changes a reminder's state, so that the work list
        needs no search for the last reminder of each row.
        """
        self.flush_model(
            ["move_line_id", "state", "is_companion", "is_last", "is_last_sent"]
        )
        self.env["relance.reminder"].flush_model(["date"])
        rows = self.env.execute_query(self._history_sql(move_lines.ids))
        for place, column, states in (
            (0, "is_last", {*IN_FLIGHT, "sent", "failed", "disavowed"}),
            (1, "is_last_sent", {"sent"}),
        ):
            # In their order: what comes later takes the place of what was before.
            last_of = {
                line: id_ for id_, line, state, _marks in rows if state in states
            }
            last = set(last_of.values())
            marked = {id_ for id_, _move_line, _state, marks in rows if marks[place]}
            # Taken away first: the unique indexes are checked row by row.
            self.browse(marked - last)._set_column(column, False)
            self.browse(last - marked)._set_column(column, True)

    @api.model
    def _history_sql(self, move_line_ids):
        """Return the query of the reminders of journal items, the latest ones last: id,
        journal item, state (none for what does not count), and its two marks."""
        return SQL(
            """
            SELECT line.id, line.move_line_id,
                   CASE WHEN line.is_companion IS NOT TRUE THEN line.state END,
                   ARRAY[line.is_last, line.is_last_sent]
              FROM relance_reminder_line line
              JOIN relance_reminder reminder ON reminder.id = line.reminder_id
             WHERE line.move_line_id = ANY(%s)
          ORDER BY reminder.date, line.id
            """,
            move_line_ids,
        )


def _columns_of(alias, names):
    """Return columns of a table of a query, one after the other."""
    return SQL(", ").join(SQL.identifier(alias, name) for name in names)
