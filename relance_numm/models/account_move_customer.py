from odoo import api, models


class AccountMoveCustomer(models.Model):
    """What was chosen about reminders for a customer does not hold for another (G1)."""

    _inherit = "account.move"

    def write(self, vals):
        """Override: an invoice that gets another customer forgets by what means and at
        which addresses the former one was to be reminded."""
        if "partner_id" in vals:
            self._relance_other_customer(vals["partner_id"])._relance_forget_customer()
        return super().write(vals)

    @api.onchange("partner_id")
    def _onchange_relance_partner(self):
        """Show what holds for another customer before the invoice is saved."""
        if self.commercial_partner_id != self._origin.commercial_partner_id:
            self._relance_forget_customer()

    def _relance_other_customer(self, partner_id):
        """Return those of these invoices that a contact makes another customer's."""
        partner = self.env["res.partner"].browse(partner_id)
        return self.filtered(
            lambda m: m.commercial_partner_id != partner.commercial_partner_id
        )

    def _relance_forget_customer(self):
        # Whoever changes the customer may have no right to accounting.
        invoices = self.sudo().filtered(
            lambda m: (
                m.relance_own_mode
                or m.relance_own_emails
                or m.relance_own_internal_email
            )
        )
        if invoices:
            invoices.update(
                {
                    "relance_own_mode": False,
                    "relance_own_emails": False,
                    "relance_own_internal_email": False,
                }
            )
