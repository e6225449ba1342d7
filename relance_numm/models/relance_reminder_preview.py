import base64
from contextlib import closing

from psycopg2 import OperationalError

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import SQL

# A person is waiting: who holds the reminder is not waited for.
LOCK_TIMEOUT = "2s"
# What has not left yet, and can be shown as it would leave.
PREVIEWED_STATES = ("to_confirm", "pending", "failed")


class RelanceReminderPreview(models.Model):
    """A reminder as it would leave now, before it does (G3).

    It is made ready as for its delivery in a transaction of its own, which is never
    committed: the last look at the books, the recipients, the texts and the letter are
    those of the delivery.
    """

    _inherit = "relance.reminder"

    def action_preview(self):
        """Show the mail or the letter as it would leave now.

        :raise UserError: where it has left already
        """
        self.ensure_one()
        if self.state not in PREVIEWED_STATES:
            raise UserError(
                self.env._(
                    "%s has left already, or was canceled: what was sent is in its "
                    "history.",
                    self.name,
                )
            )
        preview = self.env["relance.reminder.preview"].create({"reminder_id": self.id})
        return preview._action_open()

    def _try_leaving(self):
        """Return what would leave now, or why nothing would. Nothing is kept, neither
        in the database nor in the cache.

        :return: values of ``relance.reminder.preview``
        :rtype: dict
        """
        self.ensure_one()
        self.check_access("read")
        self.env.flush_all()
        with closing(self.env.registry.cursor()) as cr:
            cr.execute(SQL("SET LOCAL lock_timeout = %s", LOCK_TIMEOUT))
            # As it is delivered, see `_deliver`; whoever looks at it may read it.
            reminder = self.with_env(self.env(cr=cr, su=True))
            company = reminder.company_id
            reminder = reminder.with_company(company)
            reminder = reminder.with_context(tz=company.relance_tz or "UTC")
            try:
                return reminder._preview_vals()
            except OperationalError:
                return {
                    "message": self.env._(
                        "%s is being sent or changed right now: try again in a moment.",
                        self.name,
                    )
                }

    def _preview_vals(self):
        """Return what would leave, in a transaction that is not to be kept."""
        if self.state == "failed":
            self._ready_again()
        else:
            self._set_state("pending")
        claimed = self._active_lines()
        if self.state == "pending":
            self._refresh_lines()
        if self.state == "pending":
            self._address()
        vals = {"channel_id": self.channel_id.id, "amount_total": self.amount_total}
        dropped = claimed - self._active_lines()
        if dropped:
            vals["left_out"] = ", ".join(dropped.mapped("name"))
        if self.state == "pending":
            vals["addressee"] = self.contact_id.display_name
            vals |= self.channel_id._delivery()._preview(self)
        if self.state != "pending":
            vals["message"] = self.error
        return vals

    def _preview_letter(self, texts):
        """Return the letter, and fail the reminder where it cannot be made.

        :param dict texts: its rendered texts, by id
        """
        reminder = self.filtered(lambda r: r.id in texts)
        if not reminder:
            return {}
        pdfs, errors = self.env["relance.letter"]._render_letters(reminder, texts)
        reminder._fail_each(errors)
        vals = {"letter": base64.b64encode(pdfs.get(self.id, b"")) or False}
        vals["addressee"] = self._preview_address()
        return vals

    def _preview_address(self):
        """Return on one line to whom and where the letter goes."""
        contact = self.contact_id
        lines = contact._display_address(without_company=True).splitlines()
        parts = [contact.name or self.customer_name, *map(str.strip, lines)]
        return ", ".join(filter(None, parts))
