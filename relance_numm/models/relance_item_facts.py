from odoo import api, models
from odoo.tools import SQL

from .relance_item_query import named_ctes, values_sql

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
ROLE_PLAN = {
    "company_id": "int",
    "partner_id": "int",
    "customer_type": "text",
    "plan_id": "int",
}


class RelanceItemFacts(models.Model):
    """The settings that the work list's query is made of (H8)."""

    _inherit = "relance.item"

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
    @api.readonly
    def web_search_read(self, *args, **kwargs):
        """Override: read the settings once for a page, its count and its columns."""
        self = self._with_facts()
        return super().web_search_read(*args, **kwargs)

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
            for customers with some role), ``any_public`` (whether a plan of public
            bodies may be a customer's: one is a public body, or has a plan of his own),
            ``any_automatic`` (whether some company reminds by invoice),
            ``accounts`` (ids)
        :rtype: dict
        """
        if facts := self.env.context.get("relance_item_facts"):
            return facts
        # Also what is read further on, to be written into a query.
        for name, fields_read in self._depends.items():
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
                        SELECT FROM res_partner
                         WHERE relance_customer_type = 'public'
                    ) OR EXISTS (
                        SELECT FROM res_partner WHERE relance_plan_id IS NOT NULL
                    ) AS any_public,
                    EXISTS (
                        SELECT FROM res_company
                         WHERE relance_on IS DISTINCT FROM 'item'
                    ) AS any_automatic,
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
