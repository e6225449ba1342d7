from odoo import api, models
from odoo.tools import html2plaintext, plaintext2html


class RelanceDeliverySms(models.AbstractModel):
    """A short text message, through Odoo's own queue (F2)."""

    _name = "relance.delivery.sms"
    _inherit = "relance.delivery"
    _description = "Reminder delivery by SMS"

    @api.model
    def _contact(self, recipients):
        return recipients.sms_contact

    @api.model
    def _problem(self, recipients, channel):
        return recipients.sms_problem

    @api.model
    def _deliver(self, reminders):
        texts = reminders._render_texts(["sms_text"])
        reminders = reminders._filter_pending()
        for reminder in reminders:
            reminder.sms_message_id = reminder._message_sms(
                self._text(reminder, texts[reminder.id]["sms_text"]),
                partner_ids=reminder.contact_id.ids,
                put_in_queue=True,
            )
        reminders._set_state("outgoing")

    @api.model
    def _recall(self, reminders):
        # The queue is Odoo's own: an accountant has no right on it.
        messages = reminders.sudo().sms_message_id
        reminders.env["sms.sms"].sudo().search(
            [
                ("mail_message_id", "in", messages.ids),
                ("state", "in", ("outgoing", "error")),
            ]
        ).action_set_canceled()

    @api.model
    def _preview(self, reminder):
        vals = {"addressee": reminder.contact_id.phone}
        texts = reminder._render_texts(["sms_text"])
        if not texts:
            return vals
        text = self._text(reminder, texts[reminder.id]["sms_text"])
        return {**vals, "body_html": plaintext2html(text)}

    @api.model
    def _text(self, reminder, rendered):
        """Return the SMS in the contact's language."""
        return reminder.with_context(lang=reminder.lang)._sms_text(rendered)

    @api.model
    def _copy_address(self, reminder):
        return self._called_address(reminder)

    @api.model
    def _copy_text(self, reminder):
        # What the customer reads, to the word.
        return html2plaintext(reminder.sms_message_id.body)

    @api.model
    def _comment(self, reminder):
        phone = reminder.contact_id.phone
        if reminder.state == "sent":
            return self.env._("SMS sent to %s", phone)
        return self.env._("SMS to %s in the queue", phone)
