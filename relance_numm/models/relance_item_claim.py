from functools import cache
from itertools import chain
from typing import NamedTuple

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from .relance_item import CAUTION_DAYS
from .relance_item_query import ids_sql

# What a row is read for.
CLAIM_COLUMNS = (
    "id",
    "company_id",
    "partner_id",
    "currency_id",
    "plan_id",
    "sent_level_id",
    "advised_level_id",
    "amount_due",
)


class ClaimRows(NamedTuple):
    """What decides whether, and how, rows of the work list are reminded together: ids,
    and amounts. They were asked for together, at ``position``, and share what all rows
    of one reminder share; so twenty thousand rows are some thousand of these.
    """

    position: int
    company_id: int
    partner_id: int
    currency_id: int
    is_advised: bool
    plan_id: int
    item_ids: list
    sent_level_ids: list
    advised_level_ids: list
    amount_due: float
    # Of what a person is shown alone.
    credit_amount: float = 0.0
    caution_ids: list | None = None

    @property
    def key(self):
        """Return what all rows of one reminder share."""
        return self.company_id, self.partner_id, self.currency_id


class Claim(NamedTuple):
    """What one reminder claims: rows of a company, a customer and a currency.

    ``plan`` is the customer's and ``steps`` its steps, by level; ``levels`` are those
    that a person may choose, from the highest that was sent, ``sent_level``, to the
    highest ``advised_level`` (D2). The level of each row by itself, ``levels_by_id``,
    and the rows whose first reminder it is, ``first_ids``, are the cron's (G2).
    """

    items: models.Model
    plan: models.Model
    steps: dict
    sent_level: models.Model
    advised_level: models.Model
    levels: models.Model
    amount_due: float
    credit_amount: float = 0.0
    cautions: models.Model | None = None
    levels_by_id: dict = {}
    first_ids: frozenset = frozenset()

    def step_at(self, level):
        """Return the plan's step at a level, maybe none."""
        return self.steps.get(level, self.plan.step_ids.browse())


class RelanceItemClaim(models.Model):
    """Rows of the work list by reminder, without a record of each (H8)."""

    _inherit = "relance.item"

    @api.model
    def _claim_rows(self, groups, advised=True, for_person=False):
        """Return what decides of rows of the work list, as the books are now; those
        that are no longer open, or nobody's to see, are not among it.

        :param groups: ids of rows, of each those that are asked for together
        :param bool advised: set those apart that are not advised
        :param bool for_person: also what a person is shown before he reminds
        :return: in the order in which they were asked for
        :rtype: list[ClaimRows]
        """
        ids = [*chain.from_iterable(groups)]
        if not ids:
            return []
        query = self._search([("id", "in", ids)])
        names = [*CLAIM_COLUMNS]
        if for_person:
            names.append("credit_amount")
        terms = [
            SQL(
                "%s AS %s",
                self._field_to_sql(self._table, name, query),
                SQL.identifier(name),
            )
            for name in names
        ]
        shown = SQL()
        if for_person:
            domain = self._caution_domain().optimize_full(self)
            is_caution = domain._to_sql(self, self._table, query)
            terms.append(SQL("%s AS is_caution", is_caution))
            shown = SQL(
                """, max(item.credit_amount),
                   array_agg(item.id) FILTER (WHERE item.is_caution)"""
            )
        rows = self.env.execute_query(
            SQL(
                """SELECT asked.position, item.company_id, item.partner_id,
                          item.currency_id, %(is_advised)s, min(item.plan_id),
                          array_agg(item.id ORDER BY asked.number),
                          array_agg(item.sent_level_id),
                          array_agg(item.advised_level_id), sum(item.amount_due)
                          %(shown)s
                     FROM unnest(%(ids)s, %(positions)s)
                          WITH ORDINALITY AS asked (id, position, number)
                     JOIN %(work_list)s item ON item.id = asked.id
                 GROUP BY 1, 2, 3, 4, 5
                 ORDER BY min(asked.number)""",
                is_advised=SQL("item.advised_level_id IS NOT NULL")
                if advised
                else SQL("TRUE"),
                shown=shown,
                ids=ids_sql(ids),
                positions=ids_sql(
                    position for position, group in enumerate(groups) for _id in group
                ),
                work_list=query.subselect(*terms),
            )
        )
        return [ClaimRows(*row) for row in rows]

    @api.model
    def _caution_domain(self):
        """Return the domain of the rows of which `_cautions` may say something."""
        since = fields.Date.subtract(fields.Date.context_today(self), days=CAUTION_DAYS)
        return (
            (Domain("sent_level_id", "!=", False) & Domain("last_date", ">", since))
            | Domain("last_state", "=", "disavowed")
            | Domain("has_credit", "=", True)
        )

    @api.model
    def _caution_fields(self):
        """Return the names of what `_cautions` reads.

        :rtype: list[str]
        """
        return ["has_credit", "last_date", "last_state", "sent_level_id"]

    @api.model
    def _claims(self, groups):
        """Return what reminders claim.

        :param list[ClaimRows] groups: of each its rows
        :rtype: list[Claim]
        """
        plans, levels = self.env["relance.plan"], self.env["relance.level"]
        # Read at once, each is looked at with those of its reminder.
        cautions = self.browse(id_ for rows in groups for id_ in rows.caution_ids or ())
        cautions.invalidate_recordset(flush=False)
        cautions.fetch(self._caution_fields())

        # There are few of them, for however many customers.
        @cache
        def highest(ids):
            return max(
                levels.browse(filter(None, ids)),
                key=lambda level: level._compare_key(),
                default=levels,
            )

        @cache
        def steps(plan_id):
            return {step.level_id: step for step in plans.browse(plan_id).step_ids}

        @cache
        def between(plan_id, sent, advised):
            return plans.browse(plan_id)._levels_between(sent, advised)

        claims = []
        for rows in groups:
            plan_id = rows.plan_id or ()
            sent = highest(frozenset(rows.sent_level_ids))
            advised = highest(frozenset(rows.advised_level_ids))
            claims.append(
                Claim(
                    items=self.browse(rows.item_ids),
                    plan=plans.browse(plan_id),
                    steps=steps(plan_id),
                    sent_level=sent,
                    advised_level=advised,
                    levels=between(plan_id, sent, advised),
                    amount_due=rows.amount_due,
                    credit_amount=rows.credit_amount,
                    cautions=cautions.browse(rows.caution_ids or ()).with_prefetch(
                        cautions._ids
                    ),
                )
            )
        return claims
