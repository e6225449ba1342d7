from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from .mail_common import SmtpCommon

SETTINGS = ("relance_plan_id", "relance_user_id", "relance_excluded")


@tagged("post_install", "-at_install")
class TestMerge(SmtpCommon):
    """Two customers that Odoo's wizard merges keep all of their reminders (B2)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.double = cls._create_customer("Librairie Peyrot SARL")
        cls.double.email = cls.customer.email
        cls.other_company = cls._create_company(name="Other entity")
        cls.other_plan = cls._create_plan("Other", (-50, 5, 30, 60))
        cls.anna, cls.bob = (
            new_test_user(
                cls.env,
                login,
                "account.group_account_invoice",
                email=f"{login}@example.com",
                company_id=cls.company.id,
                company_ids=[Command.set((cls.company | cls.other_company).ids)],
            )
            for login in ("merge_anna", "merge_bob")
        )

    def _merge(self, source=None, destination=None):
        """Merge as the wizard does from the list of contacts."""
        source, destination = source or self.double, destination or self.customer
        wizard = (
            self.env["base.partner.merge.automatic.wizard"]
            .with_context(
                active_model="res.partner", active_ids=(source | destination).ids
            )
            .create({})
        )
        wizard.dst_partner_id = destination
        wizard.action_merge()
        self.env.invalidate_all()
        self.assertFalse(source.exists())

    def _contact(self, customer, kind="relance", **vals):
        return self.env["res.partner"].create(
            {"name": kind, "type": kind, "parent_id": customer.id, **vals}
        )

    def _create_reminder(self, move, channel=None):
        wizard = self._prepare(move)
        wizard.line_ids.channel_id = channel or self.email
        wizard.action_create()
        return self.env["relance.reminder"].search(
            [("line_ids.move_id", "in", move.ids)], order="id desc", limit=1
        )

    def _sent_mails(self, reminder):
        """Return to whom a reminder's mail leaves, by a real server."""
        self.env["mail.mail"].search([("relance_reminder_id", "=", reminder.id)]).send()
        return [message["To"] for message in self.inbox.messages]

    def test_reminders_and_items(self):
        """Sent reminders, their traces and the open items become the destination's."""
        mine, theirs = self._invoice(18), self._invoice(18, partner=self.double)
        sent = self._already_reminded(mine, self.level_1, days_ago=5)
        other = self._already_reminded(theirs, self.level_1, days_ago=5)
        other._post_trace(lambda reminder, _lines: f"Trace of {reminder.name}")
        self._merge()
        self.assertEqual((sent | other).partner_id, self.customer)
        self.assertEqual(other.contact_id, self.customer)
        self.assertEqual(self.customer.relance_reminder_count, 2)
        self.assertEqual(self.customer.relance_item_count, 2)
        items = self._items(mine | theirs)
        self.assertEqual(items.partner_id, self.customer)
        self.assertEqual(items.mapped("last_level_id"), self.level_1)
        self.assertEqual(items.mapped("advised_level_id"), self.level_2)
        self.assertTrue(all((sent | other).line_ids.mapped("is_last")))
        self.assertTrue(all((sent | other).line_ids.mapped("is_last_sent")))
        self.assertIn("Trace of", " ".join(self.customer.message_ids.mapped("body")))

    def test_both_under_way(self):
        """Reminders under way of both go on: the mail leaves, the letter is posted, the
        call's activity stays; nothing is reminded a second time."""
        moves = [
            self._invoice(8, partner=self.double),
            self._invoice(8),
            self._invoice(9, partner=self.double),
        ]
        mail = self._create_reminder(moves[0])
        letter = self._create_reminder(moves[1], self.letter)
        call = self._create_reminder(moves[2], self.phone)
        reminders = mail | letter | call
        self.assertEqual(set(reminders.mapped("state")), {"outgoing"})
        self._merge()
        self.assertEqual(reminders.partner_id, self.customer)
        self.assertTrue(call.activity_ids)
        union = self.env["account.move"].union(*moves)
        self.assertFalse(self._items(union).filtered("advised_level_id"))
        self.assertEqual(
            self._sent_mails(mail), ["Librairie Peyrot SARL <peyrot@example.com>"]
        )
        self.assertEqual(mail.state, "sent")
        letter.action_print()
        letter.action_done()
        self.assertEqual(letter.state, "sent")
        call.activity_ids.action_feedback()
        self.assertEqual(call.state, "sent")
        # The next reminder is one for all of them.
        self.assertEqual(len(self._prepare(self._invoice(18)).line_ids), 1)

    def test_pending_and_failed(self):
        """A reminder still to send, and one that failed, leave to the destination."""
        mine, theirs = self._invoice(8), self._invoice(8, partner=self.double)
        pending = self._already_reminded(theirs, self.level_1, state="pending")
        failed = self._already_reminded(mine, self.level_1, state="failed")
        self._merge(source=self.customer, destination=self.double)
        pending._deliver()
        self.assertEqual(pending.state, "outgoing")
        self.assertEqual(pending.contact_id, self.double)
        failed.action_send_again()
        self.assertEqual(failed.state, "outgoing")
        self.assertEqual(len(pending.line_ids | failed.line_ids), 2)

    def test_prepared_lines(self):
        """A preparation that is open meanwhile creates its reminders all the same."""
        wizard = self._prepare(self._invoice(8, partner=self.double))
        self._merge()
        wizard.action_create()
        reminder = self.env["relance.reminder"].search(
            [("partner_id", "=", self.customer.id)]
        )
        self.assertEqual(len(reminder), 1)
        self.assertEqual(reminder.state, "outgoing")

    def test_relance_contacts(self):
        """The « Relance » contacts of both get the reminders, each address once."""
        mine = self._contact(self.customer, email="ann@example.com")
        theirs = self._contact(self.double, email="bob@example.com")
        twin = self._contact(self.double, email="ann@example.com")
        self._merge()
        recipients = self.customer._relance_recipients()[self.customer.id]
        self.assertEqual(recipients.mail_contacts, mine | theirs | twin)
        self.assertEqual(
            sorted(recipients.emails), ["ann@example.com", "bob@example.com"]
        )
        self.assertEqual(theirs.commercial_partner_id, self.customer)

    def test_merge_of_relance_contacts(self):
        """Two « Relance » contacts of a customer merge; their reminders stay."""
        first = self._contact(self.customer, email="ann@example.com")
        second = self._contact(self.customer, email="ann@example.com")
        reminder = self._create_reminder(self._invoice(8))
        self.assertEqual(reminder.contact_id, first)
        self._merge(source=first, destination=second)
        self.assertEqual(reminder.contact_id, second)
        self.assertEqual(second.type, "relance")
        self.assertEqual(reminder.partner_id, self.customer)

    def _set(self, partner, company, **vals):
        partner.with_company(company).write(vals)

    def _get(self, company):
        customer = self.customer.with_company(company)
        return [customer[name] for name in SETTINGS]

    def test_settings_of_the_destination_win(self):
        """Plan, follower and exclusion: the destination's, in each company."""
        for company in self.company | self.other_company:
            self._set(
                self.double,
                company,
                relance_plan_id=self.other_plan.id,
                relance_user_id=self.bob.id,
            )
            self._set(
                self.customer,
                company,
                relance_plan_id=self.plan.id,
                relance_user_id=self.anna.id,
                relance_excluded=True,
            )
        self._merge()
        for company in self.company | self.other_company:
            self.assertEqual(self._get(company), [self.plan, self.anna, True])

    def test_settings_of_the_source_else(self):
        """What the destination has not, even where it was emptied, is the source's, in
        each company on its own."""
        for company in self.company | self.other_company:
            self._set(
                self.customer,
                company,
                relance_plan_id=self.plan.id,
                relance_user_id=self.anna.id,
                relance_excluded=True,
            )
            self._set(
                self.customer,
                company,
                relance_plan_id=False,
                relance_user_id=False,
                relance_excluded=False,
            )
        self._set(self.double, self.company, relance_plan_id=False)
        self._set(
            self.double,
            self.other_company,
            relance_plan_id=self.other_plan.id,
            relance_user_id=self.bob.id,
            relance_excluded=True,
        )
        self._merge()
        self.assertEqual(
            self._get(self.other_company), [self.other_plan, self.bob, True]
        )
        self.assertEqual(
            self._get(self.company),
            [self.env["relance.plan"], self.env["res.users"], False],
        )

    def test_a_destination_excluded_in_one_company(self):
        """An exclusion of either holds where it was made, and only there."""
        self._set(self.double, self.other_company, relance_excluded=True)
        self._set(self.customer, self.company, relance_excluded=True)
        self._set(self.customer, self.other_company, relance_excluded=False)
        self._merge()
        self.assertTrue(self._get(self.company)[2])
        self.assertTrue(self._get(self.other_company)[2])
        self.assertFalse(
            self._items(self._invoice(8)).filtered("advised_level_id"),
            "the work list follows",
        )

    def test_customer_type_and_mode(self):
        """A public body stays one; the mode is the destination's."""
        self.double.write({"relance_customer_type": "public", "relance_mode": "letter"})
        self._merge()
        self.assertEqual(self.customer.relance_customer_type, "public")
        self.assertEqual(self.customer.relance_mode, "mail")
        public = self._create_customer("Public", relance_customer_type="public")
        public.email = self.customer.email
        chosen = self._create_customer("Ann", relance_customer_type="individual")
        chosen.email = public.email
        self._merge(source=public, destination=chosen)
        self.assertEqual(chosen.relance_customer_type, "individual")
        person = self._create_customer("Bob", is_company=False, email=chosen.email)
        self.assertEqual(person.relance_customer_type, "individual")
        self._merge(source=self.customer, destination=person)
        self.assertEqual(person.relance_customer_type, "public")

    def test_bounces_stay_with_their_address(self):
        """A bounce of an address that is gone does not keep the destination from mail;
        that of the address that stays does."""
        self.double.write({"email": "old@example.com", "message_bounce": 3})
        self._merge()
        recipients = self.customer._relance_recipients()[self.customer.id]
        self.assertFalse(recipients.mail_problem)
        without = self._create_customer("Without", email=False)
        bounced = self._create_customer("Bounced", message_bounce=2)
        self._merge(source=bounced, destination=without)
        recipients = without._relance_recipients()[without.id]
        self.assertIn("bounced", recipients.mail_problem)

    def test_followers(self):
        """Who follows both follows once; nobody is lost, and neither are those whom the
        source itself follows."""
        users = self.anna.partner_id, self.bob.partner_id
        self.customer.message_subscribe(users[0].ids)
        self.double.message_subscribe((users[0] | users[1]).ids)
        reminder = self._already_reminded(self._invoice(8), self.level_1)
        alone = self._invoice(8, partner=self.double)
        reminder.message_subscribe((self.customer | self.double).ids)
        alone.message_subscribe(self.double.ids)
        self._merge()
        followers = self.customer.message_partner_ids
        self.assertLessEqual(users[0] | users[1], followers)
        self.assertIn(self.customer, reminder.message_partner_ids)
        self.assertIn(self.customer, alone.message_partner_ids)

    def test_activities_and_notifications(self):
        """An activity on the source, and what tells whether an SMS left, stay."""
        self.double.activity_schedule(
            "mail.mail_activity_data_call", user_id=self.anna.id, summary="Call him"
        )
        message = self.customer.message_post(body="To both")
        alone = self.double.message_post(body="To one")
        notifications = self.env["mail.notification"].create(
            [
                {
                    "mail_message_id": post.id,
                    "res_partner_id": partner.id,
                    "notification_type": "sms",
                    "notification_status": "sent",
                }
                for post, partner in (
                    (message, self.customer),
                    (message, self.double),
                    (alone, self.double),
                )
            ]
        )
        self._merge()
        self.assertIn("Call him", self.customer.activity_ids.mapped("summary"))
        self.assertEqual(len(notifications.exists()), 2)
        self.assertEqual(notifications.exists().res_partner_id, self.customer)
