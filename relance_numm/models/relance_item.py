import re

from odoo import api, fields, models
from odoo.tools import SQL, formatLang

from .relance_item_query import named_ctes, pruned, unnested_sql, values_sql
from .relance_plan import CUSTOMER_TYPES
from .relance_reminder import IN_FLIGHT, LINE_STATES

# A reminder more recent than this is pointed out before another is made.
CAUTION_DAYS = 3
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
# Types of the columns of the tables whose values are written into the query.
_STEPS = {
    "plan_id": "int",
    "customer_type": "text",
    "step_ids": "int[]",
    "days": "int[]",
    "level_ids": "int[]",
    "ranks": "int[]",
    "automations": "text[]",
}
SMALL_TABLES = {
    "level_rank": {"id": "int", "rank": "int"},
    "type_plan": {"company_id": "int", "customer_type": "text", "plan_id": "int"},
    "plan_steps": _STEPS,
    "automatic_steps": _STEPS,
}
# What these and other settings are read from.
FACTS = {
    "account.account": ["account_type"],
    "relance.level": ["sequence"],
    "relance.plan": [
        "active",
        "category_ids",
        "company_id",
        "customer_type",
        "is_default",
    ],
    "relance.step": ["automation", "days", "level_id", "number", "plan_id"],
    "res.company": ["parent_path"],
    "res.partner": ["relance_customer_type", "relance_plan_id"],
}
CREDITS = {
    "partner_id": "int",
    "company_id": "int",
    "currency_id": "int",
    "credit": "numeric",
    "net": "numeric",
}
# So many customers with open credits are written into a query.
MAX_CREDITS = 10000
ROLE_PLAN = {
    "company_id": "int",
    "partner_id": "int",
    "customer_type": "text",
    "plan_id": "int",
}


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
        where = SQL(" AND ").join([self._where(), *conditions])
        joins = SQL(" ").join(
            pruned(self._joins(), f"{select.code} {where.code}", r"\.")
        )
        if not lines and re.search(r"\bcustomer_credit\.", joins.code):
            credits = self._customer_credit_values(f"{select.code} {joins.code}")
        ctes = pruned(self._ctes(lines, credits), joins.code, r"\b")
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
                    {"partner_id", "move_id", *re.findall(r"\bline\.(\w+)", code)}
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
            """%(line)s.reconciled IS NOT TRUE
           AND %(line)s.parent_state = 'posted'
           AND (%(line)s.amount_residual_currency <> 0
                OR %(line)s.amount_residual <> 0)
           AND %(line)s.account_id = ANY(%(account_ids)s)""",
            line=SQL(alias),
            account_ids=self._facts()["accounts"],
        )

    @api.model
    def _ctes(self, lines=None, credits=None):
        """Return the small tables that the joins read, by name, in the order in which
        they read each other: levels in order, plans, credits.

        :param SQL lines: which journal items are looked at, if not all
        :param SQL credits: what customers with open credits owe, where it is known
        :rtype: dict[str, SQL]
        """
        facts = self._facts()
        small = {
            name: values_sql(facts[name] or [], columns)
            for name, columns in SMALL_TABLES.items()
        }
        roles = (
            self.env["relance.plan"]._role_plan_ctes()
            if facts["any_role"]
            else {"role_plan": values_sql([], ROLE_PLAN)}
        )
        ctes = {
            **small,
            **roles,
            "customer_credit": credits or self._customer_credit_sql(lines),
            "unallocated": self._unallocated_sql(lines),
            "several_instalments": self._several_instalments_sql(lines),
        }
        return named_ctes(ctes, inlined=[*small, "several_instalments"])

    @api.model
    def _with_facts(self):
        """Return the model with `_facts` read once, for all parts of a query."""
        return self.with_context(relance_item_facts=self._facts())

    @api.model
    def _facts(self):
        """Return the settings that a query is made of: the levels in order, the plans
        with their steps, the receivable accounts of all companies.

        Their values are written into the query: PostgreSQL then plans it quickly, knows
        how many rows there are, and shares it among its workers.

        :return: the rows of each of the small tables, ``any_role`` (whether a plan is
            for customers with some role), ``any_own_plan`` and ``any_public`` (whether
            a customer has a plan of his own, or is a public body), ``accounts`` (ids)
        :rtype: dict
        """
        if facts := self.env.context.get("relance_item_facts"):
            return facts
        for name, fields_read in FACTS.items():
            self.env[name].flush_model(fields_read)
        queries = {
            **self.env["relance.plan"]._plan_ctes(),
            "level_rank": SQL(
                """
                SELECT id, row_number() OVER (ORDER BY sequence, id)::int AS rank
                  FROM relance_level
                """
            ),
            "plan_steps": self._steps_sql(SQL("TRUE")),
            "automatic_steps": self._steps_sql(SQL("step.automation <> 'manual'")),
        }
        [row] = self.env.execute_query_dict(
            SQL(
                """
                WITH %(ctes)s SELECT %(tables)s,
                    EXISTS (SELECT FROM relance_plan_res_partner_category_rel)
                        AS any_role,
                    EXISTS (
                        SELECT FROM res_partner WHERE relance_plan_id IS NOT NULL
                    ) AS any_own_plan,
                    EXISTS (
                        SELECT FROM res_partner
                         WHERE relance_customer_type = 'public'
                    ) AS any_public,
                    ARRAY(SELECT id FROM account_account
                           WHERE account_type = 'asset_receivable') AS accounts
                """,
                ctes=SQL(", ").join(named_ctes(queries).values()),
                tables=SQL(", ").join(
                    SQL(
                        "(SELECT json_agg(t) FROM %(name)s t) AS %(name)s",
                        name=SQL.identifier(name),
                    )
                    for name in SMALL_TABLES
                ),
            )
        )
        return row

    @api.model
    def _steps_sql(self, condition):
        """Return the query of the steps of each plan, as arrays.

        :param SQL condition: which ones
        """
        return SQL(
            """
            SELECT step.plan_id,
                   MIN(plan.customer_type) AS customer_type,
                   array_agg(step.id ORDER BY step.number) AS step_ids,
                   array_agg(step.days ORDER BY step.number) AS days,
                   array_agg(step.level_id ORDER BY step.number) AS level_ids,
                   array_agg(level_rank.rank ORDER BY step.number) AS ranks,
                   array_agg(step.automation ORDER BY step.number) AS automations
              FROM relance_step step
              JOIN relance_plan plan ON plan.id = step.plan_id
              JOIN level_rank ON level_rank.id = step.level_id
             WHERE %s
          GROUP BY step.plan_id
            """,
            condition,
        )

    @api.model
    def _customers_looked_at(self, lines):
        """Return the condition on ``line`` of the customers that are looked at."""
        if not lines:
            return SQL("TRUE")
        return SQL("line.partner_id IN (SELECT partner_id FROM looked_at)")

    @api.model
    def _customer_credit_sql(self, lines=None):
        """Return the query of what customers with open credits owe, net of these."""
        return SQL(
            """
            SELECT line.partner_id, owed.company_id, owed.currency_id,
                   owed.credit, owed.net
              FROM (
                SELECT DISTINCT line.partner_id
                  FROM account_move_line line
                 WHERE %(open_line)s
                   AND line.amount_residual_currency < 0
                   AND %(customers)s
              ) line
        CROSS JOIN LATERAL (
                SELECT other.company_id, other.currency_id,
                       SUM(LEAST(other.amount_residual_currency, 0)) AS credit,
                       SUM(other.amount_residual_currency) AS net
                  FROM account_move_line other
                 WHERE %(open_other)s
                   AND other.partner_id = line.partner_id
              GROUP BY other.company_id, other.currency_id
                HAVING SUM(LEAST(other.amount_residual_currency, 0)) < 0
              ) owed
            """,
            open_line=self._open_lines("line"),
            customers=self._customers_looked_at(lines),
            open_other=self._open_lines("other"),
        )

    @api.model
    def _customer_credit_values(self, code):
        """Return what customers with open credits owe, its values written out where
        they are few, or None: PostgreSQL shares a query over all rows among workers
        only where it knows that the tables they all read are small.

        :param str code: the SQL that reads them; most reads but who owes nothing, net
        """
        nil_alone = SQL() if "customer_credit.credit" in code else SQL("WHERE net <= 0")
        rows = self.env.execute_query(
            SQL(
                "SELECT * FROM (%s) customer_credit %s LIMIT %s",
                self._customer_credit_sql(),
                nil_alone,
                MAX_CREDITS + 1,
            )
        )
        if len(rows) > MAX_CREDITS:
            return None
        return unnested_sql(rows, CREDITS)

    @api.model
    def _unallocated_sql(self, lines=None):
        """Return the query of the customers who have money that no invoice got yet,
        by entity and in whatever currency: an open credit, a payment that has no entry
        yet, a bank line that is not reconciled (C5); how much, in the company's."""
        return SQL(
            """
            SELECT money.partner_id, split_part(owner.parent_path, '/', 1) AS entity,
                   SUM(money.amount) AS amount
              FROM (
                SELECT line.partner_id, line.company_id,
                       -line.amount_residual AS amount
                  FROM account_move_line line
                 WHERE %(open_line)s AND line.amount_residual_currency < 0
                   AND %(customers)s
             UNION ALL
                SELECT payer.commercial_partner_id, payment.company_id,
                       payment.amount_company_currency_signed
                  FROM account_payment payment
                  JOIN res_partner payer ON payer.id = payment.partner_id
                 WHERE payment.payment_type = 'inbound'
                   AND payment.partner_type = 'customer'
                   AND payment.state = 'in_process'
                   AND payment.move_id IS NULL
             UNION ALL
                SELECT payer.commercial_partner_id, bank_line.company_id,
                       bank_move.amount_total_signed
                  FROM account_bank_statement_line bank_line
                  JOIN account_move bank_move ON bank_move.id = bank_line.move_id
                  JOIN res_partner payer ON payer.id = bank_line.partner_id
                 WHERE bank_line.amount > 0 AND NOT bank_line.is_reconciled
              ) money
              JOIN res_company owner ON owner.id = money.company_id
          GROUP BY money.partner_id, split_part(owner.parent_path, '/', 1)
            """,
            open_line=self._open_lines("line"),
            customers=self._customers_looked_at(lines),
        )

    @api.model
    def _joins(self):
        """Return the joins to the journal item ``line``, by the aliases they add: its
        customer, plan, reminders and advice (C3).

        A step's position in its plan is counted with ``width_bucket``, which needs no
        sub-query per row; 0 is before the first step.

        :rtype: dict[str, SQL]
        """
        plans = self.env["relance.plan"]
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
                "CROSS JOIN LATERAL (SELECT %s AS plan_id) plan", plans._plan_id_sql()
            ),
            "plan_steps": SQL(
                "LEFT JOIN plan_steps ON plan_steps.plan_id = plan.plan_id"
            ),
            "last": SQL(
                """
                LEFT JOIN relance_reminder_line last
                       ON last.move_line_id = line.id AND last.is_last
                """
            ),
            "last_reminder": SQL(
                """
                LEFT JOIN relance_reminder last_reminder
                       ON last_reminder.id = last.reminder_id
                """
            ),
            "sent": SQL(
                """
                LEFT JOIN relance_reminder_line sent
                       ON sent.move_line_id = line.id AND sent.is_last_sent
                """
            ),
            "sent_reminder": SQL(
                """
                LEFT JOIN relance_reminder sent_reminder
                       ON sent_reminder.id = sent.reminder_id
                """
            ),
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
                    ) AS position
                ) advice
                """
            ),
            "reason": SQL(
                "CROSS JOIN LATERAL (SELECT %s AS code) reason", self._reason_sql()
            ),
            **self._automatic_joins(),
        }

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
        return self.company_id, self.partner_id, self.currency_id

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
        return self.reason_code not in NOT_OWED

    @api.model
    def _read_again(self, move_line_ids):
        """Return the rows of these journal items as the books are now."""
        self.invalidate_model()
        return self.search([("id", "in", move_line_ids)])

    def _allowed_levels(self):
        """Return the levels a person may choose for these rows of a customer (D2):
        from the highest one already sent up to the highest advised one."""
        highest = {
            name: max(
                self.mapped(name),
                key=lambda level: level._compare_key(),
                default=self.env["relance.level"],
            )
            for name in ("sent_level_id", "advised_level_id")
        }
        return self.plan_id[:1]._levels_between(
            highest["sent_level_id"], highest["advised_level_id"]
        )

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
