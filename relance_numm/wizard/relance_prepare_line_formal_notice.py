from odoo import models

from ..models.relance_batch import FormalNoticeDraft


class RelancePrepareLineFormalNotice(models.TransientModel):
    _inherit = "relance.prepare.line"

    def _problems_with(self, recipients):
        """Extend: « Contrôles » says what a mise en demeure lacks."""
        problems = super()._problems_with(recipients)
        lines = self.filtered(lambda line: not problems[line])
        lacking = self.env["relance.reminder"]._formal_notice_problems_before(
            [
                FormalNoticeDraft(
                    line.channel_id,
                    line.company_id,
                    line.partner_id,
                    line.channel_id._delivery()._contact(
                        recipients[line.partner_id.id]
                    ),
                    line.step_id.template_id,
                )
                for line in lines
            ]
        )
        return problems | dict(zip(lines, lacking, strict=True))
