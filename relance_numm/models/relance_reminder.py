from collections import defaultdict
from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import format_date, formatLang

REMINDER_STATES = [
    ("pending", "To send"),
    ("outgoing", "Under way"),
    ("sent", "Sent"),
    ("failed", "Failed"),
    ("canceled", "Canceled"),
]
# Reminders delivered in one transaction, their letters in one wkhtmltopdf call.
DELIVERY_SIZE = 200
# Up to so many are delivered while the user waits; more go to the background.
IMMEDIATE_SIZE = 10
# Times that work is taken anew where another transaction was in the way.
MAX_CONFLICTS = 5
# What a template may insert, in the order of the list it is chosen from (A2).
PLACEHOLDERS = (
    "customer_name",
    "contact_name",
    "total_text",
    "oldest_due_text",
    "days_late_text",
    "invoice_numbers",
    "invoice_list",
    "name",
    "today_text",
    "deadline_text",
    "legal_text",
    "sender_name",
    "sender_email",
    "sender_phone",
    "company_name",
    "company_phone",
    "company_email",
    "iban_text",
)


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

    name = fields.Char(string="Number", readonly=True, copy=False, index="trigram")
    batch_id = fields.Many2one(
        "relance.batch", readonly=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(
        "res.company", string="Branch", required=True, readonly=True, index=True
    )
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
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
    state = fields.Selection(
        REMINDER_STATES,
        required=True,
        readonly=True,
        default="pending",
        index=True,
    )
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
    mail_message_id = fields.Many2one(
        "mail.message",
        string="Email",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
    )
    letter_attachment_id = fields.Many2one(
        "ir.attachment",
        string="PDF",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
    )

    # Placeholders of the templates, in the language of the letter (A2).
    customer_name = fields.Char(compute="_compute_parties")
    contact_name = fields.Char(compute="_compute_parties")
    sender_name = fields.Char(compute="_compute_parties")
    sender_email = fields.Char(compute="_compute_parties")
    sender_phone = fields.Char(compute="_compute_parties")
    company_name = fields.Char(compute="_compute_parties")
    company_phone = fields.Char(compute="_compute_parties")
    company_email = fields.Char(compute="_compute_parties")
    iban_text = fields.Char(string="IBAN", compute="_compute_parties")
    total_text = fields.Char(string="Total due", compute="_compute_texts")
    oldest_due_text = fields.Char(string="Oldest due date", compute="_compute_texts")
    days_late_text = fields.Char(string="Days late", compute="_compute_texts")
    today_text = fields.Char(string="Date of the reminder", compute="_compute_texts")
    deadline_text = fields.Char(string="Pay before", compute="_compute_texts")
    legal_text = fields.Char(string="What the law provides", compute="_compute_texts")
    invoice_numbers = fields.Char(string="Invoice numbers", compute="_compute_texts")
    invoice_list = fields.Html(
        string="List of invoices", compute="_compute_invoice_list", sanitize=False
    )

    _pending_idx = models.Index("(id) WHERE state = 'pending'")

    def _default_user_id(self):
        return self.env.user

    # Compute methods

    @api.depends("contact_id.lang", "partner_id.lang", "company_id.partner_id.lang")
    def _compute_lang(self):
        active = dict(self.env["res.lang"].get_installed())
        for reminder in self:
            candidates = (
                reminder.contact_id.lang,
                reminder.partner_id.lang,
                reminder.company_id.partner_id.lang,
                self.env.lang,
            )
            reminder.lang = next((c for c in candidates if c in active), "en_US")

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
    )
    @api.depends_context("lang")
    def _compute_comment(self):
        for reminder in self:
            if reminder.state in ("failed", "canceled") and reminder.error:
                reminder.comment = reminder.error
            elif reminder.state == "canceled":
                reminder.comment = self.env._("Canceled before it left")
            else:
                delivery = reminder.channel_id._delivery()
                reminder.comment = delivery._comment(reminder)
            if reminder.note:
                reminder.comment = f"{reminder.note} {reminder.comment}"

    @api.depends("partner_id", "contact_id", "user_id", "company_id")
    def _compute_parties(self):
        banks = self.company_id._relance_banks()
        for reminder in self:
            company, sender = reminder.company_id, reminder.user_id
            reminder.customer_name = reminder.partner_id.name
            reminder.contact_name = reminder.contact_id.name or reminder.customer_name
            reminder.sender_name = sender.name
            reminder.sender_email = sender.email or company.email
            reminder.sender_phone = sender.phone or company.phone
            reminder.company_name = company.name
            reminder.company_phone = company.phone
            reminder.company_email = company.email
            reminder.iban_text = banks[company.id].acc_number

    @api.depends("line_ids.date_due", "line_ids.days_late", "amount_total", "date")
    @api.depends_context("lang")
    def _compute_texts(self):
        for reminder in self:
            lines = reminder._active_lines()
            reminder.total_text = formatLang(
                self.env, reminder.amount_total, currency_obj=reminder.currency_id
            )
            dates = lines.mapped("date_due")
            reminder.oldest_due_text = dates and format_date(self.env, min(dates))
            reminder.days_late_text = str(max(lines.mapped("days_late"), default=0))
            reminder.today_text = format_date(self.env, reminder.date)
            reminder.deadline_text = format_date(
                self.env, reminder.date + timedelta(reminder._deadline_days())
            )
            reminder.legal_text = reminder._legal_text()
            reminder.invoice_numbers = ", ".join(filter(None, lines.mapped("name")))

    @api.depends("line_ids.amount_due", "line_ids.dropped", "line_ids.days_late")
    @api.depends_context("lang")
    def _compute_invoice_list(self):
        for reminder in self:
            reminder.invoice_list = self.env["ir.qweb"]._render(
                "relance_numm.reminder_invoice_list",
                {"reminder": reminder, "lines": reminder._active_lines()},
                minimal_qcontext=True,
            )

    @api.model
    def mail_allowed_qweb_expressions(self):
        """Return what any user may insert in a template without the editor's right."""
        return (
            *super().mail_allowed_qweb_expressions(),
            *(f"object.{name}" for name in PLACEHOLDERS),
        )

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

    def _customer_type(self):
        """Return what the law takes the customer for: public, private, individual."""
        customer = self.partner_id
        return customer.relance_customer_type or customer._relance_default_type()

    def _deadline_days(self):
        """Return how many days the customer is given to pay: 15 for a consumer, who
        may need to be advised, else 8 (usual in a mise en demeure, C. civ. 1344)."""
        return 15 if self._customer_type() == "individual" else 8

    def _legal_text(self):
        """Return what late payment entails by law, for this type of customer.

        Between professionals C. com. L441-10 and D441-5; public buyers CCP L2192-13
        and R2192-31; consumers C. civ. 1231-6 and 1344-1: neither the 40 € nor costs
        may be asked of these (CPCE L111-8).
        """
        texts = {
            "private": self.env._(
                "Late payment gives rise, as of right and from the day after the due "
                "date, to penalties at the refinancing rate of the European Central "
                "Bank plus 10 percentage points, and to a fixed compensation of €40 "
                "per invoice for recovery costs (French Commercial Code, articles "
                "L441-10 and D441-5)."
            ),
            "public": self.env._(
                "Late payment gives rise, as of right and without formality, to "
                "interest at the refinancing rate of the European Central Bank plus "
                "8 percentage points, and to a fixed compensation of €40 for recovery "
                "costs (French Public Procurement Code, articles L2192-13 and "
                "R2192-31)."
            ),
            "individual": self.env._(
                "From a formal notice on, the amounts due bear interest at the legal "
                "rate (French Civil Code, articles 1231-6 and 1344-1)."
            ),
        }
        return texts[self._customer_type()]

    def _responsible(self):
        """Return who follows the customer up: his person, the plan's, the author."""
        self.ensure_one()
        company = self.company_id
        return (
            self.partner_id.with_company(company).relance_user_id
            or self.partner_id.with_company(company.root_id).relance_user_id
            or self.plan_id.user_id
            or self.user_id
        )

    def _email_from(self):
        """Return the sender of the mail."""
        self.ensure_one()
        return self.user_id.email_formatted or self.company_id.email_formatted

    def _invoice_pdfs(self):
        """Return the invoices' PDFs to attach to each reminder (F1); fail those of
        which one cannot be made.

        :rtype: dict[int, ir.attachment]
        """
        with_invoices = self.filtered("template_id.attach_invoices")
        moves = with_invoices._active_lines().move_id
        missing = moves._relance_make_invoice_pdfs()
        for reminder in with_invoices:
            lacking = reminder._active_lines().move_id & missing
            if lacking:
                reminder._fail(
                    self.env._(
                        "The PDF of %s could not be made: open the invoice, print it, "
                        "then send the reminder again.",
                        ", ".join(lacking.mapped("name")),
                    )
                )
        return {
            reminder.id: (reminder & with_invoices)
            ._active_lines()
            .move_id.invoice_pdf_report_id
            for reminder in self
        }

    # Delivery

    def _deliver(self):
        """Hand pending reminders to their types, after a last look at the books (D7).

        What is paid or blocked by now is left out; a reminder left empty is canceled
        and says so. Reminders that another worker has taken are left to it.
        """
        # What was sent is a fact that people cannot write, see `write`.
        pending = self.sudo().try_lock_for_update()._filter_pending()
        for reminders in pending._by_author():
            reminders._deliver_locked()

    def _by_author(self):
        """Yield these reminders in groups, each in its author's language and company:
        what is written on them is for him to read, also where the cron writes it."""
        groups = self.grouped(lambda r: (r.user_id, r.company_id))
        for (user, company), reminders in groups.items():
            lang = user.lang or self.env.lang
            yield reminders.with_context(lang=lang).with_company(company)

    def _deliver_locked(self):
        self._refresh_lines()
        self._filter_pending()._address()
        for kind, reminders in self._filter_pending().grouped("channel_kind").items():
            self.env[f"relance.delivery.{kind}"]._deliver(reminders)
        self.filtered(lambda r: r.state in ("outgoing", "sent"))._trace()

    def _filter_pending(self):
        return self.filtered(lambda r: r.state == "pending")

    def _refresh_lines(self):
        """Read the books again: leave out what is no longer owed, update amounts (D7).

        :return: the reminders whose claim changed
        """
        lines = self._active_lines()
        # The books of the reminder's company, whichever companies are active.
        items = self.env["relance.item"].sudo()._read_again(lines.move_line_id.ids)
        by_id = {item.id: item for item in items}
        changed, left_out = self.browse(), defaultdict(list)
        for line in lines:
            item = by_id.get(line.move_line_id.id, items.browse())
            problem = line._no_longer_owed_text(item)
            if problem:
                left_out[line.reminder_id].append((line, problem))
            else:
                if line.currency_id.compare_amounts(line.amount_due, item.amount_due):
                    changed |= line.reminder_id
                line.update(line._prepare_item_vals(item))
        for reminder, problems in left_out.items():
            reminder._leave_out(problems)
        return changed.union(*left_out)

    def _leave_out(self, problems):
        """Take pièces out of a reminder; cancel it where none is left (D7).

        :param problems: (line, sentence) pairs
        """
        for line, _problem in problems:
            line.dropped = True
        self._log_left_out([problem for _line, problem in problems])
        if not self._active_lines():
            self._cancel(
                self.env._("Not sent. %s", "; ".join(text for _l, text in problems))
            )

    def _log_left_out(self, texts):
        """Say on the reminder which pièces were left out before it left, and why."""
        items = Markup("").join(Markup("<li>%s</li>") % text for text in texts)
        self._message_log(
            body=Markup("%s<ul>%s</ul>")
            % (self.env._("Left out before it was sent:"), items)
        )

    def _address(self):
        """Set the contact of each reminder; fail those that reach nobody (B1, D5)."""
        recipients = self.partner_id._relance_recipients()
        for reminder in self:
            delivery = reminder.channel_id._delivery()
            mine = recipients[reminder.partner_id.id]
            reminder.contact_id = delivery._contact(mine)
            problem = delivery._problem(mine, reminder.channel_id)
            if problem:
                reminder._fail(problem)

    def _render_texts(self):
        """Return the texts of each reminder in its language; fail the others (A2).

        :rtype: dict[int, dict[str, str]]
        """
        texts = {}
        groups = self.grouped(lambda r: (r.template_id, r.lang))
        for (template, lang), reminders in groups.items():
            try:
                with self.env.cr.savepoint():
                    texts.update(template._render_texts(reminders, lang))
            except Exception:  # noqa: BLE001 one broken text must not stop the others
                texts.update(reminders._render_texts_one_by_one())
        return texts

    def _render_texts_one_by_one(self):
        texts = {}
        for reminder in self:
            template = reminder.template_id
            try:
                with self.env.cr.savepoint():
                    texts.update(template._render_texts(reminder, reminder.lang))
            except Exception as error:  # noqa: BLE001 said on the reminder
                reminder._fail(template._render_problem(error))
        return texts

    def _make_letters(self):
        """Make the PDF of each reminder's letter, all in one run (E3).

        Those that cannot be made are failed with the reason.

        :return: the texts of the others, by id
        :rtype: dict[int, dict[str, str]]
        """
        texts = self._render_texts()
        reminders = self.filtered(lambda r: r.id in texts)
        try:
            pdfs, errors = self.env["relance.letter"]._render_letters(reminders, texts)
        except UserError as error:
            pdfs, errors = {}, dict.fromkeys(reminders.ids, str(error))
        for reminder in reminders.filtered(lambda r: r.id in errors):
            reminder._fail(errors[reminder.id])
        reminders.filtered(lambda r: r.id in pdfs)._store_letters(pdfs)
        return texts

    def _store_letters(self, pdfs):
        """Keep the very letters that are sent, as attachments of the reminders.

        One that was made before and never left is replaced.
        """
        self.filtered(lambda r: not r.date_sent).letter_attachment_id.unlink()
        attachments = self.env["ir.attachment"].create(
            [self._prepare_letter_vals(r, pdfs[r.id]) for r in self]
        )
        for reminder, attachment in zip(self, attachments, strict=True):
            reminder.letter_attachment_id = attachment

    @api.model
    def _prepare_letter_vals(self, reminder, pdf):
        return {
            "name": f"{reminder.name.replace('/', '-')}.pdf",
            "raw": pdf,
            "mimetype": "application/pdf",
            "res_model": reminder._name,
            "res_id": reminder.id,
        }

    def _set_state(self, state, error=False):
        """Change the state, and with it what the work list shows of the pièces."""
        vals = {"state": state, "error": error}
        if state == "sent":
            vals["date_sent"] = fields.Datetime.now()
        self.write(vals)
        self.env["relance.reminder.line"]._mark_last(self.line_ids.move_line_id)

    def _fail(self, reason):
        """Mark reminders that did not leave; their level does not count (D7)."""
        self._set_state("failed", reason)
        sentence = self.env._("Not sent. %s", reason)
        self._log_all(sentence)
        traced = self.filtered("is_traced")
        traced._post_trace(lambda reminder, _lines: f"{reminder.name}. {sentence}")
        traced.is_traced = False

    def _log_all(self, sentence):
        self._message_log_batch(dict.fromkeys(self.ids, sentence))

    def _cancel(self, reason=False):
        self._set_state("canceled", reason)

    def _recall_stale(self):
        """Take back the mails whose claim changed since they were queued (D7).

        They are made again without what was paid or blocked. A reminder that failed,
        was replaced by a later one and is tried again from the mail queue is not.

        :return: the reminders whose mail must not leave now
        """
        stale = self.filtered(lambda r: r.state == "canceled")
        waiting = self.filtered(lambda r: r.state in ("outgoing", "failed"))
        for reminders in waiting._by_author():
            replaced = reminders.filtered(
                lambda r: not all(r._active_lines().mapped("is_last"))
            )
            changed = (reminders - replaced)._refresh_lines()
            (changed | replaced)._recall()
            again = changed.filtered(lambda r: r.state != "canceled")
            again._set_state("pending")
            if again:
                self.env.ref("relance_numm.ir_cron_deliver")._trigger()
            stale |= changed | replaced
        return stale

    def _recall(self):
        """Take back what waits to leave, of whatever type: it may have been changed
        since the first try."""
        recalled = self.with_context(relance_recall=True)
        for kind, _label in self._fields["channel_kind"]._description_selection(
            self.env
        ):
            self.env[f"relance.delivery.{kind}"]._recall(recalled)

    def _left_or_failed(self, failure):
        """Note that the mail or SMS left, or why it did not (F1, F2).

        :param failure: a sentence, or False
        """
        waiting = self.filtered(lambda r: r.state in ("outgoing", "failed"))
        if failure:
            waiting._fail(failure)
        else:
            waiting._set_state("sent")

    def _canceled_in_queue(self):
        """Note that the mail or SMS was canceled by hand in Odoo's queue."""
        if not self.env.context.get("relance_recall"):
            waiting = self.filtered(lambda r: r.state == "outgoing")
            for reminders in waiting._by_author():
                reminders._fail(
                    reminders.env._("Its message was canceled in the queue")
                )

    def _message_receive_bounce(self, email, partner):
        """Override of `mail`: a mail that came back to all its addresses gives its
        level back (D7)."""
        result = super()._message_receive_bounce(email, partner)
        # A bounce comes from outside, with nobody's rights.
        mailed = self.sudo().filtered(
            lambda r: r.channel_kind == "mail" and r.state in ("outgoing", "sent")
        )
        for reminder in mailed._by_author():
            for one in reminder:
                one._note_bounce(email)
        return result

    def _note_bounce(self, email):
        bounced = {*(self.bounced_emails or "").split(), email}
        self.bounced_emails = " ".join(sorted(bounced))
        sentence = self.env._("The mail to %s bounced", email)
        if bounced.issuperset((self.email_to or "").split(", ")):
            self._fail(sentence)
        else:
            self._message_log(body=sentence)

    # Trace

    def _trace(self):
        """Post each reminder to the chatter of its invoices and its customer (F3)."""
        untraced = self.filtered(lambda r: not r.is_traced)
        untraced._post_trace(type(self)._trace_body)
        untraced.is_traced = True

    def _post_trace(self, body):
        """Post a note on the invoices and the customers of these reminders.

        :param body: what returns the note, of a reminder and its lines
        """
        on_moves, on_partners = defaultdict(list), defaultdict(list)
        for reminder in self:
            lines = reminder._active_lines()
            for move, move_lines in lines.grouped("move_id").items():
                on_moves[move.id].append(body(reminder, move_lines))
            on_partners[reminder.partner_id.id].append(body(reminder, lines))
        # An accountant who may remind may leave the trace, also where he has no
        # right to write on the customer.
        author = self.user_id[:1].partner_id.id
        for model, bodies in (("account.move", on_moves), ("res.partner", on_partners)):
            self.env[model].sudo().browse(bodies)._message_log_batch(
                {id_: Markup("<br/>").join(texts) for id_, texts in bodies.items()},
                author_id=author,
            )

    def _trace_body(self, lines):
        """Return the note: invoice, customer, amount, mode, level, internal address."""
        amount = formatLang(
            self.env,
            sum(lines.mapped("amount_due")),
            currency_obj=self.currency_id,
        )
        rows = [
            self.env._(
                "Reminder %(name)s of %(numbers)s for the customer %(customer)s.",
                name=self.name,
                numbers=", ".join(filter(None, lines.mapped("name"))),
                customer=self.partner_id.display_name,
            ),
            self.env._("Amount reminded: %s.", amount),
            self.env._("Type of reminder: %s.", self.channel_id.name),
            self.env._("Level of the reminder: %s.", self.level_id.name),
            self.env._("Internal address: %s.", self.internal_email or "-"),
        ]
        return Markup("<br/>").join(rows)

    # Actions

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
        if self.has_access("write"):
            self.sudo()._check_letters()
        reminders = self.filtered(
            lambda r: r.letter_attachment_id and r.state != "canceled"
        ).sorted(lambda r: (r.contact_id.zip or "", r.contact_id.city or "", r.id))
        if not reminders:
            return self._nothing_to_print()
        if reminders.has_access("write"):
            reminders.sudo().date_printed = fields.Datetime.now()
        return self.env.ref("relance_numm.relance_letter_report").report_action(
            reminders, config=False
        )

    @api.model
    def _nothing_to_print(self):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "message": self.env._("None of these reminders has a letter to print."),
                "type": "warning",
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def _check_letters(self):
        """Read the books again for letters that have not been posted yet (D7)."""
        letters = self.filtered(
            lambda r: r.channel_kind == "letter" and r.state == "outgoing"
        )
        for reminders in letters._by_author():
            changed = reminders._refresh_lines()
            changed.filtered(lambda r: r.state == "outgoing")._make_letters()

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
        failed._recall()
        failed._leave_out_replaced()
        again = failed.filtered(lambda r: r.state == "failed")
        again.write({"date": fields.Date.context_today(self), "bounced_emails": False})
        again._set_state("pending")
        again._start()

    def _leave_out_replaced(self):
        """Leave out the entries that a later reminder claims already."""
        for reminder in self:
            replaced = reminder._active_lines().filtered(lambda li: not li.is_last)
            if replaced:
                reminder._leave_out(
                    [
                        (
                            line,
                            self.env._("%s: reminded again in the meantime", line.name),
                        )
                        for line in replaced
                    ]
                )

    def action_cancel(self):
        """Cancel reminders that have not left yet; the items are free again."""
        self.check_access("write")
        canceled = self.sudo().filtered(
            lambda r: r.state in ("pending", "outgoing", "failed")
        )
        if not canceled:
            raise UserError(
                self.env._("A reminder that has left can no longer be canceled.")
            )
        canceled._recall()
        sentence = self.env._("Canceled before it left.")
        traced = canceled.filtered("is_traced")
        traced._post_trace(lambda reminder, _lines: f"{reminder.name}. {sentence}")
        canceled._cancel()
        canceled._log_all(sentence)

    def _start(self):
        """Deliver now if they are few, else in the background (D8)."""
        if len(self) <= IMMEDIATE_SIZE:
            self._deliver_or_fail()
        else:
            self.env.ref("relance_numm.ir_cron_deliver")._trigger()

    # Cron

    @api.model
    def _cron_deliver(self):
        """Create what waits to be, then deliver what is pending, some at a time, each
        time in a transaction of its own (D8)."""
        batches = self.env["relance.batch"]
        waiting = self.env["relance.prepare.line"].search_count(
            [("batch_id", "!=", False)]
        )
        pending = self.search_count([("state", "=", "pending")])
        self.env["ir.cron"]._commit_progress(remaining=2 * waiting + pending)
        if self._work_off(batches._take_waiting, batches._create_waiting):
            self._work_off(self._take_pending, type(self)._deliver_or_fail)

    @api.model
    def _work_off(self, take, work):
        """Take work and do it until there is none, or no time; commit each time.

        Where another transaction was in the way, the work is taken anew.

        :return: whether there is time left
        """
        conflicts = 0
        while True:
            try:
                records = take()
                if not records:
                    return True
                work(records)
                left = self.env["ir.cron"]._commit_progress(len(records))
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                conflicts += 1
                if conflicts > MAX_CONFLICTS:
                    raise
                self.env.cr.rollback()
                continue
            if not left:
                return False

    @api.model
    def _take_pending(self, limit=DELIVERY_SIZE):
        """Return the next pending reminders, locked; those of other workers are not."""
        return self.search(
            [("state", "=", "pending")], order="id", limit=limit * 20
        ).try_lock_for_update(limit=limit)

    def _deliver_or_fail(self):
        """Deliver; should one raise, deliver the others and say so on that one."""
        try:
            with self.env.cr.savepoint():
                self._deliver()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception:  # noqa: BLE001 found out and said one by one
            for reminder in self:
                reminder._deliver_one_or_fail()

    def _deliver_one_or_fail(self):
        try:
            with self.env.cr.savepoint():
                self._deliver()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:  # noqa: BLE001 said on the reminder
            self.sudo()._fail(str(error))
