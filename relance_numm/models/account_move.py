from odoo import api, fields, models

# The module and not its function: Odoo's tests replace it there.
from odoo.addons.base.models import ir_actions_report


class AccountMove(models.Model):
    _inherit = "account.move"

    relance_reminder_count = fields.Integer(
        compute="_compute_relance_reminder_count",
        groups="account.group_account_invoice,account.group_account_readonly",
    )

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
        return self.env["relance.reminder"]._action_list(
            [("line_ids.move_id", "in", self.ids)]
        )

    @api.model
    def _relance_pdfs_in_one_call(self):
        """Return whether the PDFs of many invoices can be made at once: Odoo refuses
        several documents in one call of an unpatched wkhtmltopdf."""
        return ir_actions_report._wkhtml().is_patched_qt

    def _relance_make_invoice_pdfs(self):
        """Make, in one run, the legal PDF of the invoices that have none yet (F1).

        :return: those of which it could not be made; Odoo says why on them
        """
        missing = self.filtered(
            lambda m: m.is_sale_document() and not m.invoice_pdf_report_id
        )
        in_one_call = self._relance_pdfs_in_one_call()
        for moves in [missing] * bool(missing) if in_one_call else missing:
            self.env["account.move.send"]._generate_and_send_invoices(
                moves, sending_methods=["manual"], extra_edis=set(), allow_raising=False
            )
        return missing.filtered(lambda m: not m.invoice_pdf_report_id)
