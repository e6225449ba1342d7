from unittest.mock import patch

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from ..models import relance_reminder_text
from .common import RelanceCommon


@tagged("post_install", "-at_install")
class TestTemplate(RelanceCommon):
    """Modèles (A2)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.template = cls.env.ref("relance_numm.template_1")

    def _reminder(self, **vals):
        moves = self._invoice(8, 100.0) | self._invoice(18, 1234.5)
        reminder = self._already_reminded(moves, self.level_1)
        reminder.sudo().write(vals)
        return reminder

    def test_a2_placeholders(self):
        """A2: every placeholder has a value, in the customer's language."""
        reminder = self._reminder()
        for lang, total in (("en_US", "1,334.50"), ("fr_FR", "1 334,50")):
            texts = {
                name: reminder.with_context(lang=lang)[name]
                for name in relance_reminder_text.PLACEHOLDERS
            }
            missing = [name for name, text in texts.items() if not text]
            self.assertLessEqual(set(missing), {"sender_phone", "iban_text"})
            for name in ("total_text", "invoice_list"):
                plain = texts[name].replace("\u202f", " ").replace("\xa0", " ")
                self.assertIn(total, plain)
        self.assertEqual(reminder.days_late_text, "18")

    def test_a2_offered_list(self):
        """A2: what the list of placeholders offers is what any user may insert."""
        allowed = self.env["relance.reminder"].mail_allowed_qweb_expressions()
        for name in relance_reminder_text.PLACEHOLDERS:
            self.assertIn(f"object.{name}", allowed)

    def test_a2_unknown_placeholder(self):
        """Bad input: a placeholder that does not exist is named, with its field."""
        for name, text in (
            ("subject", "Dear {{ object.custommer }}"),
            ("letter_top", '<p><t t-out="object.custommer"/></p>'),
        ):
            with self.subTest(name), self.assertRaises(ValidationError) as raised:
                self.template[name] = text
            self.assertIn("object.custommer", str(raised.exception))
            self.assertIn(self.template.name, str(raised.exception))

    def test_a2_delete_used(self):
        """A2: a modèle that a step uses is not deleted; the plan is named."""
        with self.assertRaises(UserError) as raised:
            self.template.unlink()
        self.assertIn(self.template.step_ids[0].plan_id.name, str(raised.exception))
        copy = self.template.copy()
        self.assertIn("(copy)", copy.name)
        copy.unlink()
        self.assertFalse(copy.exists())

    def test_a2_translated(self):
        """A2: the text is in the customer's language."""
        self.template.with_context(lang="fr_FR").letter_top = "<p>Bonjour,</p>"
        reminder = self._reminder(template_id=self.template.id)
        texts = reminder._render_texts()[reminder.id]
        self.assertEqual(texts["letter_top"], "<p>Bonjour,</p>")
        self.customer.lang = "en_US"
        texts = reminder._render_texts()[reminder.id]
        self.assertNotIn("Bonjour", texts["letter_top"])

    def test_customer_without_language(self):
        """Bad input: without language, or with one that is not installed: another."""
        reminder = self._reminder()
        self.customer.lang = False
        self.assertEqual(reminder.lang, self.env.lang or "en_US")

    def test_a2_broken_template_fails_its_reminders_only(self):
        """Bad input: a modèle that does not render is named; the others go on."""
        broken = self.template.copy({"name": "Broken"})
        broken = broken.with_context(lang="fr_FR")
        broken.body_html = '<p><t t-out="1 / 0"/></p>'
        bad, good = self._reminder(template_id=broken.id), self._reminder()
        (bad | good).sudo().state = "pending"
        texts = (bad | good).sudo()._render_texts()
        self.assertEqual(list(texts), good.ids)
        self.assertEqual(bad.state, "failed")
        self.assertIn("“Broken”", bad.error)
        self.assertIn("ZeroDivisionError", bad.error)
        self.assertNotIn("Traceback", bad.error)

    def test_a2_letter_without_the_mail_s_text(self):
        """A2: what is wrong in a text that does not leave stops nothing."""
        broken = self.template.copy({"name": "Broken"})
        broken.body_html = '<p><t t-out="1 / 0"/></p>'
        reminder = self._reminder(template_id=broken.id).sudo()
        reminder.state = "pending"
        reminder._make_letters()
        self.assertTrue(reminder.letter_attachment_id)
        self.assertEqual(reminder.state, "pending")

    def test_a2_preview(self):
        """A2: a preview as mail and as PDF on a real customer, leaving no trace."""
        self._invoice(8)
        count = self.env["relance.reminder"].search_count([])
        with self.allow_pdf_render():
            preview = self.env["relance.template.preview"].create(
                {"template_id": self.template.id, "partner_id": self.customer.id}
            )
            self.assertIn("PREVIEW", preview.subject)
            self.assertIn("100,00", preview.body_html)
            self.assertTrue(preview.letter)
        self.assertFalse(preview.message)
        self.assertEqual(self.env["relance.reminder"].search_count([]), count)

    def test_a2_preview_without_debt(self):
        """Bad input: a customer who owes nothing: the preview says so."""
        stranger = self._create_customer("Stranger")
        preview = self.env["relance.template.preview"].create(
            {"template_id": self.template.id, "partner_id": stranger.id}
        )
        self.assertIn("Stranger", preview.message)

    def test_law_consumer_is_not_asked_40_euros(self):
        """CPCE L111-8: the 40 € are claimed from professionals only."""
        reminder = self._reminder()
        self.assertIn("L441-10", reminder.legal_text)
        self.assertIn("40", reminder.legal_text)
        self.customer.relance_customer_type = "individual"
        reminder.invalidate_recordset()
        self.assertNotIn("40", reminder.legal_text)
        self.assertIn("1231-6", reminder.legal_text)

    def test_wkhtmltopdf_missing(self):
        """Bad input: without wkhtmltopdf the reminders fail with what to do."""
        reminder = self._reminder()
        reminder.sudo().state = "pending"
        error = UserError("wkhtmltopdf is not installed")
        with patch.object(
            type(self.env["relance.letter"]), "_start_printing", side_effect=error
        ):
            reminder.sudo()._make_letters()
        self.assertEqual(reminder.state, "failed")
        self.assertEqual(reminder.error, "wkhtmltopdf is not installed")
