from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL, format_date

from ..tools import malformed_email

REMIND_BY = [("item", "Entry"), ("invoice", "Invoice")]


class ResCompany(models.Model):
    _inherit = "res.company"

    relance_on = fields.Selection(
        REMIND_BY,
        string="Remind by",
        default="item",
        required=True,
        help="Entry: by hand, from the list “Manage reminders”.\n"
        "Invoice: late invoices are reminded by themselves, following their plan.",
    )
    relance_internal_email = fields.Char(
        string="Internal address",
        help="Every reminder sent by email is copied to it. Where it is empty, the "
        "copy goes to the user who creates the reminder.",
    )
    relance_bank_days = fields.Integer(
        string="Bank up to date",
        default=7,
        help="The reminder list warns when the last bank statement or reconciled "
        "entry of a bank journal is older than this many days; 0: never.",
    )
    relance_min_gap = fields.Integer(
        string="Minimum gap",
        default=0,
        help="An entry reminded less than this many days ago is not advised again; "
        "0: no minimum.",
    )

    _relance_days_positive = models.Constraint(
        "CHECK (relance_bank_days >= 0 AND relance_min_gap >= 0)",
        "A number of days cannot be negative.",
    )

    @api.model
    def _get_company_root_delegated_field_names(self):
        return super()._get_company_root_delegated_field_names() + [
            "relance_on",
            "relance_internal_email",
            "relance_bank_days",
            "relance_min_gap",
        ]

    @api.model_create_multi
    def create(self, vals_list):
        companies = super().create(vals_list)
        # Now, and not when two people create the first reminders at once.
        for company in companies:
            company._relance_sequence()
        return companies

    def write(self, vals):
        """Override of `base`: it copies what branches share from their entity one field
        after the other, and refuses that half-way where there are several."""
        shared = set(vals).intersection(self._get_company_root_delegated_field_names())
        ours = {name: vals[name] for name in shared if name.startswith("relance_")}
        if len(ours) > 1:
            for name, value in ours.items():
                super().write({name: value})
            vals = {name: value for name, value in vals.items() if name not in ours}
        return super().write(vals)

    @api.constrains("relance_on")
    def _check_relance_on(self):
        self.filtered(
            lambda company: company.relance_on == "invoice"
        )._relance_check_default_plan()

    def _relance_check_default_plan(self):
        """Refuse to remind by invoice without a default plan (A3).

        :raise ValidationError: saying what to do
        """
        for company in self:
            if not company._relance_default_plans():
                raise ValidationError(
                    self.env._(
                        "“%s” cannot remind by invoice: there is no default plan. Open "
                        "Reminders › Configuration › Plans, open a plan and tick "
                        "“Default plan”.",
                        company.name,
                    )
                )

    @api.constrains("relance_internal_email")
    def _check_relance_internal_email(self):
        for company in self.filtered("relance_internal_email"):
            text = malformed_email(company.relance_internal_email)
            if text is not None:
                raise ValidationError(
                    self.env._(
                        "“%s” is not an email address: correct the internal address "
                        "of the reminders.",
                        text,
                    )
                )

    def _relance_default_plans(self):
        """Return the default plans that serve this company (A3)."""
        return self.env["relance.plan"].search(
            [
                ("is_default", "=", True),
                "|",
                ("company_id", "=", False),
                ("company_id", "parent_of", self.id),
            ]
        )

    def _relance_banks(self):
        """Return the bank account each company wants to be paid on, maybe empty.

        A branch without one is paid on its entity's.

        :rtype: dict[int, res.partner.bank]
        """
        # Whoever reminds prints the account, without a right to manage accounts.
        return {company.id: company.sudo()._relance_bank() for company in self}

    def _relance_bank(self):
        account = self.partner_id.bank_ids.filtered(
            lambda a: a.company_id in (self, self.browse())
        )[:1]
        if account or not self.parent_id:
            return account
        return self.parent_id._relance_bank()

    def _relance_sequence(self):
        """Return the sequence that numbers this company's reminders (D6)."""
        self.ensure_one()
        # Numbering is the company's, whoever creates the reminder.
        sequences = self.env["ir.sequence"].sudo()
        return sequences.search(
            [("code", "=", "relance.reminder"), ("company_id", "=", self.id)], limit=1
        ) or sequences.create(self._prepare_relance_sequence_vals())

    def _prepare_relance_sequence_vals(self):
        return {
            "name": self.env._("Reminders of %s", self.name),
            "code": "relance.reminder",
            "company_id": self.id,
            "prefix": "R-%(y)s%(month)s-",
            "padding": 4,
        }

    def _relance_next_numbers(self, count):
        """Return the next reminder numbers of this company, such as R-1509-0158 (D6).

        :rtype: list[str]
        """
        sequence = self._relance_sequence()
        if sequence.implementation != "standard" or sequence.use_date_range:
            return [sequence.next_by_id() for _index in range(count)]
        rows = self.env.execute_query(
            SQL(
                "SELECT nextval(%s) FROM generate_series(1, %s)",
                f"ir_sequence_{sequence.id:03d}",
                count,
            )
        )
        # As `get_next_char` does, whose prefix is the same for all.
        prefix, suffix = sequence._get_prefix_suffix()
        return [f"{prefix}{number:0{sequence.padding}d}{suffix}" for (number,) in rows]

    def _relance_bank_status(self):
        """Return how far each bank journal's books are (C5).

        :return: one dict per journal: its id and name, its company, the date in the
            user's language or False, and whether it is older than the limit
        :rtype: list[dict]
        """
        # Only dates leave this method: whoever reminds must know them, whether or not
        # he may open the journals.
        journals = (
            self.env["account.journal"]
            .sudo()
            .search([("type", "=", "bank"), ("company_id", "parent_of", self.ids)])
        )
        dates = self._relance_bank_dates(journals)
        today = fields.Date.context_today(self)
        return [
            {
                "journal_id": journal.id,
                "journal": journal.name,
                "company": journal.company_id.name,
                "date": date and format_date(self.env, date),
                "late": bool(limit and (not date or date < today - timedelta(limit))),
            }
            for journal in journals
            for date, limit in [
                (dates.get(journal.id), journal.company_id.relance_bank_days)
            ]
        ]

    @api.model
    def _relance_bank_dates(self, journals):
        """Return the date of the last statement or reconciled entry by journal id.

        :rtype: dict[int, datetime.date]
        """
        if not journals:
            return {}
        self.env["account.move.line"].flush_model(
            ["journal_id", "parent_state", "reconciled", "statement_line_id", "date"]
        )
        self.env["account.bank.statement"].flush_model(["journal_id", "date"])
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT journal_id, MAX(date)
                      FROM (
                        SELECT journal_id, date FROM account_bank_statement
                         WHERE journal_id = ANY(%(ids)s)
                     UNION ALL
                        SELECT journal_id, date FROM account_move_line
                         WHERE journal_id = ANY(%(ids)s)
                           AND parent_state = 'posted'
                           AND (reconciled OR statement_line_id IS NOT NULL)
                      ) entry
                  GROUP BY journal_id
                    """,
                    ids=journals.ids,
                )
            )
        )
