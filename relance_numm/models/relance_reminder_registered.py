from itertools import pairwise

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import format_date

POST_OUTCOMES = [
    ("received", "Received"),
    ("unclaimed", "Unclaimed"),
    ("refused", "Refused"),
    ("wrong_address", "Not at this address"),
]
# In the order in which they happen.
REGISTERED_DATES = ("date_deposited", "date_presented", "date_received")
# Known once the letter was posted.
AFTER_POSTING = {"date_presented", "date_received", "post_outcome"}
REGISTERED_FIELDS = {
    "registered_number",
    "registered_scan_ids",
    "post_outcome",
    *REGISTERED_DATES,
}


class RelanceReminderRegistered(models.Model):
    """Registered letters: number, dates, outcome and proof, noted by a person or by a
    provider (F2)."""

    _inherit = "relance.reminder"

    is_registered = fields.Boolean(related="channel_id.registered")
    # Whose a number is already: see `_check_registered_number`.
    registered_number = fields.Char(
        copy=False, tracking=True, index="btree_not_null", help="As on the receipt."
    )
    date_deposited = fields.Date(string="Deposited on", copy=False, tracking=True)
    date_presented = fields.Date(
        string="First presented on",
        copy=False,
        tracking=True,
        help="The day of the notice left where nobody was there to sign.",
    )
    date_received = fields.Date(
        string="Received on",
        copy=False,
        tracking=True,
        help="As on the acknowledgement of receipt.",
    )
    post_outcome = fields.Selection(
        POST_OUTCOMES,
        string="Outcome",
        compute="_compute_post_outcome",
        store=True,
        readonly=False,
        copy=False,
        tracking=True,
        help="A letter that is not at this address gives its level back; one that was "
        "refused or not claimed counts.",
    )
    registered_scan_ids = fields.Many2many(
        "ir.attachment",
        "relance_reminder_registered_scan_rel",
        string="Scans",
        copy=False,
        help="Proof of deposit, acknowledgement of receipt, returned envelope.",
    )

    # Presented and neither received nor returned, soon to come back unclaimed: the
    # filter « Unclaimed for 15 days ».
    _presented_idx = models.Index(
        "(date_presented) WHERE date_presented IS NOT NULL AND post_outcome IS NULL"
    )

    @api.model
    def _computed_vals(self, vals, claim):
        """Extend: nothing became of it yet."""
        return {**super()._computed_vals(vals, claim), "post_outcome": False}

    @api.depends("date_received")
    def _compute_post_outcome(self):
        for reminder in self:
            if reminder.date_received:
                reminder.post_outcome = reminder.post_outcome or "received"
            elif reminder.post_outcome == "received":
                reminder.post_outcome = False

    @api.depends("date_deposited", "date_received", "post_outcome")
    def _compute_comment(self):
        """Extend: what the post did with the letter changes what happened to it."""
        return super()._compute_comment()

    @api.constrains(*REGISTERED_DATES, "post_outcome")
    def _check_registered_dates(self):
        """Refuse dates out of order, saying which (F2)."""
        for reminder in self:
            problem = (
                reminder._future_date_problem()
                or reminder._date_order_problem()
                or reminder._receipt_problem()
            )
            if problem:
                raise ValidationError(problem)

    def _registered_days(self):
        """Return the dates of the post that are known, in their order, with the names
        of their fields for people to read.

        :rtype: list[tuple[str, datetime.date]]
        """
        return [
            (self._fields[name]._description_string(self.env), self[name])
            for name in REGISTERED_DATES
            if self[name]
        ]

    def _future_date_problem(self):
        days = self._registered_days()
        if not days:
            return False
        # Around midnight the person and the company may each have another day.
        today = max(fields.Date.context_today(self), self.company_id._relance_today())
        for label, day in days:
            if day > today:
                return self.env._(
                    "%(reminder)s: “%(date)s” is in the future (%(day)s). "
                    "Enter the day it happened.",
                    reminder=self.name,
                    date=label,
                    day=format_date(self.env, day),
                )
        return False

    def _date_order_problem(self):
        for (early, before), (late, after) in pairwise(self._registered_days()):
            if after < before:
                return self.env._(
                    "%(reminder)s: “%(late)s” (%(after)s) cannot be before "
                    "“%(early)s” (%(before)s). Correct one of the two dates.",
                    reminder=self.name,
                    late=late,
                    after=format_date(self.env, after),
                    early=early,
                    before=format_date(self.env, before),
                )
        return False

    def _receipt_problem(self):
        if self.date_received and self.post_outcome != "received":
            return self.env._(
                "%(reminder)s: a letter with the outcome “%(outcome)s” was not "
                "received. Empty the date of receipt, or choose “Received”.",
                reminder=self.name,
                outcome=self._outcome_label(),
            )
        return False

    @api.constrains("registered_number")
    def _check_registered_number(self):
        """Refuse the number of another customer's letter: each has its own (F2)."""
        numbered = self.filtered("registered_number")
        # Letters to one customer may share an envelope.
        others = self.search(
            [("registered_number", "in", numbered.mapped("registered_number"))]
        ).grouped("registered_number")
        for reminder in numbered:
            for other in others.get(reminder.registered_number, ()):
                if other.partner_id != reminder.partner_id:
                    raise ValidationError(
                        self.env._(
                            "The registered number %(number)s of %(reminder)s is that "
                            "of %(other)s, to %(customer)s, already: enter the one on "
                            "its own receipt.",
                            number=reminder.registered_number,
                            reminder=reminder.name,
                            other=other.name,
                            customer=other.partner_id.display_name,
                        )
                    )

    def write(self, vals):
        """Override for what the outcome entails: a letter that is not at its address
        did not reach anybody."""
        if vals.get("registered_number"):
            number = "".join(vals["registered_number"].split()).upper()
            vals = {**vals, "registered_number": number}
        came_back = self.browse()
        if "post_outcome" in vals or "date_received" in vals:
            came_back = self.filtered(lambda r: r.post_outcome == "wrong_address")
        result = super().write(vals)
        if vals.get("post_outcome") == "wrong_address":
            (self - came_back)._come_back()
        elif not self.env.context.get("relance_another_letter"):
            came_back.filtered(
                lambda r: r.post_outcome != "wrong_address"
            )._not_come_back()
        return result

    def _check_editable(self, vals):
        """Extend: what the post did with a registered letter is noted by a person."""
        mine = {n: v for n, v in vals.items() if n in REGISTERED_FIELDS}
        if mine:
            self._check_registered_editable(mine)
        return super()._check_editable({n: v for n, v in vals.items() if n not in mine})

    def _check_registered_editable(self, vals):
        """Refuse what cannot be noted on these reminders.

        :param dict vals: values to write
        :raise UserError: saying why, and what to do first
        """
        names = set(vals)
        # Any letter may come back.
        of_any_letter = names <= {"post_outcome", "registered_scan_ids"} and vals.get(
            "post_outcome"
        ) in (None, False, "wrong_address")
        for reminder in self:
            if not reminder.is_registered and not (
                of_any_letter and reminder.channel_kind == "letter"
            ):
                raise UserError(
                    self.env._(
                        "%(reminder)s is not a registered letter (%(type)s): it has "
                        "neither a number nor dates of the post.",
                        reminder=reminder.name,
                        type=reminder.channel_id.name,
                    )
                )
            came_back = reminder.post_outcome == "wrong_address"
            # Also of one that was canceled since: its address may be good after all.
            returned = came_back and (
                reminder.state == "failed" or names == {"post_outcome"}
            )
            if names & AFTER_POSTING and not (reminder.state == "sent" or returned):
                raise UserError(
                    self.env._(
                        "%s was not posted yet: tick it as posted first, then note "
                        "what the post did with it.",
                        reminder.name,
                    )
                )
            if reminder.state not in ("outgoing", "sent") and not came_back:
                raise UserError(
                    self.env._(
                        "%s is neither under way nor posted: there is no letter to "
                        "note anything of.",
                        reminder.name,
                    )
                )

    def _outcome_label(self):
        labels = dict(self._fields["post_outcome"]._description_selection(self.env))
        return labels.get(self.post_outcome)

    # Posted, and not posted after all

    def action_done(self):
        """Extend: the day of posting is that of deposit, unless it was entered."""
        result = super().action_done()
        # What was posted is a fact that only code writes.
        posted = self.sudo().filtered(
            lambda r: r.state == "sent" and r.is_registered and not r.date_deposited
        )
        posted.date_deposited = fields.Date.context_today(self)
        return result

    def action_not_posted(self):
        """Extend: what was not posted was not deposited either."""
        result = super().action_not_posted()
        back = self.sudo().filtered(lambda r: r.state == "outgoing")
        back.filtered("date_deposited").date_deposited = False
        return result

    def _not_posted_problem(self):
        problem = super()._not_posted_problem()
        if not problem and (self.date_presented or self.post_outcome):
            return self.env._(
                "%s: the post has presented it already, so it stays posted. Empty its "
                "date of presentation and its outcome first if that is wrong.",
                self.name,
            )
        return problem

    def _ready_again(self):
        """Extend: another letter has another number and other dates. The address from
        which the last one came back is not good for all that."""
        again = super()._ready_again()
        noted = again.filtered(lambda r: any(r[name] for name in REGISTERED_FIELDS))
        noted.filtered(lambda r: r.post_outcome == "wrong_address")._address_found()
        noted.with_context(relance_another_letter=True).write(
            dict.fromkeys(REGISTERED_FIELDS - {"registered_scan_ids"}, False)
        )
        return again

    def action_send_again(self):
        """Extend: a letter is not sent again to where it came back from.

        :raise UserError: where that is all there is, saying what to do first
        """
        stuck = self._bound_to_come_back()
        if stuck and not (self - stuck).filtered(lambda r: r.state == "failed"):
            raise UserError(
                "\n".join(f"{reminder.name}. {reminder.error}" for reminder in stuck)
            )
        return super(RelanceReminderRegistered, self - stuck).action_send_again()

    def _bound_to_come_back(self):
        """Return the letters that came back and still have no other address."""
        # What the customer's contacts say, whoever asks.
        letters = self.sudo().filtered(
            lambda r: (
                r.state == "failed"
                and r.channel_kind == "letter"
                and r.post_outcome == "wrong_address"
            )
        )
        recipients = letters._recipients()
        stuck = letters.filtered(lambda r: recipients[r.id].letter_problem)
        return stuck.with_env(self.env)

    def _address_found(self):
        """Take away what asks for the address of those that have another one now."""
        recipients = self._recipients()
        for reminder in self:
            if not recipients[reminder.id].letter_problem:
                reminder._wrong_address_flags().unlink()

    # Not at this address

    def action_came_back(self):
        """Note that letters came back: the customer is not at this address."""
        self.write({"post_outcome": "wrong_address"})

    def action_not_come_back(self):
        """Take back that letters came back: noted by mistake."""
        self.write({"post_outcome": False})

    def _come_back(self):
        """Note that letters came back from where nobody knows the customer: they give
        their level back, are to be corrected, and the responsible person is told."""
        # The level of what did not arrive is a fact that only code writes.
        for reminders in self.sudo()._by_author():
            for reminder in reminders:
                sentence = reminder._came_back_text()
                reminder.contact_id._relance_address_returned()
                reminder._flag_wrong_address(sentence)
                if reminder.state in ("outgoing", "sent"):
                    reminder._fail(sentence)

    def _came_back_text(self):
        return self.env._(
            "The letter came back, not at this address: %s. Correct the address, then "
            "send it again.",
            self.contact_id._relance_address_line(),
        )

    def _flag_wrong_address(self, sentence):
        """Leave an activity on the customer, to find his address."""
        user = self._told_user()
        env = self.with_context(lang=user.lang).env
        # Whoever notes the return may leave the flag, without a right on customers.
        self.partner_id.sudo().activity_schedule(
            "relance_numm.mail_activity_address",
            summary=env._("Letter not at this address"),
            note=f"{self.name}. {sentence}",
            user_id=user.id,
        )

    def _wrong_address_flags(self):
        """Return what asks to find the address of this letter, and nothing else that
        is asked about the customer."""
        return self.partner_id.sudo().activity_search(
            ["relance_numm.mail_activity_address"],
            additional_domain=[("note", "ilike", f"{self.name}. ")],
        )

    def _not_come_back(self):
        """Note that letters did not come back after all: noted by mistake."""
        for reminder in self.sudo():
            lines = reminder._active_lines()
            if reminder.state == "failed" and not all(lines.mapped("is_last")):
                raise UserError(
                    self.env._(
                        "%s: its entries were reminded again since, so its outcome "
                        "stays as it is.",
                        reminder.name,
                    )
                )
            reminder.contact_id._relance_address_found()
            reminder._wrong_address_flags().unlink()
            if reminder.state == "failed":
                posted = reminder.date_sent
                reminder._set_state("sent")
                reminder.date_sent = posted

    def _retry_text(self):
        """Extend: what came back is not tried again by itself."""
        if self.state == "failed" and self.post_outcome == "wrong_address":
            return self.env._("waits for a person")
        return super()._retry_text()

    @api.model
    def _until_mended_domain(self):
        """Extend: what came back waits for a person to correct the address."""
        return super()._until_mended_domain() | Domain(
            "post_outcome", "=", "wrong_address"
        )
