from odoo import api, fields, models

from .res_company import REMIND_BY


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    # Not related: an entity is switched to invoices once a person has seen what would
    # be sent.
    relance_on = fields.Selection(
        REMIND_BY,
        string="Remind by",
        required=True,
        default=lambda self: self._default_relance_on(),
    )
    relance_was_on = fields.Selection(
        REMIND_BY,
        string="Reminded by until now",
        default=lambda self: self._default_relance_on(),
    )
    relance_running = fields.Boolean(
        string="Runs by itself", compute="_compute_relance_running"
    )
    relance_internal_email = fields.Char(
        related="company_id.relance_internal_email", readonly=False
    )
    relance_bank_days = fields.Integer(
        related="company_id.relance_bank_days", readonly=False
    )
    relance_min_gap = fields.Integer(
        related="company_id.relance_min_gap", readonly=False
    )
    relance_since = fields.Date(related="company_id.relance_since", readonly=False)
    relance_tz = fields.Selection(
        related="company_id.relance_tz", readonly=False, required=True
    )
    relance_calendar_id = fields.Many2one(
        related="company_id.relance_calendar_id", readonly=False
    )
    relance_pause_until = fields.Date(
        related="company_id.relance_pause_until", readonly=False
    )
    relance_first_cap = fields.Integer(
        related="company_id.relance_first_cap", readonly=False
    )
    relance_min_amount = fields.Monetary(
        related="company_id.relance_min_amount", readonly=False
    )
    relance_per_customer = fields.Boolean(
        related="company_id.relance_per_customer", readonly=False
    )
    relance_user_id = fields.Many2one(
        related="company_id.relance_user_id", readonly=False
    )

    @api.model
    def _default_relance_on(self):
        return self.env.company.relance_on

    @api.depends("company_id")
    def _compute_relance_running(self):
        for settings in self:
            settings.relance_running = settings.company_id.relance_on == "invoice"

    def set_values(self):
        result = super().set_values()
        # Only what was chosen on this page: it may have been open for long.
        if self.relance_on != self.relance_was_on and not self._relance_starts():
            self.company_id.relance_on = self.relance_on
        return result

    def execute(self):
        """Override to show what would be sent before an entity reminds by invoice: it
        does once that is confirmed (G5)."""
        result = super().execute()
        if not self._relance_starts():
            return result
        return self.env["relance.automatic.start"]._action_open(self.company_id)

    def _relance_starts(self):
        """Return whether these settings switch the entity to invoices."""
        return (
            self.relance_on == "invoice"
            and self.relance_was_on == "item"
            and not self.relance_running
        )
