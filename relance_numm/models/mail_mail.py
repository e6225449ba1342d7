from smtplib import SMTPServerDisconnected

from odoo import fields, models

# Reminders checked against the books at a time, right before they leave.
RECHECK_SIZE = 50


class MailMail(models.Model):
    _inherit = "mail.mail"

    # The mails of a reminder that is taken back: see `relance.delivery.mail._recall`.
    relance_reminder_id = fields.Many2one(
        "relance.reminder",
        string="Reminder",
        ondelete="set null",
        index="btree_not_null",
    )

    def send(self, auto_commit=False, raise_exception=False, post_send_callback=None):
        """Override of `mail` to read the books again right before a reminder leaves:
        what is paid or blocked by then is taken out of it (D7)."""
        reminder_mails = self.filtered("relance_reminder_id")
        result = True
        if self - reminder_mails:
            result = super(MailMail, self - reminder_mails).send(
                auto_commit, raise_exception, post_send_callback
            )
        for start in range(0, len(reminder_mails), RECHECK_SIZE):
            mails = reminder_mails[start : start + RECHECK_SIZE]
            # Reminders are facts that only code writes.
            stale = mails.sudo().relance_reminder_id._recall_stale()
            mails = mails.filtered(lambda m, s=stale: m.relance_reminder_id not in s)
            try:
                mails = mails.with_context(relance_note_leaving=auto_commit)
                result = super(MailMail, mails).send(
                    auto_commit, raise_exception, post_send_callback
                )
            except SMTPServerDisconnected as error:
                mails._relance_hung_up(error)
                raise
        return result

    def _prepare_outgoing_list(self, mail_server=False, doc_to_followers=None):
        """Override of `mail`, called right before the server gets a mail (G3)."""
        emails = super()._prepare_outgoing_list(mail_server, doc_to_followers)
        if self.relance_reminder_id and self.env.context.get("relance_note_leaving"):
            if not self._relance_note_leaving():
                return []
        return emails

    def _relance_note_leaving(self):
        """Note for good that the server is about to get this mail.

        Whatever becomes of this process from now on, the queue does not send the mail
        again: what was noted says that it failed. Of a reminder that no process holds,
        a person is told by the next cron, see ``_take_cut_off``.

        :return: whether it is still to leave
        """
        # Reminders are facts that only code writes.
        reminder = self.sudo().relance_reminder_id
        self.failure_reason = reminder._cut_off_text()
        # As Odoo's queue itself does after each mail.
        self.env.cr.commit()  # pylint: disable=invalid-commit
        reminder._hold()
        return self.state == "exception" and reminder.state in ("outgoing", "failed")

    def _relance_hung_up(self, error):
        """Tell the reminder whose mail was under way that the server hung up: Odoo lets
        that mail fail without a word."""
        # Those that left are gone from the queue.
        under_way = (
            self.sudo()
            .exists()
            .filtered(
                lambda m: (
                    m.state == "exception" and m.relance_reminder_id.state == "outgoing"
                )
            )
        )
        under_way.write({"failure_type": "mail_smtp", "failure_reason": str(error)})
        under_way._postprocess_sent_message([], [], str(error), "mail_smtp")

    def _postprocess_sent_message(
        self, success_pids, success_emails, failure_reason=False, failure_type=None
    ):
        """Override of `mail` to tell the reminder whether its mail left (F1)."""
        for mail in self.sudo().filtered("relance_reminder_id"):
            lang = mail.relance_reminder_id.user_id.lang
            mail = mail.with_context(lang=lang)
            mail.relance_reminder_id._left_or_failed(
                failure_type and mail._relance_failure_text(failure_reason)
            )
        return super()._postprocess_sent_message(
            success_pids, success_emails, failure_reason, failure_type
        )

    def write(self, vals):
        """Override of `mail`: a mail canceled by hand is a reminder that did not
        leave."""
        result = super().write(vals)
        if vals.get("state") == "cancel":
            self.sudo().relance_reminder_id._canceled_in_queue()
        return result

    def unlink(self):
        """Override of `mail`: the same for a mail that is deleted in the queue."""
        waiting = self.filtered(lambda m: m.state in ("outgoing", "exception"))
        waiting.sudo().relance_reminder_id._canceled_in_queue()
        return super().unlink()

    def _relance_failure_text(self, reason):
        """Return the sentence that says why the mail did not leave."""
        labels = dict(self._fields["failure_type"]._description_selection(self.env))
        reason = reason or self.failure_reason or labels.get(self.failure_type)
        if self.failure_type == "mail_smtp" or not reason:
            return self.env._(
                "The mail server could not be reached: %s. Send it again later.",
                " ".join((reason or "?").split()),
            )
        return self.env._(
            "The mail did not leave: %s. Correct the address or choose another type, "
            "then send it again.",
            " ".join(reason.split()),
        )
