from odoo import api, fields, models
from odoo.exceptions import UserError


class RelanceReminderRetype(models.TransientModel):
    """Change the type of many reminders that failed at once (F1)."""

    _name = "relance.reminder.retype"
    _description = "Change the type of reminders"

    reminder_ids = fields.Many2many("relance.reminder", required=True)
    offered_channel_ids = fields.Many2many(
        "relance.channel", compute="_compute_offered_channel_ids"
    )
    channel_id = fields.Many2one(
        "relance.channel",
        string="New type",
        domain="[('id', 'in', offered_channel_ids)]",
    )
    offered_count = fields.Integer(compute="_compute_offered_count")
    reminder_count = fields.Integer(compute="_compute_offered_count")

    @api.depends("reminder_ids")
    def _compute_offered_channel_ids(self):
        for wizard in self:
            wizard.offered_channel_ids = wizard.reminder_ids._origin.allowed_channel_ids

    @api.depends("reminder_ids", "channel_id")
    def _compute_offered_count(self):
        for wizard in self:
            wizard.reminder_count = len(wizard.reminder_ids._origin)
            wizard.offered_count = len(
                wizard.reminder_ids._origin.filtered(
                    lambda r, w=wizard: w.channel_id in r.allowed_channel_ids
                )
            )

    def action_change(self):
        """Change the type of those whose step offers it."""
        self._change()
        return {"type": "ir.actions.act_window_close"}

    def action_change_and_send(self):
        """Change it, and send them again."""
        notification = self._change().action_send_again()
        close = {"type": "ir.actions.act_window_close"}
        return {
            **notification,
            "params": {**notification["params"], "next": close},
        }

    def _change(self):
        """Return the reminders that have the new type.

        :raise UserError: where none can have it
        """
        changed = self.reminder_ids._change_channel(self.channel_id)
        if not changed:
            raise UserError(
                self.env._(
                    "None of these reminders can be of this type: choose one that "
                    "their steps offer."
                )
            )
        return changed
