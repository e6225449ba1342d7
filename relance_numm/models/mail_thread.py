from odoo import api, models


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def _routing_handle_bounce(self, email_message, message_dict):
        """Override of `mail`: a report that a reminder is late or arrived is no bounce;
        one that is says why (F1)."""
        status = self._relance_delivery_status(email_message)
        message = message_dict["bounced_message"]
        if message.model == "relance.reminder" and message.res_id:
            if (status.get("Action") or "failed").strip().lower() != "failed":
                reminder = self.env[message.model].browse(message.res_id).exists()
                return reminder._note_not_bounced(message_dict["bounced_email"])
            self = self.with_context(
                relance_diagnostic=self._relance_diagnostic(status)
            )
        return super()._routing_handle_bounce(email_message, message_dict)

    @api.model
    def _relance_delivery_status(self, email_message):
        """Return what a mail server reports of the recipient (RFC 3464), by name."""
        for part in email_message.walk():
            if part.get_content_type() == "message/delivery-status":
                blocks = part.get_payload()
                if isinstance(blocks, list) and len(blocks) > 1:
                    return dict(blocks[1].items())
        return {}

    @api.model
    def _relance_diagnostic(self, status):
        """Return the reason that a mail server gives, in a line, or an empty text."""
        text = str(status.get("Diagnostic-Code") or status.get("Status") or "")
        kind, separator, answer = text.partition(";")
        return " ".join((answer if separator else kind).split())

    @api.model
    def _message_route_process(self, message, message_dict, routes):
        """Override of `mail`: whoever is out of office has not answered (F1)."""
        if self._relance_is_automatic(message):
            self = self.with_context(relance_automatic_reply=True)
        return super()._message_route_process(message, message_dict, routes)

    @api.model
    def _relance_is_automatic(self, message):
        """Return whether no person wrote a mail (RFC 3834, and what came before)."""
        submitted = str(message.get("Auto-Submitted") or "no")
        precedence = str(message.get("Precedence") or "").strip().lower()
        return (
            not submitted.strip().lower().startswith("no")
            or precedence in ("auto_reply", "auto-reply")
            or any(message.get(name) for name in ("X-Autoreply", "X-Autorespond"))
        )
