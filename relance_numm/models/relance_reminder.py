from itertools import chain

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..client_actions import notification

REMINDER_STATES = [
    ("to_confirm", "To confirm"),
    ("pending", "To send"),
    ("outgoing", "Under way"),
    ("sent", "Sent"),
    ("failed", "Failed"),
    ("canceled", "Canceled"),
]
# What may become of an entry in a reminder: the reminder left, and was taken back.
LINE_STATES = [*REMINDER_STATES, ("disavowed", "Disavowed")]
# The reminder has been made and neither left nor failed yet.
IN_FLIGHT = ("to_confirm", "pending", "outgoing")

REMINDER_ORIGINS = [
    ("manual", "By hand"),
    ("automatic", "Automatic"),
    ("import", "Taken over"),
]

# What a person may change; the rest are facts that only code may write.
EDITABLE_FIELDS = {"note", "channel_id"}


class RelanceReminder(models.Model):
    """One reminder to one customer, over one or more pièces (relance)."""

    _name = "relance.reminder"
    _description = "Reminder"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "id desc"
    _check_company_auto = True
    _mail_post_access = "read"

    # Searched by a part of it.
    name = fields.Char(string="Number", readonly=True, copy=False, index="trigram")
    # The counts and the list of a batch.
    batch_id = fields.Many2one(
        "relance.batch", readonly=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(
        "res.company", string="Branch", required=True, readonly=True, index=True
    )
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    # The history of a customer, and how long it is.
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    contact_id = fields.Many2one(
        "res.partner",
        readonly=True,
        ondelete="restrict",
        help="To whom the reminder is addressed.",
    )
    lang = fields.Char(compute="_compute_lang", compute_sudo=True)
    user_id = fields.Many2one(
        "res.users",
        string="Author",
        required=True,
        readonly=True,
        default=lambda self: self._default_user_id(),
    )
    date = fields.Date(required=True, readonly=True)
    date_sent = fields.Datetime(string="Sent on", readonly=True)
    date_printed = fields.Datetime(string="Printed on", readonly=True)
    plan_id = fields.Many2one(
        "relance.plan", readonly=True, index=True, ondelete="restrict"
    )
    level_id = fields.Many2one(
        "relance.level", required=True, readonly=True, index=True, ondelete="restrict"
    )
    template_id = fields.Many2one(
        "relance.template", required=True, readonly=True, ondelete="restrict"
    )
    channel_id = fields.Many2one(
        "relance.channel",
        string="Type",
        required=True,
        ondelete="restrict",
        tracking=True,
    )
    channel_kind = fields.Selection(related="channel_id.kind")
    line_ids = fields.One2many(
        "relance.reminder.line", "reminder_id", string="Entries", readonly=True
    )
    amount_total = fields.Monetary(
        string="Total to pay", compute="_compute_amount_total", store=True
    )
    # The cron looks for those that wait to be confirmed, and for calls under way: see
    # `_drop_settled_unconfirmed` and `_drop_settled_calls`.
    state = fields.Selection(
        REMINDER_STATES,
        required=True,
        readonly=True,
        default="pending",
        index=True,
    )
    origin = fields.Selection(
        REMINDER_ORIGINS, required=True, readonly=True, default="manual"
    )
    # What goes with a reminder: see `companion_ids`.
    main_reminder_id = fields.Many2one(
        "relance.reminder",
        string="Accompanies",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
        help="The automatic reminder of the same step, which is the one that counts.",
    )
    companion_ids = fields.One2many(
        "relance.reminder", "main_reminder_id", string="Accompanied by", readonly=True
    )
    confirmed_by_id = fields.Many2one(
        "res.users", string="Confirmed by", readonly=True, copy=False
    )
    attempts = fields.Integer(
        string="Failed attempts", readonly=True, copy=False, aggregator=None
    )
    date_failed = fields.Datetime(string="Failed on", readonly=True, copy=False)
    note = fields.Char(string="Internal comment", help="The customer does not see it.")
    error = fields.Char(readonly=True, copy=False)
    comment = fields.Char(
        compute="_compute_comment",
        string="Follow-up",
        help="What happened to the reminder.",
    )
    internal_email = fields.Char(string="Internal address", readonly=True)
    email_to = fields.Char(string="Mailed to", readonly=True, copy=False)
    bounced_emails = fields.Char(readonly=True, copy=False)
    is_traced = fields.Boolean(
        readonly=True,
        copy=False,
        help="The invoices and the customer say that it was sent.",
    )
    letter_attachment_id = fields.Many2one(
        "ir.attachment",
        string="PDF",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
    )

    # The cron takes the next ones to leave, by their order: see `_take_pending`.
    _pending_idx = models.Index("(id) WHERE state = 'pending'")
    # The cron tries those again that failed long enough ago: see `_retry_domain`.
    _failed_idx = models.Index("(date_failed) WHERE state = 'failed'")

    def _default_user_id(self):
        return self.env.user

    # Compute methods

    @api.depends("contact_id.lang", "partner_id.lang", "company_id.partner_id.lang")
    def _compute_lang(self):
        for reminder in self:
            reminder.lang = self._lang_of(
                reminder.contact_id, reminder.partner_id, reminder.company_id
            )

    @api.model
    def _lang_of(self, contact, partner, company):
        """Return the language of what is written to a contact of a customer."""
        active = dict(self.env["res.lang"].get_installed())
        records = (contact, partner, company.partner_id)
        # Of most the first is active: the others are not read.
        candidates = chain((record.lang for record in records), [self.env.lang])
        return next((c for c in candidates if c in active), "en_US")

    @api.depends("line_ids.amount_due", "line_ids.dropped")
    def _compute_amount_total(self):
        for reminder in self:
            reminder.amount_total = sum(reminder._active_lines().mapped("amount_due"))

    @api.depends(
        "note",
        "state",
        "error",
        "channel_id",
        "email_to",
        "date_sent",
        "date_printed",
        "contact_id",
        "origin",
    )
    @api.depends_context("lang")
    def _compute_comment(self):
        for reminder in self:
            if reminder.state in ("failed", "canceled") and reminder.error:
                reminder.comment = reminder.error
            elif reminder.origin == "import":
                reminder.comment = self.env._("Taken over from elsewhere")
            elif reminder.state == "to_confirm":
                reminder.comment = self.env._(
                    "%s prepared, to be confirmed", reminder.channel_id.name
                )
            elif reminder.state == "canceled":
                reminder.comment = self.env._("Canceled before it left")
            else:
                delivery = reminder.channel_id._delivery()
                reminder.comment = delivery._comment(reminder)
            if reminder.note:
                reminder.comment = f"{reminder.note} – {reminder.comment}"

    def write(self, vals):
        """Override to keep what was sent, to whom and for how much as it happened."""
        if not self.env.su:
            self._check_editable(vals)
        return super().write(vals)

    def _check_editable(self, vals):
        """Refuse what a person may not change by hand.

        :raise UserError: saying what may be changed
        """
        by_hand = {
            name
            for name in vals
            if not name.startswith(("message_", "activity_", "my_activity_"))
        }
        if by_hand - EDITABLE_FIELDS or (
            "channel_id" in vals and any(r.state != "failed" for r in self)
        ):
            raise UserError(
                self.env._(
                    "A reminder is kept as it was made. Only its comment can be "
                    "changed, and its type while it has failed."
                )
            )

    # Reading

    def _active_lines(self):
        """Return the pièces the reminder claims, without those left out."""
        return self.line_ids.filtered(lambda line: not line.dropped)

    def _responsible(self):
        """Return who follows the customer up: his person, the plan's, the author."""
        self.ensure_one()
        return self._responsibles()[self]

    def _responsibles(self):
        """Return who follows the customer of each reminder up.

        :rtype: dict[relance.reminder, res.users]
        """
        responsible = {}
        for company, reminders in self.grouped("company_id").items():
            followed_by = reminders.partner_id._relance_all_followed_by(company)
            for reminder in reminders:
                responsible[reminder] = (
                    followed_by[reminder.partner_id.id]
                    or reminder.plan_id.user_id
                    or reminder.user_id
                )
        return responsible

    def _email_from(self):
        """Return the sender of the mail: its author, or the company where it is
        nobody's."""
        self.ensure_one()
        company = self.company_id
        if self.user_id._is_superuser():
            return company.email_formatted or company.root_id.email_formatted
        return self.user_id.email_formatted or company.email_formatted

    def _set_state(self, state, error=False):
        """Change the state, and with it what the work list shows of the pièces."""
        vals = {"state": state, "error": error}
        if state == "sent":
            vals["date_sent"] = fields.Datetime.now()
        if state == "failed":
            vals["date_failed"] = fields.Datetime.now()
            for attempts, reminders in self.grouped("attempts").items():
                reminders.attempts = attempts + 1
        self.write(vals)
        self.env["relance.reminder.line"]._mark_last(self.line_ids.move_line_id)

    def _fail(self, reason):
        """Mark reminders that did not leave; their level does not count (D7)."""
        self._set_state("failed", reason)
        self._say(self.env._("Not sent. %s", reason))

    def _fail_each(self, reasons):
        """Mark the reminders that did not leave, each with its reason.

        :param dict[int, str] reasons: by the reminder's id
        """
        failed = self.filtered(lambda r: r.id in reasons)
        for reason, reminders in failed.grouped(lambda r: reasons[r.id]).items():
            reminders._fail(reason)

    def _say(self, sentence):
        """Note what became of reminders on them and, where they were announced or made
        by nobody, on their invoices and customers."""
        self._message_log_batch(dict.fromkeys(self.ids, sentence))
        told = self.filtered(lambda r: r.is_traced or r.origin == "automatic")
        told._post_trace(lambda reminder, _lines: f"{reminder.name}. {sentence}")
        # They no longer count on it.
        told.is_traced = False

    def _cancel(self, reason=False):
        self._set_state("canceled", reason)

    # Actions

    @api.model
    def _action_list(self, domain):
        """Return the action that opens the reminders of a domain."""
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(
                "relance_numm.relance_reminder_action"
            ),
            "domain": domain,
            "context": {},
        }

    def action_open_pdf(self):
        """Open the letter's PDF in the browser."""
        self.ensure_one()
        if not self.letter_attachment_id:
            raise UserError(
                self.env._(
                    "%s has no letter: it was not made, or its type has none.",
                    self.name,
                )
            )
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self.letter_attachment_id.id}",
            "target": "new",
        }

    def action_print(self):
        """Open all the letters of these reminders as one PDF, by postal code (E3).

        Letters that have not been posted yet are checked against the books again, and
        made again where something was paid meanwhile (D7).
        """
        reminders = self._take_to_print()
        if not reminders:
            return self._nothing_to_print()
        return reminders._action_report("relance_numm.relance_letter_report")

    def _take_to_print(self):
        """Return those that have a letter to print now, by postal code, and note that
        it is printed."""
        if self.has_access("write"):
            self.sudo()._check_letters()
        reminders = self._to_print().sorted(
            lambda r: (r.contact_id.zip or "", r.contact_id.city or "", r.id)
        )
        if reminders and reminders.has_access("write"):
            reminders.sudo().date_printed = fields.Datetime.now()
        return reminders

    def _action_report(self, report):
        """Return the action that prints a report of these reminders, in this order."""
        action = self.env.ref(report).report_action(self, config=False)
        return {**action, "close_on_report_download": True}

    @api.model
    def _nothing_to_print(self):
        return notification(
            self.env._("None of these reminders has a letter to print."), "warning"
        )

    def action_done(self):
        """Tick letters as posted, calls and meetings as done: the level counts now."""
        self.check_access("write")
        done = self.sudo().filtered(
            lambda r: r.state == "outgoing" and r.channel_kind in ("letter", "activity")
        )
        if not done:
            raise UserError(
                self.env._(
                    "Only letters to post, calls and meetings under way can be ticked."
                )
            )
        done._recall()
        done._set_state("sent")

    def action_send_again(self):
        """Try failed reminders again, as they are or by the type chosen since (F1).

        Entries that were reminded again in the meantime are left out.
        """
        self.check_access("write")
        failed = self.sudo().filtered(lambda r: r.state == "failed")
        if not failed:
            raise UserError(
                self.env._("Only a reminder that failed can be sent again.")
            )
        failed._begin_anew()
        failed._ready_again()._start()

    def action_confirm(self):
        """Send the reminders that the cron prepared and left to be confirmed (G3).

        :return: a notification of what became of them
        :raise UserError: where none of them waits to be confirmed
        """
        self.check_access("write")
        prepared = self.sudo().filtered(lambda r: r.state == "to_confirm")
        if not prepared:
            raise UserError(
                self.env._("Only reminders that wait to be confirmed can be.")
            )
        selected = prepared
        prepared = prepared._made_together()
        prepared.confirmed_by_id = self.env.user
        prepared._set_state("pending")
        prepared._start()
        return selected._confirmed_notification()

    def action_cancel(self):
        """Cancel reminders that have not left yet; the items are free again."""
        self.check_access("write")
        canceled = self.sudo().filtered(lambda r: r.state in (*IN_FLIGHT, "failed"))
        if not canceled:
            raise UserError(
                self.env._(
                    "A reminder that has left can no longer be canceled: disavow it, "
                    "with a note and an apology."
                )
            )
        canceled = canceled._made_together()
        last_lines = canceled.line_ids.filtered("is_last")
        canceled._recall()
        canceled._cancel()
        canceled._say(self.env._("Canceled before it left."))
        canceled._leave_to_next_step(last_lines)
