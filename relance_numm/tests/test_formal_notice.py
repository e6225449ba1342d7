import doctest

from odoo.tests import tagged

from ..models import relance_reminder_text_formal_notice
from .post_common import PostCommon


@tagged("post_install", "-at_install")
class TestFormalNotice(PostCommon):
    """A mise en demeure is checked against the law before it is created."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.template = cls.env.ref("relance_numm.template_litigation")
        cls.french = cls.template.with_context(lang="fr_FR")

    def _problem(self, partner=None):
        """Return what « Contrôles » says of a mise en demeure."""
        wizard = self._prepare(self._invoice(20, partner=partner))
        wizard.line_ids.channel_id = self.formal_notice
        return wizard.line_ids.problem

    def test_doctests(self):
        """The examples of the docstrings."""
        failed, tried = doctest.testmod(relance_reminder_text_formal_notice)
        self.assertTrue(tried)
        self.assertFalse(failed)

    def test_complete(self):
        """With what is delivered, a mise en demeure leaves, in French and English."""
        for lang in ("fr_FR", "en_US"):
            self.customer.lang = lang
            move = self._invoice(20)
            self.assertFalse(self._problem())
            with self.allow_pdf_render():
                letter = self._create_letters(move, self.formal_notice)
            self.assertEqual(letter.state, "outgoing", letter.error)
            letter.action_cancel()

    def test_each_lack_is_named(self):
        """Whatever is missing is named, and where to fill it in."""

        def without(field, *texts):
            text = str(self.french[field])
            for part in texts:
                self.assertIn(part, text)
                text = text.replace(part, "")
            self.french[field] = text

        lacks = {
            "SIREN": lambda: self.company.write({"company_registry": False}),
            "Street": lambda: self.company.write({"street": False}),
            "IBAN": lambda: self.bank_account.unlink(),
            "“formal notice” in the subject": lambda: self.french.write(
                {"subject": "Votre retard"}
            ),
            "formal notice to pay": lambda: without("letter_top", "mettons en demeure"),
            "deadline": lambda: self.french.write(
                {"letter_top": "<p>Nous vous mettons en demeure de payer.</p>"}
            ),
            "legal basis": lambda: self.french.write(
                {"letter_bottom": "<p>Nous saisirons le tribunal.</p>"}
            ),
            "going to court": lambda: self.french.write(
                {"letter_bottom": '<p><t t-out="object.legal_text"></t></p>'}
            ),
            "signature": lambda: self.french.write({"signature": "<p><br></p>"}),
        }
        for name, lack in lacks.items():
            with self.subTest(name), self.env.cr.savepoint() as savepoint:
                lack()
                problem = self._problem()
                self.assertTrue(problem, name)
                self.assertIn("The formal notice lacks", problem)
                self.assertIn(name, problem)
                savepoint.rollback()
                self.env.invalidate_all()

    def test_other_types_are_not_checked(self):
        """A plain registered letter needs none of it."""
        self.bank_account.unlink()
        wizard = self._prepare(self._invoice(20))
        wizard.line_ids.channel_id = self.registered
        self.assertFalse(wizard.line_ids.problem)

    def test_refused_by_the_batch(self):
        """Created all the same, it is refused with the sentence; others go on."""
        self.bank_account.unlink()
        other = self._create_customer("Other")
        moves = self._invoice(20) | self._invoice(20, partner=other)
        items = self._items(moves)
        requests = [
            self._request(moves[0], items[0].advised_level_id, self.formal_notice),
            self._request(moves[1], items[1].advised_level_id, self.letter),
        ]
        with self.allow_pdf_render():
            batch = self.env["relance.batch"]._create_reminders(requests)
        self.assertEqual(batch.reminder_ids.partner_id, other)
        self.assertEqual(batch.left_out_count, 1)
        self.assertIn("Librairie Peyrot", batch.left_out)
        self.assertIn("IBAN", batch.left_out)

    def test_changed_before_it_is_created(self):
        """What « Contrôles » found complete is not looked at again when it is created;
        should it lack something by then, it fails with the sentence. What they found
        incomplete is refused as long as it is."""
        waiting = [self._prepare(self._invoice(20)) for _index in range(2)]
        (waiting[0] | waiting[1]).line_ids.channel_id = self.formal_notice
        self.bank_account.unlink()
        waiting[1].line_ids._refresh_problems()
        with self.allow_pdf_render():
            waiting[0].action_create()
        reminder = self.env["relance.reminder"].search([], order="id desc", limit=1)
        self.assertEqual(reminder.state, "failed")
        self.assertIn("IBAN", reminder.error)
        waiting[1].action_create()
        batch = self.env["relance.batch"].search([], order="id desc", limit=1)
        self.assertFalse(batch.reminder_ids)
        self.assertIn("IBAN", batch.left_out)

    def test_changed_before_it_leaves(self):
        """What became incomplete since it was created does not leave."""
        with self.allow_pdf_render():
            letter = self._create_letters(self._invoice(20), self.formal_notice)
            self.french.letter_bottom = "<p>Merci.</p>"
            letter.sudo()._fail("Stopped")
            letter.action_send_again()
        self.assertEqual(letter.state, "failed")
        self.assertIn("legal basis", letter.error)
        self.assertIn(self.template.name, letter.error)

    def test_nobody_signs(self):
        """One made by the cron for nobody needs a person who signs."""
        with self.allow_pdf_render():
            letter = self._create_letters(self._invoice(20), self.formal_notice)
        letter.sudo().user_id = self.env.ref("base.user_root")
        self.assertIn("signs", letter._formal_notice_problem())
