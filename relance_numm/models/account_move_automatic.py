from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date

from ..fields import APART
from ..tools import malformed_email, well_formed_emails
from .res_partner import REMINDER_MODES

GROUPS = "account.group_account_invoice,account.group_account_readonly"
# What is stored.
KEPT = {"groups": GROUPS, **APART}


class AccountMoveAutomatic(models.Model):
    """« Informations règlements et relance »: what an invoice says of its reminders,
    and what a person may decide on it (G1).

    Only what a person decided is stored; the rest is read from the books and the plan,
    so nothing has to be computed again when a date, a plan or a payment changes.
    """

    _inherit = "account.move"

    # What a person decided, or what went wrong.
    relance_by_hand = fields.Boolean(
        string="Next date set by hand", copy=False, readonly=True, **KEPT
    )
    relance_own_date = fields.Date(
        string="Own next date", copy=False, readonly=True, **KEPT
    )
    relance_own_line_id = fields.Many2one(
        "account.move.line",
        string="Instalment of the own next date",
        copy=False,
        readonly=True,
        ondelete="set null",
        **KEPT,
        help="The date set by hand is for this instalment; without one, for all.",
    )
    relance_own_mode = fields.Selection(
        REMINDER_MODES,
        string="Own reminder mode",
        copy=False,
        readonly=True,
        **KEPT,
    )
    relance_own_emails = fields.Char(
        string="Own addresses", copy=False, readonly=True, **KEPT
    )
    relance_own_internal_email = fields.Char(
        string="Own internal address", copy=False, readonly=True, **KEPT
    )
    relance_error = fields.Char(
        string="Reminder error", copy=False, readonly=True, **KEPT
    )
    relance_error_count = fields.Integer(
        string="Reminder errors",
        copy=False,
        readonly=True,
        aggregator=None,
        **KEPT,
    )
    relance_error_date = fields.Datetime(
        string="Reminder error on", copy=False, readonly=True, **KEPT
    )

    # What it says.
    relance_on = fields.Selection(
        related="company_id.relance_on", string="Remind by", groups=GROUPS
    )
    relance_amount_paid = fields.Monetary(
        string="Amount settled", compute="_compute_relance_amount_paid", groups=GROUPS
    )
    relance_mode = fields.Selection(
        REMINDER_MODES,
        string="Reminders by",
        compute="_compute_relance_mode",
        inverse="_inverse_relance_mode",
        groups=GROUPS,
        help="The customer's, unless you choose another for this invoice.",
    )
    relance_emails = fields.Char(
        string="Email addresses",
        compute="_compute_relance_emails",
        inverse="_inverse_relance_emails",
        groups=GROUPS,
        help="The customer's “Reminder” contacts, unless you name others for this "
        "invoice; separated by commas.",
    )
    relance_internal_email = fields.Char(
        string="Internal address",
        compute="_compute_relance_internal_email",
        inverse="_inverse_relance_internal_email",
        groups=GROUPS,
        help="Gets a copy. The entity's, unless you name another for this invoice.",
    )
    relance_date_due = fields.Date(
        string="Due date reminded",
        compute="_compute_relance_item",
        groups=GROUPS,
        help="The earliest due date that is not paid.",
    )
    relance_level_id = fields.Many2one(
        "relance.level",
        string="Reminder level",
        compute="_compute_relance_item",
        groups=GROUPS,
        help="The highest level that really left.",
    )
    relance_next_date = fields.Date(
        string="Next reminder",
        compute="_compute_relance_item",
        inverse="_inverse_relance_next_date",
        search="_search_relance_next_date",
        groups=GROUPS,
        help="Follows the plan until you set it. Without a date the invoice is not "
        "reminded by itself.",
    )
    relance_skipped_level_id = fields.Many2one(
        "relance.level",
        string="Level canceled",
        compute="_compute_relance_item",
        groups=GROUPS,
        help="A person canceled the automatic reminder of this level.",
    )
    relance_status = fields.Char(
        string="What comes next",
        compute="_compute_relance_item",
        groups=GROUPS,
    )
    relance_line_ids = fields.One2many(
        "relance.reminder.line",
        "move_id",
        string="Reminders",
        readonly=True,
        groups=GROUPS,
    )

    # Compute

    @api.depends("amount_total", "amount_residual")
    def _compute_relance_amount_paid(self):
        for move in self:
            move.relance_amount_paid = move.amount_total - move.amount_residual

    @api.depends("relance_own_mode", "commercial_partner_id.relance_mode")
    def _compute_relance_mode(self):
        for move in self:
            move.relance_mode = (
                move.relance_own_mode or move.commercial_partner_id.relance_mode
            )

    def _inverse_relance_mode(self):
        for move in self:
            theirs = move.commercial_partner_id.relance_mode
            move.relance_own_mode = self._relance_own(move.relance_mode, theirs)

    @api.model
    def _relance_own(self, value, theirs):
        """Return what an invoice keeps of a value that a person or a form writes: what
        is the customer's or the entity's stays theirs."""
        return value != theirs and value

    @api.depends("relance_own_emails", "commercial_partner_id")
    def _compute_relance_emails(self):
        invoices = self.filtered(lambda move: move.move_type == "out_invoice")
        recipients = invoices._relance_recipients()
        for move in self:
            mine = recipients.get(move.id)
            move.relance_emails = mine and ", ".join(mine.emails)

    def _inverse_relance_emails(self):
        recipients = self.commercial_partner_id._relance_recipients()
        for move in self:
            self._check_relance_emails(move.relance_emails)
            customer = recipients.get(move.commercial_partner_id.id)
            theirs = customer and ", ".join(customer.emails)
            move.relance_own_emails = self._relance_own(move.relance_emails, theirs)

    @api.depends("relance_own_internal_email", "company_id.relance_internal_email")
    def _compute_relance_internal_email(self):
        for move in self:
            move.relance_internal_email = (
                move.relance_own_internal_email
                or move.company_id.relance_internal_email
            )

    def _inverse_relance_internal_email(self):
        for move in self:
            self._check_relance_emails(move.relance_internal_email)
            theirs = move.company_id.relance_internal_email
            move.relance_own_internal_email = self._relance_own(
                move.relance_internal_email, theirs
            )

    @api.model
    def _check_relance_emails(self, text):
        """Refuse what is not a list of addresses.

        :raise UserError: naming what is wrong
        """
        malformed = malformed_email(text) if text else None
        if malformed is not None:
            raise UserError(
                self.env._(
                    "“%s” is not an email address. Write addresses separated by "
                    "commas.",
                    malformed,
                )
            )

    @api.depends(
        "amount_residual",
        "invoice_date_due",
        "no_followup",
        "payment_state",
        "relance_by_hand",
        "relance_error",
        "relance_error_count",
        "relance_error_date",
        "relance_own_date",
        "relance_own_emails",
        "relance_own_line_id",
        "relance_own_mode",
        "state",
        "relance_line_ids.skipped_on",
    )
    def _compute_relance_item(self):
        instalments = self._relance_open_invoices()._relance_instalments()
        for move in self:
            items = instalments.get(move._origin, self.env["relance.item"])
            item = items._leading()
            move.relance_date_due = items[:1].date_due or move.invoice_date_due
            move.relance_level_id = item.sent_level_id or move._relance_last_level()
            move.relance_next_date = item.next_date
            move.relance_skipped_level_id = item.skipped_level_id
            move.relance_status = item._next_reminder_text() if item else False

    def _relance_open_invoices(self):
        """Return those of these entries that may be reminded: nobody waits for the work
        list's query who opens a bill or a draft."""
        return self.filtered(
            lambda move: (
                move.move_type == "out_invoice"
                and move.state == "posted"
                and move.amount_residual
            )
        )

    def _relance_instalments(self):
        """Return the rows of the work list of each of these invoices that is open, by
        due date.

        :rtype: dict[account.move, relance.item]
        """
        items = self.env["relance.item"]
        if not self:
            return {}
        items.invalidate_model()
        items = items.search(
            [("move_id", "in", self.ids), ("amount_due", ">", 0)],
            order="date_due, id",
        )
        # At once: each invoice looks at its own below.
        items.last_reminder_id.mapped("state")
        items.move_id.mapped("relance_by_hand")
        return items.grouped("move_id")

    def _relance_last_level(self):
        """Return the highest level that left of an invoice, also once it is paid."""
        return max(
            self.relance_line_ids.filtered(
                lambda line: line.state == "sent" and not line.is_companion
            ).level_id,
            key=lambda level: level._compare_key(),
            default=self.env["relance.level"],
        )

    # The next date

    @api.model
    def _search_relance_next_date(self, operator, value):
        if operator not in ("in", "<", "<=", ">", ">="):
            return NotImplemented
        without = operator == "in" and False in value
        if without:
            value = set(value) - {False}
        found = self._relance_of(Domain("next_date", operator, value))
        domain = Domain("id", "in", found)
        if without:
            planned = self._relance_of(Domain("next_date", "!=", False))
            domain |= Domain("id", "not in", planned)
        return domain

    @api.model
    def _relance_of(self, domain):
        """Return the query of the invoices that have a row of the work list."""
        return self.env["relance.item"]._search(domain).subselect("move_id")

    def _inverse_relance_next_date(self):
        """Keep the date a person sets; emptied, the invoice is not reminded (G1)."""
        dates = {move: move.relance_next_date for move in self}
        instalments, changed = self._relance_instalments(), {}
        for move, date in dates.items():
            item = instalments.get(move, self.env["relance.item"])._leading()
            # A form sends what it shows, also where nobody changed it.
            if date == item.next_date:
                continue
            if date:
                move._check_relance_next_date(item)
            move.write(
                {
                    "relance_by_hand": True,
                    "relance_own_date": date,
                    "relance_own_line_id": date and item.move_line_id.id,
                }
            )
            changed[move] = date
        if changed:
            self._relance_log_dates(changed)

    def _check_relance_next_date(self, item):
        """Refuse a date on which nothing would be sent.

        :raise UserError: saying why
        """
        if not item:
            raise UserError(
                self.env._(
                    "%s has nothing left to pay, or is not posted: it cannot have a "
                    "next reminder.",
                    self.display_name,
                )
            )
        if item.automatic_code not in (False, "cleared", "before_start"):
            raise UserError(
                self.env._(
                    "%(name)s cannot have a next reminder: %(reason)s.",
                    name=self.display_name,
                    reason=item.automatic_reason,
                )
            )

    def _relance_log_dates(self, dates):
        """Say in each invoice's chatter until when it waits."""
        bodies = {
            move.id: self.env._("Next reminder: %s", format_date(self.env, date))
            if date
            else self.env._("No more automatic reminder.")
            for move, date in dates.items()
        }
        self._message_log_batch(bodies)

    def action_relance_follow_plan(self):
        """Forget the date set by hand and what went wrong: the plan decides again."""
        self._relance_forget()
        self.line_ids._relance_unskip()
        self._message_log_batch(
            dict.fromkeys(self.ids, self.env._("Reminders follow the plan again."))
        )

    def _relance_reminded(self):
        """Note that the cron reminded these invoices: the plan decides what is next."""
        self.filtered(
            lambda move: move.relance_own_date or move.relance_error
        )._relance_forget()

    def _relance_forget(self):
        """Forget the date set by hand and what went wrong."""
        self.write(
            {
                "relance_by_hand": False,
                "relance_own_date": False,
                "relance_own_line_id": False,
                "relance_error": False,
                "relance_error_count": 0,
                "relance_error_date": False,
            }
        )

    # Recipients

    def _relance_recipients(self):
        """Return who receives each invoice's reminders.

        :rtype: dict[int, Recipients]
        """
        customers = self.commercial_partner_id._relance_recipients()
        return {
            move.id: move._relance_own_recipients(
                customers[move.commercial_partner_id.id]
            )
            for move in self
            if move.commercial_partner_id
        }

    def _relance_own_recipients(self, recipients):
        """Return the recipients of a reminder of these invoices: the addresses that
        they name, and the customer's for those that name none.

        :param Recipients recipients: the customer's
        :rtype: Recipients
        """
        own = self.filtered("relance_own_emails")
        if not own:
            return recipients
        theirs = recipients.emails if self - own else {}
        texts = own.mapped("relance_own_emails")
        refused = self.env["res.partner"]._relance_blacklisted(texts)
        named = well_formed_emails(", ".join(texts))
        emails = {email: email for email in named if email not in refused} | theirs
        problem = not emails and self.env._(
            "Blacklisted email address: %s", ", ".join(sorted(refused))
        )
        return recipients._replace(emails=emails, mail_problem=problem)

    def _relance_internal_address(self):
        """Return the internal address that these invoices name, if they agree."""
        named = set(self.mapped("relance_own_internal_email"))
        return named.pop() if len(named) == 1 else False
