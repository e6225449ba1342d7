from odoo import models


class MailNotification(models.Model):
    _inherit = "mail.notification"

    def write(self, vals):
        """Override of `mail` to tell a reminder whether its SMS left (F2)."""
        result = super().write(vals)
        if "notification_status" in vals:
            self.filtered(
                lambda n: n.notification_type == "sms"
                and n.mail_message_id.model == "relance.reminder"
            )._relance_sms_processed()
        return result

    def _relance_sms_processed(self):
        failures = dict(self._fields["failure_type"]._description_selection(self.env))
        for notification in self:
            reminder = self.env["relance.reminder"].browse(
                notification.mail_message_id.res_id
            )
            if notification.notification_status in ("pending", "sent"):
                reminder._left_or_failed(False)
            elif notification.notification_status in ("bounce", "exception"):
                reason = failures.get(notification.failure_type)
                reminder._left_or_failed(
                    self.env._("The SMS did not leave: %s", reason or "?")
                )
