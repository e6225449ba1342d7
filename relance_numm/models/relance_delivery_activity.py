from markupsafe import Markup

from odoo import api, models
from odoo.tools import format_date

ACTIVITY_TYPES = {
    "phone": "mail.mail_activity_data_call",
    "meeting": "mail.mail_activity_data_meeting",
}
OTHER_TYPE = "mail.mail_activity_data_todo"


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
        contact = recipients.phone_contact
        if channel.code == "phone" and (
            not contact.phone or contact.relance_is_phone_wrong
        ):
            return recipients.phone_problem
        return False

    @api.model
    def _deliver(self, reminders):
        for reminder in reminders:
            self._schedule(reminder, reminder._working_date(0))
        reminders._set_state("outgoing")

    @api.model
    def _preview(self, reminder):
        return {
            "addressee": reminder._told_user().display_name,
            "subject": self._summary(reminder),
            "body_html": self._note(reminder),
        }

    @api.model
    def _activity_types(self):
        """Return the activity types that a reminder of this kind may have."""
        return [*ACTIVITY_TYPES.values(), OTHER_TYPE]

    @api.model
    def _schedule(self, reminder, date):
        """Ask the responsible person to call or to meet the customer on a day."""
        user = reminder._told_user()
        reminder.activity_schedule(
            ACTIVITY_TYPES.get(reminder.channel_id.code, OTHER_TYPE),
            date_deadline=date,
            user_id=user.id,
            **self._prepare_activity_vals(reminder.with_context(lang=user.lang)),
        )

    @api.model
    def _prepare_activity_vals(self, reminder):
        return {
            "summary": self.with_env(reminder.env)._summary(reminder),
            "note": self.with_env(reminder.env)._note(reminder),
        }

    @api.model
    def _refresh(self, reminder):
        """Say in the activity what is owed now."""
        for activity in reminder.activity_search(self._activity_types()):
            activity.write(
                self._prepare_activity_vals(
                    reminder.with_context(lang=activity.user_id.lang)
                )
            )

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
    def _copy_address(self, reminder):
        return self._called_address(reminder)

    @api.model
    def _comment(self, reminder):
        if reminder.outcome:
            return reminder._outcome_text()
        if reminder.state == "sent":
            return self.env._(
                "%(type)s done on %(date)s",
                type=reminder.channel_id.name,
                date=format_date(self.env, reminder.date_sent),
            )
        return self.env._(
            "%(type)s to do by %(user)s",
            type=reminder.channel_id.name,
            user=reminder._told_user().name,
        )

    @api.model
    def _recall(self, reminders):
        reminders.activity_unlink(self._activity_types())
