from odoo import api, models
from odoo.exceptions import UserError


class AccountMoveReminded(models.Model):
    _inherit = "account.move"

    def unlink(self):
        """Override: what was canceled before it left lets go of the entry, as it would
        by a foreign key. Whoever deletes an entry need not be able to see reminders."""
        lines = self.env["relance.reminder.line"].sudo()
        lines = lines.search([("move_id", "in", self.ids)])
        result = super().unlink()
        lines._set_column("move_id", False)
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_reminded(self):
        """Keep what was claimed from customers: an entry that was reminded is canceled,
        not deleted."""
        # Whoever deletes an entry need not be able to see reminders.
        lines = self.env["relance.reminder.line"].sudo()
        reminded = lines.search(
            [("move_id", "in", self.ids), ("reminder_id.state", "!=", "canceled")]
        )
        if reminded:
            line = reminded[0]
            raise UserError(
                self.env._(
                    "%(move)s was reminded (%(reminder)s of the customer "
                    "%(customer)s) and cannot be deleted: cancel it instead, the "
                    "history of reminders stays.",
                    move=line.name or line.move_id.display_name,
                    reminder=line.reminder_id.name,
                    customer=line.reminder_id.partner_id.display_name,
                )
            )
