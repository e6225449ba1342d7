from odoo import api, models
from odoo.tools import format_date


class RelanceDeliveryLetterPost(models.AbstractModel):
    """Letters that a provider prints and posts; what the post did with them (F2)."""

    _inherit = "relance.delivery.letter"

    @api.model
    def _problem(self, recipients, channel):
        """Extend: a provider may not reach everybody."""
        problem = super()._problem(recipients, channel)
        provider = channel._post_provider()
        if problem or provider is None:
            return problem
        return provider._problem(recipients, channel)

    @api.model
    def _deliver(self, reminders):
        """Extend: letters of a type that has a provider are handed to it."""
        handed = reminders.filtered(lambda r: r.channel_id._post_provider() is not None)
        result = super()._deliver(reminders - handed)
        handed._make_letters()
        handed._filter_pending()._hand_over()
        return result

    @api.model
    def _recall(self, reminders):
        """Extend: what a provider has is taken back there.

        :raise UserError: where it is too late
        """
        result = super()._recall(reminders)
        handed = reminders.filtered(lambda r: r.post_provider and r.state == "outgoing")
        for provider, theirs in handed._by_provider():
            provider._recall(theirs)
        return result

    @api.model
    def _comment(self, reminder):
        if reminder.post_outcome == "received" and reminder.date_received:
            return self.env._(
                "%(type)s received on %(date)s",
                type=reminder.channel_id.name,
                date=format_date(self.env, reminder.date_received),
            )
        if reminder.post_outcome:
            return f"{reminder.channel_id.name}: {reminder._outcome_label()}"
        if reminder.post_provider and reminder.state == "outgoing":
            labels = dict(
                reminder._fields["post_status"]._description_selection(self.env)
            )
            return self.env._(
                "%(type)s to %(contact)s: %(status)s",
                type=reminder.channel_id.name,
                contact=reminder.contact_id.display_name,
                status=labels.get(reminder.post_status, reminder.post_status),
            )
        return super()._comment(reminder)
