import io

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools.pdf import PdfFileReader

from ..client_actions import notification


def is_readable_pdf(content):
    """Return whether the content of a PDF file can be put behind a letter."""
    try:
        reader = PdfFileReader(io.BytesIO(content or b""), strict=False)
        return not reader.isEncrypted and reader.getNumPages() > 0
    except Exception:  # noqa: BLE001 pypdf raises whatever it stumbles over
        return False


class RelanceReminderLetters(models.Model):
    """Letters to print and to post (E3, F2)."""

    _inherit = "relance.reminder"

    # Printing

    def action_ask_print(self):
        """Ask whether the invoices are printed behind the letters, then print (E3)."""
        letters = self._to_print()
        if not letters:
            return self._nothing_to_print()
        return self.env["relance.letter.print"]._action_open(letters)

    def _to_print(self):
        """Return those that have a letter to print."""
        return self.filtered(lambda r: r.letter_attachment_id and r.state != "canceled")

    def action_print_with_invoices(self):
        """Open the letters as one PDF, by postal code, the legal PDFs of its invoices
        behind each (E3). Those that are missing are made; where that fails, the rest is
        printed and a warning says which lack."""
        reminders = self._take_to_print()
        if not reminders:
            return self._nothing_to_print()
        lacking = reminders._make_enclosures()
        action = reminders._action_report("relance_numm.relance_letter_invoices_report")
        return self._warn_lacking(lacking, action) if lacking else action

    def _make_enclosures(self):
        """Make the missing legal PDFs of the invoices behind these letters.

        :return: the invoices that still have none, or one that cannot be read
        """
        moves = self._active_lines().move_id.filtered(lambda m: m.is_sale_document())
        if self.has_access("write"):
            # As when a reminder leaves: whoever reminds makes what goes with it.
            moves.sudo()._relance_make_invoice_pdfs()
        return moves.filtered(
            lambda m: not is_readable_pdf(m.invoice_pdf_report_id.raw)
        )

    @api.model
    def _warn_lacking(self, moves, action):
        return notification(
            self.env._(
                "Printed without the PDF of %s, which could not be made or read: "
                "open the invoice, print it, and enclose it by hand.",
                ", ".join(moves.mapped("name")),
            ),
            "warning",
            action,
            sticky=True,
        )

    def _letter_stream(self, with_invoices=False):
        """Return the letter as it was made, its invoices behind it if asked for.

        :rtype: io.BytesIO
        """
        self.ensure_one()
        letter = io.BytesIO(self.letter_attachment_id.raw)
        if not with_invoices:
            return letter
        pdfs = self._active_lines().move_id.invoice_pdf_report_id.mapped("raw")
        enclosures = [io.BytesIO(pdf) for pdf in pdfs if is_readable_pdf(pdf)]
        return self.env["ir.actions.report"]._merge_pdfs([letter, *enclosures])

    # Posting

    def action_not_posted(self):
        """Take back that letters were ticked as posted: they are under way again and
        their levels no longer count, as long as nothing happened since (F2)."""
        self.check_access("write")
        posted = self.sudo().filtered(
            lambda r: r.state == "sent" and r.channel_kind == "letter"
        )
        if not posted:
            raise UserError(
                self.env._("Only a letter that was ticked as posted can be taken back.")
            )
        problems = [problem for r in posted if (problem := r._not_posted_problem())]
        if problems:
            raise UserError("\n".join(problems))
        posted._set_state("outgoing")
        posted.date_sent = False
        posted._message_log_batch(
            dict.fromkeys(
                posted.ids,
                self.env._(
                    "Not posted after all: the letter is under way again, its level no "
                    "longer counts."
                ),
            )
        )

    def _not_posted_problem(self):
        """Return why it can no longer be said that this letter was not posted, or
        False."""
        self.ensure_one()
        if self.origin == "import":
            return self.env._(
                "%s was taken over from elsewhere: undo the take-over on its batch.",
                self.name,
            )
        if self.date_disavowed:
            return self.env._(
                "%s was disavowed, so what is said of it stays as it is.", self.name
            )
        lines = self._active_lines()
        if not all(line.is_last and line.is_last_sent for line in lines):
            later = lines.filtered(lambda line: not line.is_last)
            return self.env._(
                "%(reminder)s: %(numbers)s reminded again since, so it stays posted.",
                reminder=self.name,
                numbers=", ".join((later or lines).mapped("name")),
            )
        return False
