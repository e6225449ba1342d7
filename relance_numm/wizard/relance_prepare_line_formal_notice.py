from odoo import api, models

from ..models.relance_batch import FormalNoticeDraft


class RelancePrepareLineFormalNotice(models.TransientModel):
    _inherit = "relance.prepare.line"

    @api.model
    def _controls_of(self, drafts, recipients):
        """Extend: « Contrôles » says what a mise en demeure lacks."""
        found = super()._controls_of(drafts, recipients)
        formal = [
            (
                vals,
                FormalNoticeDraft(
                    draft.company,
                    draft.partner,
                    self.env["res.partner"].browse(vals["contact_id"] or ()),
                    draft.step.template_id,
                ),
            )
            for draft, vals in zip(drafts, found, strict=True)
            if not vals["problem"] and draft.channel._is_formal_notice()
        ]
        problems = self.env["relance.reminder"]._formal_notice_problems_before(
            [draft for _vals, draft in formal]
        )
        for (vals, _draft), problem in zip(formal, problems, strict=True):
            vals["problem"] = problem
        return found
