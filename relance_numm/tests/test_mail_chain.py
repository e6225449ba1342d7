from odoo.tests import tagged

from .automatic_common import AutomaticCommon
from .mail_common import MailCommon


@tagged("post_install", "-at_install")
class TestMailChain(MailCommon, AutomaticCommon):
    """The cron sends on by itself what came back (F1, G2)."""

    def _sent(self, move):
        """Return the reminder that the cron makes of an invoice, its mail delivered."""
        self._run()
        reminder = self._reminders(move)
        self._run_queue(reminder)
        return reminder

    def test_by_itself(self):
        """F1: next contact, customer, letter: each at the next run, one reminder."""
        self._contact("First")
        move = self._invoice(8)
        reminder = self._sent(move)
        self.assertEqual(reminder.email_to, "first@example.com")
        self._bounce("first@example.com")
        self.assertEqual(reminder.state, "failed")
        self._run()
        self._run_queue(reminder)
        self.assertRecordValues(
            reminder, [{"state": "sent", "email_to": "peyrot@example.com"}]
        )
        self._bounce("peyrot@example.com")
        # The second failure waits some hours.
        reminder.date_failed = "2020-01-01"
        self._run()
        self.assertRecordValues(
            reminder, [{"state": "outgoing", "channel_id": self.letter.id}]
        )
        self.assertFalse(self._items(move).sent_level_id)
        self.assertEqual(self._reminders(move), reminder)

    def test_nobody_left(self):
        """F1: no postal address: a person is asked at once, not after five attempts."""
        self.customer.street = False
        reminder = self._sent(self._invoice(8))
        self._bounce("peyrot@example.com")
        self._run()
        self.assertEqual(reminder.state, "failed")
        asked = self.env.ref("relance_numm.mail_activity_failed")
        activity = reminder.activity_ids.filtered(lambda a: a.activity_type_id == asked)
        self.assertEqual(len(activity), 1)
        self.assertIn("No address left", activity.summary)
        self.assertIn("Incomplete postal address", activity.note)
        reminder.date_failed = "2020-01-01"
        self._run()
        self.assertEqual(len(reminder.activity_ids), 1)

    def test_own_address_is_not_tried_again(self):
        """F1: an address that only an invoice names, and nobody's, is not mailed again
        by the cron."""
        move = self._invoice(8)
        move.relance_own_emails = "boss@example.com"
        reminder = self._sent(move)
        self._bounce("boss@example.com")
        self._run()
        self._run_queue(reminder)
        self.assertEqual(reminder.email_to, "peyrot@example.com")
        self.assertNotIn("boss@example.com", self.inbox.envelopes[-1])
