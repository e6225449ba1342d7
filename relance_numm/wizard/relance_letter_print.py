from odoo import api, fields, models

from ..client_actions import dialog


class RelanceLetterPrint(models.TransientModel):
    """What is asked before letters are printed (E3)."""

    _name = "relance.letter.print"
    _description = "Letters to print"

    reminder_ids = fields.Many2many("relance.reminder", readonly=True)
    letter_count = fields.Integer(string="Letters", compute="_compute_counts")
    invoice_count = fields.Integer(string="Invoices", compute="_compute_counts")
    printed_count = fields.Integer(string="Printed before", compute="_compute_counts")
    with_invoices = fields.Boolean(
        string="Invoices behind each letter",
        help="The legal PDF of each invoice, made where there is none yet.",
    )

    @api.depends("reminder_ids")
    def _compute_counts(self):
        for wizard in self:
            letters = wizard.reminder_ids
            moves = letters._active_lines().move_id
            wizard.letter_count = len(letters)
            wizard.invoice_count = len(moves.filtered(lambda m: m.is_sale_document()))
            wizard.printed_count = len(letters.filtered("date_printed"))

    @api.model
    def _action_open(self, reminders):
        """Return the action that asks how to print the letters of reminders."""
        wizard = self.create({"reminder_ids": reminders.ids})
        return dialog(wizard, self.env._("Print the letters"))

    def action_print(self):
        """Open the letters as one PDF, by postal code."""
        self.ensure_one()
        if self.with_invoices:
            return self.reminder_ids.action_print_with_invoices()
        return self.reminder_ids.action_print()
