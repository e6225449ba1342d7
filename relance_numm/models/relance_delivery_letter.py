from contextlib import closing

from odoo import api, models
from odoo.tools import format_date


class RelanceDeliveryLetter(models.AbstractModel):
    """A letter to print and post: it has left once it is ticked as posted."""

    _name = "relance.delivery.letter"
    _inherit = "relance.delivery"
    _description = "Reminder delivery by letter"

    @api.model
    def _problem(self, recipients, channel):
        return recipients.letter_problem

    @api.model
    def _deliver(self, reminders):
        with closing(reminders._letters_in_turn()) as letters:
            for made, _texts in letters:
                made._filter_pending()._set_state("outgoing")
                # Now, while the next are being printed.
                made._trace_left()

    @api.model
    def _comment(self, reminder):
        if reminder.state == "sent":
            return self.env._(
                "%(type)s posted on %(date)s to %(contact)s",
                type=reminder.channel_id.name,
                date=format_date(self.env, reminder.date_sent),
                contact=reminder.contact_id.display_name,
            )
        if reminder.date_printed:
            return self.env._(
                "%(type)s printed, to post to %(contact)s",
                type=reminder.channel_id.name,
                contact=reminder.contact_id.display_name,
            )
        return self.env._(
            "%(type)s to print for %(contact)s",
            type=reminder.channel_id.name,
            contact=reminder.contact_id.display_name,
        )
