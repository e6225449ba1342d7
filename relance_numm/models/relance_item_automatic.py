from collections import Counter
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_date, format_datetime, formatLang

from ..client_actions import notification
from .relance_reminder import IN_FLIGHT
from .relance_step import AUTOMATIONS
from .res_company import REMIND_BY

# An invoice that raised so often when its reminder was made waits for a person.
MAX_CREATION_ERRORS = 5
# One that raised waits for the next run.
ERROR_WAIT = timedelta(minutes=50)
# An instalment that the cron is done with leaves its invoice to the later ones.
LEAD_LEFT = ("blocked", "cleared", "before_start", "last_step")
# What the columns are where every company reminds by hand: to say so at once spares
# PostgreSQL the planning of half the query.
BY_HAND = {
    "next_date": SQL("NULL::date"),
    "next_step_id": SQL("NULL::int"),
    "next_level_id": SQL("NULL::int"),
    "automation": SQL("NULL::varchar"),
    "automatic_code": SQL("'by_hand'::varchar"),
    "is_due": SQL("FALSE"),
    "amount_reminded": SQL("NULL::numeric"),
}
# Beyond so many rows the dry run does not say by what means they leave.
MAX_ROUTES = 2000


class RelanceItemAutomatic(models.Model):
    """When the cron reminds a row, at which step, or why it does not (G1–G3).

    Part of the same query as the advice, so what a person reads on the invoice, on the
    dry run and what the cron does are one rule.
    """

    _inherit = "relance.item"

    relance_on = fields.Selection(REMIND_BY, string="Remind by")
    next_date = fields.Date(
        string="Next reminder",
        help="The day from which on the next automatic reminder is sent; empty: none "
        "is.",
    )
    next_step_id = fields.Many2one("relance.step", string="Next step")
    next_level_id = fields.Many2one("relance.level", string="Next level")
    skipped_level_id = fields.Many2one(
        "relance.level",
        string="Level canceled",
        help="A person canceled the automatic reminder of this level: the step after "
        "it is next.",
    )
    automation = fields.Selection(AUTOMATIONS, string="By itself")
    is_due = fields.Boolean(
        string="At the next run",
        help="The next automatic reminder is due today, by the company's time zone.",
    )
    is_first = fields.Boolean(
        string="First by itself",
        help="The entry was never reminded by itself: the daily limit holds for it.",
    )
    unallocated_amount = fields.Monetary(
        string="Money to match",
        currency_field="company_currency_id",
        aggregator=None,
        help="What the customer has paid or been credited that no invoice got yet, "
        "the bank's lines included.",
    )
    amount_reminded = fields.Monetary(
        string="Amount reminded",
        currency_field="currency_id",
        help="What the next reminder claims: this entry, and what is late of the other "
        "instalments of its invoice.",
    )
    automatic_code = fields.Selection(
        [
            ("by_hand", "Reminded by hand"),
            ("no_customer", "No customer"),
            ("credit", "Nothing to pay"),
            ("paid", "Paid, not reconciled yet"),
            ("blocked", "Blocked"),
            ("customer_excluded", "Customer not to be reminded"),
            ("customer_archived", "Archived customer"),
            ("net_nil", "Net balance nil"),
            ("not_invoice", "Not an invoice"),
            ("in_flight", "Reminder under way"),
            ("no_plan", "No plan"),
            ("no_step", "Plan without automatic step"),
            ("follows", "Goes with an earlier instalment"),
            ("cleared", "Next date cleared"),
            ("before_start", "Due before automatic reminders began"),
            ("failed", "Last reminder failed"),
            ("error", "Could not be made"),
            ("last_step", "Last step sent"),
            ("below_minimum", "Below the minimum amount"),
        ],
        string="Why not automatically",
    )
    automatic_reason = fields.Char(
        string="Why not by itself", compute="_compute_automatic_reason"
    )
    automatic_delivery = fields.Char(
        string="By",
        compute="_compute_automatic_delivery",
        help="How the customer would be reached, or why nobody can be.",
    )
    automatic_outcome = fields.Char(
        string="By, or why not", compute="_compute_automatic_outcome"
    )

    # Query

    @api.model
    def _automatic_joins(self):
        """Return the joins that find the next automatic step of each row (G1).

        The step that is due now where one is, however many were missed; else the one
        after the last that left, or that a person canceled. ``own`` says whether what a
        person decided about the invoice's next date holds for the row: a date holds for
        the instalment that led when it was set, and an emptied one for all of them.

        ``OFFSET 0`` keeps PostgreSQL from writing the code's sub-queries out again
        wherever the code is used.
        """
        return {
            "automatic_steps": SQL(
                "LEFT JOIN automatic_steps ON automatic_steps.plan_id = plan.plan_id"
            ),
            "skipped": SQL(
                """
                LEFT JOIN relance_reminder_line skipped
                       ON skipped.move_line_id = line.id
                      AND skipped.skipped_on IS NOT NULL
                """
            ),
            "skipped_rank": SQL(
                """
                LEFT JOIN level_rank skipped_rank
                       ON skipped_rank.id = skipped.level_id
                """
            ),
            "next": SQL(
                """
                CROSS JOIN LATERAL (
                    SELECT GREATEST(
                        width_bucket(due.days_late, automatic_steps.days),
                        COALESCE(width_bucket(
                            GREATEST(sent_rank.rank, skipped_rank.rank),
                            automatic_steps.ranks), 0) + 1
                    ) AS position
                ) next
                """
            ),
            "own": SQL(
                """
                CROSS JOIN LATERAL (
                    SELECT move.relance_by_hand IS TRUE
                       AND COALESCE(move.relance_own_line_id, line.id) = line.id
                        AS holds
                ) own
                """
            ),
            "automatic": SQL(
                "CROSS JOIN LATERAL (SELECT %s AS code OFFSET 0) automatic",
                self._automatic_code_sql(),
            ),
            "next_reminder": SQL(
                "CROSS JOIN LATERAL (SELECT %s AS date) next_reminder",
                self._next_date_sql(),
            ),
        }

    @api.model
    def _next_date_sql(self):
        """Return the day from which on a row is reminded, or NULL.

        Two reminders of an entry never leave on one day, whatever the plan says, nor
        does one on the day on which a person canceled another.
        """
        return SQL(
            """CASE
                WHEN automatic.code IS NOT NULL THEN NULL
                WHEN own.holds THEN move.relance_own_date
                ELSE GREATEST(
                    due.date_due + automatic_steps.days[next.position],
                    sent_day.day + GREATEST(company.relance_min_gap, 1),
                    skipped.skipped_on + 1)
            END"""
        )

    @api.model
    def _automatic_columns(self):
        """Return the column of each stored field of the automation.

        :rtype: dict[str, SQL]
        """
        columns = {
            "relance_on": self._relance_on_sql(),
            "next_date": SQL("next_reminder.date"),
            **{
                name: SQL(
                    "CASE WHEN automatic.code IS NULL"
                    " THEN automatic_steps.%s[next.position] END",
                    SQL.identifier(array),
                )
                for name, array in (
                    ("next_step_id", "step_ids"),
                    ("next_level_id", "level_ids"),
                )
            },
            "skipped_level_id": SQL("skipped.level_id"),
            "automation": self._automation_sql(),
            "automatic_code": SQL("automatic.code"),
            "is_due": SQL("COALESCE(next_reminder.date <= %s, FALSE)", self._today()),
            "is_first": SQL(
                "last.id IS NULL OR NOT %s", self._reminded_by_itself(SQL())
            ),
            "unallocated_amount": SQL("COALESCE(unallocated.amount, 0)"),
            "amount_reminded": self._amount_reminded_sql(),
        }
        return columns | BY_HAND if self._all_by_hand() else columns

    @api.model
    def _all_by_hand(self):
        """Return whether no company reminds by invoice, as far as the settings of the
        query are known."""
        facts = self.env.context.get("relance_item_facts")
        rehearsal = self.env.context.get("relance_rehearsal")
        return bool(facts and not facts["any_automatic"] and not rehearsal)

    @api.model
    def _automation_sql(self):
        """Return whether the next reminder leaves by itself: a person confirms it where
        the customer has money that could be for the entry (C5, G3)."""
        return SQL(
            """CASE
                WHEN automatic.code IS NULL THEN CASE
                    WHEN unallocated.amount >= line.amount_residual THEN 'confirm'
                    ELSE automatic_steps.automations[next.position] END
            END"""
        )

    @api.model
    def _reminded_by_itself(self, at_level):
        """Return the condition that a row has an automatic reminder that counts.

        :param SQL at_level: a further condition on ``made``, its line
        """
        return SQL(
            """EXISTS (
                SELECT 1 FROM relance_reminder_line made
                 WHERE made.move_line_id = line.id
                   AND made.origin = 'automatic'
                   AND made.state NOT IN ('canceled', 'disavowed')
                   AND made.is_companion IS NOT TRUE
                   %s)""",
            at_level,
        )

    @api.model
    def _instalments_sql(self):
        """Return the join of a row's other instalments that may be reminded, with the
        rank of the level that was sent, or canceled, of each."""
        return SQL(
            """account_move_line other
         CROSS JOIN LATERAL (
                SELECT COALESCE(MAX(level_rank.rank), 0) AS rank
                  FROM relance_reminder_line passed
                  JOIN level_rank ON level_rank.id = passed.level_id
                 WHERE passed.move_line_id = other.id
                   AND (passed.is_last_sent OR passed.skipped_on IS NOT NULL)
            ) other_passed
              WHERE other.move_id = line.move_id
                AND other.id <> line.id
                AND %s
                AND other.amount_residual_currency > 0
                AND other.no_followup IS NOT TRUE""",
            self._open_lines("other"),
        )

    @api.model
    def _several_instalments_sql(self, lines=None):
        """Return the query of the invoices with several open lines: the others need not
        be searched for an instalment to follow.

        :param SQL lines: which journal items are looked at, if not all
        """
        return SQL(
            """
            SELECT other.move_id
              FROM account_move_line other
             WHERE %(open_line)s
               AND %(looked_at)s
          GROUP BY other.move_id
            HAVING COUNT(*) > 1
            """,
            open_line=self._open_lines("other"),
            looked_at=SQL("other.move_id IN (SELECT move_id FROM looked_at)")
            if lines
            else SQL("TRUE"),
        )

    @api.model
    def _amount_reminded_sql(self):
        """Return what a row's next reminder claims, see `_goes_with`."""
        return SQL(
            """CASE WHEN automatic.code IS NULL THEN
                line.amount_residual_currency + COALESCE((
                    SELECT SUM(other.amount_residual_currency)
                      FROM %(instalments)s
                       AND COALESCE(other.date_maturity, other.date) < %(today)s
                       AND (COALESCE(other.date_maturity, other.date), other.id)
                         > (due.date_due, line.id)
                       AND other_passed.rank < automatic_steps.ranks[next.position]
                       AND NOT EXISTS (
                            SELECT 1 FROM relance_reminder_line under_way
                             WHERE under_way.move_line_id = other.id
                               AND under_way.is_last
                               AND under_way.state = ANY(%(in_flight)s))), 0)
            END""",
            instalments=self._instalments_sql(),
            today=self._today(),
            in_flight=list(IN_FLIGHT),
        )

    @api.model
    def _automatic_code_sql(self):
        """Return the code of what keeps the cron from reminding a row, or NULL (G5).

        An invoice is led by its earliest instalment that its plan still reminds; the
        others go with it.
        """
        return SQL(
            """CASE
                WHEN %(relance_on)s <> 'invoice' THEN 'by_hand'
                %(not_owed)s
                WHEN move.move_type <> 'out_invoice' THEN 'not_invoice'
                WHEN last.state = ANY(%(in_flight)s) THEN 'in_flight'
                WHEN plan.plan_id IS NULL THEN 'no_plan'
                WHEN automatic_steps.plan_id IS NULL THEN 'no_step'
                WHEN own.holds AND move.relance_own_date IS NULL THEN 'cleared'
                WHEN move.relance_by_hand IS NOT TRUE AND due.date_due < %(since)s
                    THEN 'before_start'
                WHEN next.position > cardinality(automatic_steps.days)
                    THEN 'last_step'
                WHEN line.move_id IN (SELECT move_id FROM several_instalments)
                 AND EXISTS (
                    SELECT 1 FROM %(instalments)s
                       AND (COALESCE(other.date_maturity, other.date), other.id)
                         < (due.date_due, line.id)
                       AND other_passed.rank < automatic_steps.ranks[
                            cardinality(automatic_steps.ranks)]
                       AND (move.relance_by_hand IS TRUE
                            OR COALESCE(other.date_maturity, other.date)
                             < %(since)s IS NOT TRUE)
                ) THEN 'follows'
                WHEN last.state = 'failed' AND last_reminder.origin = 'automatic'
                    THEN 'failed'
                WHEN last.id IS NOT NULL AND %(made)s THEN 'failed'
                WHEN move.relance_error_count >= %(max_errors)s
                  OR move.relance_error_date > %(error_limit)s
                    THEN 'error'
                WHEN line.amount_residual < company.relance_min_amount
                 AND (line.move_id NOT IN (SELECT move_id FROM several_instalments)
                   OR line.amount_residual + COALESCE((
                    SELECT SUM(other.amount_residual) FROM %(instalments)s
                       AND COALESCE(other.date_maturity, other.date) < %(today)s), 0)
                   < company.relance_min_amount)
                    THEN 'below_minimum'
            END""",
            relance_on=self._relance_on_sql(),
            not_owed=self._not_owed_cases(),
            in_flight=list(IN_FLIGHT),
            instalments=self._instalments_sql(),
            since=self._since_sql(),
            made=self._reminded_by_itself(
                SQL("AND made.level_id = automatic_steps.level_ids[next.position]")
            ),
            max_errors=MAX_CREATION_ERRORS,
            error_limit=fields.Datetime.now() - ERROR_WAIT,
            today=self._today(),
        )

    @api.model
    def _relance_on_sql(self):
        """Return what a company reminds by; a rehearsal supposes that it is invoices.

        The context says so before an entity is switched: ``relance_rehearsal`` is its
        id, ``relance_rehearsal_since`` the due date to start from.
        """
        entity = self.env.context.get("relance_rehearsal")
        if not entity:
            return SQL("company.relance_on")
        return SQL(
            "CASE WHEN split_part(company.parent_path, '/', 1) = %s"
            " THEN 'invoice' ELSE company.relance_on END",
            str(entity),
        )

    @api.model
    def _since_sql(self):
        """Return the due date from which on invoices are reminded automatically."""
        entity = self.env.context.get("relance_rehearsal")
        if not entity:
            return SQL("company.relance_since")
        since = self.env.context.get("relance_rehearsal_since")
        return SQL(
            "CASE WHEN split_part(company.parent_path, '/', 1) = %s"
            " THEN %s::date ELSE company.relance_since END",
            str(entity),
            fields.Date.to_date(since) or None,
        )

    # Reading

    @api.depends("automatic_code", "reason_code", "reason_days")
    @api.depends_context("lang")
    def _compute_automatic_reason(self):
        for item in self:
            item.automatic_reason = item.automatic_code and item._automatic_text()

    def _automatic_text(self):
        """Return the sentence that says why the cron does not remind this row."""
        texts = {
            "by_hand": self.env._("Reminded by hand, from “Manage reminders”"),
            "not_invoice": self.env._(
                "Only customer invoices are reminded by themselves"
            ),
            "no_step": self.env._(
                "The plan “%s” has no automatic step", self.plan_id.display_name
            ),
            "follows": self.env._(
                "Waits for an earlier instalment, and goes with it once late"
            ),
            "cleared": self.env._(
                "The next date was emptied: set one, or follow the plan again"
            ),
            "before_start": self.env._(
                "Due before automatic reminders began: set a date to remind it"
            ),
            "failed": self._failed_text(),
            "error": self.env._("Could not be made: %s", self.move_id.relance_error),
            "last_step": self._last_step_text(),
            "below_minimum": self.env._("Less is left to pay than the minimum"),
        }
        return texts.get(self.automatic_code) or self._reason_text(self.automatic_code)

    def _last_step_text(self):
        """Return why no step is left: the last one was sent, or canceled."""
        if self._passed_level() == self.sent_level_id:
            return self.env._("The last step was sent")
        return self.env._("The last step was canceled")

    def _passed_level(self):
        """Return the highest level that was sent, or that a person canceled."""
        self.ensure_one()
        return max(
            self.sent_level_id,
            self.skipped_level_id,
            key=lambda level: level._compare_key(),
        )

    def _failed_text(self):
        """Return why the last reminder did not leave, and what becomes of it."""
        reminder = self.last_reminder_id
        retry = reminder._retry_text()
        text = self.env._("Failed: %s", reminder.error or "?")
        return f"{text} ({retry})" if retry else text

    @api.depends("next_step_id", "partner_id")
    @api.depends_context("lang")
    def _compute_automatic_delivery(self):
        routes = self.filtered("next_step_id")._automatic_routes()
        for item in self:
            route = routes.get(item.id)
            item.automatic_delivery = route and route.channel._route_text(route)

    @api.depends("automatic_delivery", "automatic_reason")
    @api.depends_context("lang")
    def _compute_automatic_outcome(self):
        beyond = self._beyond_cap()
        for item in self:
            notes = [
                item.automatic_reason or item.automatic_delivery,
                item in beyond and self.env._("on a later day: daily limit"),
                item._money_text(),
            ]
            item.automatic_outcome = ", ".join(filter(None, notes))

    def _money_text(self):
        """Return why a person confirms a reminder that would leave by itself, or
        False: the customer has paid something that is not matched yet."""
        self.ensure_one()
        if (
            self.automation != "confirm"
            or self.unallocated_amount < self.amount_due_company
        ):
            return False
        return self.env._(
            "to be confirmed: %s of this customer to match",
            formatLang(
                self.env,
                self.unallocated_amount,
                currency_obj=self.company_currency_id,
            ),
        )

    def _beyond_cap(self):
        """Return those of these rows that are due, and wait for another day because of
        the limit of first reminders (G4)."""
        beyond = self.browse()
        if self.env.context.get("relance_rehearsal"):
            return beyond
        first = self.filtered(lambda item: item.is_due and item.is_first)
        for entity, rows in first.grouped(lambda i: i.company_id.root_id).items():
            company = rows.company_id[:1]
            if not company.relance_first_cap:
                continue
            left = company._relance_first_left()
            leaving = left and self.search(
                [
                    ("entity_id", "=", entity.id),
                    ("is_first", "=", True),
                    *self._due_domain(),
                ],
                order="company_id, date_due, id",
                limit=left,
            )
            beyond |= rows - leaving if left else rows
        return beyond

    def _automatic_routes(self):
        """Return how each of these rows would reach its customer at its next step.

        :rtype: dict[int, Route]
        """
        recipients = self.move_id._relance_recipients()
        return {
            item.id: item.next_step_id._automatic_route(
                recipients[item.move_id.id], item.move_id.relance_mode == "letter"
            )
            for item in self
        }

    @api.model
    def _due_domain(self):
        """Return the domain of the rows that the cron is to remind today."""
        return [("is_due", "=", True)]

    def _is_due(self):
        """Return whether the cron is to remind this row today."""
        self.ensure_one()
        return self.is_due

    def _leading(self):
        """Return the instalment that an invoice follows, of all its open ones by due
        date: the earliest, unless the plan reminds only a later one (G1)."""
        reminded = self.filtered(lambda item: item.automatic_code not in LEAD_LEFT)
        return (reminded or self)[:1]

    def _goes_with(self, item):
        """Return whether this other instalment is claimed with one that is due: it is
        late, and was not reminded at that level yet."""
        self.ensure_one()
        return (
            self.automatic_code == "follows"
            and self.days_late > 0
            and self._claim_key() == item._claim_key()
            and self._passed_level()._compare_key() < item.next_level_id._compare_key()
        )

    def _mailing_key(self):
        """Return what the rows of one automatic reminder share where a customer's
        invoices go together: also whom it reaches, how, and who lets it go (G4)."""
        move = self.move_id
        return (
            self._claim_key(),
            self.automation,
            move.relance_mode,
            move.relance_own_emails,
            move.relance_own_internal_email,
        )

    def _next_reminder_text(self):
        """Return what comes next, or why nothing does."""
        self.ensure_one()
        if not self.next_date:
            return self.automatic_reason
        # A day that has come is none to wait for.
        pattern = (
            self.env._("%(level)s at the next run: %(delivery)s")
            if self._is_due()
            else self.env._("%(level)s on %(date)s: %(delivery)s")
        )
        return pattern % {
            "level": self.next_level_id.name,
            "date": format_date(self.env, self.next_date),
            "delivery": self.automatic_delivery,
        }

    # The dry run's screen (G5)

    def action_remind_now(self):
        """Let the cron run at once."""
        self._check_remind_now()
        # Whoever may change plans may start it, without a right on scheduled actions.
        self.env.ref("relance_numm.ir_cron_remind").sudo()._trigger()
        return notification(
            self.env._(
                "The reminders are being made in the background; they come to "
                "“Reminders” within a minute."
            )
        )

    @api.model
    def _check_remind_now(self):
        """Refuse a run at once to those who may not ask for it, and where nothing may
        leave.

        :raise UserError: saying why nothing may leave
        """
        self.env["relance.plan"].check_access("write")
        status = self.get_automatic_status()
        if all(company["hold"] for company in status):
            raise UserError("\n".join(company["text"] for company in status))

    @api.model
    def get_automatic_status(self):
        """Return whether anything may leave by itself now, per active company.

        :return: one dict per company that reminds by invoice: ``company`` (its name,
            where there are several), ``text`` and ``hold`` (nothing leaves)
        :rtype: list[dict]
        """
        self.check_access("read")
        companies = self.env.companies.filtered(lambda c: c.relance_on == "invoice")
        if self.env.context.get("relance_rehearsal"):
            text = self.env._(
                "Rehearsal: nothing is sent until you start automatic reminders."
            )
            text = " ".join(filter(None, [text, self._not_rehearsed_text()]))
            return [{"company": False, "text": text, "hold": True}]
        if not companies:
            text = self.env._(
                "No company reminds by invoice: choose “Remind by: Invoice” in "
                "Settings › Accounting › Reminders."
            )
            return [{"company": False, "text": text, "hold": True}]
        next_run = self._next_run_text()
        return [
            {
                "company": len(companies) > 1 and company.name,
                "text": hold or f"{next_run}. {company._relance_cap_text()}",
                "hold": bool(hold),
            }
            for company in companies
            for hold in [company._relance_hold()]
        ]

    @api.model
    def _not_rehearsed_text(self):
        """Return which branches of the rehearsed entity are not active, so that their
        rows do not show, or False."""
        entity = self.env.context["relance_rehearsal"]
        # Their names alone, also of those that the user may not see.
        branches = self.env["res.company"].sudo().search([("id", "child_of", entity)])
        absent = branches - self.env.companies
        return absent and self.env._(
            "Without the invoices of %s: tick it in the menu of companies to see them.",
            ", ".join(absent.mapped("name")),
        )

    @api.model
    def _next_run_text(self):
        """Return when the cron runs next, for people to read."""
        # Anyone who reads the dry run may know it, without a right on crons.
        cron = self.env.ref("relance_numm.ir_cron_remind").sudo()
        if not cron.active:
            return self.env._(
                "The scheduled action “%s” is archived: nothing leaves by itself.",
                cron.name,
            )
        return self.env._(
            "Next run: %s", format_datetime(self.env, cron.nextcall, dt_format="short")
        )

    @api.model
    def get_automatic_summary(self, domain):
        """Return what the rows of a domain that have a next date would make.

        :return: a sentence with the number of invoices and customers and, where they
            are not too many, how they would be reached; empty where there is none
        :rtype: str
        """
        planned = Domain(domain) & Domain("next_date", "!=", False)
        [(count, customers)] = self._read_group(
            planned, [], ["move_id:count_distinct", "partner_id:count_distinct"]
        )
        if not count:
            return ""
        text = self.env._(
            "%(invoices)s invoices of %(customers)s customers",
            invoices=count,
            customers=customers,
        )
        if count > MAX_ROUTES:
            return text
        items = self.search(planned)
        routes, groups = items._automatic_routes(), items._by_reminder()
        by_type = Counter(
            self.env._("cannot leave") if route.problem else route.channel.name
            for route in (routes[group[0].id] for group in groups)
        )
        details = ", ".join(f"{name} {number}" for name, number in by_type.items())
        if len(groups) < count:
            text = self.env._(
                "%(text)s in %(count)s reminders", text=text, count=len(groups)
            )
        return f"{text} ({details})"

    def _by_reminder(self):
        """Return these rows in the groups that would get a reminder together (G4).

        :rtype: list[relance.item]
        """
        batches = self.env["relance.batch"]
        return [
            group
            for company, rows in self.grouped("company_id").items()
            for group in batches.with_company(company)._split_by_reminder(rows)
        ]
