from odoo import models


class MailMailRefused(models.Model):
    """What the mail server said of each recipient of a reminder (F1)."""

    _inherit = "mail.mail"

    def _send(self, *args, **kwargs):
        """Override of `mail`: the recipients refused are noted while a mail leaves."""
        if self.relance_reminder_id:
            self = self.with_context(relance_refused={})
        return super()._send(*args, **kwargs)

    def _postprocess_sent_message(
        self, success_pids, success_emails, failure_reason=False, failure_type=None
    ):
        """Override of `mail`: a mail of which only our own copy was accepted did not
        leave for the customer (F1)."""
        heard = self.env.context.get("relance_refused") or {}
        refused = dict(heard)
        # Each mail has its own answers.
        heard.clear()
        if refused:
            failure = self._relance_note_refused(refused)
            if failure:
                failure_reason = failure
                failure_type = failure_type or "unknown"
        return super()._postprocess_sent_message(
            success_pids, success_emails, failure_reason, failure_type
        )

    def _relance_note_refused(self, refused):
        """Tell the reminder which addresses were refused.

        :return: why the mail failed, where all the customer's were, else False
        """
        # Reminders are facts that only code writes.
        mail = self.sudo()
        reminder = mail.relance_reminder_id
        for one in reminder._by_author():
            failure = one._note_refused(refused)
            if failure:
                mail.write(
                    {
                        "state": "exception",
                        "failure_type": "unknown",
                        "failure_reason": failure,
                    }
                )
                return failure
        return False
