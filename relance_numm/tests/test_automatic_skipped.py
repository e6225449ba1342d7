from datetime import timedelta

from odoo.tests import tagged

from .automatic_common import AutomaticCommon


@tagged("post_install", "-at_install")
class TestAutomaticSkipped(AutomaticCommon):
    """The next date of an invoice of which a person canceled a reminder (G3)."""

    def setUp(self):
        super().setUp()
        self.plan.step_ids.automation = "confirm"
        self.move = self._invoice(8)
        self._run()
        self._reminders(self.move).sudo(False).action_cancel()
        self.assertEqual(self.move.relance_next_date, self._day(15))

    def _day(self, days):
        """Return the day on which the invoice is so many days late."""
        return self.today + timedelta(days - 8)

    def _due_later(self, days):
        self.move.line_ids.filtered("date_maturity").date_maturity += timedelta(days)

    def test_stays(self):
        """G3: nothing changed: the date stays, and nothing is said twice."""
        messages = self.move.message_ids
        self._run()
        self.assertEqual(self.move.relance_next_date, self._day(15))
        self.assertEqual(self.move.message_ids, messages)
        self.assertEqual(len(self._reminders(self.move)), 1)

    def test_follows_the_plan(self):
        """G3: the step after is moved: the invoice waits for it there."""
        self.plan.step_ids[3].days = 40
        self.plan.step_ids[2].days = 18
        self._run()
        self.assertEqual(self.move.relance_next_date, self._day(18))
        self.plan.step_ids[2].automation = "manual"
        self._run()
        self.assertEqual(self.move.relance_next_date, self._day(40))

    def test_follows_the_due_date(self):
        """G3: the due date is moved: the step after comes later as well."""
        self._due_later(5)
        self._run()
        self.assertEqual(self.move.relance_next_date, self._day(20))
        self.assertEqual(len(self._reminders(self.move)), 1)

    def test_follows_another_plan(self):
        """G3: the customer gets another plan, whose step after is reached already: it
        comes on the day after, the canceled one never."""
        self.customer.relance_plan_id = self._create_plan("Fast", (-50, 2, 6, 30))
        self._run()
        self.assertEqual(self.move.relance_next_date, self.today + timedelta(1))
        self._run()
        self.assertEqual(self.move.relance_next_date, self.today + timedelta(1))
        with self._frozen(f"{self.today + timedelta(1)} 10:00:00"):
            self._run()
        self.assertEqual(
            self._reminders(self.move).mapped("level_id"), self.level_1 | self.level_2
        )

    def test_step_comes_back(self):
        """G3: the last step was canceled; the plan gets a later one since."""
        self.plan.step_ids[2:].automation = "manual"
        self._run()
        self.assertFalse(self.move.relance_next_date)
        self.assertEqual(self.move.relance_status, "The last step was canceled")
        self.plan.step_ids[2:].automation = "automatic"
        self._run()
        self.assertEqual(self.move.relance_next_date, self._day(15))

    def test_set_by_a_person(self):
        """G1: a date that a person sets afterwards is his: it does not move."""
        date = self.today + timedelta(60)
        self.move.relance_next_date = date
        self.plan.step_ids[3].days = 90
        self._due_later(5)
        self._run()
        self.assertEqual(self.move.relance_next_date, date)

    def test_follow_the_plan_again(self):
        """G1: the plan decides again: the canceled step is due."""
        self.assertEqual(self.move.relance_skipped_level_id, self.level_1)
        self.move.action_relance_follow_plan()
        self.assertFalse(self.move.relance_skipped_level_id)
        self.assertEqual(self.move.relance_next_date, self._day(5))

    def test_canceled_again(self):
        """G3: the step after is canceled as well: the one after that is next."""
        with self._frozen(f"{self._day(15)} 10:00:00"):
            self._run()
            self._reminders(self.move)[-1].sudo(False).action_cancel()
        self.env.invalidate_all()
        self.assertEqual(self.move.relance_next_date, self._day(20))
        self.assertEqual(self.move.relance_skipped_level_id, self.level_2)

    def test_one_instalment_canceled(self):
        """G3: the reminder of an instalment is canceled: the later one, once late, is
        reminded at its own steps."""
        self.plan.step_ids[2:].automation = "manual"
        move = self._instalments(8, -2)
        self._run()
        self._reminders(move).sudo(False).action_cancel()
        self.env.invalidate_all()
        self.assertEqual(move.relance_next_date, self.today - timedelta(48))
