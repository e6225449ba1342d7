from odoo import fields, models


class RelanceContactCreateLine(models.TransientModel):
    """A customer in the dialog that creates « Relance » contacts."""

    _name = "relance.contact.create.line"
    _description = "Reminder contact to create"
    _order = "skipped DESC NULLS LAST, id"

    wizard_id = fields.Many2one(
        "relance.contact.create", required=True, ondelete="cascade", index=True
    )
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    source_id = fields.Many2one("res.partner", string="Copied from", readonly=True)
    email = fields.Char(readonly=True)
    phone = fields.Char(readonly=True)
    address = fields.Char(readonly=True)
    skipped = fields.Char(
        readonly=True, help="Why no contact is created for this customer."
    )
