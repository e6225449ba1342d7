from odoo import api, models


class RelanceBatchFormalNotice(models.Model):
    _inherit = "relance.batch"

    @api.model
    def _request_problem(self, request, claim, recipients):
        """Extend: a mise en demeure that lacks something is refused. The cron's is
        made, and fails with the sentence where people see it."""
        problem = super()._request_problem(request, claim, recipients)
        if problem or request.step:
            return problem
        step = claim.plan._step_of_level(request.level)
        problem = self.env["relance.reminder"]._formal_notice_problem_before(
            request.channel,
            request.company,
            request.partner,
            request.channel._delivery()._contact(recipients),
            step.template_id,
        )
        return problem and f"{request.partner.display_name}: {problem}"
