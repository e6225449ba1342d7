from datetime import timedelta

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.relance_reminder_automatic import MAX_ATTEMPTS
from .automatic_common import AutomaticCommon


@tagged("post_install", "-at_install")
class TestAutomatic(AutomaticCommon):
    """What the cron reminds, with what, and what it leaves alone (G1–G4)."""

    def test_g2_step_that_is_due(self):
        """G2: a late invoice gets one reminder at the step that is due, by mail, with
        its PDF; level and next date follow."""
        move = self._invoice(8)
        self.assertEqual(move.relance_next_date, self.today - timedelta(3))
        self._run()
        reminder = self._reminders(move)
        self.assertRecordValues(
            reminder,
            [
                {
                    "level_id": self.level_1.id,
                    "channel_id": self.email.id,
                    "state": "outgoing",
                    "origin": "automatic",
                    "amount_total": 100,
                }
            ],
        )
        mail = self._mails(reminder)
        self.assertEqual(mail.email_to, '"Librairie Peyrot" <peyrot@example.com>')
        self.assertEqual(mail.email_cc, "recovery@example.com")
        self.assertIn(move.invoice_pdf_report_id, mail.attachment_ids)
        self.assertFalse(move.relance_next_date, "Under way: nothing is planned")
        self._leave()
        self.assertEqual(move.relance_level_id, self.level_1)
        self.assertEqual(move.relance_next_date, self.today + timedelta(15 - 8))

    def test_g2_posted_to_the_chatter(self):
        """G2, F3: the invoice's chatter says what was sent, as in the manual."""
        move = self._invoice(8)
        self._run()
        trace = move.message_ids[:1].body
        for part in (move.name, "Librairie Peyrot", "100.00", "Email", "Level 1"):
            self.assertIn(part, trace)
        self.assertIn("recovery@example.com", trace)

    def test_g2_invoice_pdf_made_once(self):
        """G2: the stored PDF of an invoice is attached; made once if there is none."""
        move = self._invoice(8)
        self._run()
        pdf = move.invoice_pdf_report_id
        self.assertTrue(pdf.raw)
        self._leave()
        with self._days_from_due(move, 15):
            self._run()
        reminder = self._reminders(move)[-1]
        self.assertEqual(reminder.level_id, self.level_2)
        self.assertIn(pdf, self._mails(reminder).attachment_ids)
        self.assertEqual(move.invoice_pdf_report_id, pdf)

    def test_g2_invoice_pdf_lost(self):
        """G2: an invoice whose file the disk has lost fails; no empty file leaves."""
        bad, good = self._invoice(8), self._invoice(9)
        (bad | good)._relance_make_invoice_pdfs()
        bad.invoice_pdf_report_id._write({"store_fname": "00/lost", "db_datas": None})
        self.env.invalidate_all()
        with mute_logger("odoo.addons.base.models.ir_attachment"):
            self._run()
        self.assertEqual(self._reminders(bad).state, "failed")
        self.assertIn(bad.name, self._reminders(bad).error)
        self.assertEqual(self._reminders(good).state, "outgoing")

    def test_g2_step_gone(self):
        """G3: a reminder whose step was deleted meanwhile leaves as it was made."""
        self.plan.step_ids.automation = "confirm"
        move = self._invoice(8)
        self._run()
        self.plan.step_ids[1].unlink()
        reminder = self._reminders(move)
        reminder.sudo(False).action_confirm()
        self.assertEqual(reminder.state, "outgoing")

    def test_g3_once(self):
        """G3: run again and again, the same day and later, nothing is sent twice."""
        move = self._invoice(8)
        for _run in range(3):
            self._run()
        self._leave()
        self._run()
        self.assertEqual(len(self._reminders(move)), 1)
        self.assertEqual(len(self._reminders(move).batch_id), 1)

    def test_g3_missed_weeks(self):
        """G3: after a stop an invoice gets the one step that is due now, not all."""
        move = self._invoice(300)
        self._run()
        self.assertEqual(self._reminders(move).level_id, self.litigation)
        self._leave()
        self._run()
        self.assertEqual(len(self._reminders(move)), 1)
        self.assertFalse(move.relance_next_date, "Empty after the last step")
        self.assertEqual(move.relance_status, "The last step was sent")

    def test_g3_whole_plan(self):
        """G3: from before the due date to the last step, one reminder each."""
        move = self._invoice(-60)
        sent = []
        for days in (60, 10, 1, -4, -5, -14, -15, -19, -20, -40):
            with self._days_from_due(move, -days):
                self._run()
                self._leave()
            sent.append(self._reminders(move).level_id.mapped("name"))
        self.assertEqual([len(names) for names in sent], [0, 1, 1, 1, 2, 2, 3, 3, 4, 4])

    def _days_from_due(self, move, days):
        """Return a context in which the invoice is so many days late."""
        day = fields.Datetime.to_datetime(move.invoice_date_due) + timedelta(days)
        return self._frozen(day + timedelta(hours=10))

    def test_g2_modes(self):
        """G2: mail or letter by the customer's mode."""
        by_letter = self._create_customer("Papier Letter", relance_mode="letter")
        moves = self._invoice(8) | self._invoice(8, partner=by_letter)
        self._run()
        self.assertEqual(
            self._reminders(moves).mapped("channel_id.code"), ["email", "letter"]
        )

    def test_g2_no_mail(self):
        """G2: a customer without mail gets a letter, and a person one flag."""
        user = self.env.user
        silent = self._create_customer("Muet", email=False, relance_user_id=user.id)
        self._invoice(8, partner=silent)
        self._invoice(9, partner=silent)
        self._run()
        self.assertEqual(
            [r.channel_id for r in self._reminders()], [self.letter, self.letter]
        )
        activity = silent.activity_ids
        self.assertEqual(len(activity), 1)
        self.assertEqual(activity.user_id, user)
        self.assertIn("No email address", activity.note)

    def test_g2_bounced_mail(self):
        """G2: an address that bounced is no address: the next try is a letter."""
        move = self._invoice(8)
        self._run()
        reminder = self._reminders(move)
        self.customer.message_bounce = 1
        reminder._note_bounce("peyrot@example.com")
        self.assertEqual(reminder.state, "failed")
        self._run()
        self.assertEqual(reminder.state, "outgoing")
        self.assertEqual(reminder.channel_id, self.letter)
        self.assertTrue(self.customer.activity_ids)

    def test_g2_no_address_at_all(self):
        """G2: nobody to reach: the reminder fails with the reason, is tried again with
        a limit, and then a person is asked; the others go on."""
        lost = self._create_customer("Lost", email=False, street=False)
        move = self._invoice(8, partner=lost)
        other = self._invoice(8)
        self._run()
        reminder = self._reminders(move)
        self.assertEqual(reminder.state, "failed")
        self.assertIn("Incomplete postal address", reminder.error)
        self.assertIn("Incomplete postal address", move.relance_status)
        self.assertIn("Incomplete postal address", move.message_ids[:1].body)
        self.assertEqual(self._reminders(other).state, "outgoing")
        for _run in range(MAX_ATTEMPTS + 2):
            reminder.date_failed -= timedelta(days=3)
            self._run()
        self.assertEqual(self._reminders(move), reminder, "The same reminder")
        self.assertEqual(reminder.attempts, MAX_ATTEMPTS)
        self.assertEqual(
            reminder.activity_ids.activity_type_id,
            self.env.ref("relance_numm.mail_activity_failed"),
        )
        # Mended, it leaves from its button.
        lost.street = "1 rue du Port"
        reminder.action_send_again()
        self.assertEqual(reminder.state, "outgoing")

    def test_g2_waits_between_attempts(self):
        """G2: the first retry is at the next run, the next ones later and later."""
        lost = self._create_customer("Lost", email=False, street=False)
        reminder = self._reminders
        self._invoice(8, partner=lost)
        self._run()
        self.assertEqual(reminder().attempts, 1)
        self._run()
        self.assertEqual(reminder().attempts, 2)
        self._run()
        self.assertEqual(reminder().attempts, 2)

    def test_g2_accompanied(self):
        """G2: a step's SMS, call and meeting are made as well, and do not count."""
        self.plan.step_ids.channel_ids |= self.phone | self.sms | self.meeting
        move = self._invoice(8)
        self._run()
        main, *others = self._reminders(move)
        self.assertEqual(main.channel_id, self.email)
        self.assertEqual(
            {other.channel_id.code for other in others}, {"phone", "sms", "meeting"}
        )
        self.assertEqual(set(main.companion_ids.ids), {other.id for other in others})
        self.assertEqual({other.state for other in others}, {"outgoing"})
        self.assertEqual(len({r.name for r in self._reminders()}), 4)
        # The call is still to do; the next step comes all the same.
        main._set_state("sent")
        self.env.invalidate_all()
        self.assertEqual(move.relance_level_id, self.level_1)
        self.assertEqual(move.relance_next_date, self.today + timedelta(7))

    def test_g2_accompanied_by_nobody(self):
        """G2: an SMS to a customer without number is not made; the batch says it."""
        self.plan.step_ids.channel_ids |= self.sms
        self._invoice(8, partner=self._create_customer("Sans Numero", phone=False))
        self._run()
        self.assertEqual(self._reminders().channel_id, self.email)
        self.assertIn("No phone number", self._reminders().batch_id.left_out)

    def test_g2_only_a_call(self):
        """G2: a step that is only a call makes the call."""
        self.plan.step_ids.channel_ids = self.phone
        self._invoice(8)
        self._run()
        self.assertEqual(self._reminders().channel_id, self.phone)

    def test_g3_to_confirm(self):
        """G3: a step « à confirmer » is prepared, and leaves at a click."""
        self.plan.step_ids.automation = "confirm"
        move = self._invoice(8)
        self._run()
        reminder = self._reminders(move)
        self.assertEqual(reminder.state, "to_confirm")
        self.assertFalse(self._mails(reminder))
        self.assertEqual(self._items(move).reason_code, "in_flight")
        self._run()
        self.assertEqual(self._reminders(move), reminder)
        reminder.sudo(False).action_confirm()
        self.assertEqual(reminder.state, "outgoing")
        self.assertEqual(reminder.confirmed_by_id, self.env.user)
        self.assertTrue(self._mails(reminder))

    def test_g3_to_confirm_asks_once(self):
        """G3: a person is told that reminders wait for him, once; no more when done."""
        self.plan.step_ids.automation = "confirm"
        self.plan.step_ids.channel_ids |= self.phone
        self._invoice(8)
        self._invoice(9)
        self._run()
        self._invoice(10)
        self._run()
        activities = self._reminders().activity_ids
        self.assertEqual(len(activities), 1)
        self.assertEqual(activities.user_id, self.env.user)
        self.assertEqual(set(self._reminders().mapped("state")), {"to_confirm"})
        # The mail and the call that accompanies it go together, whichever is confirmed.
        call = self._reminders().filtered("main_reminder_id")[:1]
        call.sudo(False).action_confirm()
        self.assertEqual(call.main_reminder_id.state, "outgoing")
        self._reminders().filtered(lambda r: r.state == "to_confirm").sudo(
            False
        ).action_confirm()
        asked = self.env.ref("relance_numm.mail_activity_confirm")
        self.assertNotIn(asked, self._reminders().activity_ids.activity_type_id)

    def test_g3_to_confirm_and_paid(self):
        """G3: what was paid before anybody confirmed is taken back by itself."""
        self.plan.step_ids.automation = "confirm"
        move = self._invoice(8)
        self._run()
        self._pay(move)
        self._run()
        self.assertEqual(self._reminders(move).state, "canceled")

    def test_g3_refused(self):
        """G3: one that a person cancels is not made again; the next step comes."""
        self.plan.step_ids.automation = "confirm"
        move = self._invoice(8)
        self._run()
        self._reminders(move).sudo(False).action_cancel()
        self.assertEqual(move.relance_next_date, self.today + timedelta(15 - 8))
        self._run()
        self.assertEqual(len(self._reminders(move)), 1)
        with self._days_from_due(move, 15):
            self._run()
        self.assertEqual(
            self._reminders(move).mapped("level_id"), self.level_1 | self.level_2
        )

    def test_g3_manual_step(self):
        """G3: a step « manuelle » is left to a person; the later ones are not."""
        self.plan.step_ids[1].automation = "manual"
        move = self._invoice(8)
        self._already_reminded(move, self.level_pre, days_ago=20)
        self.env.invalidate_all()
        self.assertEqual(move.relance_next_date, self.today + timedelta(15 - 8))
        self.assertEqual(self._items(move).advised_level_id, self.level_1)
        self._run()
        self.assertEqual(len(self._reminders(move)), 1)

    def test_g1_instalments(self):
        """G1: an invoice follows its earliest instalment that is not paid, and claims
        what is late, not what is not due yet."""
        move = self._instalments(40, 10, -20)
        self.assertEqual(move.relance_date_due, self.today - timedelta(40))
        self._run()
        reminder = self._reminders(move)
        self.assertEqual(reminder.level_id, self.litigation)
        self.assertEqual(reminder.amount_total, 200)
        self._leave()
        # The first is paid: the second leads, and has been told of its level.
        self._pay(move, 100)
        self.env.invalidate_all()
        self.assertEqual(move.relance_date_due, self.today - timedelta(10))
        self._pay(move, 100)
        self.env.invalidate_all()
        self.assertEqual(move.relance_date_due, self.today + timedelta(20))
        self.assertEqual(move.relance_next_date, self.today - timedelta(30))
        self._run()
        self.assertEqual(
            self._reminders(move).mapped(lambda r: (r.level_id, r.amount_total)),
            [(self.litigation, 200), (self.level_pre, 100)],
        )

    def test_g2_left_alone(self):
        """G2: what is paid, blocked, a credit note, an entry or a draft stays alone."""
        paid = self._invoice(8)
        self._pay(paid)
        blocked = self._invoice(8)
        blocked.no_followup = True
        excluded = self._create_customer("Exclu", relance_excluded=True)
        moves = paid | blocked | self._invoice(8, partner=excluded)
        moves |= self._invoice(8, move_type="out_refund")
        moves |= self._invoice(8, partner=self._create_customer("Net Nul"))
        self._invoice(8, 100, moves[-1].partner_id, move_type="out_refund")
        draft = self._invoice(8, partner=self._create_customer("Brouillon"))
        draft.button_draft()
        self._run()
        self.assertFalse(self._reminders())

    def test_g2_other_companies(self):
        """G2: a company that reminds by hand, and its customers, are left alone."""
        self.company.relance_on = "item"
        self._invoice(8)
        self._run()
        self.assertFalse(self._reminders())

    def test_d7_paid_in_the_queue(self):
        """G2, D7: a queued mail whose invoice is paid before it leaves is recalled."""
        move = self._invoice(8)
        self._run()
        mail = self._mails(self._reminders(move))
        self._pay(move)
        mail.send()
        self.assertEqual(mail.state, "cancel")
        self.assertEqual(self._reminders(move).state, "canceled")
        self._run()
        self.assertEqual(len(self._reminders(move)), 1)

    def test_d7_paid_and_taken_back(self):
        """D7: a payment that is taken back makes the invoice due again."""
        move = self._invoice(8)
        self._run()
        self._pay(move)
        self._reminders(move)._recall_stale()
        self.assertEqual(self._reminders(move).state, "canceled")
        payment = self.env["account.payment"].search([], order="id desc", limit=1)
        move.line_ids.remove_move_reconcile()
        payment.action_draft()
        self._run()
        self.assertEqual(
            self._reminders(move).mapped("state"), ["canceled", "outgoing"]
        )

    def test_g4_per_customer(self):
        """G4: one mail for a customer's due invoices, each at its own level."""
        self.company.relance_per_customer = True
        moves = self._invoice(8) | self._invoice(17) | self._invoice(3)
        self._already_reminded(moves[2], self.level_pre, days_ago=20)
        self._run()
        reminder = self._reminders().filtered(lambda r: r.origin == "automatic")
        self.assertEqual(reminder.level_id, self.level_2)
        self.assertEqual(
            {line.move_id: line.level_id for line in reminder.line_ids},
            {moves[0]: self.level_1, moves[1]: self.level_2},
            "Not the one of which nothing is due",
        )
        self.assertEqual(len(self._mails(reminder)), 1)
        self._leave()
        self.assertEqual(
            moves.mapped("relance_level_id"),
            self.level_1 | self.level_2 | self.level_pre,
        )
        self.assertEqual(moves[0].relance_next_date, self.today + timedelta(7))

    def test_g4_one_that_raises(self):
        """G4: an invoice that cannot be made does not split the other customers'."""
        self.company.relance_per_customer = True
        bad = self._invoice(8, partner=self._create_customer("Casse"))
        self._invoice(8)
        self._invoice(9)
        with self._raising(bad):
            self._run()
        self.assertEqual(len(self._reminders()), 1)
        self.assertEqual(bad.relance_error, "This one is broken")

    def test_g4_per_customer_currency(self):
        """G4: not mixed with another currency or customer."""
        self.company.relance_per_customer = True
        other = self._create_customer("Autre")
        currency = self.setup_other_currency("GBP")
        self._invoice(8)
        self._invoice(8, currency_id=currency.id)
        self._invoice(8, partner=other)
        self._run()
        self.assertEqual(len(self._reminders()), 3)

    def test_g2_author(self):
        """G2: signed by whoever follows the customer, else the company's reminders;
        nobody's leave in the company's name, not the robot's."""
        self.plan.user_id = False
        self._invoice(8)
        self._run()
        reminder = self._reminders()
        self.assertEqual(reminder._email_from(), self.company.email_formatted)
        self.assertEqual(self._mails(reminder).email_from, self.company.email_formatted)
        self.company.relance_user_id = self.env.user
        self._invoice(8, partner=self._create_customer("Suivi"))
        self._run()
        self.assertEqual(self._reminders()[-1].user_id, self.env.user)

    def test_g2_one_that_raises(self):
        """G2: an invoice whose reminder cannot be made says so on itself, waits after
        some times, and never stops the others."""
        bad, good = self._invoice(8), self._invoice(9)
        with self._raising(bad):
            self._run()
            self._run()
            self.assertEqual(bad.relance_error_count, 1, "Not again at once")
            for _run in range(6):
                bad.relance_error_date -= timedelta(hours=1)
                self._run()
        self.assertEqual(len(self._reminders(good)), 1)
        self.assertFalse(self._reminders(bad))
        self.assertEqual(bad.relance_error, "This one is broken")
        self.assertEqual(bad.relance_error_count, 5)
        self.assertIn("This one is broken", bad.relance_status)
        self.assertIn("This one is broken", bad.message_ids[0].body)
        bad.action_relance_follow_plan()
        self._run()
        self.assertEqual(self._reminders(bad).state, "outgoing")
        self.assertFalse(bad.relance_error)

    def test_g2_one_render_raises(self):
        """G2: a text that cannot be rendered fails its reminder only; mended, it is
        tried again."""
        other_plan = self._create_plan("Broken", (-50, 5, 15, 20))
        template = self.env.ref("relance_numm.template_1").copy()
        other_plan.step_ids.write(
            {"template_id": template.id, "channel_ids": [(6, 0, self.email.ids)]}
        )
        customer = self._create_customer("Casse", relance_plan_id=other_plan.id)
        bad, good = self._invoice(8, partner=customer), self._invoice(8)
        body = template.body_html
        # As if an upgrade had taken the field away.
        self.env.cr.execute(
            "UPDATE relance_template SET body_html = %s WHERE id = %s",
            ['{"en_US": "<p><t t-out=\\"object.gone\\"/></p>"}', template.id],
        )
        self.env.invalidate_all()
        with mute_logger("odoo.addons.mail.models.mail_render_mixin"):
            self._run()
        self.assertEqual(self._reminders(good).state, "outgoing")
        failed = self._reminders(bad)
        self.assertEqual(failed.state, "failed")
        self.assertTrue(failed.error)
        template.body_html = body
        self._run()
        self.assertEqual(failed.state, "outgoing")

    def test_g1_own_addresses(self):
        """G1: the addresses, internal address and mode chosen on an invoice."""
        move = self._invoice(8)
        move.relance_emails = "boss@example.com, second@example.com"
        move.relance_internal_email = "me@example.com"
        letter = self._invoice(8)
        letter.relance_mode = "letter"
        self._run()
        mail = self._mails(self._reminders(move))
        self.assertEqual(mail.email_to, "boss@example.com, second@example.com")
        self.assertEqual(mail.email_cc, "me@example.com")
        self.assertEqual(self._reminders(letter).channel_id, self.letter)

    def test_g1_own_address_blacklisted(self):
        """G1: a blacklisted address is not mailed, though named on the invoice."""
        self.env["mail.blacklist"]._add("boss@example.com")
        move = self._invoice(8)
        move.relance_emails = "boss@example.com"
        self._run()
        self.assertEqual(self._reminders(move).channel_id, self.letter)

    def test_levels_never_go_down(self):
        """C3: what was sent by hand counts for the cron too."""
        move = self._invoice(8)
        self._already_reminded(move, self.level_2, days_ago=1)
        self._run()
        self.assertEqual(len(self._reminders(move)), 1)
        self.assertEqual(move.relance_next_date, self.today + timedelta(20 - 8))

    def test_plan_changed_between(self):
        """G3: a plan whose days are changed after a reminder: no step twice."""
        move = self._invoice(8)
        self._run()
        self._leave()
        self.plan.step_ids[3].days = 30
        self.plan.step_ids[2].days = 8
        self.env.invalidate_all()
        tomorrow = self.today + timedelta(1)
        self.assertEqual(move.relance_next_date, tomorrow, "Never two on one day")
        for day in (self.today, tomorrow, tomorrow):
            with self._frozen(fields.Datetime.to_datetime(day) + timedelta(hours=20)):
                self._run()
                self._leave()
        self.assertEqual(
            self._reminders(move).mapped("level_id"), self.level_1 | self.level_2
        )
