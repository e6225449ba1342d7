from odoo import models


class RelanceReminderNotification(models.Model):
    """Odoo's own notifications of a reminder's mail follow what becomes of it (F1)."""

    _inherit = "relance.reminder"

    def _settle_notifications(self):
        """Take away the failures that Odoo shows of these reminders' mails: they are
        tried again, or canceled."""
        # A message's notifications are nobody's to write.
        notifications = (
            self.env["mail.notification"]
            .sudo()
            .search(
                [
                    ("mail_message_id.model", "=", self._name),
                    ("mail_message_id.res_id", "in", self.ids),
                    ("notification_type", "=", "email"),
                    ("notification_status", "in", ("ready", "bounce", "exception")),
                ]
            )
        )
        if notifications:
            notifications.write({"notification_status": "canceled"})
            notifications.mail_message_id._notify_message_notification_update()

    def _ready_again(self):
        """Override: a failure that is being mended is no longer shown."""
        again = super()._ready_again()
        again._settle_notifications()
        return again

    def _cancel(self, reason=False):
        """Override: nor is that of a reminder that is given up."""
        result = super()._cancel(reason)
        self._settle_notifications()
        return result
