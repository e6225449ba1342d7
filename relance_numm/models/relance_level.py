from odoo import api, fields, models
from odoo.exceptions import ValidationError


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

    @api.constrains("active")
    def _check_no_step_needs_it(self):
        self.filtered(lambda level: not level.active)._refuse_while_used()

    def unlink(self):
        """Override: what is prepared with one goes with it."""
        self.env["relance.prepare.line"]._unlink_prepared_with(self)
        return super().unlink()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        self._refuse_while_used()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_reminded_at(self):
        """Keep the levels at which somebody was reminded: they are history."""
        # Whoever deletes a level need not be able to see all reminders.
        lines = self.env["relance.reminder.line"].sudo()
        line = lines.search([("level_id", "in", self.ids)], limit=1)
        if line:
            raise ValidationError(
                self.env._(
                    "Customers were reminded at the level “%s”: archive it instead, "
                    "the history of reminders stays.",
                    line.level_id.name,
                )
            )

    def _refuse_while_used(self):
        """Keep the levels that plans use.

        :raise ValidationError: naming the level, the plan and the step
        """
        step = (
            self.env["relance.step"]
            .sudo()
            .search([("level_id", "in", self.ids)], limit=1)
        )
        if step:
            raise ValidationError(
                self.env._(
                    "The level “%(level)s” is used by the plan “%(plan)s”, %(step)s. "
                    "Choose another level there first.",
                    level=step.level_id.name,
                    plan=step.plan_id.name,
                    step=step.display_name,
                )
            )

    def _compare_key(self):
        """Return what orders two levels; the empty level comes before all (C3).

        :rtype: tuple[int, int]
        """
        return (self.sequence, self.id) if self else (-(2**31), 0)
