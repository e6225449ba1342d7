from ast import literal_eval

from odoo.tests import tagged

from .automatic_common import AutomaticCommon


@tagged("post_install", "-at_install")
class TestAutomaticCompanion(AutomaticCommon):
    """Calls, meetings and SMS follow the reminder that they accompany (G2)."""

    def setUp(self):
        super().setUp()
        self.plan.step_ids.channel_ids |= self.phone | self.sms

    def _lost_customer(self):
        """Return a customer who can be called, not written to."""
        return self._create_customer("Lost", email=False, street=False)

    def _made(self, move):
        """Return an invoice's main reminder and its companions."""
        reminders = self._reminders(move)
        main = reminders.filtered(lambda r: not r.main_reminder_id)
        return main, reminders - main

    def test_leave_together(self):
        """G2: all leave in one run, the mail first."""
        move = self._invoice(8)
        self._run()
        main, companions = self._made(move)
        self.assertEqual(main.state, "outgoing")
        self.assertEqual(companions.mapped("state"), ["outgoing"] * 2)

    def test_wait_for_a_failed_one(self):
        """G2: while the letter fails nobody calls; mended, all leave with it."""
        lost = self._lost_customer()
        move = self._invoice(8, partner=lost)
        for _run in range(2):
            self._run()
        main, companions = self._made(move)
        self.assertEqual(main.state, "failed")
        self.assertEqual(companions.mapped("state"), ["pending"] * 2)
        self.assertFalse(companions.activity_ids)
        self.assertIn(main.name, companions[0].comment)
        self.assertIn("has not left yet", companions[0].comment)
        self.assertRecordValues(
            main.batch_id, [{"progress": 100, "pending_count": 0, "failed_count": 1}]
        )
        lost.street = "1 rue du Port"
        main.sudo(False).action_send_again()
        self.assertEqual(main.state, "outgoing")
        self.assertEqual(companions.mapped("state"), ["outgoing"] * 2)

    def test_wait_for_the_retry(self):
        """G2: the same where the cron's own next try succeeds."""
        lost = self._lost_customer()
        move = self._invoice(8, partner=lost)
        self._run()
        lost.street = "1 rue du Port"
        self._run()
        main, companions = self._made(move)
        self.assertEqual(main.state, "outgoing")
        self.assertEqual(companions.mapped("state"), ["outgoing"] * 2)

    def test_sent_again_by_itself(self):
        """G2: a companion that is ordered alone waits as well."""
        move = self._invoice(8, partner=self._lost_customer())
        self._run()
        main, companions = self._made(move)
        companions._fail("For a test")
        companions.sudo(False).action_send_again()
        self.assertEqual(companions.mapped("state"), ["pending"] * 2)
        self.assertEqual(main.state, "failed")

    def test_canceled_because_paid(self):
        """G2, D7: paid before the mail left: call and SMS are taken back and say it."""
        move = self._invoice(8)
        self._run()
        main, companions = self._made(move)
        call = companions.filtered(lambda r: r.channel_kind == "activity")
        self.assertTrue(call.activity_ids)
        self._pay(move)
        self._mails(main).send()
        self.assertEqual(main.state, "canceled")
        self.assertEqual(companions.mapped("state"), ["canceled"] * 2)
        self.assertEqual(set(companions.mapped("error")), {main.error})
        self.assertIn(move.name, main.error)
        self.assertFalse(call.activity_ids)
        sms = self.env["sms.sms"].search(
            [("mail_message_id", "in", companions.message_ids.ids)]
        )
        self.assertNotIn("outgoing", sms.mapped("state"))

    def test_canceled_by_a_person(self):
        """G2: who cancels the one that failed cancels what waits for it."""
        move = self._invoice(8, partner=self._lost_customer())
        self._run()
        main, companions = self._made(move)
        main.sudo(False).action_cancel()
        self.assertEqual(companions.mapped("state"), ["canceled"] * 2)
        self.assertFalse(companions.activity_ids)

    def test_one_that_raises(self):
        """G2: a companion that cannot be delivered does not fail what it accompanies,
        nor the other."""
        kind = self.env.registry["relance.delivery.sms"]

        def raising(delivery, reminders):
            raise ValueError("The gateway is broken")

        self.patch(kind, "_deliver", raising)
        move = self._invoice(8)
        self._run()
        main, companions = self._made(move)
        self.assertEqual(main.state, "outgoing")
        self.assertEqual(
            {r.channel_kind: r.state for r in companions},
            {"sms": "failed", "activity": "outgoing"},
        )

    def test_to_confirm(self):
        """G3: the list « À confirmer » shows the mail alone; all go at one click."""
        self.plan.step_ids.automation = "confirm"
        move = self._invoice(8)
        self._run()
        main, companions = self._made(move)
        action = self.env.ref("relance_numm.relance_reminder_action_to_confirm")
        domain = [("company_id", "=", self.company.id), *literal_eval(action.domain)]
        self.assertEqual(main.search(domain), main)
        main.sudo(False).action_confirm()
        self.assertEqual({r.state for r in main | companions}, {"outgoing"})

    def test_canceled_unconfirmed(self):
        """G3: paid before anybody confirmed: all are taken back."""
        self.plan.step_ids.automation = "confirm"
        move = self._invoice(8)
        self._run()
        self._pay(move)
        self._run()
        self.assertEqual({r.state for r in self._reminders(move)}, {"canceled"})

    def test_many_in_the_background(self):
        """G2: with more than leave at once, the background job sends all of them."""
        self.plan.step_ids.automation = "confirm"
        moves = self._invoice(8)
        for number in range(5):
            moves |= self._invoice(8, partner=self._create_customer(f"C{number}"))
        self._run()
        reminders = self._reminders()
        self.assertEqual(len(reminders), 18)
        reminders.sudo(False).action_confirm()
        self.assertEqual(set(reminders.mapped("state")), {"pending"})
        with self.enter_registry_test_mode():
            self.env.ref("relance_numm.ir_cron_deliver").method_direct_trigger()
        self.env.invalidate_all()
        self.assertEqual(set(reminders.mapped("state")), {"outgoing"})
