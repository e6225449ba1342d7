from odoo import api, models
from odoo.tools import html2plaintext

from odoo.addons.relance_numm.models.relance_post_provider import PostReport


class RelancePostProviderSnailmail(models.AbstractModel):
    """Odoo's Snailmail: plain letters only, of which nothing is known once they are
    posted."""

    _name = "relance.post.provider.snailmail"
    _inherit = "relance.post.provider"
    _description = "Post provider: Snailmail"

    @api.model
    def _problem(self, recipients, channel):
        """Extend: Snailmail needs a country."""
        contact = recipients.letter_contact
        if not self.env["snailmail.letter"]._is_valid_address(contact):
            return self.env._("Snailmail needs a complete address, with the country")
        return super()._problem(recipients, channel)

    @api.model
    def _send(self, reminders):
        """Put the letters into Snailmail's queue, which its own job sends: queue and
        reminder change in one transaction."""
        # Snailmail's letters are Odoo's own: an accountant has no right to write them.
        letters = self.env["snailmail.letter"].sudo()
        letters = letters.create([self._prepare_letter_vals(r) for r in reminders])
        for reminder, letter in zip(reminders, letters, strict=True):
            letter.attachment_id = self._paper(letter, reminder)
        letters._snailmail_print(immediate=False)
        self.env.ref("snailmail.snailmail_print")._trigger()
        return {
            reminder.id: self._report(letter)
            for reminder, letter in zip(reminders, letters, strict=True)
        }

    @api.model
    def _prepare_letter_vals(self, reminder):
        return {
            "model": reminder._name,
            "res_id": reminder.id,
            "partner_id": reminder.contact_id.id,
            "company_id": reminder.company_id.id,
            "user_id": reminder.user_id.id,
            # Those of the letter's company, not of whoever runs the job.
            "color": reminder.company_id.snailmail_color,
            "cover": reminder.company_id.snailmail_cover,
            "duplex": reminder.company_id.snailmail_duplex,
        }

    @api.model
    def _paper(self, letter, reminder):
        """Return the very letter of a reminder, behind a cover page if the company
        wants one. It has nothing in the margins that Snailmail wants white."""
        pdf = reminder.letter_attachment_id.raw
        if letter.cover:
            pdf = letter._append_cover_page(pdf)
        attachments = self.env["ir.attachment"].sudo()
        return attachments.create(
            {
                "name": reminder.letter_attachment_id.name,
                "raw": pdf,
                "mimetype": "application/pdf",
                "res_model": letter._name,
                "res_id": letter.id,
            }
        )

    @api.model
    def _status(self, reminders):
        return {
            reminder.id: self._report(letter)
            for reminder, letter in self._letters(reminders).items()
        }

    @api.model
    def _letters(self, reminders):
        """Return the letter of each reminder, which its reference names.

        :rtype: dict[relance.reminder, snailmail.letter]
        """
        # As above.
        letters = self.env["snailmail.letter"].sudo()
        named = {r: int(r.post_reference) for r in reminders if r.post_reference}
        there = set(letters.browse(named.values()).exists().ids)
        return {r: letters.browse(id_) for r, id_ in named.items() if id_ in there}

    @api.model
    def _report(self, letter):
        """Return what has become of a letter; one that failed is given up there, since
        Snailmail would try it again beside the reminder that is sent again."""
        reference = str(letter.id)
        if letter.state == "sent":
            return PostReport(
                "deposited", letter.write_date.date(), reference=reference
            )
        if letter.state == "error":
            reason = html2plaintext(letter.info_msg or "") or letter._get_error_message(
                letter.error_code
            )
            letter.cancel()
            return PostReport("error", reference=reference, reason=reason)
        if letter.state == "canceled":
            reason = self.env._("canceled in Snailmail's queue")
            return PostReport("error", reference=reference, reason=reason)
        return PostReport("accepted", reference=reference)

    @api.model
    def _recall(self, reminders):
        """Extend: what waits in Snailmail's queue is taken out of it."""
        letters = self._letters(reminders)
        sent = reminders.filtered(lambda r: r in letters and letters[r].state == "sent")
        if sent:
            return super()._recall(sent)
        for letter in letters.values():
            letter.cancel()
        return None
