from datetime import timedelta
from typing import NamedTuple

from odoo import api, models
from odoo.fields import Domain
from odoo.orm.domains import DomainAnd, DomainCondition
from odoo.tools import SQL

from .relance_item_query import IndexedQuery
from .relance_reminder import IN_FLIGHT

# What the index has without the table.
ROWS = SQL(
    """SELECT item.id, item.date_due, item.partner_id, item.company_id, item.currency_id
         FROM relance_item_index item"""
)
# Beyond so many kinds of rows the index is no shorter way.
MAX_SEGMENTS = 100


class Asked(NamedTuple):
    """What a domain asks of advised rows, None for any: ids of the advised levels, of
    the last ones, of companies; and conditions on ``item``, by due date."""

    level_ids: set | None = None
    last_level_ids: set | None = None
    company_ids: set | None = None
    conditions: tuple = ()

    def narrowed(self, name, ids):
        """Return the same with only these ids."""
        known = getattr(self, name)
        return self._replace(**{name: set(ids) if known is None else known & set(ids)})

    def covers(self, segment):
        """Return whether rows of a segment may be asked for."""
        return all(
            asked is None or value in asked
            for asked, value in (
                (self.company_ids, segment.company_id),
                (self.last_level_ids, segment.sent_level_id),
            )
        )


class Segment(NamedTuple):
    """Items that one rule holds for: of a company, with a plan of their own or by their
    customer's type, and with the same level sent last, 0 for none."""

    company_id: int
    own_plan_id: int
    customer_type: str | None
    sent_level_id: int
    own_plan_active: bool


def advised_spans(plan, sent_rank, level_ids=None):
    """Return the days late at which a plan advises some levels, each from its first day
    on and before the day behind its last, None for no such day (C3).

    >>> plan = {"days": [-7, 5, 15], "level_ids": [1, 2, 3], "ranks": [1, 2, 3]}
    >>> advised_spans(plan, None, {1, 2})
    [(-7, 15)]
    >>> advised_spans(plan, 1, {2})
    [(None, 15)]
    >>> advised_spans(plan, 3)
    [(15, None)]

    :param dict plan: its ``days``, ``level_ids`` and ``ranks`` by step
    :param int sent_rank: that of the last level sent, None for none
    :param set level_ids: which levels, any if None
    """
    days, ranks = plan["days"], plan["ranks"]
    passed = sum(rank <= sent_rank for rank in ranks) if sent_rank is not None else 0
    after = passed + 1 if sent_rank is not None and passed < len(days) else 0
    spans = []
    bounds = [None, *days, None]
    for reached in range(len(days) + 1):
        position = max(reached, after)
        if not position or (sent_rank is not None and sent_rank > ranks[position - 1]):
            continue
        if level_ids is not None and plan["level_ids"][position - 1] not in level_ids:
            continue
        first, end = bounds[reached], bounds[reached + 1]
        if spans and spans[-1][1] == first:
            first = spans.pop()[0]
        spans.append((first, end))
    return spans


class RelanceItemAdvised(models.Model):
    """The rows that are advised, found in the index of open items (H8).

    What it finds is what the rule finds: `test_item_search` compares them. An addon
    that changes the rule (`_reason_sql`) by more than `_not_owed_cases` overrides
    `_advice_asked` to return None: the rows are then looked for in the books.
    """

    _inherit = "relance.item"

    @api.model
    def _indexed_query(self, query, domain, order, bypass_access=False, **_kwargs):
        """Return the query of a domain about advised rows that looks in the index, or
        None where the domain, its order or the plans are not what the index is for.

        :param Query query: what Odoo made of the domain
        :param str order: how it is sorted
        """
        asked = self._advice_asked(domain, self.env.su or bypass_access)
        sorting = asked and self._index_order(order)
        segments = sorting is not None and asked and self._segments_asked(asked)
        if not segments:
            return None
        if not order:
            return IndexedQuery(query, self, self._counted_rows(segments), domain)
        if not query.limit:
            return None
        return self.browse(self._paged_ids(segments, sorting, query))._as_query()

    @api.model
    def _paged_ids(self, segments, sorting, query):
        """Return the ids of a page: of each segment no more rows are looked at, in the
        order of the index, than the page may need.

        :param SQL sorting: the order of ``item``
        :param Query query: says how many rows, and from which on
        """
        offset = query.offset or 0
        needed = SQL(
            "AND %s AND %s %s LIMIT %s",
            self._free_condition(),
            self._net_condition(),
            sorting,
            offset + query.limit,
        )
        rows = self.env.execute_query(
            SQL(
                "SELECT item.id FROM (%s) item %s LIMIT %s OFFSET %s",
                SQL(" UNION ALL ").join(
                    SQL("(%s %s)", segment, needed) for segment in segments
                ),
                sorting,
                query.limit,
                offset,
            )
        )
        return [id_ for (id_,) in rows]

    @api.model
    def _index_order(self, order):
        """Return how the rows of the index are sorted for an order, or None where they
        cannot be."""
        if not order:
            return SQL()
        terms = self._due_terms(order)
        if not terms:
            return None
        if "id" not in dict(terms):
            # Rows of one day stay in their order from page to page.
            terms.append(("id", False))
        columns = [
            SQL(
                "%s %s",
                SQL.identifier("item", name),
                SQL("DESC" if descending else "ASC"),
            )
            for name, descending in terms
        ]
        return SQL("ORDER BY %s", SQL(", ").join(columns))

    @api.model
    def _advice_asked(self, domain, bypass_access=False):
        """Return what a domain, and the rules on whoever searches, ask of advised rows;
        None where they ask anything else.

        :rtype: Asked | None
        """
        if not bypass_access:
            rules = self.env["ir.rule"]._compute_domain(self._name, "read")
            domain = Domain.AND([domain, rules]).optimize_full(self.sudo())
        asked, advised = Asked(), False
        for part in domain.children if isinstance(domain, DomainAnd) else [domain]:
            asked = isinstance(part, DomainCondition) and self._asked_by(asked, part)
            if not asked:
                return None
            advised = advised or part.field_expr == "advised_level_id"
        return asked if advised else None

    @api.model
    def _asked_by(self, asked, part):
        """Return what is asked for with one more condition, None if it is another."""
        name, operator, value = part.field_expr, part.operator, part.value
        if name == "advised_level_id" and operator == "not in":
            return asked if list(value) == [False] else None
        if bound := self._due_bound(name, operator, value):
            exact = name == "date_due" or len(self._todays()) == 1
            condition = SQL("item.date_due %s %s::date", *bound)
            more = (*asked.conditions, condition)
            return asked._replace(conditions=more) if exact else None
        names = {
            "advised_level_id": "level_ids",
            "last_level_id": "last_level_ids",
            "company_id": "company_ids",
        }
        ids = operator == "in" and name in names and self._plain_ids(value)
        return asked.narrowed(names[name], ids) if ids else None

    @api.model
    def _segments(self):
        """Return the kinds of rows that there are: by company, own plan, customer type
        and last level. They are few, and found by as many looks into the index.

        :rtype: list[Segment]
        """
        keys = SQL("company_id, plan_id, customer_type, sent_level_id")
        rows = self.env.execute_query(
            SQL(
                """
                WITH RECURSIVE segment AS (
                    (SELECT %(keys)s FROM relance_item_index WHERE NOT held
                   ORDER BY %(keys)s LIMIT 1)
                 UNION ALL
                    SELECT following.*
                      FROM segment
                CROSS JOIN LATERAL (
                        SELECT %(keys)s FROM relance_item_index item
                         WHERE NOT item.held
                           AND (item.company_id, item.plan_id,
                                item.customer_type, item.sent_level_id)
                             > (segment.company_id, segment.plan_id,
                                segment.customer_type, segment.sent_level_id)
                      ORDER BY %(keys)s LIMIT 1
                    ) following
                )
                SELECT segment.*, plan.active IS TRUE
                  FROM segment LEFT JOIN relance_plan plan ON plan.id = segment.plan_id
                 LIMIT %(limit)s
                """,
                keys=keys,
                limit=MAX_SEGMENTS + 1,
            )
        )
        return [Segment(*row) for row in rows]

    @api.model
    def _segments_asked(self, asked):
        """Return the queries of the rows of the index that are asked for, as far as
        each row tells by itself (see the conditions below), or None where the index
        does not help.

        :param Asked asked: what is asked for
        :rtype: list[SQL] | None
        """
        facts = self._facts()
        segments = [] if facts["any_role"] else self._segments()
        # A plan for customers with a role is not told by the index.
        if not segments or len(segments) > MAX_SEGMENTS:
            return None
        plans = {plan["plan_id"]: plan for plan in facts["plan_steps"] or []}
        type_plans = {
            (row["company_id"], row["customer_type"]): row["plan_id"]
            for row in facts["type_plan"] or []
        }
        ranks = {row["id"]: row["rank"] for row in facts["level_rank"] or []}
        segments = [segment for segment in segments if asked.covers(segment)]
        if not {segment.company_id for segment in segments} <= {
            *self.env.companies.ids
        }:
            # Elsewhere it may be another day: see `_today`.
            return None
        days = self._days_of_companies({segment.company_id for segment in segments})
        queries = []
        for segment in segments:
            plan_id = (
                segment.own_plan_id
                if segment.own_plan_active
                else type_plans.get((segment.company_id, segment.customer_type))
            )
            if plan := plans.get(plan_id):
                sent_rank = ranks.get(segment.sent_level_id)
                queries += [
                    self._segment_sql(segment, span, asked, *days[segment.company_id])
                    for span in advised_spans(plan, sent_rank, asked.level_ids)
                ]
        return queries or [SQL("%s WHERE FALSE", ROWS)]

    @api.model
    def _days_of_companies(self, company_ids):
        """Return, for each of these companies, which day it is there, and the latest
        day on which a reminder left that no longer keeps the next one from leaving.

        :rtype: dict[int, tuple[date, date]]
        """
        # Whoever sees their items: neither is a secret.
        companies = self.env["res.company"].sudo().browse(company_ids)
        days = {}
        for company in companies:
            today = company._relance_today()
            days[company.id] = today, today - timedelta(company.relance_min_gap or 0)
        return days

    @api.model
    def _segment_sql(self, segment, span, asked, today, last_sent):
        """Return the query of a segment's rows that are so many days late.

        :param Segment segment: which rows
        :param tuple span: the first day, and the one behind the last
        :param Asked asked: what else they have to fulfil
        :param date today: which day it is in their company
        :param date last_sent: the latest day of a last reminder
        """
        first, end = span
        where = [
            SQL("NOT item.held AND item.company_id = %s", segment.company_id),
            SQL("item.plan_id = %s", segment.own_plan_id),
            SQL("item.customer_type = %s", segment.customer_type),
            SQL("item.sent_level_id = %s", segment.sent_level_id),
            SQL("(item.sent_day IS NULL OR item.sent_day <= %s)", last_sent),
            SQL("(item.promise_date IS NULL OR item.promise_date < %s)", today),
            *asked.conditions,
        ]
        if first is not None:
            where.append(SQL("item.date_due <= %s", today - timedelta(first)))
        if end is not None:
            where.append(SQL("item.date_due > %s", today - timedelta(end)))
        return SQL("%s WHERE %s", ROWS, SQL(" AND ").join(where))

    @api.model
    def _free_condition(self):
        """Return the condition that no reminder of ``item`` is under way: as the index
        of those has it."""
        return SQL(
            """NOT EXISTS (
                SELECT FROM relance_reminder_line under_way
                 WHERE under_way.move_line_id = item.id
                   AND under_way.is_last AND under_way.state = ANY(%s)
                   AND under_way.is_companion IS NOT TRUE)""",
            list(IN_FLIGHT),
        )

    @api.model
    def _with_credits_condition(self):
        """Return the condition that the customer of ``item`` has an open credit."""
        return SQL(
            """EXISTS (
                SELECT FROM relance_item_index credit
                 WHERE credit.partner_id = item.partner_id AND credit.amount < 0)"""
        )

    @api.model
    def _net_condition(self):
        """Return the condition that the customer of ``item`` owes something, net."""
        return SQL(
            """(SELECT SUM(other.amount) FROM relance_item_index other
                 WHERE other.partner_id = item.partner_id
                   AND other.company_id = item.company_id
                   AND other.currency_id = item.currency_id) > 0"""
        )

    @api.model
    def _counted_rows(self, segments):
        """Return the query of the rows of segments: first those of customers without
        credits, of whom nothing has to be summed up; a count often stops there."""
        rows = SQL(" UNION ALL ").join(segments)
        return SQL(
            """SELECT item.id FROM (%(rows)s) item
                WHERE %(free)s AND NOT %(with_credits)s
            UNION ALL
               SELECT item.id FROM (%(rows)s) item
                WHERE %(free)s AND %(with_credits)s AND %(net)s""",
            rows=rows,
            free=self._free_condition(),
            with_credits=self._with_credits_condition(),
            net=self._net_condition(),
        )
