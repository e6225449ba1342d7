from odoo import models


class MailActivity(models.Model):
    _inherit = "mail.activity"

    def _action_done(self, feedback=False, attachment_ids=None):
        """Override of `mail`: a call or meeting that is done is a reminder that was
        made, unless its result says otherwise (F2)."""
        reminder_ids = self.filtered(
            lambda a: a.res_model == "relance.reminder" and a.automated
        ).mapped("res_id")
        result = super()._action_done(feedback=feedback, attachment_ids=attachment_ids)
        if self.env.context.get("relance_outcome"):
            return result
        # Whoever was given the call closes it, also without a right to accounting.
        reminders = self.env["relance.reminder"].sudo().browse(reminder_ids).exists()
        reminders.filtered(
            lambda r: r.state == "outgoing" and r.channel_kind == "activity"
        )._set_state("sent")
        return result
