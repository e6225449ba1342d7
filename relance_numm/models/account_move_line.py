from odoo import models


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    def _relance_unskip(self):
        """Let the steps of which a person canceled the automatic reminders be made
        again."""
        # Facts that only code writes.
        lines = self.env["relance.reminder.line"].sudo()
        lines.search(
            [("move_line_id", "in", self.ids), ("skipped_on", "!=", False)]
        ).skipped_on = False
        lines.flush_model(["skipped_on"])
