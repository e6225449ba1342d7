from odoo import api, models
from odoo.fields import Domain

from .relance_reminder import IN_FLIGHT

# A reminder has not been handed over, or no longer is.
NOT_LEFT = ("to_confirm", "pending", "failed", "canceled")


class RelanceReminderTogether(models.Model):
    """Calls, meetings and SMS beside another reminder of the same step: they follow
    what becomes of it (G2).

    A companion leaves once the reminder that it accompanies has been handed over, waits
    while that one has failed, and is canceled with it.
    """

    _inherit = "relance.reminder"

    def _waits_for_main(self):
        """Return whether the reminder that this one accompanies has not left."""
        self.ensure_one()
        return self.main_reminder_id.state in NOT_LEFT

    @api.depends("main_reminder_id.state", "main_reminder_id.name")
    def _compute_comment(self):
        """Override: a companion that waits says for what."""
        result = super()._compute_comment()
        for reminder in self:
            if reminder.state == "pending" and reminder._waits_for_main():
                text = self.env._(
                    "%(type)s: leaves with %(reminder)s, which has not left yet",
                    type=reminder.channel_id.name,
                    reminder=reminder.main_reminder_id.name,
                )
                note = reminder.note
                reminder.comment = f"{note} – {text}" if note else text
        return result

    @api.model
    def _may_leave_domain(self, let_leave=None):
        """Override: companions wait for the reminder that they accompany."""
        return super()._may_leave_domain(let_leave) & Domain(
            "main_reminder_id", "not any", [("state", "in", NOT_LEFT)]
        )

    def _deliver(self):
        """Override: the same once they are locked."""
        leaving = self.filtered(lambda r: not r._waits_for_main())
        return super(RelanceReminderTogether, leaving)._deliver()

    def _deliver_or_fail(self):
        """Override: what waited for these reminders leaves with them."""
        result = super()._deliver_or_fail()
        companions = self.companion_ids.filtered(
            lambda r: r.state == "pending" and not r._waits_for_main()
        )
        if companions:
            super(RelanceReminderTogether, companions)._deliver_or_fail()
        return result

    def _cancel(self, reason=False):
        """Override: companions are canceled, and taken back, with what they go with."""
        result = super()._cancel(reason)
        for reminder in self:
            companions = reminder.companion_ids.filtered(
                lambda r: r.state in (*IN_FLIGHT, "failed")
            )
            if companions:
                text = reason or self.env._(
                    "%s, which it accompanied, was canceled", reminder.name
                )
                companions._recall()
                companions._cancel(text)
                companions._message_log_batch(dict.fromkeys(companions.ids, text))
        return result
