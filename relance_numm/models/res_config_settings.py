from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    relance_on = fields.Selection(
        related="company_id.relance_on", readonly=False, required=True
    )
    relance_internal_email = fields.Char(
        related="company_id.relance_internal_email", readonly=False
    )
    relance_bank_days = fields.Integer(
        related="company_id.relance_bank_days", readonly=False
    )
    relance_min_gap = fields.Integer(
        related="company_id.relance_min_gap", readonly=False
    )
