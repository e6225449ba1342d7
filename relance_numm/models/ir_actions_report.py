import io

from odoo import api, models

from .relance_letter_pdf import Document, OwnFile

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
        return {
            reminder.id: {
                "stream": reminder._letter_stream(name == LETTERS_WITH_INVOICES),
                "attachment": reminder.letter_attachment_id,
            }
            for reminder in reminders.filtered("letter_attachment_id")
        }

    @api.model
    def _merge_pdfs(self, streams, *args, **kwargs):
        """Override of `base`: letters as we wrote them are put together without reading
        each with a PDF library, and what they share is there once."""
        files = [
            isinstance(stream, io.BytesIO) and OwnFile.parse(stream.getvalue())
            for stream in streams
        ]
        if not files or not all(files):
            return super()._merge_pdfs(streams, *args, **kwargs)
        document = Document()
        pages = [page for file in files for page in document.pages(file)]
        merged = io.BytesIO(document.letter(pages, self.env._("Letters")))
        # As Odoo's: whoever closes the streams closes this one too.
        streams.append(merged)
        return merged
