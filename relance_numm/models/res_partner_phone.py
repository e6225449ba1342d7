from odoo import api, fields, models

from ..fields import APART


def digits(number):
    """Return what tells a phone number from another, however it is written."""
    return "".join(filter(str.isdigit, number or ""))


class ResPartnerPhone(models.Model):
    """A number at which somebody else answered: nobody is called or texted there until
    it is corrected (D5, F2)."""

    _inherit = "res.partner"

    relance_wrong_phone = fields.Char(
        string="Number found wrong", copy=False, readonly=True, **APART
    )
    relance_is_phone_wrong = fields.Boolean(
        string="Wrong number", compute="_compute_relance_is_phone_wrong"
    )

    @api.depends("phone", "relance_wrong_phone")
    def _compute_relance_is_phone_wrong(self):
        for partner in self:
            wrong = digits(partner.relance_wrong_phone)
            partner.relance_is_phone_wrong = bool(wrong) and (
                digits(partner.phone) == wrong
            )

    def _relance_phone_problem(self):
        """Override for the number of somebody else."""
        if self.relance_is_phone_wrong:
            return self.env._("Wrong number: %s", self.phone)
        return super()._relance_phone_problem()

    def _relance_sharing_phone(self, phone):
        """Return the contacts of these customers that have a number, however it is
        written there."""
        chains = self._relance_contact_chains().values()
        contacts = self.union(*(kind for chain in chains for kind in chain))
        return contacts.filtered(lambda c: digits(c.phone) == digits(phone))

    def action_relance_phone_right(self):
        """Call and text these contacts at their number again."""
        self.env["relance.reminder"].check_access("write")
        self.check_access("read")
        # An accountant mends a contact without the right to manage contacts.
        self.sudo().relance_wrong_phone = False
