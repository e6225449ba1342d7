from odoo import api, fields, models


class RelanceLevel(models.Model):
    """How far a reminder goes: Pré relance < Niveau 1 < Niveau 2 < Contentieux."""

    _name = "relance.level"
    _description = "Reminder level"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(
        default=100,
        help="Levels are ordered by this number; a customer is never reminded at a "
        "lower level than before.",
    )
    active = fields.Boolean(default=True)

    @api.constrains("sequence")
    def _check_plans_still_rise(self):
        steps = self.env["relance.step"].sudo().search([("level_id", "in", self.ids)])
        steps.plan_id._check_steps()

    def _compare_key(self):
        """Return what orders two levels; the empty level comes before all (C3).

        :rtype: tuple[int, int]
        """
        return (self.sequence, self.id) if self else (-(2**31), 0)
