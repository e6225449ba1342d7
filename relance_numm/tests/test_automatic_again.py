from datetime import timedelta

from odoo.tests import tagged

from ..models.relance_reminder_automatic import MAX_ATTEMPTS
from ..models.relance_reminder_delivery import IMMEDIATE_SIZE
from .automatic_common import AutomaticCommon


@tagged("post_install", "-at_install")
class TestAutomaticAgain(AutomaticCommon):
    """What failed, and what a person's « Send again » begins anew (G2, G3)."""

    def setUp(self):
        super().setUp()
        self.lost = self._create_customer("Lost", email=False, street=False)

    def _fail_until_asked(self, reminder):
        for _run in range(MAX_ATTEMPTS + 1):
            reminder.date_failed -= timedelta(days=3)
            self._run()
        self.assertEqual(reminder.attempts, MAX_ATTEMPTS)
        self.assertEqual(len(self._asked(reminder)), 1)

    def _asked(self, reminder):
        return reminder.activity_ids.filtered(
            lambda a: (
                a.activity_type_id == self.env.ref("relance_numm.mail_activity_failed")
            )
        )

    def _failed(self, moves):
        """Return the reminders of invoices, which failed once."""
        self._run()
        reminders = self._reminders(moves)
        self.assertEqual(set(reminders.mapped("state")), {"failed"})
        return reminders

    def test_asked_again(self):
        """G2: sent again by a person, and failing still: the cron tries again, and at
        last the person is asked again."""
        reminder = self._failed(self._invoice(8, partner=self.lost))
        self._fail_until_asked(reminder)
        reminder.sudo(False).action_send_again()
        self.assertEqual((reminder.state, reminder.attempts), ("failed", 1))
        self.assertFalse(self._asked(reminder), "He sees that it failed")
        self._fail_until_asked(reminder)

    def test_asked_beyond_the_limit(self):
        """G2: whatever makes it fail after that, somebody knows of it, once."""
        reminder = self._failed(self._invoice(8, partner=self.lost))
        self._fail_until_asked(reminder)
        self._asked(reminder).unlink()
        for _time in range(2):
            reminder._fail("Its mail came back")
        self.assertEqual(len(self._asked(reminder)), 1)
        self.assertIn("Its mail came back", self._asked(reminder).note)
        self.assertIn("attempts", self._asked(reminder).summary)

    def test_cut_off_waits_for_a_person(self):
        """G3: what may have left or not is not tried again by itself, until a person
        sends it again."""
        move = self._invoice(8)
        self._run()
        reminder = self._reminders(move)
        mail = self._mails(reminder)
        mail.write({"state": "exception", "failure_reason": "Cut off"})
        self._run()
        self.assertEqual(reminder.state, "failed")
        self.assertIn("May have left or not", self._asked(reminder).summary)
        self.assertEqual(len(self._asked(reminder)), 1)
        for _run in range(3):
            reminder.date_failed -= timedelta(days=30)
            self._run()
        self.assertEqual(reminder.state, "failed")
        reminder.sudo(False).action_send_again()
        self.assertEqual(reminder.state, "outgoing")
        self.assertEqual(reminder.attempts, 0)
        self.assertFalse(self._asked(reminder))

    def test_many_despite_a_pause(self):
        """G3: a person's order leaves at once, also where it is so big that it goes to
        the background, while nothing leaves by itself."""
        moves = self._invoice(8, partner=self.lost)
        for _number in range(IMMEDIATE_SIZE + 1):
            moves |= self._invoice(8, partner=self.lost)
        reminders = self._failed(moves)
        self.lost.street = "1 rue du Port"
        self.company.relance_pause_until = self.today + timedelta(10)
        reminders.sudo(False).action_send_again()
        self.assertEqual(set(reminders.mapped("state")), {"pending"})
        with self.enter_registry_test_mode():
            self.env.ref("relance_numm.ir_cron_deliver").method_direct_trigger()
        self.env.invalidate_all()
        self.assertEqual(set(reminders.mapped("state")), {"outgoing"})
        self.assertEqual(reminders.confirmed_by_id, self.env.user)
