from unittest.mock import patch

from odoo import SUPERUSER_ID
from odoo.tests import new_test_user, tagged

from ..models import relance_reminder_with_copy
from .common import RelanceCommon


@tagged("post_install", "-at_install")
class TestInternalCopy(RelanceCommon):
    """Each reminder reaches the internal address, once, whatever its type (A1)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sms = cls.env.ref("relance_numm.channel_sms")
        cls.plan.step_ids.channel_ids |= cls.sms
        cls.env.user.email = "accountant@example.com"

    def _create_reminders(self, moves, *channels):
        """Return the reminders of these moves by these types, as a person makes them;
        the types follow the moves, the last one serves the rest."""
        wizard = self._prepare(moves)
        lines = wizard.line_ids.sorted("id")
        for index, line in enumerate(lines):
            line.channel_id = channels[min(index, len(channels) - 1)]
        with self.allow_pdf_render():
            wizard.action_create()
        return self.env["relance.reminder"].search(
            [("line_ids.move_id", "in", moves.ids)], order="id"
        )

    def _moves(self, count):
        return self.env["account.move"].union(
            *(
                self._invoice(8, partner=self._create_customer(f"Shop S{n}", zip=zip_))
                for n, zip_ in zip(
                    range(count), ("97400", "01000", "33000"), strict=False
                )
            )
        )

    def _copies(self):
        return self.env["mail.mail"].search(
            [
                ("relance_reminder_id", "=", False),
                ("email_to", "in", ("recovery@example.com", "accountant@example.com")),
            ]
        )

    def test_a1_letter(self):
        """A1: the letter's own PDF goes to the internal address, as it is made."""
        reminder = self._create_reminders(self._invoice(8), self.letter)
        mail = self._copies()
        self.assertEqual(mail.email_to, "recovery@example.com")
        self.assertEqual(mail.state, "outgoing")
        self.assertEqual(mail.attachment_ids, reminder.letter_attachment_id)
        self.assertIn(reminder.name, mail.subject)
        self.assertTrue(reminder.is_copied)

    def test_a1_many_letters_are_one_mail(self):
        """A1: the letters that are made together are one mail, with one PDF."""
        reminders = self._create_reminders(self._moves(3), self.letter)
        mail = self._copies()
        self.assertEqual(len(mail), 1)
        self.assertEqual(len(mail.attachment_ids), 1)
        self.assertTrue(mail.attachment_ids.raw.startswith(b"%PDF"))
        self.assertNotIn(mail.attachment_ids, reminders.letter_attachment_id)
        self.assertIn(reminders.batch_id.name, mail.attachment_ids.name)
        for reminder in reminders:
            self.assertIn(reminder.name, mail.body_html)
            self.assertIn(reminder.partner_id.name, mail.body_html)
        # In the order of the letters: by postal code.
        places = [mail.body_html.index(reminder.name) for reminder in reminders]
        self.assertEqual(sorted(places), [places[1], places[2], places[0]])

    def test_a1_combined_pdf_goes_with_its_mail(self):
        """A1: the combined PDF takes no room once it was sent."""
        self._create_reminders(self._moves(2), self.letter)
        mail = self._copies()
        attachment = mail.attachment_ids
        mail.sudo().unlink()
        self.assertFalse(attachment.exists())

    def test_a1_a_lone_letter_stays(self):
        """A1: the letter of a single reminder is not deleted with the copy."""
        reminder = self._create_reminders(self._invoice(8), self.letter)
        self._copies().sudo().unlink()
        self.assertTrue(reminder.letter_attachment_id.raw)

    def test_a1_too_large_for_a_mail(self):
        """A1: what is too large for a mail stays on the batch: Odoo sends a link."""
        self.env["ir.config_parameter"].set_param("base.default_max_email_size", "0")
        reminders = self._create_reminders(self._moves(2), self.letter)
        attachment = self._copies().attachment_ids
        self.assertEqual(attachment.res_model, "relance.batch")
        self.assertEqual(attachment.res_id, reminders.batch_id.id)

    def test_a1_sms_and_call(self):
        """A1: SMS and calls: a line each, with number, amount, level and text."""
        moves = self._moves(2)
        reminders = self._create_reminders(moves, self.sms, self.phone)
        self.assertEqual(reminders.channel_id, self.sms | self.phone)
        self.assertEqual(
            set(reminders.mapped("state")), {"outgoing"}, reminders.mapped("error")
        )
        mail = self._copies()
        self.assertEqual(len(mail), 1)
        self.assertFalse(mail.attachment_ids)
        text = mail.body_html.replace("\xa0", " ")
        for reminder in reminders:
            for word in (
                reminder.name,
                reminder.partner_id.name,
                reminder.contact_id.phone,
                "Level 1",
                "100.00",
            ):
                self.assertIn(word, text)
        sms = reminders.filtered(lambda r: r.channel_id == self.sms)
        # Word for word what the customer reads, in his language.
        body = self.env["sms.sms"].search([], order="id desc", limit=1).body
        self.assertIn(sms.name, body)
        self.assertIn(body.split(sms.name)[0], text)

    def test_a1_mail_is_copied_itself(self):
        """A1: a mail has its copy already: none besides."""
        reminder = self._create_reminders(self._invoice(8), self.email)
        self.assertFalse(self._copies())
        mail = self.env["mail.mail"].search([("relance_reminder_id", "=", reminder.id)])
        self.assertEqual(mail.email_cc, "recovery@example.com")

    def test_a1_once(self):
        """A1: a reminder that failed and is sent again is not copied again."""
        reminder = self._create_reminders(self._invoice(8), self.letter)
        self._copies().sudo().unlink()
        reminder.sudo()._fail("Came back")
        with self.allow_pdf_render():
            reminder.action_send_again()
        self.assertEqual(reminder.state, "outgoing")
        self.assertFalse(self._copies())

    def test_a1_not_for_what_failed(self):
        """A1: what does not leave is not copied."""
        nowhere = self._create_customer("Nowhere", street=False)
        moves = self._invoice(8) | self._invoice(8, partner=nowhere)
        reminders = self._create_reminders(moves, self.letter)
        failed = reminders.filtered(lambda r: r.partner_id == nowhere)
        self.assertEqual(failed.state, "failed")
        self.assertFalse(failed.is_copied)
        self.assertNotIn(failed.name, self._copies().body_html)

    def test_a1_author_gets_it_in_his_language(self):
        """A1: without an internal address, its author gets the copy, in his
        language."""
        self.company.relance_internal_email = False
        self.env.user.lang = "fr_FR"
        self.level_1.with_context(lang="fr_FR").name = "Niveau un"
        self._create_reminders(self._invoice(8), self.letter)
        mail = self._copies()
        self.assertEqual(mail.email_to, "accountant@example.com")
        self.assertIn("Niveau un", mail.body_html)

    def test_a1_company_gets_it_in_the_authors_language(self):
        """A1: the entity's address reads the language of whoever reminds, and of the
        entity where nobody does."""
        self.company.partner_id.lang = "fr_FR"
        self.env.user.lang = "en_US"
        self.level_1.with_context(lang="fr_FR").name = "Niveau un"
        reminder = self._create_reminders(self._invoice(8), self.letter).sudo()
        self.assertIn("Level 1", self._copies().body_html)
        reminder.write({"user_id": SUPERUSER_ID, "is_copied": False})
        self._copies().sudo().unlink()
        reminder._copy_internally()
        self.assertIn("Niveau un", self._copies().body_html)

    def test_a1_nobody(self):
        """A1: no internal address at all: nothing leaves, nothing fails."""
        self.company.relance_internal_email = False
        self.env.user.email = False
        before = self.env["mail.mail"].search_count([])
        reminder = self._create_reminders(self._invoice(8), self.letter)
        self.assertEqual(reminder.state, "outgoing")
        self.assertEqual(self.env["mail.mail"].search_count([]), before)

    def test_a1_by_an_accountant(self):
        """A1: an accountant without a right on the queue has his letters copied."""
        accountant = new_test_user(
            self.env,
            "copy_accountant",
            "account.group_account_invoice",
            company_id=self.company.id,
        )
        items = self._items(self._invoice(8)).with_user(accountant)
        wizard = self.env["relance.prepare"].with_user(accountant)
        wizard = wizard.browse(items.action_prepare()["res_id"])
        wizard.line_ids.channel_id = self.letter
        with self.allow_pdf_render():
            wizard.action_create()
        self.assertEqual(len(self._copies()), 1)

    def test_a1_a_copy_that_fails(self):
        """A1: a copy that cannot be made never fails the reminder, which says so."""
        model = relance_reminder_with_copy.RelanceReminderWithCopy
        with (
            patch.object(
                model, "_send_internal_copy", side_effect=ValueError("no room")
            ),
            self.assertLogs(relance_reminder_with_copy.__name__, "ERROR"),
        ):
            reminder = self._create_reminders(self._invoice(8), self.letter)
        self.assertEqual(reminder.state, "outgoing")
        self.assertFalse(reminder.is_copied)
        self.assertIn("no room", reminder.message_ids[0].body)

    def test_a1_in_the_background(self):
        """A1: a run of the cron is one mail, too."""
        moves = self.env["account.move"].union(
            *(
                self._invoice(8, partner=self._create_customer(f"Many M{n}"))
                for n in range(11)
            )
        )
        reminders = self._create_reminders(moves, self.phone)
        self.assertEqual(set(reminders.mapped("state")), {"pending"})
        self.assertFalse(self._copies())
        with self.enter_registry_test_mode():
            self.env.ref("relance_numm.ir_cron_deliver").method_direct_trigger()
        self.env.invalidate_all()
        mail = self._copies()
        self.assertEqual(len(mail), 1)
        self.assertEqual(mail.body_html.count("<tr"), 12)

    def test_a1_copies_cost_no_query_per_reminder(self):
        """A1: copying many takes as many queries as copying a few."""
        counts = []
        for count in (3, 9):
            moves = self.env["account.move"].union(
                *(
                    self._invoice(8, partner=self._create_customer(f"Cost C{n}"))
                    for n in range(count)
                )
            )
            self.company.relance_internal_email = False
            self.env.user.email = False
            reminders = self._create_reminders(moves, self.phone).sudo()
            reminders.internal_email = "recovery@example.com"
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            reminders._copy_internally()
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
            self.assertTrue(all(reminders.mapped("is_copied")))
        self.assertLessEqual(counts[1], counts[0] + 2)
