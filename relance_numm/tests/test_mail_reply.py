from odoo.tests import new_test_user, tagged

from .mail_common import MailCommon


@tagged("post_install", "-at_install")
class TestMailReply(MailCommon):
    """A customer's reply is on the reminder, and somebody's to answer (F1)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.responsible = new_test_user(
            cls.env,
            "responsible",
            "account.group_account_invoice",
            email="responsible@example.com",
        )
        cls.customer.relance_user_id = cls.responsible

    def setUp(self):
        super().setUp()
        self.reminder = self._create_reminder(self._invoice(8))

    def _activities(self):
        return self.reminder.activity_ids

    def test_reply(self):
        """F1: in the chatter, and one activity for who follows the customer up."""
        self._reply("peyrot@example.com", "one@example.com")
        self.assertIn("Paid yesterday", self.reminder.message_ids[0].body)
        activity = self._activities()
        self.assertEqual(activity.user_id, self.responsible)
        self.assertEqual(
            activity.activity_type_id,
            self.env.ref("relance_numm.mail_activity_reply"),
        )
        self.assertIn("Paid yesterday", activity.note)
        self.assertIn("Librairie Peyrot", activity.summary)
        self._reply("peyrot@example.com", "two@example.com", text="And the rest.")
        self.assertEqual(self._activities(), activity, "one while one is open")
        self.assertIn("And the rest", self.reminder.message_ids[0].body)
        activity.action_done()
        self._reply("peyrot@example.com", "three@example.com")
        self.assertEqual(len(self._activities()), 1)
        self.assertEqual(self.reminder.state, "sent")

    def test_unknown_address(self):
        """F1: whoever answers for the customer, also from an address nobody knows."""
        self._reply("somebody@elsewhere.example.com", "one@example.com")
        self.assertEqual(len(self._activities()), 1)
        self.assertIn("somebody@elsewhere", self._activities().note)

    def test_out_of_office(self):
        """F1: an automatic answer is in the chatter, and nobody's to answer."""
        for number, headers in enumerate(
            (
                "Auto-Submitted: auto-replied\r\n",
                "Precedence: auto_reply\r\n",
                "X-Autoreply: yes\r\n",
            )
        ):
            self._reply("peyrot@example.com", f"{number}@example.com", headers)
            self.assertFalse(self._activities(), headers)
        self.assertIn("Paid yesterday", self.reminder.message_ids[0].body)
        self._reply("peyrot@example.com", "no@example.com", "Auto-Submitted: no\r\n")
        self.assertEqual(len(self._activities()), 1)

    def test_ours(self):
        """F1: neither an employee's mail nor that of who gets our copies."""
        self._reply("responsible@example.com", "one@example.com")
        self._reply("recovery@example.com", "two@example.com")
        self.reminder.message_post(body="A note")
        self.assertFalse(self._activities())

    def test_in_the_language_of_the_responsible(self):
        """F1: he reads the activity in his own language."""
        self.responsible.lang = "fr_FR"
        self._reply("peyrot@example.com", "one@example.com")
        self.assertEqual(self._activities().user_id, self.responsible)
        self.assertIn("peyrot@example.com", self._activities().note)
