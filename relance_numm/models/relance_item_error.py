from odoo import models

from .relance_item_automatic import MAX_CREATION_ERRORS


class RelanceItemError(models.Model):
    """Rows of which no reminder could be made (G2)."""

    _inherit = "relance.item"

    def _report_error(self, error):
        """Say on the invoices of these rows why their reminder could not be made; after
        some times they wait for a person, who is asked."""
        moves = self.move_id
        moves._relance_report_error(error)
        moves.filtered(
            lambda m: m.relance_error_count == MAX_CREATION_ERRORS
        )._relance_ask_responsible(self.plan_id[:1])

    def action_relance_try_again(self):
        """Let the next run make what could not be made; a date set by hand stays."""
        return self.move_id.action_relance_try_again()
