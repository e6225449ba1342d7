from odoo import api, models

from .relance_batch import FormalNoticeDraft


class RelanceBatchFormalNotice(models.Model):
    _inherit = "relance.batch"

    @api.model
    def _request_problems(self, asked):
        """Extend: a mise en demeure that lacks something is refused. The cron's is
        made, and fails with the sentence where people see it; so is one that was
        complete when « Contrôles » looked at it."""
        problems = super()._request_problems(asked)
        places = [
            place
            for place, (request, _claim, _recipients) in enumerate(asked)
            if not problems[place]
            and not request.step
            and not request.contact
            and request.channel._is_formal_notice()
        ]
        drafts = [self._formal_notice_draft(*asked[place]) for place in places]
        lacking = self.env["relance.reminder"]._formal_notice_problems_before(drafts)
        for place, problem in zip(places, lacking, strict=True):
            if problem:
                customer = asked[place][0].partner.display_name
                problems[place] = f"{customer}: {problem}"
        return problems

    @api.model
    def _formal_notice_draft(self, request, claim, recipients):
        return FormalNoticeDraft(
            request.company,
            request.partner,
            self._contact(request, recipients),
            claim.step_at(request.level).template_id,
        )
