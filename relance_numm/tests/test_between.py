from datetime import timedelta

from odoo.exceptions import UserError
from odoo.tests import new_test_user, tagged

from ..models.relance_reminder_outcome import Outcome
from .automatic_common import AutomaticCommon


@tagged("post_install", "-at_install")
class TestBetween(AutomaticCommon):
    """What one part of the addon says of a customer, and the others must heed."""

    def _letters_back(self, *moves):
        """Return the letters of invoices, posted and come back."""
        self.plan.step_ids.channel_ids = self.letter
        moves = self.env["account.move"].union(*moves or [self._invoice(8)])
        self._run()
        letters = self._reminders(moves).sudo(False)
        letters.action_done()
        letters.action_came_back()
        return letters

    def _called(self, **outcome):
        """Return a customer's mail and its companions, the call's result noted."""
        move = self._invoice(8)
        self._run()
        reminders = self._reminders(move)
        call = reminders.filtered(lambda r: r.channel_kind == "activity")
        call.sudo(False)._record_outcome(Outcome(**outcome))
        return reminders

    # Letters that came back

    def test_not_sent_again_to_where_it_came_back_from(self):
        """D5, F2: as the list says, a letter waits for another address."""
        letter = self._letters_back()
        self.assertTrue(letter.next_try_problem)
        with self.assertRaisesRegex(UserError, "3 rue des Lilas.*Correct the address"):
            letter.action_send_again()
        self.assertRecordValues(
            letter, [{"state": "failed", "post_outcome": "wrong_address"}]
        )
        self.customer.street = "9 rue Neuve"
        letter.action_send_again()
        self.assertRecordValues(letter, [{"state": "outgoing", "post_outcome": False}])
        self.assertEqual(letter.contact_id.street, "9 rue Neuve")
        # The address is there: nobody is asked for it any longer.
        self.assertFalse(self.customer.activity_ids)

    def test_goes_on_once_it_is_mended(self):
        """G2: the cron leaves a letter that came back alone until there is another
        address, and then sends it again by itself; the same for a wrong number."""
        letter = self._letters_back()
        letter.sudo().date_failed -= timedelta(days=3)
        self._run()
        self.assertEqual(letter.state, "failed")
        self.customer.street = "9 rue Neuve"
        self._run()
        self.assertRecordValues(letter, [{"state": "outgoing", "post_outcome": False}])

    def test_called_once_the_number_is_mended(self):
        """G2: the same for a call to a wrong number."""
        self.plan.step_ids.channel_ids |= self.phone
        call = self._called(code="wrong_number").filtered("main_reminder_id")
        call.date_failed -= timedelta(days=3)
        self._run()
        self.assertEqual(call.state, "failed")
        self.customer.phone = "+33 6 98 76 54 32"
        self._run()
        self.assertRecordValues(call, [{"state": "outgoing", "outcome": False}])

    def test_others_are_sent_again(self):
        """D5, F2: among several, only those that have another address."""
        lost = self._create_customer("Lost")
        letters = self._letters_back(self._invoice(8), self._invoice(9, partner=lost))
        lost.street = "9 rue Neuve"
        letters.action_send_again()
        states = {letter.partner_id: letter.state for letter in letters}
        self.assertEqual(states, {lost: "outgoing", self.customer: "failed"})

    def test_another_type_does_not_make_the_address_good(self):
        """D5, F2: mailed instead; the next letter still does not go there."""
        letter = self._letters_back()
        self.plan.step_ids.channel_ids |= self.email
        letter.channel_id = self.email
        letter.action_send_again()
        self.assertEqual(letter.state, "outgoing")
        self.assertFalse(letter.post_outcome)
        recipients = self.customer._relance_recipients()[self.customer.id]
        self.assertIn("not at this address", recipients.letter_problem)
        self.assertTrue(self.customer.activity_ids)

    def test_canceled_since_and_not_come_back(self):
        """D5, F2: the address is good after all, also once the letter is canceled."""
        letter = self._letters_back()
        letter.action_cancel()
        letter.action_not_come_back()
        self.assertEqual(letter.state, "canceled")
        self.assertFalse(self.customer.relance_returned_address)
        self.assertFalse(self.customer.activity_ids)

    def test_waits_for_a_person(self):
        """G2: what is not tried again by itself does not say that it is."""
        letter = self._letters_back()
        self._run()
        self.assertEqual(letter.state, "failed")
        self.assertEqual(letter._retry_text(), "waits for a person")

    def test_disavowed_letter(self):
        """F2: why it stays posted is not blamed on a later reminder; what the post does
        with it is noted all the same."""
        self.plan.step_ids.channel_ids = self.letter
        move = self._invoice(8)
        self._run()
        letter = self._reminders(move).sudo(False)
        letter.action_done()
        letter._disavow("By mistake")
        with self.assertRaisesRegex(UserError, "was disavowed"):
            letter.action_not_posted()
        letter.action_came_back()
        self.assertEqual(letter.state, "sent")
        self.assertTrue(self.customer.relance_returned_address)

    # Several things asked about one customer

    def test_other_questions_stay(self):
        """F2: « It did not come back » leaves the wrong number to be corrected."""
        self.plan.step_ids.channel_ids = self.letter | self.phone
        reminders = self._called(code="wrong_number")
        letter = reminders.filtered(lambda r: r.channel_kind == "letter").sudo(False)
        letter.action_done()
        letter.action_came_back()
        self.assertEqual(len(self.customer.activity_ids), 2)
        letter.action_not_come_back()
        self.assertIn("Wrong phone number", self.customer.activity_ids.summary)

    def test_no_mail_is_asked_beside_a_wrong_number(self):
        """G2: a letter for want of a mail is flagged though the number is wrong."""
        self.plan.step_ids.channel_ids |= self.phone | self.letter
        self._called(code="wrong_number")
        self.customer.email = False
        self._invoice(9)
        self._run()
        self.assertEqual(
            set(self.customer.activity_ids.mapped("summary")),
            {
                "Wrong phone number: +33 6 12 34 56 78",
                "Reminded by letter: no address to mail",
            },
        )
        self._invoice(10)
        self._run()
        self.assertEqual(len(self.customer.activity_ids), 2)

    def test_no_sms_to_a_wrong_number(self):
        """F2: the SMS that waits for the same number is taken back."""
        self.plan.step_ids.channel_ids |= self.phone | self.sms
        reminders = self._called(code="wrong_number")
        sms = reminders.filtered(lambda r: r.channel_kind == "sms")
        self.assertEqual(sms.state, "failed")
        self.assertIn("Wrong number", sms.error)
        queued = self.env["sms.sms"].search(
            [("mail_message_id", "=", sms.sms_message_id.id)]
        )
        self.assertEqual(set(queued.mapped("state")), {"canceled"})
        main = reminders.filtered(lambda r: r.channel_kind == "mail")
        self.assertEqual(main.state, "outgoing")

    # Sending again

    def test_says_what_is_canceled_instead(self):
        """D7: a reminder of a promised invoice, sent again or on, is canceled and says
        so."""
        for method in ("action_send_again", "action_send_on"):
            with self.subTest(method):
                move = self._invoice(8)
                self._run()
                reminder = self._reminders(move).sudo(False)
                reminder.sudo()._fail("For a test")
                move._relance_promise(self.today + timedelta(3), 100)
                action = getattr(reminder, method)()
                self.assertEqual(reminder.state, "canceled")
                self.assertIn("Promise", action["params"]["message"])
                self.assertIn(reminder.name, action["params"]["message"])

    # Queries

    def _query_count(self, records, name):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        records.mapped(name)
        return self.cr.sql_log_count - before

    def test_lists_do_not_grow(self):
        """F1, G1: the lists' columns of reminders that failed are some queries."""
        moves = self.env["account.move"].union(
            *(
                self._invoice(8, partner=self._create_customer(f"Many {number}"))
                for number in range(12)
            )
        )
        self._run()
        self._reminders(moves)._fail("For a test")
        # Who is no superuser: rights are asked, too.
        manager = new_test_user(
            self.env,
            "relance_lists",
            "account.group_account_manager",
            company_id=self.company.id,
        )
        reminders = self._reminders(moves).sudo(False).with_user(manager)
        for records, name in (
            (reminders, "mend_email"),
            (reminders, "next_try"),
            (moves.with_user(manager), "relance_status"),
        ):
            records[:2].mapped(name)
            few = self._query_count(records[:3], name)
            many = self._query_count(records, name)
            self.assertLessEqual(many, few + 2, name)
