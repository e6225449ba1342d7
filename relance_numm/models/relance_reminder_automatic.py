from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_datetime

from ..tools import all_or_each
from .relance_step import SPOKEN_KINDS

# Hours after each failure before the cron tries a reminder again: at the next run, then
# later and later. After the last, a person is asked.
RETRY_HOURS = (0, 4, 24, 48)
MAX_ATTEMPTS = len(RETRY_HOURS) + 1
# Failed reminders made ready again in one transaction.
RETRY_SIZE = 200


class RelanceReminderAutomatic(models.Model):
    """What becomes of the reminders that nobody watches (G2, G3)."""

    _inherit = "relance.reminder"

    def _made_together(self):
        """Return what was made with these reminders, they included, and has not left
        yet: a call is confirmed or canceled with the mail it accompanies."""
        mains = self | self.main_reminder_id
        return (mains | mains.companion_ids).filtered(
            lambda r: r in self or r.state in ("to_confirm", "pending")
        )

    # Trying again

    @api.model
    def _retry_domain(self, companies):
        """Return the domain of the failed reminders that the cron tries again now."""
        now = fields.Datetime.now()
        waited = Domain.OR(
            Domain("attempts", "=", attempts)
            & Domain("date_failed", "<=", now - timedelta(hours=hours))
            for attempts, hours in enumerate(RETRY_HOURS, 1)
        )
        failed = (
            Domain("state", "=", "failed")
            & Domain("origin", "=", "automatic")
            & Domain("company_id", "in", companies.ids)
        )
        unmended = self._until_mended_domain()
        mended = self.search(failed & unmended)._filter_mended()
        # One that fails again waits for the next run.
        again = Domain("id", "in", mended.ids) & Domain("date_failed", "<=", now)
        return failed & ((waited & ~unmended) | again)

    @api.model
    def _until_mended_domain(self):
        """Return the domain of the failed reminders that are of no use to try again
        until a person has mended what is wrong: then they go on by themselves."""
        return Domain.FALSE

    def _filter_mended(self):
        """Return those of these reminders that would reach somebody now."""
        # What the customers' contacts say, whoever asks.
        recipients = self.sudo()._recipients()
        return self.filtered(
            lambda r: (
                not r.channel_id._delivery()._problem(recipients[r.id], r.channel_id)
            )
        )

    def _retry_text(self):
        """Return when the cron tries this failed reminder again, for people to read;
        empty where it does not."""
        if self.state != "failed" or self.origin != "automatic":
            return ""
        if not 0 < self.attempts <= len(RETRY_HOURS):
            return self.env._("waits for a person")
        again = self.date_failed + timedelta(hours=RETRY_HOURS[self.attempts - 1])
        if again <= fields.Datetime.now():
            return self.env._("tried again at the next run")
        return self.env._(
            "tried again from %s on",
            format_datetime(self.env, again, dt_format="short"),
        )

    def _retry(self):
        """Make failed reminders ready again, in the language of their authors."""
        for reminders in self._by_author():
            all_or_each(reminders, type(self)._ready_again, type(self)._fail_unforeseen)

    @api.model
    def _take_failed(self, domain):
        """Return the next failed reminders to try again, locked."""
        failed = self.search(domain, order="id", limit=RETRY_SIZE)
        return failed.try_lock_for_update()

    def _begin_anew(self):
        """Note that a person orders these reminders to be sent again: they leave at
        once, also while their company lets nothing leave by itself. Should they fail,
        the cron's attempts begin anew, and end by asking a person again (G2, G3)."""
        self.attempts = 0
        automatic = self.filtered(lambda r: r.origin == "automatic")
        automatic.confirmed_by_id = self.env.user

    def _fail(self, reason):
        """Override to ask a person once the cron has tried often enough."""
        result = super()._fail(reason)
        self.filtered(
            lambda r: r.origin == "automatic" and r.attempts >= MAX_ATTEMPTS
        )._ask_responsible()
        return result

    @api.model
    def _take_cut_off(self):
        """Return the reminders whose mail was being handed over by a process that is no
        more, locked: one that lives holds them itself."""
        # The queue is Odoo's own: an accountant has no right on it.
        mails = (
            self.env["mail.mail"]
            .sudo()
            .search(
                [
                    ("state", "=", "exception"),
                    ("relance_reminder_id.state", "=", "outgoing"),
                ]
            )
        )
        return mails.relance_reminder_id.try_lock_for_update()

    def _cut_off(self):
        """Ask a person about reminders whose mail may have left or not: they are not
        tried again by themselves."""
        self.filtered(lambda r: r.origin == "automatic").attempts = MAX_ATTEMPTS
        for reminders in self.with_context(relance_cut_off=True)._by_author():
            reminders._fail(reminders._cut_off_text())

    @api.model
    def _cut_off_text(self):
        return self.env._(
            "Odoo was stopped while the mail server had the mail: it may have left. "
            "Look it up there, then send it again or cancel it."
        )

    def _ask_responsible(self):
        """Ask a person about each of these reminders; what he was asked before, and has
        not answered, is replaced."""
        self.activity_unlink(["relance_numm.mail_activity_failed"])
        for reminder in self:
            user = reminder._told_user()
            reminder = reminder.with_context(lang=user.lang)
            reminder.activity_schedule(
                "relance_numm.mail_activity_failed",
                summary=reminder._failed_summary(),
                note=reminder.error,
                user_id=user.id,
            )

    def _failed_summary(self):
        """Return in a few words what a person is asked to look at."""
        if self.env.context.get("relance_cut_off"):
            return self.env._("May have left or not: %s", self.partner_id.display_name)
        return self.env._(
            "Did not leave after %(count)s attempts: %(customer)s",
            count=self.attempts,
            customer=self.partner_id.display_name,
        )

    def _told_user(self):
        """Return the person who is told of a problem with this reminder."""
        user = self._responsible()
        return self.company_id._relance_responsible() if user._is_superuser() else user

    # Reaching the customer

    def _reroute(self, recipients):
        """Choose another type for what nobody is there to choose it for: a letter where
        the customer cannot be mailed any longer, a mail where he can be again; tell the
        responsible person of customers without mail (G2)."""
        unmailed = {}
        for reminder in self.filtered(
            lambda r: (
                r.origin == "automatic"
                and not r.main_reminder_id
                and r.channel_kind not in SPOKEN_KINDS
            )
        ):
            route = reminder._automatic_route(recipients[reminder.id])
            if not route:
                continue
            channel = reminder.channel_id
            if channel._delivery()._problem(recipients[reminder.id], channel):
                reminder.channel_id = route.channel or channel
            if route.replaced:
                unmailed.setdefault(reminder.partner_id, (reminder, route.replaced))
        self._flag_missing_mails(unmailed)

    def _automatic_route(self, recipients):
        """Return how this reminder reaches its customer, as its step and its invoices
        are now; None where the plan has lost the step.

        :rtype: Route | None
        """
        modes = self._active_lines().move_id.mapped("relance_mode")
        step = self.plan_id._step_of_level(self.level_id)
        return step and step._automatic_route(recipients, "letter" in modes) or None

    @api.model
    def _flag_missing_mails(self, unmailed):
        """Leave an activity on each customer that gets a letter for want of a mail,
        unless he has one already.

        :param unmailed: a reminder and what is wrong with the mail, by customer
        """
        activity_type = "relance_numm.mail_activity_address"
        # Whoever reminds may leave the flag, also without a right on customers.
        customers = self.partner_id.sudo().browse(partner.id for partner in unmailed)
        flags = customers.activity_search([activity_type])
        # Something else may be asked about the same customer, such as his number.
        told = {(flag.res_id, flag.summary) for flag in flags}
        for customer in customers:
            reminder, problem = unmailed[customer]
            user = reminder._told_user()
            env = reminder.with_context(lang=user.lang).env
            summary = env._("Reminded by letter: no address to mail")
            if (customer.id, summary) in told:
                continue
            customer.activity_schedule(
                activity_type,
                summary=summary,
                note=env._(
                    "%(reminder)s became a letter. %(problem)s. Complete the "
                    "“Reminder” contact of this customer.",
                    reminder=reminder.name,
                    problem=problem,
                ),
                user_id=user.id,
            )

    # Waiting to be confirmed

    def _ask_to_confirm(self):
        """Tell each person once that reminders wait for him to confirm them."""
        activity_type = "relance_numm.mail_activity_confirm"
        for user, reminders in self.grouped(lambda r: r._told_user()).items():
            if self._asked_to_confirm(user):
                continue
            reminder = reminders[:1].with_context(lang=user.lang)
            reminder.activity_schedule(
                activity_type,
                summary=reminder.env._("Automatic reminders wait to be confirmed"),
                user_id=user.id,
            )

    @api.model
    def _asked_to_confirm(self, user):
        """Return whether a person has an activity to confirm reminders already."""
        type_id = self.env["ir.model.data"]._xmlid_to_res_id(
            "relance_numm.mail_activity_confirm"
        )
        return self.env["mail.activity"].search_count(
            [("activity_type_id", "=", type_id), ("user_id", "=", user.id)], limit=1
        )

    def _set_state(self, state, error=False):
        """Override to take away what asked a person about these reminders, once it is
        settled."""
        result = super()._set_state(state, error)
        if state in ("pending", "sent", "canceled"):
            asked = self.filtered(lambda r: r.origin == "automatic" and r.activity_ids)
            asked.activity_unlink(
                [
                    "relance_numm.mail_activity_confirm",
                    "relance_numm.mail_activity_failed",
                ]
            )
        return result

    @api.model
    def _drop_settled_unconfirmed(self):
        """Take back what waits to be confirmed and is no longer owed."""
        settled = self.search(
            [
                ("state", "=", "to_confirm"),
                "|",
                ("line_ids.move_line_id.reconciled", "=", True),
                ("line_ids.move_line_id.no_followup", "=", True),
            ]
        )
        for reminders in settled.try_lock_for_update()._by_author():
            all_or_each(
                reminders, type(self)._refresh_lines, type(self)._fail_unforeseen
            )

    def _leave_to_next_step(self, last_lines):
        """Let the invoices of canceled automatic reminders wait for their next step:
        the one that was canceled is not made again.

        :param last_lines: the lines that no later reminder had replaced
        """
        canceled = self.filtered(
            lambda r: r.origin == "automatic" and not r.main_reminder_id
        )
        (canceled._active_lines() & last_lines)._skip()
