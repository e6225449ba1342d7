from collections import defaultdict
from functools import cache
from typing import NamedTuple

from odoo import api, fields, models
from odoo.fields import Domain

from .relance_item import CAUTION_DAYS


class ClaimRow(NamedTuple):
    """What decides of a row of the work list whether, and how, it is reminded: ids, and
    amounts. Twenty thousand of them are tuples, not records."""

    id: int
    company_id: int
    partner_id: int
    currency_id: int
    plan_id: int
    sent_level_id: int
    advised_level_id: int
    amount_due: float
    # Of what a person is shown alone.
    credit_amount: float = 0.0
    is_caution: bool = False

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

    def _claim_rows(self, for_person=False):
        """Return what decides of each of these rows, as the books are now; those that
        are no longer open, or nobody's to see, are not among it.

        :param bool for_person: also what a person is shown before he reminds
        :rtype: list[ClaimRow]
        """
        if not self:
            return []
        # At once: what is read row by row below is read by one query here.
        query = self._search([("id", "in", self.ids)])
        names = [*ClaimRow._fields[: -len(ClaimRow._field_defaults)]]
        if for_person:
            names.append("credit_amount")
        terms = [self._field_to_sql(self._table, name, query) for name in names]
        if for_person:
            domain = self._caution_domain().optimize_full(self)
            terms.append(domain._to_sql(self, self._table, query))
        rows = self.env.execute_query(query.select(*terms))
        return [ClaimRow(*row) for row in rows]

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
        """Return what reminders claim of rows.

        :param list[list[ClaimRow]] groups: of each its rows, which share their key
        :rtype: list[Claim]
        """
        plans, levels = self.env["relance.plan"], self.env["relance.level"]
        # Read at once, each is looked at with those of its reminder.
        cautions = self.browse(
            row.id for rows in groups for row in rows if row.is_caution
        )
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
            plan_id = rows[0].plan_id or ()
            sent = highest(frozenset(row.sent_level_id for row in rows))
            advised = highest(frozenset(row.advised_level_id for row in rows))
            claims.append(
                Claim(
                    items=self.browse(row.id for row in rows),
                    plan=plans.browse(plan_id),
                    steps=steps(plan_id),
                    sent_level=sent,
                    advised_level=advised,
                    levels=between(plan_id, sent, advised),
                    amount_due=sum(row.amount_due for row in rows),
                    credit_amount=rows[0].credit_amount,
                    cautions=cautions.browse(
                        row.id for row in rows if row.is_caution
                    ).with_prefetch(cautions._ids),
                )
            )
        return claims

    def _grouped_claims(self, rows):
        """Return what the reminders of these rows claim, in the order of this
        recordset.

        :param list[ClaimRow] rows: of this recordset
        :rtype: dict[tuple, Claim]
        """
        by_id = {row.id: row for row in rows}
        groups = defaultdict(list)
        for id_ in self._ids:
            if row := by_id.get(id_):
                groups[row.key].append(row)
        return dict(zip(groups, self._claims(groups.values()), strict=True))
