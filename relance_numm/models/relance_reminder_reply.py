from odoo import models
from odoo.tools import html2plaintext
from odoo.tools.mail import email_normalize, email_normalize_all

# Characters of a reply shown on the activity; the whole is in the chatter.
REPLY_SHOWN = 300


class RelanceReminderReply(models.Model):
    """A customer's reply is somebody's to answer (F1)."""

    _inherit = "relance.reminder"

    def message_update(self, msg_dict, update_vals=None):
        """Override of `mail`: a reply that comes in by mail makes an activity."""
        result = super().message_update(msg_dict, update_vals)
        if not self.env.context.get("relance_automatic_reply"):
            for reminder in self.sudo():
                if not reminder._is_from_us(msg_dict):
                    reminder._ask_to_answer(msg_dict)
        return result

    def _is_from_us(self, msg_dict):
        """Return whether a mail comes from an employee, or whoever gets our copies."""
        author = self.env["res.partner"].browse(msg_dict.get("author_id") or ())
        if author:
            return any(not user.share for user in author.user_ids)
        email = email_normalize(msg_dict.get("email_from"))
        if email in email_normalize_all(self.internal_email):
            return True
        return bool(email) and bool(
            self.env["res.users"].search_count(
                [("email_normalized", "=", email), ("share", "=", False)], limit=1
            )
        )

    def _ask_to_answer(self, msg_dict):
        """Leave an activity for the responsible person, unless there is one already."""
        activity_type = "relance_numm.mail_activity_reply"
        if self.activity_search([activity_type]):
            return
        user = self._told_user()
        reminder = self.with_context(lang=user.lang)
        reminder.activity_schedule(
            activity_type,
            summary=reminder.env._(
                "Reply of the customer: %s", self.partner_id.display_name
            ),
            note=reminder._reply_note(msg_dict),
            user_id=user.id,
        )

    def _reply_note(self, msg_dict):
        """Return who wrote, and the beginning of what."""
        text = html2plaintext(msg_dict.get("body") or "").strip()
        if len(text) > REPLY_SHOWN:
            text = f"{text[:REPLY_SHOWN].rstrip()}…"
        return self.env._(
            "%(sender)s writes: %(text)s",
            sender=msg_dict.get("email_from") or "?",
            text=text,
        )
