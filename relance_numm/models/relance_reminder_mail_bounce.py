from odoo import models
from odoo.exceptions import UserError
from odoo.tools.mail import email_normalize_all

from ..client_actions import notification
from ..tools import well_formed_emails

# Mailbox or domain unknown, moved, malformed or disabled.
NO_MAILBOX = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")


class RelanceReminderMailBounce(models.Model):
    """What follows a mail that came back: the next contact, then a letter, then a
    person (F1, D7).

    It stays the same reminder, with its number; its level counts once something left.
    """

    _inherit = "relance.reminder"

    # Recipients

    def _recipients(self):
        """Override: an address that this reminder came back from is not tried again,
        whoever it belongs to."""
        recipients = super()._recipients()
        bounced = self.filtered("bounced_emails")
        if not bounced or self.env.context.get("relance_forget_bounced"):
            return recipients
        customers = bounced.partner_id._relance_recipients()
        for reminder in bounced:
            recipients[reminder.id] = reminder._without_bounced(
                recipients[reminder.id], customers[reminder.partner_id.id]
            )
        return recipients

    def _without_bounced(self, *candidates):
        """Return the first of these recipients whom a mail can still reach, without the
        addresses that bounced; where there are none, the first, with the problem.

        :rtype: Recipients
        """
        gone = set(self.bounced_emails.split())
        for recipients in candidates:
            emails = {a: t for a, t in recipients.emails.items() if a not in gone}
            if emails:
                contacts = recipients.mail_contacts
                return recipients._replace(
                    emails=emails,
                    mail_contacts=contacts.filtered(
                        lambda c, left=emails: left.keys() & well_formed_emails(c.email)
                    )
                    or contacts,
                )
        first = candidates[0]
        problem = first.mail_problem or self.env._(
            "The last mail to %s bounced", ", ".join(sorted(first.emails))
        )
        return first._replace(emails={}, mail_problem=problem)

    def _ready_again(self):
        """Override: what bounced is forgotten where a person sends again as it is, and
        not where the cron does, or a person sends on."""
        keep = self.env.context.get("relance_send_on")
        bounced = {r: r.bounced_emails for r in self if keep or r.attempts}
        again = super()._ready_again()
        for reminder in again:
            if bounced.get(reminder):
                reminder.bounced_emails = bounced[reminder]
        return again

    def _note_refused(self, refused):
        """Note the addresses that the mail server refused at once: where it knows no
        such mailbox, it is as if the mail had bounced.

        :param refused: the server's code and text, by address
        :return: the sentence that says so where none of the customer's addresses was
            accepted, else False
        """
        addresses = set(email_normalize_all(self.email_to))
        answers = {
            address: answer
            for text, answer in refused.items()
            for address in email_normalize_all(text)
            if address in addresses
        }
        if not answers:
            return False
        for address, (_code, text) in answers.items():
            if self._is_no_mailbox(text):
                partners = self.env["res.partner"].search(
                    [("email_normalized", "=", address)]
                )
                partners._message_receive_bounce(address, partners)
        self._add_bounced(answers)
        sentence = "; ".join(
            f"{address}: {code} {self._answer_text(text)}"
            for address, (code, text) in sorted(answers.items())
        )
        if answers.keys() == addresses:
            return sentence
        self._message_log(
            body=self.env._("The mail server refused some addresses: %s", sentence)
        )
        return False

    @staticmethod
    def _answer_text(text):
        """Return a mail server's answer, which has no known encoding."""
        return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)

    def _is_no_mailbox(self, answer):
        """Return whether a server's answer says, by its status code (RFC 3463), that
        there is no such mailbox. Other refusals blame us or the moment."""
        return self._answer_text(answer).startswith(NO_MAILBOX)

    def _add_bounced(self, addresses):
        bounced = {*(self.bounced_emails or "").split(), *addresses}
        self.bounced_emails = " ".join(sorted(bounced))

    def _note_not_bounced(self, email):
        """Note that the mail is late, or arrived: it did not come back."""
        for reminder in self.sudo()._by_author():
            reminder._message_log(
                body=reminder.env._(
                    "The mail server reports on the mail to %s: it has not come back.",
                    email or reminder.email_to,
                )
            )

    # Sending on

    def action_send_on(self):
        """Send failed mails on, each to the next contact whose mail has not come back,
        else by letter; ask the responsible person where there is no address (F1).

        :raise UserError: where none of these is a mail that failed
        """
        self.check_access("write")
        failed = self.sudo().filtered(
            lambda r: r.state == "failed" and r.channel_kind == "mail"
        )
        if not failed:
            raise UserError(
                self.env._(
                    "Only an email that failed can be sent on to the next address."
                )
            )
        for reminder in failed.filtered("email_to"):
            reminder._add_bounced(email_normalize_all(reminder.email_to))
        unreachable = failed._reroute_on()
        reachable = failed - unreachable
        reachable._begin_anew()
        reachable.with_context(relance_send_on=True)._ready_again()._start()
        return (
            unreachable._unreachable_notification()
            or reachable._canceled_notification()
        )

    def _reroute_on(self):
        """Make letters of the mails that reach nobody any longer.

        :return: those of which no letter can be made either; their persons are asked
        """
        recipients = self._recipients()
        unreachable = self.browse()
        for reminder in self:
            mine = recipients[reminder.id]
            if not mine.mail_problem:
                continue
            if mine.letter_problem:
                unreachable |= reminder
                reminder.error = f"{mine.mail_problem}. {mine.letter_problem}"
            else:
                reminder.channel_id = reminder._letter_channel()
        unreachable.with_context(relance_unreachable=True)._ask_responsible()
        return unreachable

    def _letter_channel(self):
        """Return the type of letter that replaces this mail: its step's, else the plain
        one."""
        step = self.plan_id._step_of_level(self.level_id)
        channel = step and step._automatic_channels(by_letter=True)[0]
        if channel and channel.kind == "letter":
            return channel
        return self.channel_id._letter()

    def _unreachable_notification(self):
        """Return the notification that says whom nothing reaches, or None."""
        if not self:
            return None
        return notification(
            self.env._(
                "No other address for %s: an activity asks to complete it.",
                ", ".join(self.partner_id.mapped("display_name")),
            ),
            "warning",
        )

    def _address(self):
        """Override: a person is asked at once where a mail came back and no letter can
        replace it, instead of after the cron's last attempt."""
        result = super()._address()
        self.filtered(
            lambda r: (
                r.state == "failed" and r.origin == "automatic" and r.bounced_emails
            )
        ).with_context(relance_unreachable=True)._ask_responsible()
        return result

    def _failed_summary(self):
        """Override: nobody can be reached."""
        if self.env.context.get("relance_unreachable"):
            return self.env._(
                "No address left to remind: %s", self.partner_id.display_name
            )
        return super()._failed_summary()

    def _set_state(self, state, error=False):
        """Override: what asked about a reminder by hand is taken away, too."""
        result = super()._set_state(state, error)
        if state in ("pending", "sent", "canceled"):
            asked = self.filtered(lambda r: r.origin != "automatic" and r.activity_ids)
            asked.activity_unlink(["relance_numm.mail_activity_failed"])
        return result
