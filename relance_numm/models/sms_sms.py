from odoo import models

from .mail_mail import RECHECK_SIZE


class SmsSms(models.Model):
    _inherit = "sms.sms"

    def _send(self, unlink_failed=False, unlink_sent=True, raise_exception=False):
        """Override of `sms` to read the books again right before a reminder leaves:
        what was paid or blocked meanwhile is not claimed (D7, F2)."""
        leaving = self - self._relance_recall_stale()
        result = None
        for sms in leaving._relance_by_company():
            result = super(SmsSms, sms)._send(
                unlink_failed, unlink_sent, raise_exception
            )
        return result

    def _relance_recall_stale(self):
        """Take back the reminders of these SMS whose claim changed since.

        :return: the SMS that must not leave now
        """
        reminders = self._relance_reminders()
        stale = reminders.browse()
        for start in range(0, len(reminders), RECHECK_SIZE):
            stale |= reminders[start : start + RECHECK_SIZE]._recall_stale()
        recalled = self.filtered(
            lambda sms: sms.mail_message_id in stale.sms_message_id
        )
        recalled.filtered(lambda sms: sms.state == "outgoing").with_context(
            relance_recall=True
        ).action_set_canceled()
        return recalled

    def _relance_reminders(self):
        # Reminders are facts that only code writes.
        return (
            self.env["relance.reminder"]
            .sudo()
            .search([("sms_message_id", "in", self.sudo().mail_message_id.ids)])
        )

    def _relance_by_company(self):
        """Return these SMS by company: Odoo's queue takes those of several at once, and
        can send those of one only."""
        return self.grouped(lambda sms: sms._get_sms_company()).values()

    def unlink(self):
        """Override of `sms`: one that is deleted in the queue did not leave."""
        waiting = self.filtered(lambda sms: sms.state == "outgoing")
        waiting._relance_reminders()._canceled_in_queue()
        return super().unlink()
