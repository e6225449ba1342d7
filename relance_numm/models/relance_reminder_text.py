from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import format_date, formatLang

from ..tools import all_or_each
from .relance_template import TEXT_FIELDS

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


class RelanceReminderText(models.Model):
    """What a reminder says: the placeholders of its template, in the language of the
    contact (A2)."""

    _inherit = "relance.reminder"

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
        letters = self.env["relance.letter"]
        for reminder in self:
            lines = reminder._active_lines()
            reminder.invoice_list = self.env["ir.qweb"]._render(
                "relance_numm.reminder_invoice_list",
                {
                    "rows": [letters._prepare_row_values(line) for line in lines],
                    "with_ref": any(lines.mapped("ref")),
                    "total": letters._format_amount(
                        reminder.amount_total, reminder.currency_id
                    ),
                },
                minimal_qcontext=True,
            )

    @api.model
    def mail_allowed_qweb_expressions(self):
        """Return what any user may insert in a template without the editor's right."""
        return (
            *super().mail_allowed_qweb_expressions(),
            *(f"object.{name}" for name in PLACEHOLDERS),
        )

    def _deadline_days(self):
        """Return how many days the customer is given to pay: 15 for a consumer, who
        may need to be advised, else 8 (usual in a mise en demeure, C. civ. 1344)."""
        return 15 if self.partner_id._relance_type() == "individual" else 8

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
        return texts[self.partner_id._relance_type()]

    def _render_texts(self, names=TEXT_FIELDS):
        """Return the texts of each reminder in its language; fail the others (A2).

        :rtype: dict[int, dict[str, str]]
        """
        texts = {}
        groups = self.grouped(lambda r: (r.template_id, r.lang))
        for (template, lang), group in groups.items():
            all_or_each(
                group,
                lambda reminders, template=template, lang=lang: texts.update(
                    template._render_texts(reminders, lang, names)
                ),
                lambda reminder, error, template=template: reminder._fail(
                    template._render_problem(error)
                ),
            )
        return texts
