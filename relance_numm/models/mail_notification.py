from odoo import models


class MailNotification(models.Model):
    _inherit = "mail.notification"

    def write(self, vals):
        """Override of `mail` to tell a reminder what became of its SMS (F2)."""
        result = super().write(vals)
        if "notification_status" in vals:
            self.filtered(
                lambda n: n.notification_type == "sms"
            )._relance_sms_processed()
        return result

    def _relance_sms_processed(self):
        # The gateway answers with nobody's rights.
        reminders = (
            self.env["relance.reminder"]
            .sudo()
            .search(
                [
                    ("sms_message_id", "in", self.sudo().mail_message_id.ids),
                    ("channel_kind", "=", "sms"),
                ]
            )
        )
        by_message = {reminder.sms_message_id: reminder for reminder in reminders}
        for notification in self.sudo():
            mine = by_message.get(notification.mail_message_id, reminders.browse())
            for reminder in mine._by_author():
                reminder._sms_processed(notification)
