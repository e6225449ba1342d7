import email
import email.policy
import socket
from unittest.mock import patch

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from .common import RelanceCommon

# What a mail server sends back (RFC 3464).
DSN = """From: MAILER-DAEMON@mail.example.com
To: {bounce}
Subject: Undelivered Mail Returned to Sender
Message-Id: <{id}@mail.example.com>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="dsn"

--dsn
Content-Type: text/plain

Your message could not be delivered.

--dsn
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.com

Final-Recipient: rfc822; {address}
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 No such user here

--dsn
Content-Type: text/rfc822-headers

Message-Id: {reference}
Subject: Reminder

--dsn--
"""


class Inbox(Message):
    """An SMTP handler that keeps what arrives, and refuses some addresses."""

    def __init__(self):
        super().__init__()
        self.messages = []
        self.envelopes = []
        self.refused = {}

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def handle_message(self, message):
        self.messages.append(
            email.message_from_bytes(message.as_bytes(), policy=email.policy.default)
        )
        self.envelopes.append(message["X-RcptTo"])


class SmtpCommon(RelanceCommon):
    """A real SMTP server to send to."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.inbox = Inbox()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        controller = Controller(cls.inbox, hostname="127.0.0.1", port=port)
        controller.start()
        cls.addClassCleanup(controller.stop)
        cls.env["ir.mail_server"].search([]).active = False
        cls.server = cls.env["ir.mail_server"].create(
            {"name": "loopback", "smtp_host": "127.0.0.1", "smtp_port": port}
        )
        cls.env.user.email = "accountant@example.com"

    def setUp(self):
        super().setUp()
        self.inbox.messages.clear()
        self.inbox.envelopes.clear()
        self.inbox.refused.clear()
        # Odoo sends nothing in tests; here what leaves is what is tested.
        self.startPatcher(
            patch.object(
                type(self.env["ir.mail_server"]), "_disable_send", lambda _self: False
            )
        )


class MailCommon(SmtpCommon):
    """It, and the mail gateway to come back by."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.domain = cls.company.alias_domain_id or cls.env["mail.alias.domain"].create(
            {"name": "entity.example.com"}
        )
        cls.company.alias_domain_id = cls.domain

    def _contact(self, name, **vals):
        return self._create_customer(
            name, type="relance", parent_id=self.customer.id, is_company=False, **vals
        )

    def _create_reminder(self, move):
        """Return the reminder of an invoice, its mail handed to the server."""
        with self.allow_pdf_render():
            self._prepare(move).action_create()
        reminder = self.env["relance.reminder"].search(
            [("line_ids.move_id", "=", move.id)]
        )
        self._run_queue(reminder)
        return reminder

    def _run_queue(self, reminder):
        self.env["mail.mail"].search(
            [("relance_reminder_id", "in", reminder.ids), ("state", "=", "outgoing")]
        ).send()
        self.env.invalidate_all()

    def _again(self, reminder, method="action_send_again"):
        """Click, and let the mail leave."""
        with self.allow_pdf_render():
            action = getattr(reminder, method)()
        self._run_queue(reminder)
        return action

    def _bounce(self, address, message=None, action="failed"):
        """Let a mail server return the last mail, as it comes by the mail gateway."""
        sent = message or self.inbox.messages[-1]
        text = DSN.format(
            address=address,
            action=action,
            reference=sent["Message-Id"],
            bounce=self.domain.bounce_email,
            id=f"dsn-{address}-{len(self.inbox.messages)}-{action}",
        )
        self.env["mail.thread"].message_process(None, text)
        self.env.invalidate_all()

    def _reply(self, sender, message_id, headers="", text="Paid yesterday."):
        sent = self.inbox.messages[0]
        self.env["mail.thread"].message_process(
            None,
            f"From: {sender}\r\nTo: {sent['Reply-To'] or sent['From']}\r\n"
            f"Subject: Re\r\nMessage-Id: <{message_id}>\r\n{headers}"
            f"In-Reply-To: {sent['Message-Id']}\r\n\r\n{text}\r\n",
        )
        self.env.invalidate_all()
