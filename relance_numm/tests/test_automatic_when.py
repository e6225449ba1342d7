from datetime import timedelta

from psycopg2 import IntegrityError

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .automatic_common import AutomaticCommon


@tagged("post_install", "-at_install")
class TestAutomaticWhen(AutomaticCommon):
    """When a company lets reminders leave, and how many (G3, G4)."""

    def _bank_statement(self, days_ago):
        journal = self.company_data["default_journal_bank"]
        return self.env["account.bank.statement.line"].create(
            {
                "journal_id": journal.id,
                "date": self.today - timedelta(days_ago),
                "payment_ref": "Card fees",
                "amount": -1,
            }
        )

    def test_g3_pause(self):
        """G3: nothing leaves before the end of a pause; a missed week sends one."""
        move = self._invoice(8)
        self.company.relance_pause_until = self.today + timedelta(1)
        self._run()
        self.assertFalse(self._reminders(move))
        self.company.relance_pause_until = self.today
        self._run()
        self.assertEqual(len(self._reminders(move)), 1)

    def test_g3_pause_holds_what_was_made(self):
        """G3: what was made and has not left waits as well."""
        move = self._invoice(8)
        self._run()
        reminder = self._reminders(move)
        reminder._set_state("pending")
        self.company.relance_pause_until = self.today + timedelta(1)
        with self.enter_registry_test_mode():
            self.env.ref("relance_numm.ir_cron_deliver").method_direct_trigger()
        self.assertEqual(reminder.state, "pending")
        self.company.relance_pause_until = False
        with self.enter_registry_test_mode():
            self.env.ref("relance_numm.ir_cron_deliver").method_direct_trigger()
        self.assertEqual(reminder.state, "outgoing")

    def test_g3_bank_gate(self):
        """G3: while the bank is older than the limit nothing leaves, and an activity on
        its journal says so, once; it goes when the bank is up to date."""
        journal = self.company_data["default_journal_bank"]
        self.company.relance_user_id = self.env.user
        self._bank_statement(days_ago=9)
        move = self._invoice(8)
        self._run()
        self._run()
        self.assertFalse(self._reminders(move))
        activity = journal.activity_ids
        self.assertEqual(len(activity), 1)
        self.assertEqual(activity.user_id, self.env.user)
        self.assertIn(journal.name, activity.note)
        self._bank_statement(days_ago=1)
        self._run()
        self.assertEqual(len(self._reminders(move)), 1)
        self.assertFalse(journal.activity_ids)

    def test_g3_bank_never_used(self):
        """G3: a journal that was never used says nothing; nor with a limit of 0."""
        self._invoice(8)
        self._run()
        self.assertEqual(len(self._reminders()), 1)
        self._bank_statement(days_ago=90)
        self.company.relance_bank_days = 0
        self._invoice(9)
        self._run()
        self.assertEqual(len(self._reminders()), 2)

    def _calendar(self):
        """Return working hours: Monday to Friday, from 8 to 12, closed on 25 May."""
        calendar = self.env["resource.calendar"].create(
            {
                "name": "Office",
                "tz": "UTC",
                "company_id": self.company.id,
                "attendance_ids": [
                    Command.create(
                        {
                            "name": "Morning",
                            "dayofweek": str(day),
                            "hour_from": 8,
                            "hour_to": 12,
                            "day_period": "morning",
                        }
                    )
                    for day in range(5)
                ],
            }
        )
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Lundi de Pentecôte",
                "calendar_id": calendar.id,
                "company_id": self.company.id,
                "date_from": "2026-05-24 22:00:00",
                "date_to": "2026-05-25 21:59:59",
            }
        )
        return calendar

    def test_g3_sending_hours(self):
        """G3: working days and hours, and days off, by the company's own clock."""
        self.company.relance_calendar_id = self._calendar()
        self.company.relance_tz = "Europe/Paris"
        for moment, is_open in (
            ("2026-05-22 05:59:00", False),  # Friday, 7:59 in Paris
            ("2026-05-22 06:01:00", True),
            ("2026-05-22 10:01:00", False),  # 12:01
            ("2026-05-23 07:00:00", False),  # Saturday
            ("2026-05-25 07:00:00", False),  # Whit Monday
            ("2026-05-26 07:00:00", True),
            ("2026-12-01 06:30:00", False),  # 7:30, winter time
            ("2026-12-01 07:30:00", True),
        ):
            with self.subTest(moment=moment), self._frozen(moment):
                self.assertEqual(bool(self.company._relance_hold()), not is_open)
        with self._frozen("2026-05-22 10:01:00"):
            self.assertEqual(
                self.company._relance_next_opening(),
                fields.Datetime.to_datetime("2026-05-26 06:00:00"),
            )
            self.assertIn("26", self.company._relance_hold())

    def test_g3_no_hours_at_all(self):
        """G3: hours that never open say so rather than nothing."""
        self.company.relance_calendar_id = self._calendar()
        self.company.relance_calendar_id.attendance_ids.unlink()
        self.assertIn("no working time", self.company._relance_hold())

    def test_h4_minimum_gap(self):
        """G3: a reminder is never nearer to the last one than the minimum gap."""
        self.company.relance_min_gap = 10
        move = self._invoice(14)
        self._already_reminded(move, self.level_1, days_ago=2)
        self.env.invalidate_all()
        self.assertEqual(move.relance_next_date, self.today + timedelta(8))

    def test_g5_minimum_amount(self):
        """G5: below the minimum amount an invoice is not reminded, and says why."""
        self.company.relance_min_amount = 50
        small, enough = self._invoice(8, 49.99), self._invoice(8, 50)
        self.assertIn("minimum", small.relance_status)
        self._run()
        self.assertEqual(self._reminders().line_ids.move_id, enough)

    def test_g4_first_cap(self):
        """G4: at most so many first reminders a day, oldest first; what was reminded
        by itself before is apart, what was by hand or elsewhere is not."""
        later = self._invoice(17)
        reminder = self._already_reminded(later, self.level_1, days_ago=9)
        reminder.sudo().origin = "automatic"
        by_hand = self._invoice(16)
        self._already_reminded(by_hand, self.level_1, days_ago=9)
        self.company.relance_first_cap = 2
        moves = [self._invoice(8 - n, partner=self.customer) for n in range(3)]
        moves += [self._invoice(9)]
        self._run()
        self._run()
        automatic = self._reminders().filtered(
            lambda r: r.origin == "automatic" and r != reminder
        )
        self.assertEqual(automatic.line_ids.move_id, later | by_hand | moves[3])
        with self.enter_registry_test_mode():
            self.assertIn("daily limit", self._items(moves[0]).automatic_outcome)
        items = self.company._relance_in_own_time()
        with self.enter_registry_test_mode():
            chunks, _last = self.env["relance.batch"]._due_page(items)
            self.assertFalse(chunks, "Nothing keeps the cron busy in vain")
            self.assertIn("may still leave today: 0", items._relance_cap_text())
        # Another day, the next ones.
        self.env.cr.execute(
            "UPDATE relance_reminder_line SET create_date = create_date - '1 day'"
            "::interval WHERE id = ANY(%s)",
            [automatic.line_ids.ids],
        )
        self._run()
        automatic = self._reminders().filtered(lambda r: r.origin == "automatic")
        self.assertEqual(len(automatic), 6, "Two more, and the one there was")

    def test_g4_first_cap_of_an_entity(self):
        """G4: the limit is for the entity with its branches."""
        branch = self._create_company(name="Branch", parent_id=self.company.id)
        self.company.relance_first_cap = 1
        for company in (self.company, branch):
            for days_late in (9, 8):
                self._invoice(days_late, company_id=company.id)
        self._run()
        reminders = self.env["relance.reminder"].sudo().search([])
        mine = reminders.filtered(lambda r: r.company_id.root_id == self.company)
        self.assertEqual(mine.company_id, self.company)
        self.assertEqual(len(mine), 1)
        with self.enter_registry_test_mode():
            self.assertEqual(branch._relance_first_left(), 0)

    def test_g3_gap_from_the_day_it_left(self):
        """G3: a letter posted late, or a reminder confirmed late, is not followed by
        the next step at once: the gap counts from when it left."""
        move = self._invoice(16)
        reminder = self._already_reminded(move, self.level_1, days_ago=11)
        reminder.sudo().date_sent = fields.Datetime.now()
        self.env.invalidate_all()
        self.assertEqual(move.relance_next_date, self.today + timedelta(1))
        self.company.relance_min_gap = 5
        self.env.invalidate_all()
        self.assertEqual(move.relance_next_date, self.today + timedelta(5))
        self.assertEqual(self._items(move).reason_code, "min_gap")

    def test_g1_instalments_over(self):
        """G1: an instalment that is over for the plan does not keep the later ones from
        being reminded."""
        move = self._instalments(60, 8, -20)
        self._already_reminded_first(move)
        self.assertEqual(move.relance_date_due, self.today - timedelta(60))
        self.assertEqual(move.relance_next_date, self.today - timedelta(3))
        self._run()
        reminder = self._reminders(move)[-1]
        self.assertEqual(reminder.level_id, self.level_1)
        self.assertEqual(reminder.amount_total, 100)
        # Due before the start, a later one after it.
        other = self._instalments(60, 8)
        self.company.relance_since = self.today - timedelta(30)
        self.env.invalidate_all()
        self.assertEqual(other.relance_next_date, self.today - timedelta(3))
        self._run()
        self.assertEqual(self._reminders(other).amount_total, 100)

    def _already_reminded_first(self, move):
        """Give the first instalment of an invoice its last level."""
        items = self.env["relance.item"].search([("move_id", "=", move.id)])
        reminder = self._already_reminded(move, self.litigation, days_ago=20)
        first = items.sorted("date_due")[0].move_line_id
        others = reminder.line_ids.filtered(lambda line: line.move_line_id != first)
        others.sudo().unlink()
        self.env.invalidate_all()

    def test_g1_date_of_an_instalment(self):
        """G1: the date that a person sets is for the instalment that was next; an
        emptied one is for the invoice."""
        move = self._instalments(8, -20)
        move.relance_next_date = self.today + timedelta(30)
        self._pay(move, 100)
        self.env.invalidate_all()
        self.assertEqual(move.relance_next_date, self.today - timedelta(30))
        move.relance_next_date = False
        self.env.invalidate_all()
        self.assertFalse(move.relance_next_date)
        other = self._instalments(8, 3)
        other.relance_next_date = False
        self._pay(other, 100)
        self.env.invalidate_all()
        self.assertFalse(other.relance_next_date)

    def test_g5_minimum_of_an_invoice(self):
        """G5: the minimum is for all that is late of the invoice."""
        self.company.relance_min_amount = 150
        small, enough = self._instalments(8, -20), self._instalments(8, 2)
        self._run()
        self.assertEqual(self._reminders().line_ids.move_id, enough)
        self.assertEqual(self._reminders().amount_total, 200)
        self.assertIn("minimum", small.relance_status)

    def test_g3_money_to_match(self):
        """G3, C5: where the bank has money of the customer that could be for the
        invoice, a person confirms the reminder."""
        paid = self._create_customer("Deja Paye")
        move, larger = self._invoice(8, 100, paid), self._invoice(8, 500, paid)
        self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.company_data["default_journal_bank"].id,
                "date": self.today,
                "partner_id": paid.id,
                "amount": 120,
                "payment_ref": "Transfer",
            }
        )
        item = self._items(move)
        self.assertEqual(item.automation, "confirm")
        self.assertIn("120", item.automatic_outcome)
        self._run()
        self.assertEqual(self._reminders(move).state, "to_confirm")
        self.assertEqual(self._reminders(larger).state, "outgoing")

    def test_g4_per_customer_apart(self):
        """G4: what a person confirms, or an invoice with a mode or addresses of its
        own, does not go with the customer's other invoices."""
        self.company.relance_per_customer = True
        self.plan.step_ids[3].automation = "confirm"
        plain = self._invoice(8) | self._invoice(9)
        self._invoice(40)
        self._invoice(8).relance_mode = "letter"
        self._invoice(8).relance_emails = "boss@example.com"
        self._run()
        self.assertEqual(len(self._reminders()), 4)
        self.assertEqual(self._reminders(plain).line_ids.move_id, plain)
        self.assertEqual(self._reminders().mapped("state").count("to_confirm"), 1)

    def test_g5_how_many_reminders(self):
        """G4, G5: the dry run says how many reminders the invoices make."""
        self._invoice(8)
        self._invoice(9)
        items, domain = (
            self.env["relance.item"],
            [("partner_id", "=", self.customer.id)],
        )
        self.assertEqual(
            items.get_automatic_summary(domain), "2 invoices of 1 customers (Email 2)"
        )
        self.company.relance_per_customer = True
        self.assertEqual(
            items.get_automatic_summary(domain),
            "2 invoices of 1 customers in 1 reminders (Email 1)",
        )

    def test_g5_rehearsal_of_branches(self):
        """G5: the rehearsal says which branches it does not show."""
        self._create_company(name="Branch of Pau", parent_id=self.company.id)
        items = self.env["relance.item"].with_context(
            relance_rehearsal=self.company.id,
            allowed_company_ids=self.company.ids,
        )
        [status] = items.get_automatic_status()
        self.assertIn("Branch of Pau", status["text"])

    def test_g5_dry_run_by_the_company_clock(self):
        """G3, G5: the dry run's day is the company's, whoever looks at it."""
        self.company.relance_tz = "Pacific/Kiritimati"
        move = self._invoice_due(fields.Date.add(self.today, days=-4))
        now = fields.Datetime.to_datetime(self.today) + timedelta(hours=22)
        with self._frozen(now):
            item = self._items(move)
            self.assertEqual(item.days_late, 5)
            self.assertEqual(item.next_level_id, self.level_1)
            self.company.relance_tz = "UTC"
            item = self._items(move)
            self.assertEqual(item.days_late, 4)
            self.assertEqual(item.next_level_id, self.level_pre)

    def test_negative_numbers(self):
        """Bad input: a negative limit is refused by the database."""
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.company.relance_first_cap = -1
            self.company.flush_recordset()

    def test_branches(self):
        """A1: a branch reminds as its entity does, numbered as its own."""
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        self.assertEqual(branch.relance_on, "invoice")
        self.company.write({"relance_first_cap": 7, "relance_pause_until": self.today})
        self.assertEqual(branch.relance_first_cap, 7)
        self.assertEqual(branch.relance_pause_until, self.today)

    def test_time_zone_of_a_company(self):
        """G3: the company's time zone comes with its country, and may be chosen."""
        company = self.env["res.company"].create(
            {"name": "Réunion", "country_id": self.env.ref("base.re").id}
        )
        self.assertEqual(company.relance_tz, "Indian/Reunion")
        company.relance_tz = "Europe/Paris"
        self.assertEqual(company.relance_tz, "Europe/Paris")
