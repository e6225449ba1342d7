import io

from odoo import models


class IrActionsReport(models.Model):
    _inherit = "ir.actions.report"

    def _render_qweb_pdf_prepare_streams(self, report_ref, data, res_ids=None):
        """Override of `base` to print the very letters that were made, not new ones."""
        if self._get_report(report_ref).report_name != "relance_numm.report_letter":
            return super()._render_qweb_pdf_prepare_streams(report_ref, data, res_ids)
        reminders = self.env["relance.reminder"].browse(res_ids)
        return {
            reminder.id: {
                "stream": io.BytesIO(reminder.letter_attachment_id.raw),
                "attachment": reminder.letter_attachment_id,
            }
            for reminder in reminders.filtered("letter_attachment_id")
        }
