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
        vals_list = []
        # Whoever does them works on the same days.
        by_user = reminders.grouped(lambda r: (r.company_id, r._told_user()))
        for theirs in by_user.values():
            date = theirs[0]._working_date(0)
            for reminder in theirs:
                vals_list.append(self._prepare_schedule_vals(reminder, date))
        self._create_activities(reminders, vals_list)
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
        self._create_activities(reminder, [self._prepare_schedule_vals(reminder, date)])

    @api.model
    def _create_activities(self, reminders, vals_list):
        """Create the activities of reminders at once, as `activity_schedule` does for
        those that have all of them alike."""
        if not reminders.env.context.get("mail_activity_automation_skip"):
            reminders.env["mail.activity"].create(vals_list)

    @api.model
    def _prepare_schedule_vals(self, reminder, date):
        user = reminder._told_user()
        xmlid = ACTIVITY_TYPES.get(reminder.channel_id.code, OTHER_TYPE)
        activity_type = reminder.env["ir.model.data"]._xmlid_to_res_id(
            xmlid, raise_if_not_found=False
        )
        return {
            # A type that somebody deleted is Odoo's own default.
            "activity_type_id": activity_type or reminder._default_activity_type().id,
            "automated": True,
            "date_deadline": date,
            "res_model_id": reminder.env["ir.model"]._get_id(reminder._name),
            "res_id": reminder.id,
            "user_id": user.id,
            **self._prepare_activity_vals(reminder.with_context(lang=user.lang)),
        }

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
