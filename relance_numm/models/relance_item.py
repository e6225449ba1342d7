import re

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, formatLang

from .relance_item_query import ALIASES, NAMES, pruned
from .relance_plan import CUSTOMER_TYPES
from .relance_reminder import IN_FLIGHT, LINE_STATES

# A reminder more recent than this is pointed out before another is made.
CAUTION_DAYS = 3
# What all rows of one reminder share.
CLAIM_KEY = ("company_id", "partner_id", "currency_id")
# What a reminder already made must not claim any longer when it leaves.
NOT_OWED = (
    "no_customer",
    "credit",
    "paid",
    "blocked",
    "customer_excluded",
    "customer_archived",
    "net_nil",
    "disputed",
    "promised",
)


class RelanceItem(models.Model):
    """One open receivable entry (pièce) as the work list shows it (C1–C4).

    A read-only query over the books, so that what is paid, blocked or reminded shows
    at the next refresh. The advice is part of the query: the list, the preparation
    and the check at sending read the same rule.
    """

    _name = "relance.item"
    _description = "Open item to remind"
    _auto = False
    _rec_name = "name"
    _order = "days_late desc, id"
    _depends = {
        "account.account": ["account_type"],
        "account.bank.statement.line": [
            "amount",
            "is_reconciled",
            "move_id",
            "partner_id",
        ],
        "account.move": [
            "amount_total_signed",
            "invoice_date",
            "move_type",
            "payment_state",
            "ref",
            "relance_by_hand",
            "relance_error_count",
            "relance_error_date",
            "relance_own_date",
            "relance_own_line_id",
        ],
        "account.move.line": [
            "account_id",
            "amount_residual",
            "amount_residual_currency",
            "company_id",
            "currency_id",
            "date",
            "date_maturity",
            "move_id",
            "move_name",
            "name",
            "no_followup",
            "parent_state",
            "partner_id",
            "reconciled",
        ],
        "account.payment": [
            "amount_company_currency_signed",
            "company_id",
            "move_id",
            "partner_id",
            "partner_type",
            "payment_type",
            "state",
        ],
        "relance.level": ["sequence"],
        "relance.plan": [
            "active",
            "category_ids",
            "company_id",
            "customer_type",
            "is_default",
        ],
        "relance.reminder": [
            "date",
            "date_sent",
            "letter_attachment_id",
            "origin",
            "state",
        ],
        "relance.reminder.line": [
            "is_last",
            "is_last_sent",
            "level_id",
            "move_line_id",
            "reminder_id",
            "skipped_on",
            "state",
        ],
        "relance.step": ["automation", "days", "level_id", "number", "plan_id"],
        "res.company": [
            "parent_path",
            "relance_min_amount",
            "relance_min_gap",
            "relance_on",
            "relance_since",
            "relance_tz",
        ],
        "res.partner": [
            "active",
            "category_id",
            "commercial_partner_id",
            "is_company",
            "relance_customer_type",
            "relance_excluded",
            "relance_plan_id",
            "vat",
        ],
    }

    move_line_id = fields.Many2one("account.move.line", string="Journal item")
    move_id = fields.Many2one("account.move", string="Invoice")
    partner_id = fields.Many2one("res.partner", string="Customer")
    customer_type = fields.Selection(CUSTOMER_TYPES)
    company_id = fields.Many2one("res.company", string="Branch")
    entity_id = fields.Many2one("res.company")
    name = fields.Char(string="Document number")
    label = fields.Char()
    ref = fields.Char(string="Reference")
    date = fields.Date(string="Document date")
    currency_id = fields.Many2one("res.currency")
    company_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Company currency"
    )
    amount_due = fields.Monetary(string="Amount to pay", currency_field="currency_id")
    amount_due_company = fields.Monetary(
        string="Amount to pay (company currency)",
        currency_field="company_currency_id",
    )
    date_due = fields.Date(string="Due date")
    days_late = fields.Integer(aggregator="max")
    plan_id = fields.Many2one("relance.plan")
    last_reminder_id = fields.Many2one("relance.reminder", string="Last reminder")
    last_date = fields.Date(string="Date")
    last_level_id = fields.Many2one("relance.level", string="Level")
    last_state = fields.Selection(LINE_STATES, string="Last reminder state")
    last_comment = fields.Char(related="last_reminder_id.comment", string="Comment")
    last_pdf_id = fields.Many2one("ir.attachment", string="PDF")
    sent_level_id = fields.Many2one(
        "relance.level",
        string="Highest level sent",
        help="The highest level of which a reminder really left.",
    )
    advised_step_id = fields.Many2one("relance.step", string="Advised step")
    advised_level_id = fields.Many2one("relance.level", string="Advised")
    reason_code = fields.Selection(
        [
            ("credit", "Nothing to pay"),
            ("no_customer", "No customer"),
            ("paid", "Paid, not reconciled yet"),
            ("blocked", "Blocked"),
            ("customer_excluded", "Customer not to be reminded"),
            ("customer_archived", "Archived customer"),
            ("net_nil", "Net balance nil"),
            ("in_flight", "Reminder under way"),
            ("no_plan", "No plan"),
            ("no_step", "Plan without steps"),
            ("min_gap", "Reminded too recently"),
            ("not_due", "First step not reached"),
            ("last_step", "Last level already sent"),
        ],
        string="Why not",
    )
    reason_days = fields.Integer(aggregator=None)
    reason = fields.Char(compute="_compute_reason")
    has_credit = fields.Boolean(
        string="Unreconciled payment",
        help="The customer has a payment or a credit note that is not reconciled yet.",
    )
    credit_amount = fields.Monetary(
        string="Unreconciled credits", currency_field="currency_id", aggregator=None
    )

    # Query

    @property
    def _table_query(self):
        # What is searched has the columns that it reads: see `ItemQuery`.
        if self.env.context.get("relance_item_lazy"):
            return SQL("SELECT")
        return self._assembled(self._columns())

    @api.model
    def _assembled(self, names, lines=None, conditions=()):
        """Return the query with some of its columns, and the joins that these need.

        :param names: the columns' names
        :param SQL lines: which journal items to look at, from ``FROM`` on; all that are
            open if None
        :param conditions: conditions on ``line`` that its rows fulfil anyhow
        :rtype: SQL
        """
        self = self._with_facts()
        columns, credits = self._columns(), None
        select = SQL(", ").join(
            SQL("%s AS %s", columns[name], SQL.identifier(name))
            for name in sorted(names)
        )
        # Once: PostgreSQL would take a condition said again for one more.
        where = (
            SQL("TRUE") if lines else SQL(" AND ").join([self._where(), *conditions])
        )
        joins = SQL(" ").join(
            pruned(self._joins(bool(lines)), f"{select.code} {where.code}", ALIASES)
        )
        if not lines and re.search(r"\bcustomer_credit\.", joins.code):
            credits = self._customer_credit_values(f"{select.code} {joins.code}")
        ctes = pruned(self._ctes(lines, credits), joins.code, NAMES)
        if lines:
            code = f"{select.code} {joins.code} {where.code}"
            ctes.insert(0, self._looked_at(lines, code))
        return SQL(
            "%s SELECT %s FROM %s line %s WHERE %s",
            SQL("WITH %s", SQL(", ").join(ctes)) if ctes else SQL(),
            select,
            SQL("looked_at" if lines else "account_move_line"),
            joins,
            where,
        )

    @api.model
    def _looked_at(self, lines, code):
        """Return the CTE of the journal items to look at, with what is read of them."""
        return SQL(
            "looked_at AS MATERIALIZED (SELECT %s %s)",
            SQL(", ").join(
                SQL.identifier("line", name)
                for name in sorted(
                    {"partner_id", "move_id", *re.findall(r'\bline"?\."?(\w+)', code)}
                )
            ),
            lines,
        )

    @api.model
    def _columns(self):
        """Return the column of each stored field.

        :rtype: dict[str, SQL]
        """
        return {
            "id": SQL("line.id"),
            "move_line_id": SQL("line.id"),
            "move_id": SQL("line.move_id"),
            "partner_id": SQL("line.partner_id"),
            "customer_type": self.env["res.partner"]._relance_type_sql(SQL("partner")),
            "company_id": SQL("line.company_id"),
            "entity_id": SQL("split_part(company.parent_path, '/', 1)::int"),
            "name": SQL("line.move_name"),
            # Where an invoice has no label of its own, Odoo repeats its number there,
            # with the reference.
            "label": SQL(
                """CASE WHEN line.name NOT IN (
                    line.move_name, COALESCE(move.ref, '') || ' - ' || line.move_name
                ) THEN line.name END"""
            ),
            "ref": SQL("move.ref"),
            "date": SQL("COALESCE(move.invoice_date, line.date)"),
            "currency_id": SQL("line.currency_id"),
            "amount_due": SQL("line.amount_residual_currency"),
            "amount_due_company": SQL("line.amount_residual"),
            "date_due": SQL("due.date_due"),
            "days_late": SQL("due.days_late"),
            "plan_id": SQL("plan.plan_id"),
            "last_reminder_id": SQL("last.reminder_id"),
            "last_date": SQL("last_reminder.date"),
            "last_level_id": SQL(
                "CASE WHEN last.state IN ('failed', 'disavowed') THEN sent.level_id"
                " ELSE last.level_id END"
            ),
            "last_state": SQL("last.state"),
            "last_pdf_id": SQL("last_reminder.letter_attachment_id"),
            "sent_level_id": SQL("sent.level_id"),
            "advised_step_id": SQL(
                "CASE WHEN reason.code IS NULL"
                " THEN plan_steps.step_ids[advice.position] END"
            ),
            "advised_level_id": SQL(
                "CASE WHEN reason.code IS NULL"
                " THEN plan_steps.level_ids[advice.position] END"
            ),
            "reason_code": SQL("reason.code"),
            "reason_days": SQL(
                """CASE reason.code
                    WHEN 'not_due' THEN plan_steps.days[1] - due.days_late
                    WHEN 'min_gap' THEN %(today)s - sent_day.day
                    WHEN 'last_step' THEN %(today)s - sent_day.day
                    END""",
                today=self._today(),
            ),
            "has_credit": SQL("unallocated.partner_id IS NOT NULL"),
            "credit_amount": SQL("COALESCE(customer_credit.credit, 0)"),
            **self._automatic_columns(),
        }

    @api.model
    def _today(self):
        """Return today's date by the time zone of a row's company, for the query."""
        return self.env.companies._relance_today_sql(SQL("line.company_id"))

    @api.model
    def _open_lines(self, alias):
        """Return the condition of an open receivable line, by its table alias.

        Worded as the partial indexes on open lines are; the accounts are named, so that
        PostgreSQL knows how many lines they have.
        """
        return SQL(
            "%s AND %s.account_id = ANY(%s)",
            self._open_condition(alias),
            SQL(alias),
            self._facts()["accounts"],
        )

    @api.model
    def _open_condition(self, alias):
        """Return the condition of a line on which something is open, of any account."""
        return SQL(
            """%(line)s.reconciled IS NOT TRUE
           AND %(line)s.parent_state = 'posted'
           AND (%(line)s.amount_residual_currency <> 0
                OR %(line)s.amount_residual <> 0)""",
            line=SQL(alias),
        )

    @api.model
    def _joins(self, few=False):
        """Return the joins to the journal item ``line``, by the aliases they add: its
        customer, plan, reminders and advice (C3).

        A step's position in its plan is counted with ``width_bucket``, which needs no
        sub-query per row; 0 is before the first step.

        :param bool few: whether few rows are looked at: to plan their query takes
            longer than to run it, and less where each step is planned by itself
        :rtype: dict[str, SQL]
        """
        plans = self.env["relance.plan"]
        # Keeps PostgreSQL from writing a step out wherever it is read.
        fence = SQL("OFFSET 0") if few else SQL()
        return {
            "move": SQL("JOIN account_move move ON move.id = line.move_id"),
            "company": SQL("JOIN res_company company ON company.id = line.company_id"),
            "partner": SQL(
                "LEFT JOIN res_partner partner ON partner.id = line.partner_id"
            ),
            "own_plan role_plan type_plan": plans._plan_joins(
                SQL("partner"), SQL("company")
            ),
            "plan": SQL(
                "CROSS JOIN LATERAL (SELECT %s AS plan_id %s) plan",
                plans._plan_id_sql(),
                fence,
            ),
            "plan_steps": SQL(
                "LEFT JOIN plan_steps ON plan_steps.plan_id = plan.plan_id"
            ),
            "last": self._reminder_line_join("last", "is_last"),
            "last_reminder": self._reminder_join("last_reminder", "last"),
            "sent": self._reminder_line_join("sent", "is_last_sent"),
            "sent_reminder": self._reminder_join("sent_reminder", "sent"),
            "sent_rank": SQL(
                "LEFT JOIN level_rank sent_rank ON sent_rank.id = sent.level_id"
            ),
            "sent_day": SQL(
                "CROSS JOIN LATERAL (SELECT %s AS day) sent_day", self._sent_day_sql()
            ),
            "customer_credit": SQL(
                """
                LEFT JOIN customer_credit
                       ON customer_credit.partner_id = line.partner_id
                      AND customer_credit.company_id = line.company_id
                      AND customer_credit.currency_id = line.currency_id
                """
            ),
            "unallocated": SQL(
                """
                LEFT JOIN unallocated
                       ON unallocated.partner_id = line.partner_id
                      AND unallocated.entity = split_part(company.parent_path, '/', 1)
                """
            ),
            "due": SQL(
                """
                CROSS JOIN LATERAL (
                    SELECT COALESCE(line.date_maturity, line.date) AS date_due,
                           %s - COALESCE(line.date_maturity, line.date) AS days_late
                ) due
                """,
                self._today(),
            ),
            "position": SQL(
                """
                CROSS JOIN LATERAL (
                    SELECT width_bucket(due.days_late, plan_steps.days) AS reached,
                           COALESCE(width_bucket(sent_rank.rank, plan_steps.ranks), 0)
                                AS sent
                ) position
                """
            ),
            "advice": SQL(
                """
                CROSS JOIN LATERAL (
                    SELECT GREATEST(
                        position.reached,
                        CASE WHEN sent_rank.rank IS NOT NULL
                              AND position.sent < cardinality(plan_steps.days)
                             THEN position.sent + 1 END
                    ) AS position %s
                ) advice
                """,
                fence,
            ),
            "reason": SQL(
                "CROSS JOIN LATERAL (SELECT %s AS code %s) reason",
                self._reason_sql(),
                fence,
            ),
            **self._automatic_joins(),
        }

    @api.model
    def _reminder_line_join(self, alias, flag):
        """Return the join to the one reminder line of each row that has a flag."""
        return SQL(
            """LEFT JOIN relance_reminder_line %(line)s
                      ON %(line)s.move_line_id = line.id AND %(flag)s""",
            line=SQL.identifier(alias),
            flag=SQL.identifier(alias, flag),
        )

    @api.model
    def _reminder_join(self, alias, line):
        """Return the join to the reminder of such a line."""
        return SQL(
            "LEFT JOIN relance_reminder %(reminder)s ON %(reminder)s.id = %(id)s",
            reminder=SQL.identifier(alias),
            id=SQL.identifier(line, "reminder_id"),
        )

    @api.model
    def _sent_day_sql(self):
        """Return the day on which a row's last reminder really left, by the company's
        time zone: one that was confirmed or posted late counts from then on."""
        return SQL(
            """COALESCE(
                (sent_reminder.date_sent AT TIME ZONE 'UTC'
                    AT TIME ZONE COALESCE(company.relance_tz, 'UTC'))::date,
                sent_reminder.date)"""
        )

    @api.model
    def _reason_sql(self):
        """Return the code of what keeps a row from being advised, or NULL (C4)."""
        return SQL(
            """CASE
                %(not_owed)s
                WHEN move.relance_promise_date >= %(today)s THEN 'promised'
                WHEN last.state = ANY(%(in_flight)s) THEN 'in_flight'
                WHEN plan.plan_id IS NULL THEN 'no_plan'
                WHEN plan_steps.plan_id IS NULL THEN 'no_step'
                WHEN %(today)s - sent_day.day < company.relance_min_gap
                    THEN 'min_gap'
                WHEN advice.position = 0 THEN 'not_due'
                WHEN sent_rank.rank > plan_steps.ranks[advice.position]
                    THEN 'last_step'
            END""",
            not_owed=self._not_owed_cases(),
            in_flight=list(IN_FLIGHT),
            today=self._today(),
        )

    @api.model
    def _not_owed_cases(self):
        """Return the cases of what nobody may be reminded of, by hand or not."""
        return SQL(
            """
                WHEN line.partner_id IS NULL THEN 'no_customer'
                WHEN line.amount_residual_currency <= 0 THEN 'credit'
                WHEN move.payment_state IN ('paid', 'in_payment', 'reversed')
                    THEN 'paid'
                WHEN line.no_followup
                  OR move.payment_state IN ('blocked', 'invoicing_legacy')
                    THEN 'blocked'
                WHEN partner.relance_excluded->>(company.id::text) = 'true'
                  OR partner.relance_excluded->>split_part(
                        company.parent_path, '/', 1) = 'true'
                    THEN 'customer_excluded'
                WHEN NOT partner.active THEN 'customer_archived'
                WHEN customer_credit.net <= 0 THEN 'net_nil'
            """
        )

    @api.model
    def _where(self):
        return self._open_lines("line")

    @api.depends("reason_code", "reason_days")
    @api.depends_context("lang")
    def _compute_reason(self):
        for item in self:
            item.reason = item.reason_code and item._reason_text(item.reason_code)

    def _reason_text(self, code):
        """Return the sentence of what keeps this row from being reminded (C4)."""
        texts = {
            "credit": self.env._("Nothing to pay: credit, payment or amount of zero"),
            "no_customer": self.env._(
                "No customer on this entry: set one to remind it"
            ),
            "paid": self.env._("Paid: the payment is not reconciled yet"),
            "blocked": self.env._("Blocked: “do not remind” or payment blocked"),
            "customer_excluded": self.env._("Customer marked “do not remind”"),
            "customer_archived": self.env._("Archived customer: unarchive to remind"),
            "in_flight": self.env._(
                "Under way: %s", self.last_reminder_id.display_name
            ),
            "no_plan": self.env._(
                "No plan fits this customer: choose one on the customer, or tick "
                "“Default plan” on a plan of its type"
            ),
            "no_step": self.env._(
                "The plan “%s” has no step", self.plan_id.display_name
            ),
            "net_nil": self.env._("Net balance nil: credits cover what is owed"),
            "min_gap": self.env._("Reminded %s", self._days_ago(self.reason_days)),
            "not_due": self.env._("First step tomorrow")
            if self.reason_days == 1
            else self.env._("First step in %s days", self.reason_days),
            "last_step": self.env._(
                "Higher level already sent %s", self._days_ago(self.reason_days)
            ),
        }
        return texts[code]

    @api.model
    def _days_ago(self, days):
        """Return “today”, “yesterday” or “3 days ago”."""
        if not days:
            return self.env._("today")
        return self.env._("yesterday") if days == 1 else self.env._("%s days ago", days)

    def _left_out_text(self):
        """Return the sentence that says which row is left out, and why (D7)."""
        self.ensure_one()
        return self.env._(
            "%(name)s (%(customer)s): %(reason)s",
            name=self.name,
            customer=self.partner_id.display_name or self.env._("no customer"),
            reason=self.reason,
        )

    def _claim_key(self):
        """Return what all rows of one reminder share: company, customer, currency."""
        return tuple(self[name] for name in CLAIM_KEY)

    def _cautions(self):
        """Return what a person should know before he reminds these rows (C5).

        :rtype: list[str]
        """
        cautions = []
        days = [item._days_since_reminded() for item in self if item.sent_level_id]
        if days and min(days) < CAUTION_DAYS:
            cautions.append(self.env._("Reminded %s.", self._days_ago(min(days))))
        if "disavowed" in self.mapped("last_state"):
            cautions.append(self.env._("The last reminder was disavowed."))
        if any(self.mapped("has_credit")):
            cautions.append(
                self.env._("The customer has an unreconciled payment or credit note.")
            )
        return cautions

    def _days_since_reminded(self):
        """Return how many days ago a reminder of this row last left."""
        return (fields.Date.context_today(self) - self.last_date).days

    def _is_owed(self):
        """Return whether the row may still be claimed, whatever the plan says (D7)."""
        self.ensure_one()
        return self.reason_code not in self._not_owed_codes()

    @api.model
    def _owed_domain(self):
        """Return the domain of the rows that may still be claimed (D7)."""
        return Domain("reason_code", "not in", self._not_owed_codes())

    @api.model
    def _not_owed_codes(self):
        """Return the reasons for which a reminder already made must not claim a row any
        longer (D7); an addon that adds a case to `_not_owed_cases` adds its code."""
        return NOT_OWED

    @api.model
    def _read_again(self, move_line_ids):
        """Return the rows of these journal items as the books are now, all of their
        columns read by one query."""
        self.invalidate_model()
        return self.search_fetch([("id", "in", move_line_ids)], list(self._columns()))

    def action_prepare(self):
        """Open « Préparer les relances » on the selected rows (D1)."""
        wizard = self.env["relance.prepare"]._create_for_items(self)
        return wizard._action_open()

    def action_open_move(self):
        """Open the invoice or entry of the row."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.move",
            "res_id": self.move_id.id,
            "views": [(False, "form")],
        }

    @api.model
    def get_totals(self, domain):
        """Return what the rows of a domain amount to, per currency (C1).

        :return: formatted amounts, the largest number of rows first
        :rtype: list[str]
        """
        groups = self._read_group(
            domain, ["currency_id"], ["amount_due:sum", "__count"], order="__count DESC"
        )
        return [
            formatLang(self.env, amount, currency_obj=currency)
            for currency, amount, _count in groups
        ]

    @api.model
    def get_bank_status(self):
        """Return, per bank journal of the active companies, how far the books are (C5).

        :return: one dict per journal: ``journal`` (its name), ``company``, ``date``
            (last statement or reconciled entry, formatted in the user's language, or
            False) and ``late`` (older than the company's limit).
        :rtype: list[dict]
        """
        self.check_access("read")
        return self.env.companies._relance_bank_status()
