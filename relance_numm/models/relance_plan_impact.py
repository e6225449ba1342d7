from contextlib import closing
from functools import partial
from typing import NamedTuple

from psycopg2 import IntegrityError, OperationalError
from psycopg2.pool import PoolError

from odoo import api, fields, models
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.fields import Domain
from odoo.tools import SQL, formatLang

# What decides which plan a customer has, and at which step an entry is.
DECIDING = (
    "active",
    "category_ids",
    "company_id",
    "customer_type",
    "is_default",
    "step_ids",
)
# A person is waiting: who holds the plan, or too long a query, is not waited for.
LOCK_TIMEOUT = "200ms"
QUERY_TIMEOUT = "5s"


class Effect(NamedTuple):
    """What the plans make of the open entries."""

    #: (entry, its invoice, its level) of a plan's entries
    levels: set[tuple[int, int, int | None]]
    #: the customers that are reminded next
    customers: set[int]


class RelancePlanImpact(models.Model):
    """What saving a plan that is being edited would change.

    The changes are saved for a moment in a transaction of their own, which is never
    committed: the work list's query and the plan's checks say the rest.
    """

    _inherit = "relance.plan"

    # Of the form only.
    impact = fields.Char(string="If you save", store=False, readonly=True)
    impact_problem = fields.Char(string="Not to be saved", store=False, readonly=True)

    @api.onchange(*DECIDING)
    def _onchange_impact(self):
        self.impact, self.impact_problem = self._impact()

    def _impact(self):
        """Return what saving this edited plan would change, and why it is refused.

        :return: two sentences, or False: nothing is edited, a step is not filled in
            yet, somebody else is writing the plan
        :rtype: tuple[str | bool, str | bool]
        """
        vals = self._is_filled_in() and self._edited_vals()
        if not vals:
            return False, False
        try:
            before, after = self._try_out(vals)
        except (AccessError, MissingError, OperationalError, PoolError):
            return False, False
        except UserError as error:
            return False, str(error)
        except IntegrityError as error:
            return False, self._sql_error_to_message(error)
        return self._impact_text(before, after), False

    def _is_filled_in(self):
        """Return whether nothing that the plan needs is missing yet."""
        return (
            bool(self.customer_type)
            and bool(self.step_ids or self._origin)
            and all(
                step.level_id and step.template_id and step.channel_ids
                for step in self.step_ids
            )
        )

    def _edited_vals(self):
        """Return the values of this edited plan that differ from those saved."""
        vals = self._convert_to_write({name: self[name] for name in DECIDING})
        saved = self._origin
        if not saved:
            return {**vals, "name": self.name or "?"}
        unchanged = saved._convert_to_write({name: saved[name] for name in DECIDING})
        return {name: value for name, value in vals.items() if value != unchanged[name]}

    def _try_out(self, vals):
        """Return what the plans make of the open entries without and with these values
        of this plan. Nothing is kept, neither in the database nor in the cache.

        :rtype: tuple[Effect, Effect]
        """
        with closing(self.env.registry.cursor()) as cr:
            # What is refused here is told to the person: nothing to log.
            cr.execute = partial(cr.execute, log_exceptions=False)
            cr.execute(SQL("SET LOCAL lock_timeout = %s", LOCK_TIMEOUT))
            cr.execute(SQL("SET LOCAL statement_timeout = %s", QUERY_TIMEOUT))
            plan = self._origin.with_env(self.env(cr=cr))
            plan = plan.with_context(tracking_disable=True)
            before = plan._effect()
            if plan:
                plan.write(vals)
            else:
                plan = plan.create(vals)
            plan.env.flush_all()
            # Closed without a commit.
            return before, plan._effect()

    def _effect(self):
        """Return what the plans make of the open entries of the active companies, in
        one query.

        :return: the levels of this plan's entries (of none, for a plan that is not
            saved), the customers of all plans
        :rtype: Effect
        """
        items = self.env["relance.item"]
        query = items._search(
            Domain("company_id", "in", self.env.companies.ids) & items._owed_domain()
        )
        level_id = SQL(
            "CASE WHEN relance_item.relance_on = 'invoice'"
            " THEN relance_item.next_level_id ELSE relance_item.advised_level_id END"
        )
        is_next = SQL(
            "CASE WHEN relance_item.relance_on = 'invoice'"
            " THEN relance_item.next_date <= %s"
            " ELSE relance_item.advised_level_id IS NOT NULL END",
            self.env.companies._relance_today_sql(SQL("relance_item.company_id")),
        )
        effect = Effect(set(), set())
        for (
            id_,
            move_id,
            partner_id,
            plan_id,
            level,
            reminded,
        ) in self.env.execute_query(
            query.select("id", "move_id", "partner_id", "plan_id", level_id, is_next)
        ):
            if plan_id == self.id:
                effect.levels.add((id_, move_id, level))
            if reminded:
                effect.customers.add(partner_id)
        return effect

    @api.model
    def _impact_text(self, before, after):
        """Return the sentence of what changes between two effects."""
        # An entry that is in one of them only changes its plan.
        changed = before.levels ^ after.levels
        return self.env._(
            "If you save: %(invoices)s; %(customers)s (%(difference)s).",
            invoices=self._invoices_text(len({move_id for _id, move_id, _ in changed})),
            customers=self._customers_text(len(after.customers)),
            difference=self._difference_text(
                len(after.customers) - len(before.customers)
            ),
        )

    @api.model
    def _invoices_text(self, count):
        if not count:
            return self.env._("no invoice changes step")
        if count == 1:
            return self.env._("1 invoice changes step")
        return self.env._("%s invoices change step", self._count_text(count))

    @api.model
    def _customers_text(self, count):
        if not count:
            return self.env._("no customer would be reminded next")
        if count == 1:
            return self.env._("1 customer would be reminded next")
        return self.env._(
            "%s customers would be reminded next", self._count_text(count)
        )

    @api.model
    def _difference_text(self, count):
        if not count:
            return self.env._("as now")
        if count > 0:
            return self.env._("%s more than now", self._count_text(count))
        return self.env._("%s fewer than now", self._count_text(-count))

    @api.model
    def _count_text(self, count):
        return formatLang(self.env, count, digits=0)
