from odoo import fields, models

from ..tools import sms_plain

# What a person may do about an SMS that did not arrive.
NUMBER_FAILURES = {
    "sms_number_missing",
    "sms_number_format",
    "sms_invalid_destination",
}
ACCOUNT_FAILURES = {"sms_acc", "sms_registration_needed"}


class RelanceReminderSms(models.Model):
    """What an SMS says, and what became of it (F2)."""

    _inherit = "relance.reminder"

    # Whose an SMS is that leaves or comes back: see `mail.notification`.
    sms_message_id = fields.Many2one(
        "mail.message",
        string="SMS",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="The last SMS of this reminder. What happens to others does not count.",
    )

    def _sms_text(self, rendered):
        """Return the SMS: what its template says, else a short neutral text without
        what is owed for; in characters that do not make it longer than need be.

        :param str rendered: the template's text, maybe empty
        """
        self.ensure_one()
        return sms_plain((rendered or "").strip() or self._usual_sms_text())

    def _usual_sms_text(self):
        return self.env._(
            "%(company)s: our reminder %(name)s of %(amount)s awaits your payment. "
            "Questions: %(phone)s",
            company=self.company_id.name,
            name=self.name,
            amount=self.total_text,
            phone=self.company_id.phone or self.company_id.email or "",
        )

    def _sms_processed(self, notification):
        """Note what became of the SMS: it left, it did not, or it came back later and
        gives the level back (F2, D7).

        :param mail.notification notification: the one of the SMS, as it is now
        """
        self.ensure_one()
        status = notification.notification_status
        if status in ("pending", "sent"):
            self._left_or_failed(False)
        elif status in ("bounce", "exception"):
            # Also once it is sent: the operator's report comes later.
            self.filtered(lambda r: r.state in ("outgoing", "sent", "failed"))._fail(
                self._sms_failure_text(notification)
            )
        elif status == "canceled":
            self._canceled_in_queue()

    def _sms_failure_text(self, notification):
        """Return why the SMS did not arrive, and what to do about it."""
        failure = notification.failure_type
        labels = dict(
            notification._fields["failure_type"]._description_selection(self.env)
        )
        reason = labels.get(failure) or "?"
        if failure == "unknown" and notification.failure_reason:
            reason = notification.failure_reason
        return self.env._(
            "The SMS did not arrive: %(reason)s. %(advice)s",
            reason=reason,
            advice=self._sms_failure_advice(failure),
        )

    def _sms_failure_advice(self, failure):
        if failure in NUMBER_FAILURES:
            return self.env._(
                "Correct the contact's phone number or choose another type, then send "
                "it again."
            )
        if failure == "sms_credit":
            return self.env._("Buy SMS credits in the settings, then send it again.")
        if failure in ACCOUNT_FAILURES:
            return self.env._(
                "Register the SMS account in the settings, then send it again."
            )
        return self.env._("Send it again later, or choose another type.")
