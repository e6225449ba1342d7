from itertools import pairwise

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from .relance_item_query import named_ctes

CUSTOMER_TYPES = [
    ("public", "Public body"),
    ("private", "Private company"),
    ("individual", "Individual"),
]


# In the context while a plan writes its steps; a value that no caller can send.
PLAN_WRITING = object()


class RelancePlan(models.Model):
    """A named series of steps, for a customer type, an entity, roles (A3)."""

    _name = "relance.plan"
    _description = "Reminder plan"
    _inherit = ["mail.thread"]
    _order = "customer_type, name, id"
    _check_company_auto = True
    _check_company_domain = models.check_company_domain_parent_of

    name = fields.Char(required=True, translate=True, tracking=True)
    customer_type = fields.Selection(CUSTOMER_TYPES, required=True, tracking=True)
    company_id = fields.Many2one(
        "res.company",
        string="Entity",
        index=True,
        help="Leave empty for a plan that serves all entities.",
    )
    category_ids = fields.Many2many(
        "res.partner.category",
        string="Roles",
        help="The plan is for the customers that have one of these tags; leave empty "
        "for all.",
    )
    is_default = fields.Boolean(
        string="Default plan",
        tracking=True,
        help="Taken for the customers of this type that no more precise plan fits.",
    )
    user_id = fields.Many2one(
        "res.users", string="Owner", default=lambda self: self._default_user_id()
    )
    active = fields.Boolean(default=True)
    step_ids = fields.One2many("relance.step", "plan_id", string="Steps", copy=True)

    # A rule: one default plan per entity and type of customer.
    _default_uniq = models.UniqueIndex(
        "(COALESCE(company_id, 0), customer_type) WHERE is_default AND active",
        "There is already a default plan for this entity and customer type. Untick "
        "“Default plan” on it first.",
    )

    def _default_user_id(self):
        return self.env.user

    @api.onchange("step_ids")
    def _onchange_step_ids(self):
        """Number the steps that are added in the form: no number to think of."""
        for step in self.step_ids:
            if not step.number:
                step.number = max(self.step_ids.mapped("number")) + 1

    @api.constrains("is_default", "active", "company_id", "customer_type")
    def _check_invoice_mode_keeps_default(self):
        # Also of entities that whoever changes a shared plan has no access to.
        companies = (
            self.env["res.company"].sudo().search([("relance_on", "=", "invoice")])
        )
        companies._check_relance_on()

    def copy_data(self, default=None):
        # One default at most: the copy is not it.
        vals_list = super().copy_data(default)
        for plan, vals in zip(self, vals_list, strict=True):
            vals["is_default"] = False
            if "name" not in (default or {}):
                vals["name"] = self.env._("%s (copy)", plan.name)
        return vals_list

    @api.model_create_multi
    def create(self, vals_list):
        plans = super(
            RelancePlan, self.with_context(relance_plan_writing=PLAN_WRITING)
        ).create(vals_list)
        plans._check_steps()
        return plans.with_env(self.env)

    def write(self, vals):
        plans = self
        if "step_ids" in vals:
            plans = self.with_context(relance_plan_writing=PLAN_WRITING)
        result = super(RelancePlan, plans).write(vals)
        if "step_ids" in vals:
            self._check_steps()
        return result

    def unlink(self):
        """Override: what is prepared with one goes with it."""
        self.env["relance.prepare.line"]._unlink_prepared_with(self)
        result = super().unlink()
        self._check_invoice_mode_keeps_default()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for plan in self:
            reminders = self.env["relance.reminder"].search_count(
                [("plan_id", "=", plan.id)], limit=1
            )
            customers = self.env["res.partner"].search_count(
                [("relance_plan_id", "=", plan.id)], limit=1
            )
            if reminders or customers:
                raise UserError(
                    self.env._(
                        "The plan “%s” is in use (reminders were made with it, or "
                        "customers have it). Archive it instead: it will no longer be "
                        "proposed and the history stays.",
                        plan.name,
                    )
                )

    def _check_steps(self):
        """Refuse numbers, levels or days that do not rise together (A4).

        :raise ValidationError: naming the plan and the two steps.
        """
        for plan in self:
            steps = plan.step_ids.sorted(lambda s: (s.number, s.days, s.id))
            for before, after in pairwise(steps):
                message = self._order_message(before, after)
                if message:
                    raise ValidationError(
                        self.env._(
                            "Plan “%(plan)s”: %(message)s",
                            plan=plan.name,
                            message=message,
                        )
                    )

    @api.model
    def _order_message(self, before, after):
        """Return what is wrong between two neighbouring steps, or False."""
        names = {"before": before.display_name, "after": after.display_name}
        if before.number == after.number:
            return self.env._(
                "%(before)s and %(after)s have the same number. Give one of them "
                "another number.",
                **names,
            )
        if after.level_id._compare_key() <= before.level_id._compare_key():
            return self.env._(
                "%(after)s must have a higher level than %(before)s.", **names
            )
        if after.days <= before.days:
            return self.env._("%(after)s must come later than %(before)s.", **names)
        return False

    def _step_of_level(self, level):
        """Return this plan's step at a level (at most one, as levels rise)."""
        steps = (step for step in self.step_ids if step.level_id == level)
        return next(steps, self.env["relance.step"])

    def _levels_between(self, lowest, highest):
        """Return the levels a person may choose (D2): this plan's, from the highest
        one already sent (empty: none was) up to the highest advised one.

        :rtype: relance.level
        """
        low, high = lowest._compare_key(), highest._compare_key()
        return self.step_ids.level_id.filtered(
            lambda level: low <= level._compare_key() <= high
        ).sorted()

    @api.model
    def _plan_ctes(self):
        """Return the CTEs that resolve the plan of a customer without roles (A5).

        ``type_plan(company_id, customer_type, plan_id)`` is the best plan of a type:
        that of the entity (the nearest one going up from the branch), then the default.
        A customer with roles has that of `_role_plan_ctes` before it.

        :rtype: dict[str, SQL]
        """
        return {
            "candidate_plan": self._candidate_plan_sql(),
            "type_plan": SQL(
                """
                SELECT DISTINCT ON (company_id, customer_type)
                       company_id, customer_type, plan_id
                  FROM candidate_plan
                 WHERE NOT has_role OR is_default
              ORDER BY company_id, customer_type, depth DESC, is_default DESC, plan_id
                """
            ),
        }

    @api.model
    def _role_plan_ctes(self):
        """Return ``role_plan(company_id, partner_id, customer_type, plan_id)`` and what
        it reads: the best plan with roles of every customer who has one (A5).

        :rtype: dict[str, SQL]
        """
        return {
            "candidate_plan": self._candidate_plan_sql(),
            "role_plan": SQL(
                """
                SELECT DISTINCT ON (candidate.company_id, tag.partner_id,
                                    candidate.customer_type)
                       candidate.company_id, tag.partner_id, candidate.customer_type,
                       candidate.plan_id
                  FROM candidate_plan candidate
                  JOIN relance_plan_res_partner_category_rel rel
                    ON rel.relance_plan_id = candidate.plan_id
                  JOIN res_partner_res_partner_category_rel tag
                    ON tag.category_id = rel.res_partner_category_id
                 WHERE candidate.has_role
              ORDER BY candidate.company_id, tag.partner_id, candidate.customer_type,
                       candidate.depth DESC, candidate.is_default DESC,
                       candidate.plan_id
                """
            ),
        }

    @api.model
    def _candidate_plan_sql(self):
        """Return the query of the plans that hold in each company."""
        return SQL(
            """
            SELECT company.id AS company_id,
                   plan.id AS plan_id,
                   plan.customer_type,
                   COALESCE(plan.is_default, FALSE) AS is_default,
                   COALESCE(length(owner.parent_path), 0) AS depth,
                   EXISTS (
                       SELECT 1 FROM relance_plan_res_partner_category_rel rel
                        WHERE rel.relance_plan_id = plan.id
                   ) AS has_role
              FROM relance_plan plan
         LEFT JOIN res_company owner ON owner.id = plan.company_id
              JOIN res_company company
                ON owner.id IS NULL
                OR company.parent_path LIKE owner.parent_path || '%%'
             WHERE plan.active
            """
        )

    @api.model
    def _plan_joins(self, partner, company):
        """Return the joins to ``_plan_ctes`` for one row per customer and company.

        They add ``own_plan``, ``role_plan`` and ``type_plan`` to the query; the plan
        is ``_plan_id_sql()``.

        :param SQL partner: alias of the ``res_partner`` table in the query.
        :param SQL company: alias of the ``res_company`` table in the query.
        :rtype: SQL
        """
        return SQL(
            """
            LEFT JOIN relance_plan own_plan
                   ON own_plan.active
                  AND own_plan.id = %(own)s
            LEFT JOIN role_plan
                   ON role_plan.company_id = %(company)s.id
                  AND role_plan.partner_id = %(partner)s.id
                  AND role_plan.customer_type = %(type)s
            LEFT JOIN type_plan
                   ON type_plan.company_id = %(company)s.id
                  AND type_plan.customer_type = %(type)s
            """,
            own=self._own_plan_id_sql(partner, company),
            type=self.env["res.partner"]._relance_type_sql(partner),
            partner=partner,
            company=company,
        )

    @api.model
    def _own_plan_id_sql(self, partner, company):
        """Return the expression of the plan that a customer has of his own in a company
        or in its entity, be it archived or not (A5).

        :param SQL partner: alias of the ``res_partner`` table in the query.
        :param SQL company: alias of the ``res_company`` table in the query.
        """
        return SQL(
            """COALESCE(
                (%(partner)s.relance_plan_id->>(%(company)s.id::text))::int,
                (%(partner)s.relance_plan_id->>split_part(
                    %(company)s.parent_path, '/', 1))::int)""",
            partner=partner,
            company=company,
        )

    @api.model
    def _plan_id_sql(self):
        """Return the expression of the plan's id after ``_plan_joins`` (A5)."""
        return SQL("COALESCE(own_plan.id, role_plan.plan_id, type_plan.plan_id)")

    @api.model
    def _plans_of(self, partners, company):
        """Return the plan that applies to each customer in a company (A5).

        :rtype: dict[int, relance.plan]
        """
        partners.flush_model(
            [
                "category_id",
                "is_company",
                "relance_customer_type",
                "relance_plan_id",
                "vat",
            ]
        )
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                WITH %(ctes)s
                SELECT partner.id, %(plan_id)s
                  FROM res_partner partner
                  JOIN res_company company ON company.id = %(company_id)s
                  %(joins)s
                 WHERE partner.id = ANY(%(partner_ids)s)
                """,
                ctes=SQL(", ").join(
                    named_ctes({**self._plan_ctes(), **self._role_plan_ctes()}).values()
                ),
                plan_id=self._plan_id_sql(),
                joins=self._plan_joins(SQL("partner"), SQL("company")),
                company_id=company.id,
                partner_ids=partners.ids,
            )
        )
        return {partner_id: self.browse(plan_id) for partner_id, plan_id in rows}
