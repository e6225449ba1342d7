from odoo import models


class RelancePrepareLineFormalNotice(models.TransientModel):
    _inherit = "relance.prepare.line"

    def _problem_with(self, recipients):
        """Extend: « Contrôles » says what a mise en demeure lacks."""
        return super()._problem_with(recipients) or self.env[
            "relance.reminder"
        ]._formal_notice_problem_before(
            self.channel_id,
            self.company_id,
            self.partner_id,
            self.channel_id._delivery()._contact(recipients),
            self.step_id.template_id,
        )
