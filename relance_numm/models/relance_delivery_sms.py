from odoo import api, models
from odoo.tools import plaintext2html


class RelanceDeliverySms(models.AbstractModel):
    """A short text message, through Odoo's own queue (F2)."""

    _name = "relance.delivery.sms"
    _inherit = "relance.delivery"
    _description = "Reminder delivery by SMS"

    @api.model
    def _contact(self, recipients):
        return recipients.phone_contact

    @api.model
    def _problem(self, recipients, channel):
        return recipients.phone_problem

    @api.model
    def _deliver(self, reminders):
        for reminder in reminders:
            reminder._message_sms(
                self._text(reminder),
                partner_ids=reminder.contact_id.ids,
                put_in_queue=True,
            )
        reminders._set_state("outgoing")

    @api.model
    def _recall(self, reminders):
        # The queue is Odoo's own: an accountant has no right on it.
        messages = reminders.sudo().message_ids
        reminders.env["sms.sms"].sudo().search(
            [("mail_message_id", "in", messages.ids), ("state", "=", "outgoing")]
        ).action_set_canceled()

    @api.model
    def _preview(self, reminder):
        return {
            "addressee": reminder.contact_id.phone,
            "body_html": plaintext2html(self._text(reminder)),
        }

    @api.model
    def _text(self, reminder):
        """Return the text: short and neutral, without what is owed for."""
        reminder = reminder.with_context(lang=reminder.lang)
        return reminder.env._(
            "%(company)s: our reminder %(name)s of %(amount)s awaits your payment. "
            "Questions: %(phone)s",
            company=reminder.company_id.name,
            name=reminder.name,
            amount=reminder.total_text,
            phone=reminder.company_id.phone or reminder.company_id.email or "",
        )

    @api.model
    def _comment(self, reminder):
        phone = reminder.contact_id.phone
        if reminder.state == "sent":
            return self.env._("SMS sent to %s", phone)
        return self.env._("SMS to %s in the queue", phone)
