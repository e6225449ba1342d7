from markupsafe import Markup

from odoo import api, fields, models

from ..client_actions import dialog


class RelanceAutomaticRun(models.TransientModel):
    """« Lancer maintenant »: what would leave, before the cron runs at once (G5)."""

    _name = "relance.automatic.run"
    _description = "Start the automatic reminders of today"

    summary = fields.Html(compute="_compute_summary", sanitize=False)

    @api.depends_context("allowed_company_ids", "lang")
    def _compute_summary(self):
        companies = self.env.companies.filtered(lambda c: c.relance_on == "invoice")
        sentences = [
            (len(companies) > 1 and company.name, self._company_sentences(company))
            for company in companies
        ]
        for run in self:
            run.summary = Markup("").join(
                Markup("<p>%s%s</p>")
                % (
                    Markup("<b>%s</b><br/>") % name if name else "",
                    Markup("<br/>").join(texts),
                )
                for name, texts in sentences
            )

    @api.model
    def _company_sentences(self, company):
        """Return what leaves of a company if the cron runs now, or why nothing does.

        :rtype: list[str]
        """
        hold = company._relance_hold()
        if hold:
            return [hold]
        items = self.env["relance.item"].with_env(company._relance_in_own_time().env)
        due = [("company_id", "=", company.id), *items._due_domain()]
        summary = items.get_automatic_summary(due)
        if not summary:
            return [self.env._("No invoice is to be reminded now.")]
        sentences = [summary]
        to_confirm = items.search_count([*due, ("automation", "=", "confirm")])
        if to_confirm:
            sentences.append(
                self.env._("Of which prepared only, to be confirmed: %s.", to_confirm)
            )
        return [*sentences, *filter(None, [company._relance_cap_text()])]

    @api.model
    def _action_open(self):
        return dialog(self.create({}), self.env._("Start now"), "medium")

    def action_run(self):
        """Let the cron run at once, and close the dialog."""
        action = self.env["relance.item"].action_remind_now()
        action["params"]["next"] = {"type": "ir.actions.act_window_close"}
        return action
