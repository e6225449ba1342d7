from datetime import date, timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, freeze_time, new_test_user, tagged

from .automatic_common import AutomaticCommon
from .common import RelanceCommon


class OutcomeCommon:
    """A call to make, and what is said of it."""

    def _call(self, moves):
        """Return the reminder by call of these invoices, under way."""
        self.plan.step_ids.channel_ids |= self.phone
        wizard = self._prepare(moves)
        wizard.line_ids.channel_id = self.phone
        wizard.action_create()
        reminder = self.env["relance.reminder"].search(
            [("line_ids.move_id", "in", moves.ids)], limit=1
        )
        self.assertEqual(reminder.state, "outgoing")
        return reminder

    def _note(self, reminder, outcome, **vals):
        """Note the result as a person does, on the wizard."""
        wizard = self.env["relance.outcome"].browse(reminder.action_outcome()["res_id"])
        wizard.write({"outcome": outcome, **vals})
        result = wizard.action_record()
        self.env.invalidate_all()
        return result

    def _chatter(self, record):
        return " ".join(str(m.body) for m in record.sudo().message_ids)


@tagged("post_install", "-at_install")
class TestOutcome(OutcomeCommon, RelanceCommon):
    """What became of a call drives what comes next (F2, C4)."""

    # The call

    def test_f2_due_on_a_working_day(self):
        """F2: a call is due today, or on the next working day of the company."""
        calendar = self.company.resource_calendar_id
        calendar.tz = self.company.relance_tz = "Europe/Paris"
        rows = [
            # A Wednesday, a Saturday, and the day before a holiday.
            ("2026-03-11 10:00:00", 0, date(2026, 3, 11)),
            ("2026-03-11 10:00:00", 1, date(2026, 3, 12)),
            ("2026-03-13 10:00:00", 1, date(2026, 3, 16)),
            ("2026-03-14 10:00:00", 0, date(2026, 3, 16)),
            ("2026-03-14 10:00:00", 1, date(2026, 3, 16)),
            ("2026-03-14 10:00:00", 2, date(2026, 3, 17)),
            ("2026-03-31 10:00:00", 1, date(2026, 4, 2)),
            # Already Saturday in Paris.
            ("2026-03-13 23:30:00", 0, date(2026, 3, 16)),
        ]
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Holiday",
                "calendar_id": calendar.id,
                "date_from": "2026-03-31 22:00:00",
                "date_to": "2026-04-01 21:59:59",
            }
        )
        for moment, days, expected in rows:
            with self.subTest(moment=moment, days=days), freeze_time(moment):
                self.assertEqual(self.company._relance_working_date(days), expected)
        with freeze_time("2026-03-14 10:00:00"):
            self.company.relance_calendar_id = self.env["resource.calendar"].create(
                {
                    "name": "Weekends",
                    "tz": "Europe/Paris",
                    "attendance_ids": [
                        Command.clear(),
                        Command.create(
                            {
                                "name": "Saturday",
                                "dayofweek": "5",
                                "hour_from": 9,
                                "hour_to": 12,
                            }
                        ),
                    ],
                }
            )
            self.assertEqual(
                self.company._relance_working_date(1),
                date(2026, 3, 21),
                "sending hours",
            )
            self.company.relance_calendar_id.attendance_ids.unlink()
            self.assertEqual(self.company._relance_working_date(1), date(2026, 3, 15))

    def test_f2_due_when_the_person_works(self):
        """F2: a call is due on a day on which the responsible person works."""
        self.company.relance_tz = "Europe/Paris"
        tuesdays = self.env["resource.calendar"].create(
            {
                "name": "Tuesdays",
                "tz": "Europe/Paris",
                "attendance_ids": [
                    Command.clear(),
                    Command.create(
                        {
                            "name": "Tuesday",
                            "dayofweek": "1",
                            "hour_from": 9,
                            "hour_to": 12,
                        }
                    ),
                ],
            }
        )
        person = new_test_user(self.env, "tuesday", "account.group_account_invoice")
        self.env["resource.resource"].sudo().create(
            {
                "name": "Tuesday",
                "user_id": person.id,
                "company_id": self.company.id,
                "calendar_id": tuesdays.id,
            }
        )
        self.customer.relance_user_id = person
        reminder = self._call(self._invoice(8))
        self.assertEqual(reminder.activity_ids.date_deadline.weekday(), 1)
        self._note(reminder, "no_answer", days=2)
        deadline = reminder.activity_ids.date_deadline
        self.assertEqual(deadline.weekday(), 1)
        self.assertGreater(deadline, self.today + timedelta(7))

    def test_f2_for_whom(self):
        """F2: the customer's person calls, else the plan's, else the author; with what
        is owed and the number, on a working day."""
        person = new_test_user(self.env, "caller", "account.group_account_invoice")
        planner = new_test_user(self.env, "planner", "account.group_account_invoice")
        first, second, third = (self._create_customer(f"C{n}") for n in range(3))
        first.relance_user_id = person
        self.plan.user_id = planner
        for customer, user in ((first, person), (second, planner)):
            reminder = self._call(self._invoice(8, 77, partner=customer))
            activity = reminder.activity_ids
            self.assertEqual(activity.user_id, user)
            self.assertIn("+33 6 12 34 56 78", activity.note)
            self.assertIn("77.00", activity.summary)
            self.assertEqual(
                activity.date_deadline, self.company._relance_working_date(0)
            )
        self.plan.user_id = False
        reminder = self._call(self._invoice(8, partner=third))
        self.assertEqual(reminder.activity_ids.user_id, self.env.user)

    # Promise

    def test_f2_promise(self):
        """F2, C4: a promise marks the call as made, pauses its invoices, and is said on
        the reminder, the invoices, the customer."""
        move, other = self._invoice(8, 100), self._invoice(9, 50)
        reminder = self._call(move | other)
        day = self.today + timedelta(10)
        wizard = self.env["relance.outcome"].browse(reminder.action_outcome()["res_id"])
        self.assertEqual(wizard.promise_amount, 150)
        result = self._note(reminder, "promise", promise_date=day, note="By transfer")
        self.assertEqual(result["type"], "ir.actions.act_window_close")
        self.assertRecordValues(
            reminder,
            [
                {
                    "state": "sent",
                    "outcome": "promise",
                    "outcome_note": "By transfer",
                    "promise_date": day,
                    "promise_amount": 150.0,
                }
            ],
        )
        self.assertFalse(reminder.activity_ids)
        for record in (reminder, move, other, self.customer):
            self.assertIn("150.00 promised for", self._chatter(record))
        self.assertIn("promised for", reminder.comment)
        for item in self._items(move | other):
            self.assertEqual(item.reason_code, "promised")
            self.assertFalse(item._is_owed())
            self.assertRegex(item.reason, r"^Promise of \$.150\.00 for ")
            self.assertFalse(item.advised_level_id)
            self.assertEqual(item.sent_level_id, self.level_1)

    def test_f2_promise_not_kept(self):
        """F2, C4: from the day after on a promise that was not kept no longer pauses;
        whoever prepares reads it."""
        move = self._invoice(14)
        self._note(self._call(move), "promise", promise_date=self.today + timedelta(3))
        for days, code in ((0, "promised"), (3, "promised"), (4, False)):
            with freeze_time(self.today + timedelta(days)):
                [item] = self._items(move)
                self.assertEqual(item.reason_code, code, days)
        with freeze_time(self.today + timedelta(4)):
            self.env.invalidate_all()
            self.assertEqual(self._items(move).advised_level_id, self.level_2)
            self.assertIn("had been promised", " ".join(self._items(move)._cautions()))
            self.assertIn("had promised", move.relance_promise_text)
            self.assertTrue(self._prepare(move).line_ids)

    def test_f2_promise_holds_what_waits(self):
        """D7: a mail that waits in the queue does not claim what was promised."""
        move = self._invoice(8)
        with self.allow_pdf_render():
            wizard = self._prepare(move)
            wizard.action_create()
        reminder = self.env["relance.reminder"].search([], limit=1)
        move._relance_promise(self.today + timedelta(2), 100)
        self.assertEqual(reminder.sudo()._recall_stale(), reminder)
        self.assertEqual(reminder.state, "canceled")
        self.assertIn("Promise of", reminder.comment)

    def test_f2_promise_forgotten(self):
        """F2: a promise is taken back with a click."""
        move = self._invoice(8)
        self._note(self._call(move), "promise", promise_date=self.today)
        self.assertTrue(move.relance_promise_text)
        move.action_relance_forget_promise()
        self.env.invalidate_all()
        self.assertFalse(move.relance_promise_text)
        self.assertFalse(self._items(move).reason_code)
        self.assertIn("no longer counts", self._chatter(move))

    def test_f2_result_corrected(self):
        """F2: a result that was wrong is noted again, and the first one's consequences
        are taken back."""
        move = self._invoice(8)
        reminder = self._call(move)
        self._note(reminder, "promise", promise_date=self.today + timedelta(2))
        self._note(reminder, "dispute", note="Broken goods")
        self.assertFalse(move.relance_promise_date)
        self.assertFalse(reminder.promise_date)
        self.assertEqual(self._items(move).reason_code, "disputed")
        self._note(reminder, "other")
        self.assertFalse(move.relance_dispute)
        self.assertFalse(self._items(move).reason_code)
        self.assertEqual(reminder.state, "sent")

    # Dispute

    def test_f2_dispute(self):
        """F2, C4: a dispute pauses its invoices until it is settled."""
        move = self._invoice(8)
        reminder = self._call(move)
        self._note(reminder, "dispute", note="Broken goods")
        self.assertEqual(reminder.state, "sent")
        self.assertTrue(reminder.is_disputed)
        self.assertEqual(move.relance_dispute, "Broken goods")
        item = self._items(move)
        self.assertEqual(item.reason_code, "disputed")
        self.assertEqual(item.reason, "Disputed: Broken goods")
        self.assertFalse(item.advised_level_id)
        self.assertFalse(item._is_owed())
        for record in (reminder, move, self.customer):
            self.assertIn("Broken goods", self._chatter(record))
        with freeze_time(self.today + timedelta(40)):
            self.assertEqual(self._items(move).reason_code, "disputed")
        with Form(move) as form:
            self.assertEqual(form.relance_dispute, "Broken goods")
        move.action_relance_dispute_settled()
        self.env.invalidate_all()
        self.assertFalse(self._items(move).reason_code)
        self.assertFalse(reminder.is_disputed)
        self.assertIn("Dispute settled", self._chatter(move))

    def test_f2_dispute_settled_on_the_reminder(self):
        """F2: a dispute is settled from the reminder as well."""
        move = self._invoice(8)
        reminder = self._call(move)
        self._note(reminder, "dispute", note="Broken goods")
        reminder.action_dispute_settled()
        self.assertFalse(move.relance_dispute)

    # Not reached

    def test_f2_no_answer(self):
        """F2: no answer: another activity some working days later, still under way."""
        move = self._invoice(8)
        reminder = self._call(move)
        first = reminder.activity_ids
        self._note(reminder, "no_answer", days=3)
        self.assertEqual(reminder.state, "outgoing")
        again = reminder.activity_ids
        self.assertEqual(len(again), 1)
        self.assertNotEqual(again, first)
        day = self.company._relance_working_date(3)
        self.assertEqual(again.date_deadline, day)
        self.assertEqual(reminder.call_again_date, day)
        self.assertIn("+33 6 12 34 56 78", again.note)
        self.assertEqual(self._items(move).reason_code, "in_flight")
        self.assertIn("no answer", self._chatter(move))
        self.assertIn("no answer", reminder.comment)
        again.action_feedback(feedback="Reached at last")
        self.assertEqual(reminder.state, "sent")

    def test_f2_wrong_number(self):
        """F2: a wrong number fails the reminder and asks for the right one; the level
        does not count."""
        move = self._invoice(8)
        reminder = self._call(move)
        self._note(reminder, "wrong_number")
        self.assertEqual(reminder.state, "failed")
        self.assertIn("Wrong number: +33 6 12 34 56 78", reminder.error)
        self.assertFalse(reminder.activity_ids)
        item = self._items(move)
        self.assertFalse(item.sent_level_id)
        self.assertEqual(item.advised_level_id, self.level_1)
        flag = self.customer.activity_ids
        self.assertEqual(
            flag.activity_type_id, self.env.ref("relance_numm.mail_activity_address")
        )
        self.assertIn("Wrong phone number", flag.summary)
        self.customer.phone = "+33 1 99 00 99 99"
        reminder.action_send_again()
        self.env.invalidate_all()
        self.assertEqual(reminder.state, "outgoing")
        self.assertFalse(reminder.outcome)
        self.assertIn("+33 1 99 00 99 99", reminder.activity_ids.note)
        # Another number that is wrong, another flag.
        self._note(reminder, "wrong_number")
        self.assertEqual(len(self.customer.activity_ids), 2)

    def test_f2_wrong_number_is_not_used_again(self):
        """D5, F2: « Contrôles » names a wrong number, however it is written, for a call
        and for an SMS; nobody is called there until it is corrected."""
        sms = self.env.ref("relance_numm.channel_sms")
        move = self._invoice(8)
        reminder = self._call(move)
        self._note(reminder, "wrong_number")
        reminder.action_send_again()
        self.env.invalidate_all()
        self.assertEqual(reminder.state, "failed")
        self.assertIn("Wrong number", reminder.error)
        self.customer.phone = "+33612345678"
        self.plan.step_ids.channel_ids |= sms
        line = self._prepare(move).line_ids
        for channel in (self.phone, sms):
            line.channel_id = channel
            self.assertEqual(line.problem, "Wrong number: +33612345678")
        line.phone = "+33 6 98 76 54 32"
        self.assertFalse(line.problem)
        self.customer.action_relance_phone_right()
        self.assertFalse(self.customer._relance_phone_problem())

    def test_f2_wrong_number_of_another_contact(self):
        """F2: where another contact has a number, that one is called next; the copies
        of the wrong one are wrong, too."""
        contact, other = self.env["res.partner"].create(
            [
                {
                    "name": name,
                    "type": kind,
                    "parent_id": self.customer.id,
                    "phone": phone,
                }
                for name, kind, phone in (
                    ("Accounting", "relance", "+33 6 12 34 56 78"),
                    ("Office", "invoice", "+33 1 99 00 55 55"),
                )
            ]
        )
        reminder = self._call(self._invoice(8))
        self.assertEqual(reminder.contact_id, contact)
        self._note(reminder, "wrong_number")
        self.assertTrue(contact.relance_is_phone_wrong)
        self.assertTrue(self.customer.relance_is_phone_wrong)
        reminder.action_send_again()
        self.assertEqual(reminder.state, "outgoing")
        self.assertEqual(reminder.contact_id, other)

    def test_f2_wrong_number_corrected(self):
        """F2: a wrong number noted by mistake is taken back with all it did."""
        move = self._invoice(8)
        reminder = self._call(move)
        self._note(reminder, "wrong_number")
        with self.assertRaisesRegex(UserError, "send it again"):
            self._note(reminder, "no_answer", days=1)
        self.assertTrue(self.customer.relance_is_phone_wrong, "nothing was changed")
        self._note(reminder, "promise", promise_date=self.today)
        self.assertEqual(reminder.state, "sent")
        self.assertFalse(self.customer.relance_is_phone_wrong)
        self.assertFalse(self.customer.activity_ids)
        self.assertEqual(self._items(move).reason_code, "promised")
        self.assertEqual(self._items(move).sent_level_id, self.level_1)

    # Duplicate, other

    def test_f2_duplicate(self):
        """F2: the invoices' PDFs are mailed to the contact through Odoo's queue."""
        contact = self.env["res.partner"].create(
            {
                "name": "Accounting",
                "type": "relance",
                "parent_id": self.customer.id,
                "email": "accounting@example.com",
                "phone": "+33 1 99 00 55 55",
                "lang": "fr_FR",
            }
        )
        move, other = self._invoice(8), self._invoice(9)
        reminder = self._call(move | other)
        with self.allow_pdf_render():
            self._note(reminder, "duplicate")
        self.assertEqual(reminder.state, "sent")
        mail = self.env["mail.mail"].search(
            [("model", "=", "relance.reminder"), ("res_id", "=", reminder.id)]
        )
        self.assertEqual(len(mail), 1)
        self.assertEqual(mail.state, "outgoing")
        self.assertEqual(mail.email_to, contact.email)
        self.assertEqual(
            mail.attachment_ids,
            (move | other).invoice_pdf_report_id,
            mail.attachment_ids,
        )
        self.assertIn(move.name, mail.subject)
        # They stay the invoices' own.
        self.assertEqual(move.invoice_pdf_report_id.res_model, "account.move")
        self.assertIn("duplicates", self._chatter(move))
        self.assertFalse(mail.relance_reminder_id)

    def test_f2_duplicate_cannot_be_made(self):
        """Bad input: a PDF that cannot be made says so, and nothing is noted."""
        move = self._invoice(8)
        reminder = self._call(move)
        with (
            patch.object(type(move), "_relance_make_invoice_pdfs", lambda moves: moves),
            self.assertRaises(UserError) as caught,
        ):
            self._note(reminder, "duplicate")
        self.assertIn(f"The PDF of {move.name}", str(caught.exception))
        self.assertTrue(reminder.activity_ids)

    def test_f2_other(self):
        """F2: anything else marks the call as made, with what was said."""
        reminder = self._call(self._invoice(8))
        self._note(reminder, "other", note="Will look into it")
        self.assertEqual(reminder.state, "sent")
        self.assertIn("Will look into it", reminder.comment)
        self.assertFalse(reminder.activity_ids)

    # Bad input

    def test_f2_bad_input(self):
        """Bad input: a clear sentence, and nothing is lost."""
        reminder = self._call(self._invoice(8))
        yesterday = self.today - timedelta(1)
        rows = [
            ("promise", {}, "Until when"),
            ("promise", {"promise_date": yesterday}, "today's date or a later one"),
            (
                "promise",
                {"promise_date": self.today + timedelta(400)},
                "more than a year",
            ),
            (
                "promise",
                {"promise_date": self.today, "promise_amount": 0},
                "How much",
            ),
            ("dispute", {}, "What does the customer dispute"),
            ("dispute", {"note": "  "}, "What does the customer dispute"),
            ("no_answer", {"days": 0}, "from 1 to 90"),
            ("no_answer", {"days": 5000}, "from 1 to 90"),
            ("duplicate", {"email": False}, "which email address"),
            ("duplicate", {"email": "nobody"}, "“nobody” is not an email address"),
        ]
        for outcome, vals, sentence in rows:
            with self.subTest(outcome=outcome, **vals):
                with self.assertRaisesRegex(UserError, sentence):
                    self._note(reminder, outcome, **vals)
                self.assertEqual(reminder.state, "outgoing")
                self.assertFalse(reminder.outcome)
                self.assertTrue(reminder.activity_ids)

    def test_f2_entry_of_several_customers(self):
        """Bad input: what one customer says does not hold for the others who owe the
        same entry, such as an opening balance."""
        other = self._create_customer("Other")
        receivable = self.customer.property_account_receivable_id
        income = self.company.account_journal_suspense_account_id
        entry = self.env["account.move"].create(
            {
                "date": self.today - timedelta(30),
                "line_ids": [
                    Command.create(
                        {
                            "account_id": account.id,
                            "partner_id": partner.id,
                            "balance": balance,
                            "date_maturity": self.today - timedelta(8),
                        }
                    )
                    for account, partner, balance in (
                        (receivable, self.customer, 100),
                        (receivable, other, 50),
                        (income, other.browse(), -150),
                    )
                ],
            }
        )
        entry.action_post()
        entry.line_ids.no_followup = False
        items = self._items(entry).filtered(lambda i: i.partner_id == self.customer)
        self.plan.step_ids.channel_ids = self.phone
        wizard = self.env["relance.prepare"].browse(items.action_prepare()["res_id"])
        wizard.action_create()
        reminder = self.env["relance.reminder"].search([], limit=1)
        for outcome, vals in (
            ("promise", {"promise_date": self.today}),
            ("dispute", {"note": "Broken"}),
        ):
            with self.assertRaisesRegex(UserError, "owed by several customers"):
                self._note(reminder, outcome, **vals)
        self._note(reminder, "other")
        self.assertEqual(reminder.state, "sent")

    def test_f2_only_calls(self):
        """Bad input: only a call or meeting that takes place has a result."""
        move = self._invoice(8)
        mailed = self._already_reminded(move, self.level_1)
        with self.assertRaisesRegex(UserError, "no result to note"):
            mailed.action_outcome()
        canceled = self._call(self._invoice(9))
        canceled.action_cancel()
        self.assertFalse(canceled.activity_ids)
        with self.assertRaisesRegex(UserError, "Canceled"):
            canceled.action_outcome()
        done = self._call(self._invoice(9))
        self._note(done, "other")
        with self.assertRaisesRegex(UserError, "done already"):
            self._note(done, "no_answer", days=1)

    # Calls that are no longer needed

    def test_f2_payment_wakes_the_sweep(self):
        """F2: a payment of what is called about has the call looked at at once; another
        payment does not."""
        called, other = self._invoice(8), self._invoice(8)
        self._call(called)
        cron = self.env.ref("relance_numm.ir_cron_deliver")
        triggers = self.env["ir.cron.trigger"]
        for move, woken in ((other, 0), (called, 1)):
            before = triggers.search_count([("cron_id", "=", cron.id)])
            self._pay(move)
            after = triggers.search_count([("cron_id", "=", cron.id)])
            self.assertEqual(after - before, woken)

    def _sweep(self):
        with self.enter_registry_test_mode():
            self.env.ref("relance_numm.ir_cron_deliver").method_direct_trigger()
        self.env.invalidate_all()

    def test_f2_paid_before_the_call(self):
        """F2: a call of which nothing is owed any more closes itself and says why; of
        another the activity says what still is."""
        move, part, kept = self._invoice(8), self._invoice(8, 90), self._invoice(8, 60)
        other = self._create_customer("Other")
        disputed = self._invoice(8, partner=other)
        paid = self._call(move)
        both = self._call(part | kept)
        theirs = self._call(disputed)
        self._sweep()
        self.assertEqual({r.state for r in (paid, both, theirs)}, {"outgoing"})
        self._pay(move)
        self._pay(part)
        disputed._relance_start_dispute("Broken")
        self._sweep()
        for reminder in (paid, theirs):
            self.assertEqual(reminder.state, "canceled")
            self.assertFalse(reminder.activity_ids)
        self.assertIn("no longer open", paid.comment)
        self.assertIn("Disputed: Broken", theirs.comment)
        self.assertEqual(both.state, "outgoing")
        self.assertEqual(both.amount_total, 60)
        self.assertIn("60.00", both.activity_ids.summary)
        self.assertNotIn(part.name, both.activity_ids.note)

    def test_f2_invoice_of_another_customer(self):
        """F2: a call whose invoice was given to another customer closes itself."""
        move = self._invoice(8)
        call = self._call(move)
        move.button_draft()
        move.partner_id = self._create_customer("Other")
        move.action_post()
        self._sweep()
        self.assertEqual(call.state, "canceled")
        self.assertFalse(call.activity_ids)
        self.assertIn("its customer or currency was changed", call.comment)

    # Rights

    def test_f2_rights(self):
        """F2: an accountant notes results; nobody else, nor writes their facts."""
        accountant = new_test_user(
            self.env,
            "outcome_accountant",
            "account.group_account_invoice",
            company_id=self.company.id,
            company_ids=[Command.set(self.company.ids)],
        )
        stranger_company = self.env["res.company"].create({"name": "Stranger"})
        stranger = new_test_user(
            self.env,
            "outcome_stranger",
            "account.group_account_manager",
            company_id=stranger_company.id,
            company_ids=[Command.set(stranger_company.ids)],
        )
        portal = new_test_user(self.env, "outcome_portal", "base.group_portal")
        auditor = new_test_user(
            self.env, "outcome_auditor", "account.group_account_readonly"
        )
        move = self._invoice(8)
        reminder = self._call(move)
        for user in (stranger, portal, auditor):
            theirs = reminder.with_user(user)
            with self.assertRaises(AccessError):
                theirs.action_outcome()
            with self.assertRaises(AccessError):
                theirs.action_dispute_settled()
            with self.assertRaises(AccessError):
                self.env["relance.outcome"].with_user(user).create(
                    {"reminder_id": reminder.id}
                )
        mine = reminder.with_user(accountant)
        action = mine.action_outcome()
        wizard = self.env["relance.outcome"].browse(action["res_id"])
        for user in (stranger, portal, auditor, self.env.user):
            with self.assertRaises(AccessError):
                wizard.with_user(user).read(["note"])
        with self.assertRaises(UserError):
            mine.write({"outcome": "promise"})
        for user in (stranger, portal, auditor):
            with self.assertRaises(AccessError):
                move.with_user(user).action_relance_dispute_settled()
            with self.assertRaises(AccessError):
                move.with_user(user).action_relance_forget_promise()
        for user in (portal, auditor):
            with self.assertRaises(AccessError):
                self.customer.with_user(user).action_relance_phone_right()
        fields_of_portal = move.with_user(portal).fields_get()
        self.assertFalse(
            {"relance_dispute", "relance_promise_date"} & {*fields_of_portal}
        )
        wizard = wizard.with_user(accountant)
        wizard.write({"outcome": "dispute", "note": "Broken goods"})
        wizard.action_record()
        self.assertEqual(move.relance_dispute, "Broken goods")
        move.with_user(accountant).action_relance_dispute_settled()
        self.assertFalse(move.relance_dispute)


@tagged("post_install", "-at_install")
class TestOutcomeAutomatic(OutcomeCommon, AutomaticCommon):
    """The same where invoices remind themselves (G1, G2)."""

    def _automatic_call(self, days_late=8):
        """Return an invoice of which the cron made a call, and the call."""
        self.plan.step_ids.channel_ids = self.phone
        move = self._invoice(days_late)
        self._run()
        reminder = self._reminders(move)
        self.assertEqual(reminder.state, "outgoing")
        return move, reminder.sudo(False)

    def test_g1_promise(self):
        """F2, G1: what was promised is not reminded before the day after; a promise
        that is not kept resumes by itself."""
        move, reminder = self._automatic_call(14)
        promised = self.today + timedelta(5)
        self._note(reminder, "promise", promise_date=promised)
        self.assertEqual(move.relance_next_date, promised + timedelta(1))
        self.assertFalse(move.relance_by_hand)
        for days in (1, 5):
            with self._frozen(f"{self.today + timedelta(days)} 10:00:00"):
                self._run()
                self.assertEqual(self._reminders(move), reminder)
        with self._frozen(f"{self.today + timedelta(6)} 10:00:00"):
            self._run()
            self.assertEqual(self._reminders(move)[1:].level_id, self.litigation)

    def test_g1_promise_before_the_plan(self):
        """F2, G1: a promise for a day before the next step changes nothing."""
        move, reminder = self._automatic_call()
        planned = self.today + timedelta(7)
        self.assertEqual(reminder.level_id, self.level_1)
        self._note(reminder, "promise", promise_date=self.today + timedelta(1))
        self.assertEqual(move.relance_next_date, planned)

    def test_g1_promise_and_own_date(self):
        """F2, G1: a date set by hand waits for the promise as well."""
        move, reminder = self._automatic_call()
        self._note(reminder, "other")
        move.relance_next_date = self.today + timedelta(1)
        move._relance_promise(self.today + timedelta(4), 50)
        self.env.invalidate_all()
        self.assertEqual(move.relance_next_date, self.today + timedelta(5))
        move.action_relance_forget_promise()
        self.env.invalidate_all()
        self.assertEqual(move.relance_next_date, self.today + timedelta(1))

    def test_g1_dispute(self):
        """F2, G1: a disputed invoice has no next reminder until it is settled."""
        move, reminder = self._automatic_call()
        self._note(reminder, "dispute", note="Broken goods")
        self.assertFalse(move.relance_next_date)
        self.assertEqual(move.relance_status, "Disputed: Broken goods")
        self.assertEqual(self._items(move).automatic_code, "disputed")
        with self._frozen(f"{self.today + timedelta(30)} 10:00:00"):
            self._run()
            self.assertEqual(self._reminders(move), reminder)
        with self.assertRaisesRegex(UserError, "Disputed: Broken goods"):
            move.relance_next_date = self.today
        move.action_relance_dispute_settled()
        self.env.invalidate_all()
        self.assertEqual(move.relance_next_date, self.today + timedelta(7))

    def test_g5_dry_run(self):
        """G5: the dry run says what was promised, and what comes if it is not kept."""
        move, reminder = self._automatic_call()
        self.plan.step_ids.channel_ids = self.email
        self._note(reminder, "promise", promise_date=self.today + timedelta(9))
        item = self._items(move)
        self.assertEqual(item.next_date, self.today + timedelta(10))
        self.assertIn("Promise of", item.automatic_outcome)
        self.assertIn("peyrot@example.com", item.automatic_outcome)
        move.action_relance_forget_promise()
        self.assertNotIn("Promise of", self._items(move).automatic_outcome)

    def test_g3_nobody_confirms_what_is_disputed(self):
        """G3, H2: what was prepared to be confirmed is taken back once the customer
        disputes or promises; after the promise it is prepared again."""
        self.plan.step_ids.automation = "confirm"
        moves = self._invoice(8) | self._invoice(
            8, partner=self._create_customer("Other")
        )
        self._run()
        reminders = self._reminders(moves)
        self.assertEqual(set(reminders.mapped("state")), {"to_confirm"})
        moves[0]._relance_start_dispute("Broken goods")
        moves[1]._relance_promise(self.today + timedelta(2), 100)
        self.assertEqual(set(reminders.mapped("state")), {"canceled"})
        self.assertIn("Broken goods", self._reminders(moves[0]).comment)
        with self._frozen(f"{self.today + timedelta(3)} 10:00:00"):
            self._run()
            self.assertEqual(self._reminders(moves[0]).state, "canceled")
            self.assertEqual(self._reminders(moves[1])[1:].state, "to_confirm")

    def test_g2_wrong_number_is_not_called_again(self):
        """F2, G2: the cron does not call a wrong number again; a person does, once it
        is corrected."""
        move, reminder = self._automatic_call()
        self._note(reminder, "wrong_number")
        self.assertEqual(reminder.state, "failed")
        self._run()
        self.assertEqual(reminder.state, "failed")
        self.assertEqual(self._reminders(move), reminder)
        self.customer.phone = "+33 1 99 00 99 99"
        reminder.action_send_again()
        self.assertEqual(reminder.state, "outgoing")
