from datetime import timedelta
from typing import NamedTuple

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date, formatLang

from ..tools import all_or_each

OUTCOMES = [
    ("promise", "Promises to pay"),
    ("dispute", "Disputes the debt"),
    ("duplicate", "Asks for a duplicate"),
    ("no_answer", "No answer"),
    ("wrong_number", "Wrong number"),
    ("other", "Done, other"),
]
# Asks a person to mend a contact.
FLAG = "relance_numm.mail_activity_address"
# The customer was not spoken to.
NOT_REACHED = ("no_answer", "wrong_number")
# Days to choose from are for a person: beyond that it is a mistake.
MAX_CALL_AGAIN_DAYS = 90
MAX_PROMISE_DAYS = 366


class Outcome(NamedTuple):
    """What became of a call or meeting, as a person says it (F2)."""

    code: str
    note: str | bool = False
    promise_date: object = False
    promise_amount: float = 0.0
    days: int = 0
    email: str | bool = False


class RelanceReminderOutcome(models.Model):
    """What became of a call or meeting, and what that changes (F2).

    A value of `outcome` is handled by the method ``_after_<value>``.
    """

    _inherit = "relance.reminder"

    channel_code = fields.Char(related="channel_id.code")
    contact_phone = fields.Char(
        related="contact_id.phone", string="Number to call", related_sudo=True
    )
    outcome = fields.Selection(OUTCOMES, string="Result", readonly=True, copy=False)
    outcome_date = fields.Datetime(string="Result noted on", readonly=True, copy=False)
    outcome_note = fields.Char(string="Details", readonly=True, copy=False)
    promise_date = fields.Date(string="Promised for", readonly=True, copy=False)
    promise_amount = fields.Monetary(
        string="Amount promised", readonly=True, copy=False
    )
    call_again_date = fields.Date(string="To call again on", readonly=True, copy=False)
    is_disputed = fields.Boolean(string="Disputed", compute="_compute_is_disputed")

    @api.depends("line_ids.dropped", "line_ids.move_id.relance_dispute")
    def _compute_is_disputed(self):
        for reminder in self:
            # A read-only auditor sees it, too.
            moves = reminder._active_lines().sudo().move_id
            reminder.is_disputed = any(moves.mapped("relance_dispute"))

    @api.depends("outcome", "outcome_note", "promise_date", "promise_amount")
    def _compute_comment(self):
        """Override of the comment, which says the result of a call."""
        return super()._compute_comment()

    # Recording

    def action_outcome(self):
        """Open the wizard « Résultat de l'appel »."""
        self.ensure_one()
        self.check_access("write")
        self._check_outcome_state()
        wizard = self.env["relance.outcome"].create({"reminder_id": self.id})
        return wizard._action_open()

    def _check_outcome_state(self):
        """Refuse a result of what was neither a call nor a meeting, or did not take
        place.

        :raise UserError: saying why
        """
        if self.channel_kind != "activity" or not (
            self.state in ("outgoing", "sent") or self._is_wrong_number()
        ):
            raise UserError(
                self.env._(
                    "%(name)s has no result to note: it is no call or meeting under "
                    "way. Its state is “%(state)s”.",
                    name=self.name,
                    state=dict(self._fields["state"]._description_selection(self.env))[
                        self.state
                    ],
                )
            )

    def _is_wrong_number(self):
        return self.state == "failed" and self.outcome == "wrong_number"

    def _record_outcome(self, outcome):
        """Note what became of a call or meeting; it drives what comes next (F2).

        :param Outcome outcome: what a person says
        :raise UserError: where something is missing or wrong, saying what
        """
        self.ensure_one()
        self.check_access("write")
        self._check_outcome_state()
        problem = self._outcome_problem(outcome)
        if problem:
            raise UserError(problem)
        # What was said is a fact that people cannot write.
        reminder = self.sudo()
        reminder._forget_outcome()
        reminder.write(reminder._prepare_outcome_vals(outcome))
        sentence = reminder._outcome_text()
        reminder._close_activity(sentence)
        getattr(reminder, f"_after_{outcome.code}")(outcome)
        if outcome.code not in NOT_REACHED and reminder.state != "sent":
            reminder._set_state("sent")
        if outcome.code != "wrong_number":
            # A failure says so itself.
            reminder._post_trace(lambda r, _lines: f"{r.name}. {sentence}")

    def _outcome_problem(self, outcome):
        """Return what is missing or wrong in a result, or False."""
        if outcome.code in ("promise", "dispute"):
            shared = self._active_lines().move_id._relance_of_several_customers()
            if shared:
                return self.env._(
                    "%s is owed by several customers, whom this would all concern: "
                    "choose “Done, other”, and “Do not remind” on the items of this "
                    "customer.",
                    ", ".join(shared.mapped("name")),
                )
        if outcome.code == "promise":
            return self._promise_problem(outcome)
        if outcome.code == "dispute" and not (outcome.note or "").strip():
            return self.env._(
                "What does the customer dispute? The invoices show it until it is "
                "settled."
            )
        if outcome.code == "no_answer":
            if self.state == "sent":
                return self.env._(
                    "%s is done already: there is nothing to call again for.", self.name
                )
            if self.state == "failed":
                return self.env._(
                    "%s failed already: send it again to call once more.", self.name
                )
            if not 1 <= outcome.days <= MAX_CALL_AGAIN_DAYS:
                return self.env._(
                    "In how many working days is the customer to be called again? "
                    "Enter a number from 1 to %s.",
                    MAX_CALL_AGAIN_DAYS,
                )
        if outcome.code == "duplicate":
            return self._duplicate_problem(outcome)
        return False

    def _promise_problem(self, outcome):
        today = self.company_id._relance_today()
        if not outcome.promise_date or outcome.promise_date < today:
            return self.env._(
                "Until when does the customer promise to pay? Enter today's date or a "
                "later one."
            )
        if outcome.promise_date > today + timedelta(MAX_PROMISE_DAYS):
            return self.env._(
                "The customer promises to pay on %s, in more than a year? Enter a date "
                "within a year from now.",
                format_date(self.env, outcome.promise_date),
            )
        if self.currency_id.compare_amounts(outcome.promise_amount, 0) <= 0:
            return self.env._("How much does the customer promise to pay?")
        return False

    def _duplicate_problem(self, outcome):
        if not self._active_lines().move_id.filtered(lambda m: m.is_sale_document()):
            return self.env._(
                "None of these entries is an invoice: there is no duplicate to send."
            )
        if not (outcome.email or "").strip():
            return self.env._("To which email address are the duplicates to be sent?")
        self.env["account.move"]._check_relance_emails(outcome.email)
        return False

    def _prepare_outcome_vals(self, outcome):
        """Return the facts of a result; the former one's are not kept."""
        promise = outcome.code == "promise"
        return {
            "outcome": outcome.code,
            "outcome_date": fields.Datetime.now(),
            "outcome_note": (outcome.note or "").strip() or False,
            "promise_date": promise and outcome.promise_date,
            "promise_amount": outcome.promise_amount if promise else 0.0,
            "call_again_date": outcome.code == "no_answer"
            and self._working_date(outcome.days),
        }

    def _working_date(self, days):
        """Return the day on which the responsible person works, some working days from
        today."""
        return self.company_id._relance_working_date(days, self._told_user())

    @api.model
    def _no_outcome_vals(self):
        return {
            "outcome": False,
            "outcome_date": False,
            "outcome_note": False,
            "promise_date": False,
            "promise_amount": 0.0,
            "call_again_date": False,
        }

    def _outcome_text(self):
        """Return the sentence that says what became of the call."""
        self.ensure_one()
        text = self._outcome_texts()[self.outcome]
        return f"{text} – {self.outcome_note}" if self.outcome_note else text

    def _outcome_texts(self):
        """Return the sentence of each result."""
        return {
            "promise": self.env._(
                "%(type)s: %(amount)s promised for %(date)s",
                type=self.channel_id.name,
                amount=formatLang(
                    self.env, self.promise_amount, currency_obj=self.currency_id
                ),
                date=format_date(self.env, self.promise_date),
            ),
            "dispute": self.env._("%s: the debt is disputed", self.channel_id.name),
            "duplicate": self.env._(
                "%s: duplicates of the invoices asked for and sent",
                self.channel_id.name,
            ),
            "no_answer": self.env._(
                "%(type)s: no answer, again on %(date)s",
                type=self.channel_id.name,
                date=format_date(self.env, self.call_again_date),
            ),
            "wrong_number": self.env._(
                "Wrong number: %s", self.contact_id.phone or "?"
            ),
            "other": self.env._(
                "%(type)s done on %(date)s",
                type=self.channel_id.name,
                date=format_date(self.env, self.outcome_date),
            ),
        }

    def _close_activity(self, feedback):
        """Close the activity of a call, with what became of it; where there is none any
        more, say it on the reminder."""
        delivery = self.channel_id._delivery()
        # The result says what becomes of the reminder, see `mail.activity`.
        activities = self.with_context(relance_outcome=True).activity_search(
            delivery._activity_types()
        )
        if activities:
            activities.action_feedback(feedback=feedback)
        else:
            self._message_log(body=feedback)

    # What comes next

    def _after_promise(self, outcome):
        self._active_lines().move_id._relance_promise(
            outcome.promise_date, outcome.promise_amount
        )

    def _after_dispute(self, outcome):
        self._active_lines().move_id._relance_start_dispute(self.outcome_note)

    def _after_duplicate(self, outcome):
        self._send_duplicates(outcome.email)

    def _after_no_answer(self, outcome):
        self.channel_id._delivery()._schedule(self, self.call_again_date)

    def _after_wrong_number(self, outcome):
        self._fail(
            self.env._(
                "%s. Correct it on the customer's contact, then send the reminder "
                "again.",
                self._outcome_text(),
            )
        )
        self._flag_wrong_number()
        self._contacts_called().relance_wrong_phone = self.contact_id.phone
        self._take_back_sms()

    def _take_back_sms(self):
        """Take back the SMS that wait to leave for the number at which somebody else
        answered."""
        waiting = self.search(
            [
                ("state", "=", "outgoing"),
                ("channel_kind", "=", "sms"),
                ("partner_id", "=", self.partner_id.id),
            ]
        ).filtered("contact_id.relance_is_phone_wrong")
        for reminders in waiting.try_lock_for_update()._by_author():
            reminders._recall()
            for reminder in reminders:
                reminder._fail(reminder.contact_id._relance_phone_problem())

    def _contacts_called(self):
        """Return the customer's contacts that have the number which was called."""
        # Whoever calls may tell that a number is wrong, also without a right on
        # contacts.
        customer = self.partner_id.sudo()
        return customer._relance_sharing_phone(self.contact_id.phone)

    def _after_other(self, outcome):
        """Nothing more: the plan goes on."""

    def _forget_outcome(self):
        """Take back what a former result, now corrected, said of the invoices."""
        moves = self._active_lines().move_id
        if self.outcome == "promise":
            moves.filtered(
                lambda m: m.relance_promise_date == self.promise_date
            )._relance_promise(False, 0.0)
        elif self.outcome == "dispute":
            moves.filtered(
                lambda m: m.relance_dispute == self.outcome_note
            )._relance_start_dispute(False)
        elif self.outcome == "wrong_number":
            self._wrong_number_flags().unlink()
            self._contacts_called().relance_wrong_phone = False

    def _flag_wrong_number(self):
        """Leave an activity on the customer whose number is wrong, unless there is the
        same already."""
        if self._wrong_number_flags():
            return
        user = self._told_user()
        env = self.with_context(lang=user.lang).env
        self.partner_id.sudo().activity_schedule(
            FLAG,
            summary=self._wrong_number_summary(),
            note=env._(
                "%(reminder)s could not be made. Correct the number of %(contact)s, "
                "then send the reminder again.",
                reminder=self.name,
                contact=self.contact_id.display_name,
            ),
            user_id=user.id,
        )

    def _wrong_number_flags(self):
        # Whoever reminds may leave the flag, also without a right on customers.
        return self.partner_id.sudo().activity_search(
            [FLAG], additional_domain=[("summary", "=", self._wrong_number_summary())]
        )

    def _wrong_number_summary(self):
        env = self.with_context(lang=self._told_user().lang).env
        return env._("Wrong phone number: %s", self.contact_id.phone or "?")

    # Duplicates

    def _send_duplicates(self, emails):
        """Mail the invoices' PDFs to the customer, through Odoo's queue.

        :raise UserError: where one cannot be made
        """
        moves = self._active_lines().move_id.filtered(lambda m: m.is_sale_document())
        missing = moves._relance_make_invoice_pdfs()
        missing |= moves.filtered(lambda move: not move.invoice_pdf_report_id.raw)
        if missing:
            raise UserError(
                self.env._(
                    "The PDF of %s could not be made: open the invoice, print it, then "
                    "note the result again.",
                    ", ".join(missing.mapped("name")),
                )
            )
        # In the queue, as all mails to customers.
        self.with_context(mail_notify_force_send=False).message_post(
            **self.with_context(lang=self.lang)._prepare_duplicate_vals(moves),
            outgoing_email_to=emails,
            attachment_ids=moves.invoice_pdf_report_id.ids,
            email_layout_xmlid="mail.mail_notification_light",
            subtype_xmlid="mail.mt_note",
        )

    def _prepare_duplicate_vals(self, moves):
        """Return the subject and the body of the mail with the duplicates, in the
        contact's language."""
        numbers = ", ".join(moves.mapped("name"))
        paragraphs = (
            self.env._("Dear Customer,"),
            self.env._("As you asked us, here are duplicates of: %s.", numbers),
            self.env._("Yours faithfully,"),
        )
        body = Markup("").join(Markup("<p>%s</p>") % text for text in paragraphs)
        signature = Markup("<p>%s<br/>%s</p>") % (
            self.env.user.name,
            self.company_id.name,
        )
        return {
            "subject": self.env._("Duplicates of your invoices: %s", numbers),
            "body": body + signature,
        }

    # Trying again

    def _ready_again(self):
        """Override: another try has another result; the chatter keeps the first."""
        again = super()._ready_again()
        again.filtered("outcome").write(self._no_outcome_vals())
        return again

    def _retry_text(self):
        """Override: a wrong number is not called again by itself."""
        if self._is_wrong_number():
            return self.env._("waits for a person")
        return super()._retry_text()

    @api.model
    def _until_mended_domain(self):
        """Override: calling a wrong number again is of no use; a person was asked."""
        return super()._until_mended_domain() | Domain("outcome", "=", "wrong_number")

    # Disputes

    def action_dispute_settled(self):
        """Remind the invoices of these reminders again."""
        self.check_access("write")
        self._active_lines().move_id.action_relance_dispute_settled()

    # Calls that are no longer needed

    @api.model
    def _drop_settled_calls(self):
        """Close the calls and meetings of which nothing is owed any more, and tell the
        others' activities what still is."""
        waiting = self.search(
            [("state", "=", "outgoing"), ("channel_kind", "=", "activity")]
        )
        changed = waiting._with_other_claim().try_lock_for_update()
        for reminders in changed.filtered(lambda r: r.state == "outgoing")._by_author():
            all_or_each(
                reminders, type(self)._refresh_calls, type(self)._fail_unforeseen
            )

    def _refresh_calls(self):
        """Read the books again for calls: close those of which nothing is owed, say in
        the activities of the others what is."""
        self._refresh_lines()
        dropped = self.filtered(lambda r: r.state == "canceled")
        dropped._recall()
        for reminder in self - dropped:
            reminder.channel_id._delivery()._refresh(reminder)

    def _with_other_claim(self):
        """Return the reminders that claim what the books no longer say, in one query
        whatever their number."""
        lines = self._active_lines()
        # The books of the reminders' companies, whichever are active.
        items = self.env["relance.item"].sudo()._read_again(lines.move_line_id.ids)
        by_id = {item.id: item for item in items}

        def is_other(line):
            item = by_id.get(line.move_line_id.id, items.browse())
            amounts = line.amount_due, item.amount_due
            if line._no_longer_owed_text(item):
                return True
            return line.currency_id.compare_amounts(*amounts) != 0

        return lines.filtered(is_other).reminder_id
