from datetime import timedelta
from unittest.mock import patch

from odoo import SUPERUSER_ID
from odoo.exceptions import UserError
from odoo.tests import freeze_time, new_test_user, tagged

from ..models import relance_batch, relance_reminder_delivery
from .common import RelanceCommon


@tagged("post_install", "-at_install")
class TestReminder(RelanceCommon):
    """Creating, delivering, taking back (D6–D8, F1–F3)."""

    def _create_reminders(self, moves):
        """Return the reminders made of these moves as a person makes them."""
        wizard = self._prepare(moves)
        with self.allow_pdf_render():
            wizard.action_create()
        return self.env["relance.reminder"].search(
            [("line_ids.move_id", "in", moves.ids)]
        )

    def test_d6_reminder(self):
        """D6: numbered, dated; the work list shows date, comment and PDF."""
        move = self._invoice(8)
        reminder = self._create_reminders(move)
        stamp = self.today.strftime("%y%m")
        self.assertRecordValues(
            reminder,
            [
                {
                    "partner_id": self.customer.id,
                    "level_id": self.level_1.id,
                    "channel_id": self.email.id,
                    "state": "outgoing",
                    "amount_total": 100.0,
                    "email_to": "peyrot@example.com",
                    "internal_email": "recovery@example.com",
                    "comment": "Email to peyrot@example.com in the mail queue",
                }
            ],
        )
        self.assertRegex(reminder.name, rf"^R-{stamp}-\d{{4}}$")
        self.assertTrue(reminder.letter_attachment_id.raw.startswith(b"%PDF"))
        item = self._items(move)
        self.assertRecordValues(
            item,
            [
                {
                    "last_date": self.today,
                    "last_level_id": self.level_1.id,
                    "last_comment": reminder.comment,
                    "last_pdf_id": reminder.letter_attachment_id.id,
                    "advised_level_id": False,
                }
            ],
        )
        url = reminder.action_open_pdf()["url"]
        self.assertEqual(url, f"/web/content/{reminder.letter_attachment_id.id}")

    def test_d7_paid_between_prepare_and_create(self):
        """D7: a pièce paid or blocked meanwhile is left out and named."""
        paid, blocked, good = (self._invoice(8) for _i in range(3))
        wizard = self._prepare(paid | blocked | good)
        self._pay(paid)
        blocked.no_followup = True
        with self.allow_pdf_render():
            wizard.action_create()
        batch = self.env["relance.batch"].search([], limit=1)
        self.assertEqual(batch.reminder_ids.line_ids.move_id, good)
        self.assertEqual(batch.left_out_count, 2)
        self.assertIn(paid.name, batch.left_out)
        self.assertIn(blocked.name, batch.left_out)

    def test_d7_everything_changed_meanwhile(self):
        """D7: nothing left to remind: no reminder, and the batch says why."""
        move = self._invoice(8)
        wizard = self._prepare(move)
        self._pay(move)
        action = wizard.action_create()
        batch = self.env[action["res_model"]].browse(action["res_id"])
        self.assertFalse(batch.reminder_ids)
        self.assertIn(move.name, batch.left_out)
        self.assertEqual(batch.progress, 100)

    def test_d7_reminded_between_prepare_and_create(self):
        """D7: a pièce reminded by someone else meanwhile is left out and named."""
        move = self._invoice(8)
        mine, theirs = self._prepare(move), self._prepare(move)
        with self.allow_pdf_render():
            theirs.action_create()
        action = mine.action_create()
        batch = self.env[action["res_model"]].browse(action["res_id"])
        self.assertFalse(batch.reminder_ids)
        self.assertIn("Under way", batch.left_out)

    def test_d7_paid_before_delivery(self):
        """D7: checked again when it leaves: paid is taken out, nothing left is said."""
        paid, other = self._invoice(8, 100.0), self._invoice(8, 60.0)
        alone = self._invoice(8, partner=self._create_customer("Alone"))
        with patch.object(type(self.env["relance.reminder"]), "_start"):
            reminders = self._create_reminders(paid | other | alone)
        self.assertEqual(set(reminders.mapped("state")), {"pending"})
        self._pay(paid)
        self._pay(alone)
        with self.allow_pdf_render():
            reminders._deliver()
        first, second = reminders.sorted(lambda r: r.partner_id != self.customer)
        self.assertEqual(first.amount_total, 60.0)
        self.assertEqual(first.state, "outgoing")
        self.assertIn(paid.name, first.message_ids[-1].body)
        self.assertRecordValues(
            second,
            [{"state": "canceled", "amount_total": 0.0, "letter_attachment_id": False}],
        )
        self.assertIn("no longer open", second.comment)
        self.assertFalse(self.env["mail.mail"].search([("res_id", "=", second.id)]))

    def test_d7_only_what_changed_is_read_again(self):
        """D7: what is written again is what no longer says what the books say."""
        move, other = self._invoice(8), self._invoice(8, 60.0)
        with patch.object(type(self.env["relance.reminder"]), "_start"):
            lines = self._create_reminders(move | other).line_ids
        line = lines.filtered(lambda li: li.move_id == move)
        self.assertEqual(lines._unchanged(), lines)
        entry, stranger = line.move_line_id, self._create_customer("Stranger")
        changes = {
            "reference": lambda: move.write({"ref": "PO 17"}),
            "label": lambda: entry.write({"name": "Books"}),
            "due date": lambda: entry.write({"date_maturity": self.today}),
            "paid in part": lambda: self._pay(move, 30.0),
            "blocked": lambda: entry.write({"no_followup": True}),
            "paid": lambda: self._pay(move),
            "of another": lambda: line.reminder_id.sudo().write(
                {"partner_id": stranger.id}
            ),
        }
        for change, make in changes.items():
            expected = lines.browse() if change == "of another" else lines - line
            outcomes = []
            for unchanged in (type(lines)._unchanged, lambda lines: lines.browse()):
                with (
                    self.cr.savepoint() as savepoint,
                    patch.object(type(lines), "_unchanged", unchanged),
                ):
                    make()
                    if not outcomes:
                        self.assertEqual(lines._unchanged(), expected, change)
                    claimed = lines.reminder_id.sudo()._refresh_lines()
                    names = ["dropped", *lines._item_fields()]
                    outcomes.append((claimed, lines.read(names, load=None)))
                    savepoint.rollback()
                self.env.invalidate_all()
            self.assertEqual(*outcomes, change)
        with freeze_time(self.today + timedelta(1)):
            self.assertFalse(lines._unchanged(), "More days late")
        self.assertEqual(lines._unchanged(), lines)

    def test_d7_queued_mail_is_recalled(self):
        """D7: a mail whose pièce is paid while it waits in the queue is made again."""
        paid, other = self._invoice(8, 100.0), self._invoice(8, 60.0)
        reminder = self._create_reminders(paid | other)
        mail = self.env["mail.mail"].search([("relance_reminder_id", "=", reminder.id)])
        self.assertEqual(mail.state, "outgoing")
        self._pay(paid)
        mail.send()
        self.assertEqual(mail.state, "cancel")
        self.assertEqual(reminder.state, "pending")
        with self.allow_pdf_render():
            reminder._deliver()
        again = self.env["mail.mail"].search(
            [("relance_reminder_id", "=", reminder.id), ("state", "=", "outgoing")]
        )
        self.assertEqual(len(again), 1)
        self.assertNotIn(paid.name, again.body_html)
        self._pay(other)
        again.send()
        self.assertEqual(again.state, "cancel")
        self.assertEqual(reminder.state, "canceled")

    def test_f1_failed_mail_gives_the_level_back_and_goes_by_letter(self):
        """F1, D7: a failed mail says so on the list and can go by another type."""
        move = self._invoice(8)
        reminder = self._create_reminders(move)
        mail = self.env["mail.mail"].search([("relance_reminder_id", "=", reminder.id)])
        mail.write({"state": "exception", "failure_reason": "550 no such user"})
        mail._postprocess_sent_message([], [], failure_type="unknown")
        item = self._items(move)
        self.assertEqual(item.last_state, "failed")
        self.assertIn("550 no such user", item.last_comment)
        self.assertEqual(item.advised_level_id, self.level_1)
        reminder.channel_id = self.letter
        with self.allow_pdf_render():
            reminder.action_send_again()
        self.assertEqual(reminder.state, "outgoing")
        self.assertEqual(mail.state, "cancel")
        self.assertEqual(self._items(move).last_reminder_id, reminder)
        reminder.action_done()
        self.assertEqual(reminder.state, "sent")
        self.assertEqual(self._items(move).sent_level_id, self.level_1)

    def test_f1_bounce(self):
        """F1, D7: a mail that bounces gives its level back."""
        move = self._invoice(8)
        reminder = self._create_reminders(move)
        reminder.sudo()._left_or_failed(False)
        self.assertEqual(reminder.state, "sent")
        self.assertEqual(self._items(move).advised_level_id, self.level_2)
        reminder._message_receive_bounce("peyrot@example.com", self.customer)
        self.assertEqual(reminder.state, "failed")
        self.assertEqual(self._items(move).advised_level_id, self.level_1)

    def test_f1_bounce_of_one_of_two(self):
        """F1: the reminder stands where another contact received it, not where all
        bounced."""
        for name in ("one", "two"):
            self._create_customer(
                name, type="relance", parent_id=self.customer.id, is_company=False
            )
        reminder = self._create_reminders(self._invoice(8))
        self.assertEqual(reminder.email_to, "one@example.com, two@example.com")
        reminder.sudo()._left_or_failed(False)
        reminder._message_receive_bounce("one@example.com", self.customer)
        self.assertEqual(reminder.state, "sent")
        self.assertIn("one@example.com", reminder.message_ids[0].body)
        reminder._message_receive_bounce("two@example.com", self.customer)
        self.assertEqual(reminder.state, "failed")
        reminder.channel_id = self.letter
        with self.allow_pdf_render():
            reminder.action_send_again()
        reminder.action_done()
        reminder._message_receive_bounce("two@example.com", self.customer)
        self.assertEqual(reminder.state, "sent", "a posted letter does not bounce")

    def test_f1_cron_writes_in_the_authors_language(self):
        """F1: what the queue writes on the reminder, its author can read."""
        self.env.user.lang = "fr_FR"
        reminder = self._create_reminders(self._invoice(8))
        mail = self.env["mail.mail"].search([("relance_reminder_id", "=", reminder.id)])
        cron = mail.with_user(SUPERUSER_ID).with_context(lang=None)
        cron._postprocess_sent_message([], [], failure_type="mail_smtp")
        self.assertIn("messagerie", reminder.error)

    def test_f1_mail_canceled_in_the_queue(self):
        """F1: a mail that is canceled or deleted by hand is a reminder that failed."""
        for method in ("cancel", "unlink"):
            reminder = self._create_reminders(self._invoice(8))
            mail = self.env["mail.mail"].search(
                [("relance_reminder_id", "=", reminder.id)]
            )
            getattr(mail, method)()
            self.assertEqual(reminder.state, "failed", method)

    def test_f1_followers(self):
        """F1: whoever wrote and whoever follows the customer up read the reply."""
        responsible = new_test_user(
            self.env, "responsible", "account.group_account_invoice"
        )
        self.customer.relance_user_id = responsible
        reminder = self._create_reminders(self._invoice(8))
        self.assertEqual(
            reminder.message_partner_ids,
            self.env.user.partner_id | responsible.partner_id,
        )

    def test_f1_invoice_pdf_that_cannot_be_made(self):
        """F1: no mail announces an invoice that is not attached."""
        self.env.ref("relance_numm.template_1").attach_invoices = True
        move = self._invoice(8)
        with patch.object(
            type(self.env["account.move"]),
            "_relance_make_invoice_pdfs",
            lambda moves: moves,
        ):
            reminder = self._create_reminders(move)
        self.assertEqual(reminder.state, "failed")
        self.assertIn(move.name, reminder.error)
        self.assertFalse(
            self.env["mail.mail"].search([("relance_reminder_id", "=", reminder.id)])
        )

    def test_d7_customer_of_the_invoice_changed(self):
        """D7: an invoice given to another customer meanwhile is not claimed here."""
        first, second = self._invoice(8, 100.0), self._invoice(8, 60.0)
        other = self._create_customer("Other")
        wizard = self._prepare(first | second)
        reminder = None
        for step in ("prepared", "queued"):
            move = first if step == "prepared" else second
            if step == "queued":
                with self.allow_pdf_render():
                    wizard.action_create()
                reminder = self.env["relance.reminder"].search([], limit=1)
                self.assertEqual(reminder.line_ids.move_id, second)
                self.assertIn(first.name, reminder.batch_id.left_out)
            move.button_draft()
            move.partner_id = other
            move.action_post()
        mail = self.env["mail.mail"].search([("relance_reminder_id", "=", reminder.id)])
        mail.send()
        self.assertEqual(mail.state, "cancel")
        self.assertEqual(reminder.state, "canceled")

    def test_f1_send_again_after_a_later_reminder(self):
        """F1: what was reminded again since is not sent a second time."""
        move, other = self._invoice(18, 100.0), self._invoice(18, 60.0)
        old = self._already_reminded(
            move | other, self.level_1, days_ago=10, state="failed"
        )
        self._already_reminded(move, self.level_2)
        with self.allow_pdf_render():
            old.action_send_again()
        self.assertEqual(old.amount_total, 60.0)
        self.assertEqual(old.date, self.today)
        self.assertEqual(old.state, "outgoing")
        self.assertEqual(self._items(move).last_level_id, self.level_2)
        alone = self._already_reminded(move, self.level_1, days_ago=9, state="failed")
        alone.action_send_again()
        self.assertEqual(alone.state, "canceled")
        self.assertIn("reminded again", alone.comment)

    def test_d7_letter_paid_before_it_is_printed(self):
        """D7: a letter is checked again when it is printed."""
        self.customer.relance_mode = "letter"
        alone = self._create_customer("Alone", relance_mode="letter")
        paid, other = self._invoice(8, 100.0), self._invoice(8, 60.0)
        gone = self._invoice(8, partner=alone)
        reminders = self._create_reminders(paid | other | gone)
        self._pay(paid)
        self._pay(gone)
        with self.allow_pdf_render():
            action = reminders.action_print()
        mine = reminders.filtered(lambda r: r.partner_id == self.customer)
        self.assertEqual(action["context"]["active_ids"], mine.ids)
        self.assertEqual(mine.amount_total, 60.0)
        self.assertEqual((reminders - mine).state, "canceled")
        self.assertEqual(
            (reminders - mine).action_print()["tag"], "display_notification"
        )

    def test_f3_trace(self):
        """F3: invoice and customer say who was reminded, how much, how, how far."""
        first, second = self._invoice(8, 100.0), self._invoice(8, 60.0)
        reminder = self._create_reminders(first | second)
        body = first.message_ids[0].body
        for word in (
            first.name,
            "Librairie Peyrot",
            "100.00",
            "Email",
            "Level 1",
            "recovery@example.com",
            reminder.name,
        ):
            self.assertIn(word, body)
        self.assertNotIn(second.name, body)
        body = self.customer.message_ids[0].body
        for word in (first.name, second.name, "160.00"):
            self.assertIn(word, body)

    def test_d5_customer_whom_nothing_reaches(self):
        """D5: created although nobody can be reached: failed, with the reason."""
        nobody = self._create_customer("Nobody", email=False)
        reminders = self._create_reminders(
            self._invoice(8) | self._invoice(8, partner=nobody)
        )
        failed = reminders.filtered(lambda r: r.partner_id == nobody)
        self.assertEqual(failed.state, "failed")
        self.assertEqual(failed.comment, "No email address")
        self.assertEqual((reminders - failed).state, "outgoing")

    def test_e3_letters_of_a_batch(self):
        """E3: the letters of a batch print as one PDF in postal-code order."""
        far = self._create_customer("Far", zip="97400")
        near = self._create_customer("Near", zip="01000")
        moves = self._invoice(8, partner=far) | self._invoice(8, partner=near)
        (far | near).relance_mode = "letter"
        reminders = self._create_reminders(moves)
        with self.allow_pdf_render():
            action = reminders.batch_id.action_print()
            report = self.env["ir.actions.report"].with_context(
                force_report_rendering=True
            )
            pdf, kind = report._render_qweb_pdf(
                action["report_name"], action["context"]["active_ids"]
            )
        self.assertEqual(kind, "pdf")
        self.assertTrue(pdf.startswith(b"%PDF"))
        names = [
            self.env["relance.reminder"].browse(id_).partner_id.name
            for id_ in action["context"]["active_ids"]
        ]
        self.assertEqual(names, ["Near", "Far"])
        self.assertTrue(all(reminders.mapped("date_printed")))
        reminders.action_done()
        self.assertEqual(set(reminders.mapped("state")), {"sent"})

    def test_cancel(self):
        """Undo: a reminder that has not left is canceled, its items are free again."""
        move = self._invoice(8)
        reminder = self._create_reminders(move)
        mail = self.env["mail.mail"].search([("relance_reminder_id", "=", reminder.id)])
        reminder.action_cancel()
        self.assertEqual(mail.state, "cancel")
        item = self._items(move)
        self.assertRecordValues(
            item, [{"advised_level_id": self.level_1.id, "last_reminder_id": False}]
        )
        with self.assertRaises(UserError):
            reminder.action_cancel()

    def test_f3_whoever_cancels_signs(self):
        """F3: a colleague who cancels says so on the invoice, in his name."""
        colleague = new_test_user(
            self.env, "colleague", "account.group_account_invoice"
        )
        move = self._invoice(8)
        reminder = self._create_reminders(move)
        reminder.with_user(colleague).action_cancel()
        last = move.message_ids[0]
        self.assertIn("Canceled before it left", last.body)
        self.assertEqual(last.author_id, colleague.partner_id)
        self.assertFalse(reminder.is_traced)

    def test_d8_many_are_delivered_in_the_background(self):
        """D8: many reminders wait for the cron, which shows its progress."""
        customers = [self._create_customer(f"Many {n}") for n in range(12)]
        moves = self.env["account.move"].union(
            *(self._invoice(8, partner=customer) for customer in customers)
        )
        wizard = self._prepare(moves)
        action = wizard.action_create()
        batch = self.env[action["res_model"]].browse(action["res_id"])
        self.assertRecordValues(
            batch, [{"reminder_count": 12, "pending_count": 12, "progress": 50.0}]
        )
        with self.allow_pdf_render():
            self.env.ref("relance_numm.ir_cron_deliver").method_direct_trigger()
        batch.invalidate_recordset()
        self.assertRecordValues(
            batch, [{"outgoing_count": 12, "pending_count": 0, "progress": 100.0}]
        )

    def test_d8_very_many_are_created_in_the_background(self):
        """D8: creation goes to the background, as its author; progress is seen."""
        moves = self.env["account.move"].union(
            *(
                self._invoice(8, partner=self._create_customer(f"Many {n}"))
                for n in range(5)
            )
        )
        blocked = moves[:1]
        wizard = self._prepare(moves)
        with (
            patch.object(relance_batch, "CREATE_SIZE", 2),
            patch.object(relance_batch, "PORTION_SIZE", 2),
        ):
            action = wizard.action_create()
            batch = self.env[action["res_model"]].browse(action["res_id"])
            self.assertRecordValues(
                batch, [{"reminder_count": 0, "waiting_count": 5, "progress": 0.0}]
            )
            blocked.no_followup = True
            with self.allow_pdf_render():
                self.env.ref("relance_numm.ir_cron_deliver").method_direct_trigger()
        batch.invalidate_recordset()
        self.assertRecordValues(
            batch,
            [
                {
                    "reminder_count": 4,
                    "waiting_count": 0,
                    "outgoing_count": 4,
                    "left_out_count": 1,
                    "progress": 100.0,
                }
            ],
        )
        self.assertIn(blocked.name, batch.left_out)
        self.assertEqual(batch.reminder_ids.user_id, self.env.user)

    def test_d8_unreadable_preparation_does_not_block(self):
        """D8: an author who lost his rights does not stop everybody's reminders."""
        author = new_test_user(self.env, "author", "account.group_account_invoice")
        moves = self._invoice(8) | self._invoice(
            8, partner=self._create_customer("Other")
        )
        items = self._items(moves[1]).with_user(author).with_company(self.company)
        wizard = (
            self.env["relance.prepare"]
            .with_user(author)
            .browse(items.action_prepare()["res_id"])
        )
        with patch.object(relance_batch, "CREATE_SIZE", 0):
            wizard.action_create()
            author.group_ids = self.env.ref("base.group_user")
            with patch.object(relance_reminder_delivery, "IMMEDIATE_SIZE", 0):
                mine = self._request(moves[0], self.level_1, self.email)
                batch = self.env["relance.batch"]._create_reminders([mine])
        with self.allow_pdf_render():
            self.env.ref("relance_numm.ir_cron_deliver").method_direct_trigger()
        self.assertEqual(batch.reminder_ids.state, "outgoing")
        theirs = self.env["relance.batch"].search([("user_id", "=", author.id)])
        self.assertEqual(theirs.left_out_count, 1)
        self.assertFalse(theirs.waiting_count)

    def test_d8_waiting_preparations_are_kept(self):
        """D8: the vacuum drops old preparations, but none that waits."""
        old = self._prepare(self._invoice(8))
        waiting = self._prepare(self._invoice(8))
        waiting.line_ids.batch_id = self.env["relance.batch"]._new_batch(self.company)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE relance_prepare SET create_date = now() - interval '2 days'"
        )
        self.env["relance.prepare"]._gc_prepared()
        self.assertFalse(old.exists())
        self.assertTrue(waiting.exists())

    def test_d8_one_that_raises_does_not_stop_the_others(self):
        """Bad input: an unforeseen error is said on its reminder, the rest goes on."""
        other = self._create_customer("Other")
        moves = self._invoice(8) | self._invoice(8, partner=other)
        with patch.object(type(self.env["relance.reminder"]), "_start"):
            reminders = self._create_reminders(moves)
        prepare = type(self.env["relance.delivery.mail"])._prepare_mail_vals

        def broken(model, reminder, *args):
            if reminder.partner_id == other:
                raise ZeroDivisionError("out of order")
            return prepare(model, reminder, *args)

        with (
            self.allow_pdf_render(),
            patch.object(
                type(self.env["relance.delivery.mail"]), "_prepare_mail_vals", broken
            ),
        ):
            reminders._deliver_or_fail()
        failed = reminders.filtered(lambda r: r.state == "failed")
        self.assertEqual(failed.partner_id, other)
        self.assertIn("out of order", failed.comment)
        self.assertEqual((reminders - failed).state, "outgoing")

    def test_f2_sms(self):
        """F2: an SMS goes through Odoo's queue; its failure gives the level back."""
        self.plan.step_ids.channel_ids |= self.env.ref("relance_numm.channel_sms")
        moves = self._invoice(8) | self._invoice(
            8, partner=self._create_customer("Other")
        )
        wizard = self._prepare(moves)
        wizard.line_ids.channel_id = self.env.ref("relance_numm.channel_sms")
        wizard.action_create()
        reminders = self.env["relance.reminder"].search(
            [("line_ids.move_id", "in", moves.ids)]
        )
        self.assertEqual(set(reminders.mapped("state")), {"outgoing"})
        messages = self.env["sms.sms"].search(
            [("mail_message_id", "in", reminders.message_ids.ids)]
        )
        self.assertEqual(len(messages), 2)
        self.assertIn("100.00", messages[0].body.replace(",", "."))
        left, failed = (
            self.env["relance.reminder"].browse(message.mail_message_id.res_id)
            for message in messages
        )
        messages[0]._update_sms_state_and_trackers("pending")
        messages[1]._update_sms_state_and_trackers("error", "sms_credit")
        self.assertEqual(left.state, "sent")
        self.assertEqual(failed.state, "failed")
        self.assertIn("Credit", failed.comment)

    def test_f2_call(self):
        """F2: a call is an activity for the responsible, done when it is."""
        self.plan.user_id = False
        wizard = self._prepare(self._invoice(8))
        wizard.line_ids.channel_id = self.phone
        wizard.action_create()
        reminder = self.env["relance.reminder"].search([], limit=1)
        self.assertEqual(reminder.state, "outgoing")
        activity = reminder.activity_ids
        self.assertEqual(activity.user_id, self.env.user)
        self.assertIn("+33 6 12 34 56 78", activity.note)
        activity.action_feedback(feedback="Will pay on Friday")
        self.assertEqual(reminder.state, "sent")
