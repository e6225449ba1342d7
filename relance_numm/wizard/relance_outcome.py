from odoo import api, fields, models

from ..client_actions import dialog
from ..models.relance_reminder_outcome import OUTCOMES, Outcome

# Working days after which a customer who did not answer is called again.
CALL_AGAIN_DAYS = 2


class RelanceOutcome(models.TransientModel):
    """« Résultat de l'appel »: what became of a call or meeting (F2)."""

    _name = "relance.outcome"
    _description = "Result of a call or meeting"

    reminder_id = fields.Many2one("relance.reminder", required=True, readonly=True)
    company_id = fields.Many2one(related="reminder_id.company_id")
    currency_id = fields.Many2one(related="reminder_id.currency_id")
    partner_id = fields.Many2one(related="reminder_id.partner_id")
    contact_id = fields.Many2one(related="reminder_id.contact_id")
    contact_phone = fields.Char(related="reminder_id.contact_phone")
    amount_total = fields.Monetary(related="reminder_id.amount_total")
    invoice_numbers = fields.Char(related="reminder_id.invoice_numbers")
    outcome = fields.Selection(
        OUTCOMES, string="Result", required=True, default="promise"
    )
    note = fields.Char(string="Details")
    promise_date = fields.Date(string="Promised for")
    promise_amount = fields.Monetary(
        string="Amount promised",
        compute="_compute_from_reminder",
        store=True,
        readonly=False,
        precompute=True,
    )
    days = fields.Integer(string="Call again in", default=CALL_AGAIN_DAYS)
    call_again_date = fields.Date(compute="_compute_call_again_date")
    email = fields.Char(
        string="Send to",
        compute="_compute_from_reminder",
        store=True,
        readonly=False,
        precompute=True,
    )

    @api.constrains("reminder_id")
    def _check_reminder_id(self):
        # What the dialog shows of a reminder is not for everybody; Odoo checks
        # constraints with all rights.
        self.sudo(False).reminder_id.check_access("write")

    @api.depends("reminder_id")
    def _compute_from_reminder(self):
        recipients = self.reminder_id.partner_id._relance_recipients()
        for wizard in self:
            mine = recipients[wizard.partner_id.id]
            wizard.promise_amount = wizard.reminder_id.amount_total
            wizard.email = ", ".join(mine.emails)

    @api.depends("days", "outcome")
    def _compute_call_again_date(self):
        for wizard in self:
            wizard.call_again_date = (
                wizard.days > 0 and wizard.reminder_id._working_date(wizard.days)
            )

    def _action_open(self):
        return dialog(self, self.env._("Result: %s", self.reminder_id.display_name))

    def action_record(self):
        """Record the result."""
        self.ensure_one()
        self.reminder_id._record_outcome(self._prepare_outcome())
        return {"type": "ir.actions.act_window_close"}

    def _prepare_outcome(self):
        """Return what was said.

        :rtype: Outcome
        """
        return Outcome(
            code=self.outcome,
            note=self.note,
            promise_date=self.promise_date,
            promise_amount=self.promise_amount,
            days=self.days,
            email=self.email,
        )
