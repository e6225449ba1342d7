from contextlib import closing

from markupsafe import Markup

from odoo import api, models

from .relance_template import MAIL_TEXT_FIELDS


class RelanceDeliveryMail(models.AbstractModel):
    """Email with the letter's PDF, through Odoo's mail queue (F1)."""

    _name = "relance.delivery.mail"
    _inherit = "relance.delivery"
    _description = "Reminder delivery by email"

    @api.model
    def _contact(self, recipients):
        return recipients.mail_contacts[:1] or recipients.letter_contact

    @api.model
    def _address_text(self, recipients):
        return ", ".join(recipients.emails)

    @api.model
    def _problem(self, recipients, channel):
        return recipients.mail_problem

    @api.model
    def _deliver(self, reminders):
        invoice_pdfs = reminders._invoice_pdfs()
        reminders = reminders._filter_pending()
        if not reminders:
            return
        recipients = reminders._recipients()
        with closing(reminders._letters_in_turn(MAIL_TEXT_FIELDS)) as letters:
            for made, texts in letters:
                made = made._filter_pending()
                self._queue(made, texts, recipients, invoice_pdfs)
                # Now, while the next letters are being printed.
                made._trace_left()
        self.env.ref("mail.ir_cron_mail_scheduler_action")._trigger()

    @api.model
    def _queue(self, reminders, texts, recipients, invoice_pdfs):
        """Put the mails of reminders into the queue.

        :param dict texts: the rendered texts, by reminder id
        :param dict recipients: who receives each
        :param dict invoice_pdfs: what goes with each beside the letter
        """
        if not reminders:
            return
        reply_to = reminders._notify_get_reply_to_batch(
            defaults={r.id: r._email_from() for r in reminders},
            author_ids={r.id: r.user_id.partner_id.id for r in reminders},
        )
        # The queue is Odoo's own: an accountant has no right on it.
        mails = (
            self.env["mail.mail"]
            .sudo()
            .create(
                [
                    self._prepare_mail_vals(
                        reminder,
                        texts[reminder.id],
                        recipients[reminder.id],
                        invoice_pdfs[reminder.id],
                        reply_to[reminder.id],
                    )
                    for reminder in reminders
                ]
            )
        )
        mails._relance_notify_recipients(recipients)
        # A fact of each, which is not tracked: nothing to compare before and after.
        for reminder in reminders.with_context(tracking_disable=True):
            reminder.email_to = ", ".join(recipients[reminder.id].emails)
        reminders._set_state("outgoing")

    @api.model
    def _prepare_mail_vals(self, reminder, texts, recipients, invoice_pdfs, reply_to):
        """Return the values of the mail: one for all contacts, with a copy (F1)."""
        body = Markup("%s%s") % (texts["body_html"], texts["signature"])
        return {
            "relance_reminder_id": reminder.id,
            "model": reminder._name,
            "res_id": reminder.id,
            "subject": texts["subject"],
            "body": body,
            "body_html": body,
            "author_id": reminder.user_id.partner_id.id,
            "email_from": reminder._email_from(),
            "email_to": ", ".join(recipients.emails.values()),
            "email_cc": reminder.internal_email,
            "reply_to": reply_to,
            "attachment_ids": (reminder.letter_attachment_id | invoice_pdfs).ids,
            # The message stays as the proof of what was sent, the mail itself goes.
            "is_notification": True,
            "auto_delete": True,
        }

    @api.model
    def _preview(self, reminder):
        texts = reminder._render_texts(MAIL_TEXT_FIELDS)
        vals = reminder._preview_letter(texts)
        if not texts:
            return vals
        mail = self._prepare_mail_vals(
            reminder,
            texts[reminder.id],
            reminder._recipients()[reminder.id],
            self.env["ir.attachment"],
            False,
        )
        attached = reminder._with_invoices()._active_lines().move_id
        return {
            **vals,
            "addressee": mail["email_to"],
            "email_cc": mail["email_cc"],
            "subject": mail["subject"],
            "body_html": mail["body_html"],
            "attached": ", ".join([self.env._("the letter"), *attached.mapped("name")]),
        }

    @api.model
    def _needs_internal_copy(self):
        # The mail itself is copied.
        return False

    @api.model
    def _comment(self, reminder):
        if reminder.state == "sent":
            return self.env._("Email sent to %s", reminder.email_to)
        if reminder.state == "outgoing":
            return self.env._("Email to %s in the mail queue", reminder.email_to)
        return self.env._("Email to send")

    @api.model
    def _recall(self, reminders):
        # The queue is Odoo's own: an accountant has no right on it.
        reminders.env["mail.mail"].sudo().search(
            [
                ("relance_reminder_id", "in", reminders.ids),
                ("state", "in", ("outgoing", "exception")),
            ]
        ).write({"state": "cancel"})
