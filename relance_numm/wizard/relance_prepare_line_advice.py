from odoo import api, fields, models


class RelancePrepareLineAdvice(models.TransientModel):
    """What « Contrôles » say of a line that can be sent all the same (D5)."""

    _inherit = "relance.prepare.line"

    advice = fields.Char(readonly=True)

    @api.model
    def _control_vals(self, draft, recipients):
        """Extend: what may keep the reminder from arriving."""
        vals = super()._control_vals(draft, recipients)
        # What keeps it from being sent at all is said by the line's problem.
        advice = not vals["problem"] and draft.channel._delivery()._advice(
            recipients, draft.channel, draft.company
        )
        return {**vals, "advice": advice}
