from odoo import api, fields, models

from ..client_actions import dialog


class RelanceReminderPreview(models.TransientModel):
    """The mail or letter of a reminder as it would leave now, leaving no trace (G3)."""

    _name = "relance.reminder.preview"
    _description = "Preview of a reminder"

    reminder_id = fields.Many2one(
        "relance.reminder", required=True, readonly=True, ondelete="cascade"
    )
    state = fields.Selection(related="reminder_id.state")
    partner_id = fields.Many2one(related="reminder_id.partner_id")
    level_id = fields.Many2one(related="reminder_id.level_id")
    currency_id = fields.Many2one(related="reminder_id.currency_id")
    companion_ids = fields.One2many(related="reminder_id.companion_ids")
    channel_id = fields.Many2one("relance.channel", string="Type", readonly=True)
    channel_kind = fields.Selection(related="channel_id.kind")
    amount_total = fields.Monetary(string="Total to pay", readonly=True)
    addressee = fields.Char(string="To", readonly=True)
    email_cc = fields.Char(string="Copy", readonly=True)
    attached = fields.Char(readonly=True)
    left_out = fields.Char(readonly=True)
    subject = fields.Char(readonly=True)
    body_html = fields.Html(readonly=True, sanitize=False)
    letter = fields.Binary(readonly=True, attachment=False)
    message = fields.Char(readonly=True)

    @api.model_create_multi
    def create(self, vals_list):
        previews = super().create(vals_list)
        for preview in previews:
            preview.update(preview.reminder_id._try_leaving())
        return previews

    def _action_open(self):
        return dialog(
            self, self.env._("Preview of %s", self.reminder_id.name), "extra-large"
        )

    def action_confirm(self):
        """Confirm the reminder, and send it."""
        return self.reminder_id.with_context(relance_in_dialog=True).action_confirm()
