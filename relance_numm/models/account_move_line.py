from odoo import models
from odoo.tools import SQL


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    # A page of the work list by due date, and what the cron looks at first: see
    # `relance.item._lines_sql`.
    _relance_due_idx = models.Index(
        "((COALESCE(date_maturity, date)), id) WHERE reconciled IS NOT TRUE"
        " AND parent_state = 'posted'"
        " AND (amount_residual_currency <> 0 OR amount_residual <> 0)"
    )
    # The customers who have an open credit: see `relance.item._unallocated_sql`.
    _relance_credit_idx = models.Index(
        "(partner_id) WHERE reconciled IS NOT TRUE"
        " AND parent_state = 'posted' AND amount_residual_currency < 0"
    )

    def _relance_unskip(self):
        """Let the steps of which a person canceled the automatic reminders be made
        again."""
        # Facts that only code writes.
        lines = self.env["relance.reminder.line"].sudo()
        lines.search(
            [("move_line_id", "in", self.ids), ("skipped_on", "!=", False)]
        ).skipped_on = False
        lines.flush_model(["skipped_on"])

    def _relance_has_calls(self):
        """Return whether somebody is to be called about one of these journal items."""
        if not self:
            return False
        # Whoever books a payment waits for it, and need not be able to see reminders.
        for model, names in (
            ("relance.reminder.line", ["move_line_id", "reminder_id", "state"]),
            ("relance.reminder", ["channel_id"]),
            ("relance.channel", ["kind"]),
        ):
            self.env[model].flush_model(names)
        return bool(
            self.env.execute_query(
                SQL(
                    """SELECT FROM relance_reminder_line line
                         JOIN relance_reminder reminder
                              ON reminder.id = line.reminder_id
                         JOIN relance_channel channel
                              ON channel.id = reminder.channel_id
                        WHERE line.move_line_id = ANY(%s)
                          AND line.state = 'outgoing'
                          AND channel.kind = 'activity'
                        LIMIT 1""",
                    self.ids,
                )
            )
        )
