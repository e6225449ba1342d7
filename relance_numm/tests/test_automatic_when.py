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
        """G4: at most so many first reminders a day, oldest first; later ones apart."""
        self.company.relance_first_cap = 2
        moves = [self._invoice(8 - n, partner=self.customer) for n in range(3)]
        moves += [self._invoice(9)]
        later = self._invoice(17)
        self._already_reminded(later, self.level_1, days_ago=9)
        self._run()
        self._run()
        automatic = self._reminders().filtered(lambda r: r.origin == "automatic")
        self.assertEqual(automatic.line_ids.move_id, later | moves[3] | moves[0])
        items = self.company._relance_in_own_time()
        with self.enter_registry_test_mode():
            chunks = self.env["relance.batch"]._due_chunks(items)
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
        self.assertEqual(len(automatic), 5)

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
