import io

from odoo import models

LETTERS = "relance_numm.report_letter"
LETTERS_WITH_INVOICES = "relance_numm.report_letter_invoices"


class IrActionsReport(models.Model):
    _inherit = "ir.actions.report"

    def _render_qweb_pdf_prepare_streams(self, report_ref, data, res_ids=None):
        """Override of `base` to print the very letters that were made, not new ones."""
        name = self._get_report(report_ref).report_name
        if name not in (LETTERS, LETTERS_WITH_INVOICES):
            return super()._render_qweb_pdf_prepare_streams(report_ref, data, res_ids)
        reminders = self.env["relance.reminder"].browse(res_ids)
        reminders = reminders.filtered("letter_attachment_id")
        merged = name == LETTERS and reminders._merged_letters()
        if merged:
            return {False: {"stream": io.BytesIO(merged), "attachment": None}}
        return {
            reminder.id: {
                "stream": reminder._letter_stream(name == LETTERS_WITH_INVOICES),
                "attachment": reminder.letter_attachment_id,
            }
            for reminder in reminders
        }
