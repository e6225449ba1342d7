from unittest.mock import patch

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.iap.tools import iap_tools
from odoo.addons.relance_numm.tests.post_common import PostCommon


@tagged("post_install", "-at_install")
class TestSnailmail(PostCommon):
    """Letters that Odoo's Snailmail prints and posts (F2)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.letter.provider = "snailmail"
        cls.company.snailmail_cover = False

    def setUp(self):
        super().setUp()
        self.enterContext(self.allow_pdf_render())
        self.posted, self.answer = [], {"sent": True, "send_id": 7}
        self.startPatcher(patch.object(iap_tools, "iap_jsonrpc", self._post))
        # Snailmail commits after each letter.
        self.startPatcher(patch.object(self.env.cr, "commit", self.env.flush_all))
        self.startPatcher(
            patch.object(
                type(self.env["iap.account"]),
                "_send_success_notification",
                lambda *_a, **_k: 0,
            )
        )
        self.startPatcher(
            patch.object(
                type(self.env["iap.account"]),
                "_send_no_credit_notification",
                lambda *_a, **_k: 0,
            )
        )

    def _post(self, _url, params, **_options):
        """The service on the web, as Snailmail sees it."""
        self.posted += params["documents"]
        for document in params["documents"]:
            document.update(self.answer)
        return {"request_code": 200, "request": params}

    def _work(self, letter):
        """Run Snailmail's job, then ask it."""
        self.env["snailmail.letter"]._snailmail_cron(autocommit=False)
        letter.action_post_status()

    def test_posted(self):
        """The letter waits in the queue, is posted once, and then counts."""
        letter = self._create_letters(self._invoice(8))
        self.assertEqual((letter.state, letter.error), ("outgoing", False))
        self.assertFalse(self.posted)
        self._work(letter)
        self._work(letter)
        self.assertEqual(len(self.posted), 1)
        self.assertEqual(self.posted[0]["address"]["zip"], "33000")
        self.assertEqual((letter.state, letter.post_status), ("sent", "deposited"))
        self.assertTrue(letter.date_deposited)

    def test_with_a_cover_page(self):
        """The company's own settings hold."""
        self.company.snailmail_cover = True
        letter = self._create_letters(self._invoice(8))
        posted = self.env["snailmail.letter"].browse(int(letter.post_reference))
        pages = posted._count_pages_pdf(posted.attachment_id.raw)
        self.assertGreater(
            pages, posted._count_pages_pdf(letter.letter_attachment_id.raw)
        )

    def test_refused(self):
        """What Snailmail refuses fails with the reason, and is not tried beside the
        letter that is sent again."""
        self.answer = {"sent": False, "error": "CREDIT_ERROR"}
        letter = self._create_letters(self._invoice(8))
        self._work(letter)
        self.assertEqual(letter.state, "failed")
        self.assertIn("enough credits", letter.error)
        self.answer = {"sent": True, "send_id": 8}
        letter.action_send_again()
        self._work(letter)
        self.assertEqual(letter.state, "sent")
        self.assertEqual(len(self.posted), 2)

    def test_canceled(self):
        """Taken back here it is taken back there, and the other way round."""
        letter = self._create_letters(self._invoice(8))
        letter.action_cancel()
        self.env["snailmail.letter"]._snailmail_cron(autocommit=False)
        self.assertFalse(self.posted)
        other = self._create_letters(self._invoice(8))
        self.env["snailmail.letter"].browse(int(other.post_reference)).cancel()
        other.action_post_status()
        self.assertEqual(other.state, "failed")
        self.assertIn("canceled in Snailmail's queue", other.error)

    def test_too_late(self):
        """Posted there and not known here yet, it is not canceled here."""
        letter = self._create_letters(self._invoice(8))
        self.env["snailmail.letter"]._snailmail_cron(autocommit=False)
        with self.assertRaisesRegex(UserError, "can no longer be stopped"):
            letter.action_cancel()

    def test_whom_it_cannot_reach(self):
        """« Contrôles » asks for a country."""
        self.customer.country_id = False
        wizard = self._prepare(self._invoice(8))
        wizard.line_ids.channel_id = self.letter
        self.assertIn("country", wizard.line_ids.problem)

    def test_no_registered_letters(self):
        """It posts none, so that such a type cannot have it."""
        with self.assertRaisesRegex(ValidationError, "no registered letters"):
            self.registered.provider = "snailmail"
