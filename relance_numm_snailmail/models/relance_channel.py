from odoo import fields, models


class RelanceChannel(models.Model):
    _inherit = "relance.channel"

    provider = fields.Selection(
        selection_add=[("snailmail", "Snailmail")],
        # Without this addon, letters are printed here again.
        ondelete={"snailmail": "set default"},
    )
