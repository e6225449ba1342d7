from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import format_date

ACTIVITY_TYPES = {
    "phone": "mail.mail_activity_data_call",
    "meeting": "mail.mail_activity_data_meeting",
}


class RelanceDeliveryActivity(models.AbstractModel):
    """A call or a meeting: an activity for the responsible person (F2)."""

    _name = "relance.delivery.activity"
    _inherit = "relance.delivery"
    _description = "Reminder delivery by activity"

    @api.model
    def _contact(self, recipients):
        return recipients.phone_contact

    @api.model
    def _problem(self, recipients, channel):
        # A person reads the number: it need not be one that a machine can dial.
        if channel.code == "phone" and not recipients.phone_contact.phone:
            return recipients.phone_problem
        return False

    @api.model
    def _deliver(self, reminders):
        for reminder in reminders:
            reminder.activity_schedule(
                ACTIVITY_TYPES.get(
                    reminder.channel_id.code, "mail.mail_activity_data_todo"
                ),
                date_deadline=fields.Date.context_today(reminder),
                summary=self._summary(reminder),
                note=self._note(reminder),
                user_id=reminder._responsible().id,
            )
        reminders._set_state("outgoing")

    @api.model
    def _preview(self, reminder):
        return {
            "addressee": reminder._responsible().display_name,
            "subject": self._summary(reminder),
            "body_html": self._note(reminder),
        }

    @api.model
    def _summary(self, reminder):
        return self.env._(
            "%(level)s: %(customer)s, %(amount)s",
            level=reminder.level_id.name,
            customer=reminder.partner_id.display_name,
            amount=reminder.total_text,
        )

    @api.model
    def _note(self, reminder):
        """Return what is owed and the number to call."""
        whom = self.env._(
            "Call %(contact)s: %(phone)s",
            contact=reminder.contact_id.display_name,
            phone=reminder.contact_id.phone or self.env._("no phone number"),
        )
        return Markup("<p>%s</p>%s") % (whom, reminder.invoice_list)

    @api.model
    def _comment(self, reminder):
        if reminder.state == "sent":
            return self.env._(
                "%(type)s done on %(date)s",
                type=reminder.channel_id.name,
                date=format_date(self.env, reminder.date_sent),
            )
        return self.env._(
            "%(type)s to do by %(user)s",
            type=reminder.channel_id.name,
            user=reminder._responsible().name,
        )

    @api.model
    def _recall(self, reminders):
        reminders.activity_unlink(list(ACTIVITY_TYPES.values()))
