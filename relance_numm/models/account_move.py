from odoo import fields, models


class AccountMove(models.Model):
    _inherit = "account.move"

    relance_reminder_count = fields.Integer(compute="_compute_relance_reminder_count")

    def _compute_relance_reminder_count(self):
        counts = dict(
            self.env["relance.reminder.line"]._read_group(
                [("move_id", "in", self.ids)],
                ["move_id"],
                ["reminder_id:count_distinct"],
            )
        )
        for move in self:
            move.relance_reminder_count = counts.get(move._origin, 0)

    def action_view_relance_reminders(self):
        """Open the reminders of these invoices."""
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "relance_numm.relance_reminder_action"
        )
        action["domain"] = [("line_ids.move_id", "in", self.ids)]
        action["context"] = {}
        return action

    def _relance_make_invoice_pdfs(self):
        """Make, in one run, the legal PDF of the invoices that have none yet (F1)."""
        missing = self.filtered(
            lambda m: m.is_sale_document() and not m.invoice_pdf_report_id
        )
        if missing:
            self.env["account.move.send"]._generate_and_send_invoices(
                missing, sending_methods=["manual"], allow_raising=False
            )
