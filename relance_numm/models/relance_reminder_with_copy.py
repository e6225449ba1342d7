import io
import logging

from odoo import fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

_logger = logging.getLogger(__name__)

# What an attachment weighs more in a mail than on the disk.
MAIL_ENCODING = 1.4


class RelanceReminderWithCopy(models.Model):
    """The internal copy of what is not a mail (A1): letters, SMS, calls, meetings.

    What is delivered together, of a batch, goes to an internal address as one mail: the
    letters as one PDF, and a table that has a line for each reminder.
    """

    _inherit = "relance.reminder"

    is_copied = fields.Boolean(
        readonly=True, copy=False, help="The internal address got its copy."
    )

    def _deliver_or_fail(self):
        """Override to copy what was delivered, with what waited for it."""
        result = super()._deliver_or_fail()
        (self | self.companion_ids)._copy_internally()
        return result

    def _copy_internally(self):
        """Put the internal copies of what has left into the mail queue, one per batch
        and address; should one fail, the reminders have left all the same and say
        so."""
        # What was sent is a fact that people cannot write.
        groups = (
            self.sudo()
            ._to_copy()
            .grouped(lambda r: (r.batch_id, r.internal_email, r._internal_lang()))
        )
        for (_batch, address, lang), reminders in groups.items():
            reminders = reminders.with_context(lang=lang)._by_postal_code()
            try:
                with self.env.cr.savepoint():
                    reminders._send_internal_copy(address)
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                raise
            except Exception as error:
                _logger.exception("Internal copy of reminders to %s", address)
                sentence = reminders.env._(
                    "The internal copy could not be made: %s", error
                )
                reminders._message_log_batch(dict.fromkeys(reminders.ids, sentence))

    def _to_copy(self):
        """Return those of these reminders that left otherwise than by a mail, and of
        which the internal address has no copy yet."""
        return self.filtered(
            lambda r: (
                r.state in ("outgoing", "sent")
                and r.internal_email
                and not r.is_copied
                and r.channel_id._delivery()._needs_internal_copy()
            )
        )

    def _internal_lang(self):
        """Return the language of the internal copy: the author's, else the entity's."""
        self.ensure_one()
        return self.company_id._relance_lang(self.user_id)

    def _by_postal_code(self):
        """Return these reminders in the order of their letters (E3)."""
        return self.sorted(
            lambda r: (r.contact_id.zip or "", r.contact_id.city or "", r.id)
        )

    def _send_internal_copy(self, address):
        # The queue is Odoo's own: an accountant has no right on it.
        mails = self.env["mail.mail"].sudo()
        mails.create(self._prepare_internal_copy_vals(address))
        self.is_copied = True
        self.env.ref("mail.ir_cron_mail_scheduler_action")._trigger()

    def _prepare_internal_copy_vals(self, address):
        """Return the values of the mail that copies these reminders."""
        first = self[0]
        body = self.env["ir.qweb"]._render(
            "relance_numm.internal_copy",
            {
                "rows": [reminder._internal_copy_row() for reminder in self],
                "with_letters": bool(self.letter_attachment_id),
            },
            minimal_qcontext=True,
        )
        return {
            "subject": self._internal_copy_subject(),
            "body": body,
            "body_html": body,
            "author_id": first.user_id.partner_id.id,
            "email_from": first._email_from(),
            "email_to": address,
            "reply_to": first._email_from(),
            "attachment_ids": self._internal_copy_attachment().ids,
            "auto_delete": True,
        }

    def _internal_copy_row(self):
        """Return what the copy says of a reminder.

        :rtype: dict
        """
        delivery = self.channel_id._delivery()
        return {
            "reminder": self,
            "to": delivery._copy_address(self),
            "text": delivery._copy_text(self),
        }

    def _internal_copy_subject(self):
        if len(self) == 1:
            return self.env._(
                "Copy of the reminder %(name)s: %(customer)s",
                name=self.name,
                customer=self.partner_id.display_name,
            )
        return self.env._(
            "Copy of %(count)s reminders: %(first)s to %(last)s",
            count=len(self),
            first=min(self.mapped("name")),
            last=max(self.mapped("name")),
        )

    def _internal_copy_attachment(self):
        """Return the letters of these reminders as one PDF, in postal order."""
        letters = self.letter_attachment_id.filtered("raw")
        if len(letters) < 2:
            return letters
        streams = [io.BytesIO(letter.raw) for letter in letters]
        with self.env["ir.actions.report"]._merge_pdfs(streams) as merged:
            vals = self._prepare_internal_copy_attachment_vals(merged.getvalue())
        return letters.create(vals)

    def _prepare_internal_copy_attachment_vals(self, pdf):
        batch = self.batch_id[:1]
        limit = self.env["ir.mail_server"].sudo()._get_max_email_size() * 1024**2
        # Odoo deletes what belongs to the message with it; of what is too large for a
        # mail it sends a link, if it belongs to a record.
        too_large = batch and len(pdf) * MAIL_ENCODING > limit
        return {
            "name": self.env._("Letters %s.pdf", batch.name or self[0].name),
            "raw": pdf,
            "mimetype": "application/pdf",
            "res_model": "relance.batch" if too_large else "mail.message",
            "res_id": batch.id if too_large else 0,
        }
