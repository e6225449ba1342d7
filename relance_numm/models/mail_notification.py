from odoo import models


class MailNotification(models.Model):
    _inherit = "mail.notification"

    def write(self, vals):
        """Override of `mail` to tell a reminder whether its SMS left (F2)."""
        result = super().write(vals)
        if "notification_status" in vals:
            self.filtered(
                lambda n: (
                    n.notification_type == "sms"
                    and n.mail_message_id.model == "relance.reminder"
                )
            )._relance_sms_processed()
        return result

    def _relance_sms_processed(self):
        failures = dict(self._fields["failure_type"]._description_selection(self.env))
        for notification in self:
            # The gateway answers with nobody's rights.
            reminder = (
                self.env["relance.reminder"]
                .sudo()
                .browse(notification.mail_message_id.res_id)
            )
            reminder = reminder.with_context(lang=reminder.user_id.lang)
            if notification.notification_status in ("pending", "sent"):
                reminder._left_or_failed(False)
            elif notification.notification_status in ("bounce", "exception"):
                reason = failures.get(notification.failure_type) or "?"
                reminder._left_or_failed(
                    reminder.env._("The SMS did not leave: %s", reason)
                )
            elif notification.notification_status == "canceled":
                reminder._canceled_in_queue()
