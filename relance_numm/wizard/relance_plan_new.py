from odoo import fields, models

from ..models.relance_plan import CUSTOMER_TYPES


class RelancePlanNew(models.TransientModel):
    """The first question of a new plan: for which type of customer (A3)."""

    _name = "relance.plan.new"
    _description = "New reminder plan"

    customer_type = fields.Selection(CUSTOMER_TYPES, required=True, default="private")

    def action_continue(self):
        """Open the form of a new plan for the chosen type."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("New reminder plan"),
            "res_model": "relance.plan",
            "views": [(False, "form")],
            "context": {"default_customer_type": self.customer_type},
        }
