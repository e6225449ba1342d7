from odoo.tests import tagged

from .mail_common import SmtpCommon

try:
    import pymupdf
except ImportError:  # a database test run without the developers' requirements
    pymupdf = None


@tagged("post_install", "-at_install")
class TestMail(SmtpCommon):
    """The mail as it arrives at a real SMTP server (F1)."""

    def _send(self, moves, **context):
        with self.allow_pdf_render():
            self._prepare(moves).with_context(**context).action_create()
        reminders = self.env["relance.reminder"].search(
            [("line_ids.move_id", "in", moves.ids)]
        )
        mails = self.env["mail.mail"].search(
            [("relance_reminder_id", "in", reminders.ids)]
        )
        mails.send()
        return reminders

    def test_f1_what_arrives(self):
        """F1: recipients, copy, subject, text, and the letter as a readable PDF."""
        for name in ("Alice", "Bruno"):
            self._create_customer(
                name, type="relance", parent_id=self.customer.id, is_company=False
            )
        move = self._invoice(8, 1234.5)
        reminder = self._send(move)
        self.assertEqual(reminder.state, "sent")
        self.assertEqual(
            reminder.comment, "Email sent to alice@example.com, bruno@example.com"
        )
        (message,) = self.inbox.messages
        self.assertEqual(
            sorted(self.inbox.envelopes[0].split(", ")),
            ["alice@example.com", "bruno@example.com", "recovery@example.com"],
        )
        self.assertIn("alice@example.com", message["To"])
        self.assertIn("bruno@example.com", message["To"])
        self.assertEqual(message["Cc"], "recovery@example.com")
        self.assertIn("accountant@example.com", message["From"])
        self.assertIn(reminder.name, message["Subject"])
        html = message.get_body(("html",)).get_content()
        self.assertIn(move.name, html)
        self.assertIn("1 234,50", html.replace("\u202f", " ").replace("\xa0", " "))
        (attachment,) = message.iter_attachments()
        self.assertEqual(attachment.get_content_type(), "application/pdf")
        text = self._pdf_text(attachment.get_content())
        for word in (reminder.name, move.name, "1 234,50", "Librairie Peyrot"):
            self.assertIn(word, text)

    def _pdf_text(self, content):
        if not pymupdf:
            self.skipTest("PyMuPDF is needed to read the PDF")
        document = pymupdf.open(stream=content, filetype="pdf")
        text = " ".join(page.get_text() for page in document)
        return " ".join(text.replace("\u202f", " ").replace("\xa0", " ").split())

    def test_f1_internal_copy_of_the_author(self):
        """A1: without internal address the copy goes to who creates the reminder."""
        self.company.relance_internal_email = False
        self._send(self._invoice(8))
        self.assertEqual(self.inbox.messages[0]["Cc"], "accountant@example.com")

    def test_f1_invoice_pdfs(self):
        """F1: the invoices' PDFs are attached when the modèle says so."""
        self.env.ref("relance_numm.template_1").attach_invoices = True
        moves = self._invoice(8) | self._invoice(9)
        self._send(moves, force_report_rendering=True)
        names = [a.get_filename() for a in self.inbox.messages[0].iter_attachments()]
        self.assertEqual(len(names), 3)
        for move in moves:
            self.assertIn(move.invoice_pdf_report_id.name, names)
            self.assertTrue(move.invoice_pdf_report_id.raw.startswith(b"%PDF"))

    def test_f1_reply_lands_on_the_reminder(self):
        """F1: a reply comes back to the reminder's chatter."""
        reminder = self._send(self._invoice(8))
        sent = self.inbox.messages[0]
        reply = (
            "From: peyrot@example.com\r\nTo: {to}\r\nSubject: Re\r\n"
            "Message-Id: <reply@example.com>\r\nIn-Reply-To: {ref}\r\n\r\n"
            "Paid yesterday.\r\n"
        ).format(to=sent["Reply-To"] or sent["From"], ref=sent["Message-Id"])
        self.env["mail.thread"].message_process(None, reply)
        self.assertIn("Paid yesterday", reminder.message_ids[0].body)

    def test_f1_refused(self):
        """F1: an address the server refuses: failed with the reason, level back."""
        self.inbox.refused = dict.fromkeys(
            ("peyrot@example.com", "recovery@example.com"), "550 5.1.1 no such user"
        )
        move = self._invoice(8)
        reminder = self._send(move)
        self.assertEqual(reminder.state, "failed")
        self.assertFalse(self.inbox.messages)
        self.assertEqual(self._items(move).advised_level_id, self.level_1)

    def test_smtp_down(self):
        """Bad input: the mail server is down: said, and sent again later."""
        port = self.server.smtp_port
        self.server.smtp_port = 1
        reminder = self._send(self._invoice(8))
        self.assertEqual(reminder.state, "failed")
        self.assertTrue(reminder.comment)
        self.server.smtp_port = port
        with self.allow_pdf_render():
            reminder.action_send_again()
        self.env["mail.mail"].search(
            [("relance_reminder_id", "=", reminder.id), ("state", "=", "outgoing")]
        ).send()
        self.assertEqual(reminder.state, "sent")
        self.assertEqual(len(self.inbox.messages), 1)

    def test_cut_off(self):
        """G3: a process was killed while the server had the mail: a person is asked."""
        with self.allow_pdf_render():
            self._prepare(self._invoice(8)).action_create()
        mail = self.env["mail.mail"].search([("relance_reminder_id", "!=", False)])
        # What the process had noted.
        mail.state = "exception"
        with self.enter_registry_test_mode():
            self.env.ref("relance_numm.ir_cron_deliver").method_direct_trigger()
        reminder = mail.relance_reminder_id
        self.assertEqual(reminder.state, "failed")
        self.assertIn("may have left", reminder.comment)
        mails = self.env["mail.mail"].search([("state", "=", "outgoing")])
        self.assertFalse(mails.filtered("relance_reminder_id"), "Not by itself")
        with self.allow_pdf_render():
            reminder.action_send_again()
        self.assertEqual(reminder.state, "outgoing")
