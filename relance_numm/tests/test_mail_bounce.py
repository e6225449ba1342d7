from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .mail_common import MailCommon


@tagged("post_install", "-at_install")
class TestMailBounce(MailCommon):
    """A mail that comes back: the next contact, a letter, a person (F1, D7)."""

    def test_chain(self):
        """F1: next « Relance » contact, invoice contact, the customer, a letter: one
        reminder all along, whose level counts once something stays."""
        first, second = self._contact("First"), self._contact("Second")
        invoice = self._create_customer(
            "Invoice", type="invoice", parent_id=self.customer.id, is_company=False
        )
        # Only one of the two is mailed at first.
        second.email = False
        move = self._invoice(8)
        reminder = self._create_reminder(move)
        name = reminder.name
        self.assertEqual(reminder.email_to, "first@example.com")
        self.assertEqual(self._items(move).sent_level_id, self.level_1)
        second.email = "second@example.com"
        for bounced, following in (
            (first, "second@example.com"),
            (second, "invoice@example.com"),
            (invoice, "peyrot@example.com"),
        ):
            self._bounce(bounced.email)
            self.assertEqual(reminder.state, "failed")
            self.assertIn("550 5.1.1 No such user here", reminder.error)
            self.assertFalse(self._items(move).sent_level_id)
            self.assertEqual(reminder.next_try, following)
            self._again(reminder, "action_send_on")
            self.assertRecordValues(
                reminder,
                [{"state": "sent", "email_to": following, "name": name}],
            )
            self.assertIn(following, self.inbox.envelopes[-1])
            self.assertEqual(self._items(move).sent_level_id, self.level_1)
        self._bounce("peyrot@example.com")
        self._again(reminder, "action_send_on")
        self.assertRecordValues(
            reminder, [{"state": "outgoing", "channel_id": self.letter.id}]
        )
        self.assertFalse(self._items(move).sent_level_id, "not posted yet")
        reminder.action_done()
        self.assertEqual(self._items(move).sent_level_id, self.level_1)
        self.assertEqual(len(self.inbox.messages), 4)

    def test_chain_ends_with_a_person(self):
        """F1: no postal address either: the responsible person is asked, once; who
        completes the address sends the same reminder."""
        self.customer.street = False
        reminder = self._create_reminder(self._invoice(8))
        self._bounce("peyrot@example.com")
        action = self._again(reminder, "action_send_on")
        self.assertEqual(action["tag"], "display_notification")
        self.assertIn("Librairie Peyrot", action["params"]["message"])
        self.assertEqual(reminder.state, "failed")
        self.assertIn("peyrot@example.com", reminder.error)
        self.assertIn("Incomplete postal address", reminder.error)
        self._again(reminder, "action_send_on")
        self.assertEqual(len(reminder.activity_ids), 1)
        self.assertEqual(reminder.activity_ids.user_id, self.env.user)
        self.assertIn("Librairie Peyrot", reminder.activity_ids.summary)
        self.customer.street = "3 rue des Lilas"
        self._again(reminder, "action_send_on")
        self.assertRecordValues(
            reminder,
            [
                {
                    "state": "outgoing",
                    "channel_id": self.letter.id,
                    "activity_ids": [],
                }
            ],
        )

    def test_one_of_two_bounced(self):
        """F1: it stands where another contact got it; the next one goes to him only."""
        self._contact("One")
        self._contact("Two")
        reminder = self._create_reminder(self._invoice(8))
        self._bounce("one@example.com")
        self.assertEqual(reminder.state, "sent")
        self.assertIn("550 5.1.1", reminder.message_ids[0].body)
        other = self._create_reminder(self._invoice(8))
        self.assertEqual(other.email_to, "two@example.com")
        self._bounce("two@example.com")
        self.assertEqual(other.state, "failed")
        line = self._prepare(self._invoice(8)).line_ids
        self.assertFalse(line.problem, "the customer itself is mailed")
        self.assertIn("the next contact gets the mail", line.remark)

    def test_late_is_not_bounced(self):
        """F1: a report that the mail is late, or arrived, is no bounce."""
        reminder = self._create_reminder(self._invoice(8))
        for action in ("delayed", "delivered", "relayed"):
            self._bounce("peyrot@example.com", action=action)
            self.assertEqual(reminder.state, "sent", action)
        self.assertFalse(self.customer.message_bounce)
        self.assertIn("has not come back", reminder.message_ids[0].body)
        self._bounce("peyrot@example.com")
        self.assertEqual(reminder.state, "failed")

    def test_blacklisted_meanwhile(self):
        """F1: an address blacklisted since fails with the reason; not asked for, no
        other contact is mailed in its place."""
        self._contact("First")
        reminder = self._create_reminder(self._invoice(8))
        self._bounce("first@example.com")
        self.env["mail.blacklist"]._add("peyrot@example.com")
        self._again(reminder)
        self.assertEqual(reminder.state, "failed")
        self.assertIn("bounced", reminder.error)
        move = self._invoice(8, partner=self._create_customer("Black"))
        self.env["mail.blacklist"]._add("black@example.com")
        black = self._create_reminder(move)
        self.assertEqual(black.state, "failed")
        self.assertIn("Blacklisted", black.error)
        self.assertIn("Blacklisted", self._items(move).last_comment)
        self._again(black, "action_send_on")
        self.assertEqual(black.channel_id, self.letter)

    def test_mended_address(self):
        """D5: an address corrected on the customer's form has not bounced."""
        self.customer.message_bounce = 2
        self.customer.email = "new@example.com"
        self.assertEqual(self.customer.message_bounce, 0)

    def test_invoice_names_the_address(self):
        """G1, F1: the address that an invoice names bounced: the customer's are next;
        mending corrects it on the invoice."""
        move = self._invoice(8)
        move.relance_own_emails = "boss@example.com"
        reminder = self._create_reminder(move)
        self.assertEqual(reminder.email_to, "boss@example.com")
        self._bounce("boss@example.com")
        self.assertEqual(reminder.state, "failed")
        self._again(reminder, "action_send_on")
        self.assertEqual(reminder.email_to, "peyrot@example.com")
        self._bounce("peyrot@example.com")
        reminder.mend_email = "chief@example.com"
        self.assertEqual(move.relance_own_emails, "chief@example.com")
        self.assertEqual(self.customer.email, "peyrot@example.com")

    def test_refused_by_the_server(self):
        """F1: the server knows no such mailbox: as a bounce, the next contact is next,
        and our own copy that it takes does not make it sent."""
        self._contact("First")
        self.inbox.refused["first@example.com"] = "550 5.1.1 no such user"
        move = self._invoice(8)
        reminder = self._create_reminder(move)
        self.assertEqual(self.inbox.envelopes, ["recovery@example.com"])
        self.assertEqual(reminder.state, "failed")
        self.assertIn("first@example.com: 550 5.1.1 no such user", reminder.error)
        self.assertFalse(self._items(move).sent_level_id)
        self._again(reminder)
        self.assertEqual(reminder.email_to, "peyrot@example.com")
        self.assertEqual(reminder.state, "sent")

    def test_refused_for_another_reason(self):
        """F1: a server that refuses us says nothing against the address."""
        self.inbox.refused["peyrot@example.com"] = "554 5.7.1 relay access denied"
        reminder = self._create_reminder(self._invoice(8))
        self.assertEqual(reminder.state, "failed")
        self.assertIn("relay access denied", reminder.error)
        self.assertFalse(self.customer.message_bounce)
        self.inbox.refused.clear()
        self._again(reminder)
        self.assertEqual(reminder.state, "sent")

    def test_one_of_two_refused(self):
        """F1: one of two contacts is refused: said on the reminder, which left."""
        self._contact("One")
        self._contact("Two")
        self.inbox.refused["one@example.com"] = "550 5.1.1 no such user"
        reminder = self._create_reminder(self._invoice(8))
        self.assertEqual(reminder.state, "sent")
        self.assertIn(
            "one@example.com: 550", "".join(reminder.message_ids.mapped("body"))
        )
        self._bounce("two@example.com")
        self.assertEqual(reminder.state, "failed", "nobody got it")

    def test_envelope(self):
        """F1: Odoo's own mail state: the message's envelope says what became of it."""
        reminder = self._create_reminder(self._invoice(8))
        notification = self._notifications(reminder)
        self.assertRecordValues(
            notification,
            [
                {
                    "notification_status": "sent",
                    "mail_email_address": "peyrot@example.com",
                    "res_partner_id": self.customer.id,
                }
            ],
        )
        self._bounce("peyrot@example.com")
        self.assertEqual(notification.notification_status, "bounce")
        self.assertEqual(notification.failure_type, "mail_bounce")
        self.assertTrue(notification.mail_message_id.has_error)
        self._again(reminder, "action_send_on")
        self.assertEqual(notification.notification_status, "canceled")
        self.assertFalse(notification.mail_message_id.has_error)

    def test_envelope_refused(self):
        """F1: the same where the server refuses it."""
        self.inbox.refused["peyrot@example.com"] = "550 5.1.1 no such user"
        reminder = self._create_reminder(self._invoice(8))
        notification = self._notifications(reminder)
        self.assertEqual(notification.notification_status, "exception")
        self.assertIn("no such user", notification.failure_reason)
        reminder.action_cancel()
        self.assertEqual(notification.notification_status, "canceled")

    def test_envelope_of_a_portal_user(self):
        """Rights: a customer's portal user finds nothing in Odoo of his reminder."""
        portal = new_test_user(
            self.env, "portal", "base.group_portal", email="portal@example.com"
        )
        portal.partner_id.write({"parent_id": self.customer.id, "type": "relance"})
        reminder = self._create_reminder(self._invoice(8))
        self.assertEqual(reminder.email_to, "portal@example.com")
        self.assertEqual(self._notifications(reminder).notification_status, "sent")
        messages = self.env["mail.message"].with_user(portal)
        self.assertFalse(messages.search([("model", "=", reminder._name)]))
        with self.assertRaises(AccessError):
            messages.browse(self._notifications(reminder).mail_message_id.id).read(
                ["body"]
            )

    def _notifications(self, reminder):
        return self.env["mail.notification"].search(
            [
                ("mail_message_id.model", "=", reminder._name),
                ("mail_message_id.res_id", "=", reminder.id),
                ("notification_type", "=", "email"),
            ]
        )

    def test_only_failed_mails_go_on(self):
        """Bad input: what has not failed, or is no mail, is not sent on."""
        reminder = self._create_reminder(self._invoice(8))
        with self.assertRaisesRegex(UserError, "email that failed"):
            reminder.action_send_on()
