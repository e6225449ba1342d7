from odoo import fields, models

from ..fields import APART

ADDRESS_FIELDS = ("street", "street2", "zip", "city")


class ResPartnerReturned(models.Model):
    """Where the post knows nobody of that name (D5, F2)."""

    _inherit = "res.partner"

    relance_returned_address = fields.Char(
        string="Address returned by the post",
        readonly=True,
        copy=False,
        help="A letter came back from it. Another address is used again.",
        **APART,
    )

    def _relance_address_line(self):
        """Return the postal address on one row."""
        return " ".join(" ".join(self[name] or "" for name in ADDRESS_FIELDS).split())

    def _relance_letter_problem(self):
        """Extend: no letter goes to an address from which one came back, until it is
        changed."""
        return super()._relance_letter_problem() or self._relance_returned_problem()

    def _relance_returned_problem(self):
        """Return that a letter came back from this contact's address, or False."""
        address = self.relance_returned_address
        if not address or address != self._relance_address_line():
            return False
        return self.env._("The last letter came back, not at this address: %s", address)

    def _relance_address_returned(self):
        """Note that a letter came back from the address of this contact, which others
        of the customer may share."""
        address = self._relance_address_line()
        sharing = self._relance_same_customer().filtered(
            lambda contact: contact._relance_address_line() == address
        )
        sharing.relance_returned_address = address

    def _relance_address_found(self):
        """Note that the address of this contact is good after all."""
        address = self._relance_address_line()
        sharing = self._relance_same_customer().filtered(
            lambda contact: contact.relance_returned_address == address
        )
        sharing.relance_returned_address = False

    def _relance_same_customer(self):
        """Return this contact and the others of its customer."""
        # Whoever notes what the post says need not have a right on contacts.
        contact = self.sudo()
        return contact | contact.search(
            [
                "|",
                ("commercial_partner_id", "=", contact.commercial_partner_id.id),
                ("parent_id", "=", contact.commercial_partner_id.id),
            ]
        )
