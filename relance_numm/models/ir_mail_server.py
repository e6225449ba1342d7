from contextlib import contextmanager
from smtplib import SMTPRecipientsRefused

from odoo import models


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    def send_email(self, message, *args, smtp_session=None, **kwargs):
        """Override of `base` to hear which recipients the server refused: where it
        accepted one of several, Odoo does not say (F1)."""
        refused = self.env.context.get("relance_refused")
        if refused is None or smtp_session is None:
            return super().send_email(
                message, *args, smtp_session=smtp_session, **kwargs
            )
        with self._relance_hear(smtp_session, refused):
            return super().send_email(
                message, *args, smtp_session=smtp_session, **kwargs
            )

    @contextmanager
    def _relance_hear(self, smtp_session, refused):
        """Put into `refused` the server's answer for each recipient that it refuses."""
        send_message = smtp_session.send_message

        def hearing(*args, **kwargs):
            try:
                answers = send_message(*args, **kwargs)
            except SMTPRecipientsRefused as error:
                refused.update(error.recipients)
                raise
            refused.update(answers or {})
            return answers

        smtp_session.send_message = hearing
        try:
            yield
        finally:
            del smtp_session.send_message
