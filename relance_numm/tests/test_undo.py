from datetime import timedelta

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from ..models.relance_reminder_delivery import IMMEDIATE_SIZE
from .automatic_common import AutomaticCommon


@tagged("post_install", "-at_install")
class TestUndo(AutomaticCommon):
    """A reminder made by mistake: canceled before it leaves, disavowed afterwards."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # By hand, from the work list.
        cls.company.relance_on = "item"
        cls.plan.step_ids.channel_ids |= cls.letter | cls.phone
        cls.accountant = new_test_user(
            cls.env,
            "undo_accountant",
            "account.group_account_invoice",
            company_id=cls.company.id,
        )

    def _notes(self, record):
        return " ".join(record.message_ids.mapped("body")).replace("\xa0", " ")

    def _disavow_wizard(self, reminders):
        action = reminders.action_disavow()
        return reminders.env["relance.disavow"].browse(action["res_id"])

    def _apologies(self, reminder):
        messages = reminder.message_ids.filtered("outgoing_email_to")
        return self.env["mail.mail"].search([("mail_message_id", "in", messages.ids)])

    # Before it leaves

    def test_cancel_gives_the_level_back(self):
        """A reminder canceled before it left keeps its number; the level goes back, and
        its chatter says so."""
        move = self._invoice(8)
        reminder = self._already_reminded(move, self.level_1, state="outgoing")
        reminder.with_user(self.accountant).action_cancel()
        self.assertEqual(reminder.state, "canceled")
        self.assertEqual(reminder.name, "R-0000-0001")
        item = self._items(move)
        self.assertFalse(item.sent_level_id)
        self.assertEqual(item.advised_level_id, self.level_1)
        self.assertIn("Canceled before it left", self._notes(reminder))

    def test_cancel_after_it_left(self):
        """What has left cannot be canceled, and the sentence says what can be done."""
        reminder = self._already_reminded(self._invoice(8), self.level_1)
        with self.assertRaisesRegex(UserError, "disavow it"):
            reminder.action_cancel()

    # A batch

    def _batch(self, count):
        moves = self.env["account.move"].union(
            *(
                self._invoice(8, partner=self._create_customer(f"Batch B{n}"))
                for n in range(count)
            )
        )
        wizard = self._prepare(moves)
        wizard.line_ids.channel_id = self.phone
        wizard.action_create()
        reminders = self.env["relance.reminder"].search(
            [("line_ids.move_id", "in", moves.ids)], order="id"
        )
        return moves, reminders.batch_id

    def test_cancel_batch(self):
        """Of a batch, what has not left is canceled and what has left stays; the dialog
        says how many, before and after."""
        moves, batch = self._batch(3)
        left = batch.reminder_ids.sorted("id")[0]
        left.action_done()
        batch.invalidate_recordset()
        batch = batch.with_user(self.accountant)
        wizard = batch.env["relance.batch.cancel"].browse(
            batch.action_cancel()["res_id"]
        )
        self.assertIn("2 reminders", wizard.text)
        self.assertIn("1 have left", wizard.text)
        message = wizard.action_confirm()["params"]["message"]
        self.assertIn("before they left: 2", message)
        self.assertIn("not canceled: 1", message)
        self.assertEqual(
            batch.reminder_ids.sorted("id").mapped("state"),
            ["sent", "canceled", "canceled"],
        )
        self.assertIn("before they left: 2", self._notes(batch))
        # No call is asked for any more, and the entries are free again.
        self.assertFalse(batch.reminder_ids.activity_ids)
        self.assertEqual(self._items(moves[1:]).advised_level_id, self.level_1)
        batch.invalidate_recordset()
        self.assertFalse(batch.cancelable_count)
        with self.assertRaisesRegex(UserError, "Nothing to cancel"):
            batch._cancel_unsent()

    def test_cancel_batch_in_the_background(self):
        """What is not even created yet, or pending, is canceled with its batch."""
        _moves, batch = self._batch(IMMEDIATE_SIZE + 1)
        self.assertEqual(set(batch.reminder_ids.mapped("state")), {"pending"})
        batch._cancel_unsent()
        self.assertEqual(set(batch.reminder_ids.mapped("state")), {"canceled"})
        self.assertFalse(batch.reminder_ids.activity_ids)

    def test_cancel_batch_waiting_to_be_created(self):
        """Lines of a preparation that wait for the job are dropped."""
        _moves, batch = self._batch(1)
        wizard = self._prepare(self._invoice(8, partner=self._create_customer("W W")))
        wizard.line_ids.batch_id = batch
        batch.invalidate_recordset()
        self.assertEqual(batch.cancelable_count, 2)
        message = batch.with_user(self.accountant)._cancel_unsent()
        self.assertIn("before they left: 2", message)
        self.assertFalse(wizard.line_ids.exists())

    # After it left

    def test_disavow(self):
        """A disavowed level no longer counts: the list shows the one before; reminder,
        invoice and customer say why, and the number stays."""
        move = self._invoice(16)
        self._already_reminded(move, self.level_1, days_ago=9)
        reminder = self._already_reminded(move, self.level_2, days_ago=5)
        self.assertEqual(self._items(move).sent_level_id, self.level_2)
        wizard = self._disavow_wizard(reminder.with_user(self.accountant))
        wizard.note = "Had paid in cash"
        wizard.send_apology = False
        wizard.action_confirm()
        item = self._items(move)
        self.assertEqual(item.sent_level_id, self.level_1)
        self.assertEqual(item.last_level_id, self.level_1)
        self.assertEqual(item.advised_level_id, self.level_2)
        self.assertEqual(item.last_state, "disavowed")
        self.assertIn("Had paid in cash", item.last_comment)
        self.assertEqual(reminder.state, "sent")
        self.assertEqual(reminder.name, "R-0000-0001")
        self.assertEqual(reminder.disavowed_by_id, self.accountant)
        self.assertFalse(self._apologies(reminder))
        self.assertIn("Disavowed: Had paid in cash", self._notes(reminder))

    def test_disavow_is_said_everywhere(self):
        """The invoice and the customer say it, too."""
        move, batch = self._batch(1)
        batch.reminder_ids.action_done()
        batch.reminder_ids._disavow("Wrong customer")
        self.assertIn("Disavowed: Wrong customer", self._notes(move))
        self.assertIn("Disavowed: Wrong customer", self._notes(move.partner_id))

    def test_disavow_needs_a_note(self):
        """Without a reason nothing is disavowed."""
        reminder = self._already_reminded(self._invoice(8), self.level_1)
        with self.assertRaisesRegex(UserError, "Say why"):
            reminder._disavow("  ")
        self.assertFalse(reminder.date_disavowed)

    def test_disavow_only_what_left(self):
        """What has not left is canceled; what was disavowed is so already."""
        reminder = self._already_reminded(
            self._invoice(8), self.level_1, state="failed"
        )
        with self.assertRaisesRegex(UserError, "cancel it instead"):
            reminder.action_disavow()
        sent = self._already_reminded(self._invoice(8), self.level_1)
        sent._disavow("Mistake")
        with self.assertRaisesRegex(UserError, "disavowed already"):
            sent._disavow("Mistake")
        wizard = self._disavow_wizard(
            reminder | self._already_reminded(self._invoice(9), self.level_1)
        )
        self.assertEqual(len(wizard.reminder_ids), 1)
        self.assertIn("cancel it instead", wizard.summary)

    def test_apology(self):
        """The apology goes to the addresses that got the reminder, as it was edited,
        through the queue; nobody else gets it, and it is not the reminder's mail."""
        reminder = self._already_reminded(self._invoice(8), self.level_1)
        reminder.sudo().email_to = "first@example.com, second@example.com"
        wizard = self._disavow_wizard(reminder.with_user(self.accountant))
        self.assertTrue(wizard.send_apology)
        self.assertEqual(wizard.email_to, "first@example.com, second@example.com")
        self.assertIn(reminder.name, wizard.subject)
        self.assertIn(reminder.invoice_numbers, wizard.body)
        wizard.note = "Mistake"
        wizard.body = "<p>So sorry</p>"
        wizard.action_confirm()
        mail = self._apologies(reminder)
        self.assertEqual(len(mail), 1)
        self.assertEqual(mail.state, "outgoing")
        self.assertEqual(
            mail.email_to.replace(" ", ""), "first@example.com,second@example.com"
        )
        self.assertFalse(mail.email_cc)
        self.assertFalse(mail.recipient_ids)
        self.assertFalse(mail.relance_reminder_id)
        self.assertIn("So sorry", mail.body_html)
        self.assertEqual(
            reminder.apology_email_to, "first@example.com, second@example.com"
        )

    def test_apology_in_the_customers_language(self):
        """Several apologies are each in the customer's language, by the template."""
        template = self.env.ref("relance_numm.mail_template_apology")
        template.with_context(lang="fr_FR").subject = "Désolés {{ object.name }}"
        english = self._create_customer("Smith", lang="en_US")
        reminders = self._already_reminded(self._invoice(8), self.level_1)
        reminders |= self._already_reminded(
            self._invoice(8, partner=english), self.level_1
        )
        wizard = self._disavow_wizard(reminders.with_user(self.accountant))
        wizard.note = "Wrong batch"
        wizard.action_confirm()
        self.assertEqual(
            [self._apologies(reminder).subject for reminder in reminders],
            ["Désolés R-0000-0001", "Please disregard our reminder R-0000-0001"],
        )
        self.assertIn("Your", self._apologies(reminders[1]).body_html)
        self.assertIn("Votre", self._apologies(reminders[0]).body_html)

    def test_apology_to_a_customer_without_mail(self):
        """A customer who got a letter and has no address: only the note."""
        nobody = self._create_customer("Unmailed", email=False)
        reminder = self._already_reminded(
            self._invoice(8, partner=nobody), self.level_1
        )
        reminder.sudo().write({"channel_id": self.letter.id, "email_to": False})
        wizard = self._disavow_wizard(reminder)
        self.assertFalse(wizard.has_address)
        self.assertFalse(wizard.send_apology)
        self.assertIn("No address to mail", wizard.summary)
        wizard.note = "Mistake"
        wizard.action_confirm()
        self.assertTrue(reminder.date_disavowed)
        self.assertFalse(self._apologies(reminder))

    def test_apology_respects_bounces_and_blacklist(self):
        """Addresses that bounced or are blacklisted get none."""
        reminder = self._already_reminded(self._invoice(8), self.level_1)
        reminder.sudo().write(
            {
                "email_to": "gone@example.com, no@example.com, yes@example.com",
                "bounced_emails": "gone@example.com",
            }
        )
        self.env["mail.blacklist"]._add("no@example.com")
        self.assertEqual(reminder._apology_emails(), {reminder.id: ["yes@example.com"]})

    def test_a_bounced_apology_changes_nothing(self):
        """A bounce after that is noted; the reminder is not tried again."""
        move = self._invoice(8)
        reminder = self._already_reminded(move, self.level_1)
        reminder._disavow("Mistake")
        reminder.sudo()._message_receive_bounce(
            "peyrot@example.com", self.env["res.partner"]
        )
        self.assertEqual(reminder.state, "sent")
        self.assertIn("bounced", self._notes(reminder))

    def test_nothing_changes_it_afterwards(self):
        """Whatever the post or the operator says later: it stays disavowed."""
        move = self._invoice(8)
        reminder = self._already_reminded(move, self.level_1)
        reminder._disavow("Mistake")
        reminder.sudo()._fail("Number unknown")
        reminder.sudo()._set_state("outgoing")
        self.assertEqual(reminder.state, "sent")
        self.assertIn("Number unknown", self._notes(reminder))
        self.assertEqual(self._items(move).advised_level_id, self.level_1)

    def test_a_template_of_something_else(self):
        """A template for other documents is refused."""
        reminder = self._already_reminded(self._invoice(8), self.level_1)
        other = self.env.ref("account.email_template_edi_invoice")
        with self.assertRaisesRegex(UserError, "not for reminders"):
            reminder._apology_texts(other)

    def test_reminded_again_since(self):
        """An older reminder is disavowed: the later one still counts."""
        move = self._invoice(16)
        first = self._already_reminded(move, self.level_1, days_ago=9)
        self._already_reminded(move, self.level_2, days_ago=5)
        first._disavow("Mistake")
        item = self._items(move)
        self.assertEqual(item.sent_level_id, self.level_2)
        self.assertEqual(item.last_state, "sent")
        self.assertFalse(first.line_ids.skipped_on)

    def test_companions_go_with_it(self):
        """A call that accompanies a disavowed mail is not made any more."""
        move = self._invoice(8)
        reminder = self._already_reminded(move, self.level_1)
        call = self._already_reminded(self._invoice(8), self.level_1, state="outgoing")
        call.sudo().main_reminder_id = reminder
        reminder._disavow("Mistake")
        self.assertEqual(call.state, "canceled")

    def test_who_may(self):
        """Neither a read-only auditor nor a portal user nor another company's
        accountant disavows, cancels a batch, or reads a colleague's dialog."""
        reminder = self._already_reminded(self._invoice(8), self.level_1)
        _moves, batch = self._batch(1)
        wizard = self._disavow_wizard(reminder)
        other = self.env["res.company"].create({"name": "Stranger"})
        users = (
            new_test_user(self.env, "undo_audit", "account.group_account_readonly"),
            new_test_user(self.env, "undo_portal", "base.group_portal"),
            new_test_user(
                self.env,
                "undo_other",
                "account.group_account_invoice",
                company_id=other.id,
                company_ids=[Command.set(other.ids)],
            ),
        )
        for user in users:
            with self.subTest(user.login):
                with self.assertRaises(AccessError):
                    reminder.with_user(user).action_disavow()
                with self.assertRaises(AccessError):
                    reminder.with_user(user)._disavow("Mine")
                with self.assertRaises(AccessError):
                    batch.with_user(user).action_cancel()
                with self.assertRaises(AccessError):
                    batch.with_user(user)._cancel_unsent()
                with self.assertRaises(AccessError):
                    wizard.with_user(user).read(["body"])
                with self.assertRaises(AccessError):
                    self.env["relance.disavow"].with_user(user).create(
                        {"reminder_ids": reminder.ids}
                    )
        with self.assertRaises(AccessError):
            wizard.with_user(self.accountant).read(["body"])

    # Entries that are deleted

    def test_a_reminded_invoice_is_not_deleted(self):
        """An invoice that was reminded is canceled, not deleted; one of which the
        reminder never left may be, and the reminder keeps what it claimed."""
        move = self._invoice(8)
        reminder = self._already_reminded(move, self.level_1)
        move.button_draft()
        with self.assertRaisesRegex(UserError, "cancel it instead"):
            move.unlink()
        move.button_cancel()
        reminder.sudo()._set_state("canceled")
        move.button_draft()
        number = move.name
        move.with_context(force_delete=True).unlink()
        self.assertFalse(move.exists())
        self.assertEqual(reminder.line_ids.name, number)
        self.assertFalse(reminder.line_ids.move_id)

    def test_an_entry_that_is_replaced_keeps_the_history(self):
        """Fewer instalments of a draft: the reminder of the one that is gone keeps what
        it claimed."""
        move = self._instalments(8, 3)
        reminder = self._already_reminded(move, self.level_1)
        move.button_draft()
        move.write(
            {
                "invoice_payment_term_id": False,
                "invoice_date_due": self.today - timedelta(8),
            }
        )
        lines = reminder.line_ids
        self.assertEqual(len(lines), 2)
        self.assertEqual(len(lines.move_line_id), 1)
        self.assertEqual(lines.move_id, move)
        self.assertEqual(reminder.amount_total, 200.0)


@tagged("post_install", "-at_install")
class TestUndoAutomatic(AutomaticCommon):
    """What is disavowed, and what the cron makes of it (G3)."""

    def test_disavowed_step_is_not_made_again(self):
        """G3: the cron waits for the step after the disavowed one, until somebody lets
        the invoice follow the plan again: then it makes it once more."""
        move = self._invoice(8)
        self._run()
        reminder = self._reminders(move)
        self._leave()
        reminder.sudo(False)._disavow("Mistake")
        self.assertFalse(self._items(move).sent_level_id)
        self.assertEqual(move.relance_next_date, self.today + timedelta(7))
        self._run()
        self.assertEqual(self._reminders(move), reminder)
        with self._frozen(f"{self.today + timedelta(7)} 10:00:00"):
            self._run()
            self.assertEqual(
                self._reminders(move).mapped("level_id"), self.level_1 | self.level_2
            )

    def test_follow_the_plan_again(self):
        """G3: the same level may be made again once a person wants it."""
        move = self._invoice(8)
        self._run()
        self._leave()
        self._reminders(move).sudo(False)._disavow("Mistake")
        move.action_relance_follow_plan()
        self.assertLessEqual(move.relance_next_date, self.today)
        self._run()
        reminders = self._reminders(move)
        self.assertEqual(len(reminders), 2)
        self.assertEqual(reminders.level_id, self.level_1)

    def test_by_hand_where_the_cron_reminds(self):
        """G3: a reminder made by hand is not made again by itself either."""
        move = self._invoice(8)
        self._already_reminded(move, self.level_1)._disavow("Mistake")
        self._run()
        self.assertEqual(len(self._reminders(move)), 1)

    def test_copy_of_automatic_reminders(self):
        """A1: the letters of a run are one mail to the internal address."""
        self.plan.step_ids.channel_ids = self.letter
        self._invoice(8)
        self._invoice(8, partner=self._create_customer("Second"))
        self._run()
        copies = self.env["mail.mail"].search(
            [("email_to", "=", "recovery@example.com")]
        )
        self.assertEqual(len(copies), 1)
        for reminder in self._reminders():
            self.assertIn(reminder.name, copies.body_html)
