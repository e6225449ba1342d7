from odoo import api, fields, models


class RelancePrepareAdvice(models.TransientModel):
    """The lines that can be sent, but whose address is worth a look (D5)."""

    _inherit = "relance.prepare"

    advice_line_ids = fields.One2many(
        "relance.prepare.line",
        "prepare_id",
        string="Worth a look",
        domain=[("problem", "=", False), ("advice", "!=", False)],
    )
    advice_count = fields.Integer(compute="_compute_advice_count")

    @api.depends("line_ids.problem", "line_ids.advice")
    def _compute_advice_count(self):
        for wizard in self:
            wizard.advice_count = len(
                wizard.line_ids.filtered(lambda line: line.advice and not line.problem)
            )
