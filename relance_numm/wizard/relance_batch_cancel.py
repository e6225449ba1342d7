from odoo import api, fields, models

from ..client_actions import CLOSE_DIALOG, dialog, notification


class RelanceBatchCancel(models.TransientModel):
    """« Annuler le lot »: how much will be canceled, how much has left already."""

    _name = "relance.batch.cancel"
    _description = "Cancel a batch of reminders"

    batch_id = fields.Many2one(
        "relance.batch", required=True, readonly=True, ondelete="cascade"
    )
    cancelable_count = fields.Integer(related="batch_id.cancelable_count")
    sent_count = fields.Integer(related="batch_id.sent_count")
    text = fields.Char(compute="_compute_text")

    @api.depends("batch_id")
    @api.depends_context("lang")
    def _compute_text(self):
        for wizard in self:
            wizard.text = wizard._confirmation_text()

    def _confirmation_text(self):
        """Return what will happen, for a person to confirm."""
        texts = [
            self.env._(
                "%(count)s reminders of the batch %(batch)s have not left: they will "
                "be canceled, and their entries can be reminded again.",
                count=self.cancelable_count,
                batch=self.batch_id.name,
            )
        ]
        if self.sent_count:
            texts.append(
                self.env._(
                    "%s have left already: they stay. Disavow them from the list of "
                    "reminders if they were a mistake.",
                    self.sent_count,
                )
            )
        return " ".join(texts)

    def _action_open(self):
        return dialog(self, self.env._("Cancel the batch"))

    def action_confirm(self):
        """Cancel what has not left, and say how much it was."""
        self.ensure_one()
        return notification(self.batch_id._cancel_unsent(), "success", CLOSE_DIALOG)
