from datetime import timedelta
from unittest.mock import patch

from lxml import etree

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged

from .automatic_common import AutomaticCommon


@tagged("post_install", "-at_install")
class TestAutomaticInvoice(AutomaticCommon):
    """« Informations règlements et relance »: what an invoice says, and what a person
    may decide on it (G1); the dry run (G5)."""

    def test_g1_block(self):
        """G1: the manual's block, of an invoice paid in part."""
        move = self._invoice(-3, 432)
        self._pay(move, 120)
        self.env.invalidate_all()
        self.assertRecordValues(
            move,
            [
                {
                    "relance_amount_paid": 120,
                    "relance_mode": "mail",
                    "relance_date_due": self.today + timedelta(3),
                    "relance_emails": "peyrot@example.com",
                    "relance_internal_email": "recovery@example.com",
                    "no_followup": False,
                    "relance_level_id": self.env["relance.level"].id,
                    "relance_next_date": self.today - timedelta(47),
                }
            ],
        )
        self.assertIn("Pre-reminder", move.relance_status)
        self.assertIn("Email to peyrot@example.com", move.relance_status)

    def test_g1_next_date_follows(self):
        """G1: it follows due date, plan, steps and payments without being computed."""
        move = self._invoice(8)
        self._already_reminded(move, self.level_1, days_ago=3)
        self.env.invalidate_all()
        self.assertEqual(move.relance_next_date, self.today + timedelta(7))
        self.plan.step_ids[2].days = 12
        self.env.invalidate_all()
        self.assertEqual(move.relance_next_date, self.today + timedelta(4))
        move.line_ids.filtered("date_maturity").date_maturity += timedelta(10)
        self.env.invalidate_all()
        self.assertEqual(move.relance_next_date, self.today + timedelta(14))
        self.customer.relance_plan_id = self._create_plan("Slow", (-50, 5, 50, 90))
        self.env.invalidate_all()
        self.assertEqual(move.relance_next_date, self.today + timedelta(52))
        self._pay(move)
        self.env.invalidate_all()
        self.assertFalse(move.relance_next_date)

    def test_g1_set_by_hand(self):
        """G1: a date set by a person stays, until the reminder is made or he takes it
        back; then the plan decides again."""
        move = self._invoice(8)
        with Form(move) as form:
            form.relance_next_date = self.today + timedelta(60)
        self.assertTrue(move.relance_by_hand)
        self.plan.step_ids[1].days = 3
        self.env.invalidate_all()
        self.assertEqual(move.relance_next_date, self.today + timedelta(60))
        self._run()
        self.assertFalse(self._reminders(move))
        move.action_relance_follow_plan()
        self.assertEqual(move.relance_next_date, self.today - timedelta(5))

    def test_g1_set_to_today(self):
        """G1: a date set to today sends the next step today, also before its time."""
        move = self._invoice(2)
        self._already_reminded(move, self.level_pre, days_ago=9)
        move.relance_next_date = self.today
        self._run()
        reminder = self._reminders(move)[-1]
        self.assertEqual(reminder.level_id, self.level_1)
        self.assertFalse(move.relance_by_hand)
        self._leave()
        self.assertEqual(move.relance_next_date, self.today + timedelta(13))

    def test_g1_form_changes_nothing_else(self):
        """G1: a form that is saved decides nothing that nobody changed on it."""
        with Form(
            self.env["account.move"].with_context(default_move_type="out_invoice")
        ) as form:
            form.partner_id = self.customer
            form.invoice_date = self.today - timedelta(40)
            with form.invoice_line_ids.new() as line:
                line.name = "Paper"
                line.price_unit = 100
        draft = form.save()
        self.assertFalse(draft.relance_own_emails)
        move = self._invoice(8)
        for blocked in (True, False):
            with Form(move) as form:
                form.no_followup = blocked
            self.assertEqual(move.no_followup, blocked)
            self.assertFalse(move.relance_by_hand)
        self.env.invalidate_all()
        self.assertEqual(move.relance_next_date, self.today - timedelta(3))

    def test_g1_emptied(self):
        """G1: an emptied date means not reminded, whatever changes."""
        move = self._invoice(8)
        move.relance_next_date = False
        self.assertFalse(move.relance_next_date)
        self.assertIn("emptied", move.relance_status)
        self.plan.step_ids[1].days = 3
        self._run()
        self.assertFalse(self._reminders(move))
        move.relance_next_date = self.today
        self._run()
        self.assertEqual(len(self._reminders(move)), 1)

    def test_g1_said_in_the_chatter(self):
        """G1: who changed the next date, and to what, is in the chatter."""
        move = self._invoice(8)
        move.relance_next_date = self.today
        self.assertIn("Next reminder", move.message_ids[0].body)
        move.relance_next_date = False
        self.assertIn("No more automatic reminder", move.message_ids[0].body)

    def test_g1_date_that_sends_nothing(self):
        """G1: a date on which nothing would be sent is refused with the reason."""
        done = self._invoice(60)
        self._already_reminded(done, self.litigation, days_ago=9)
        paid = self._invoice(8)
        self._pay(paid)
        blocked = self._invoice(8)
        blocked.no_followup = True
        for move, text in (
            (done, "last step was sent"),
            (paid, "nothing left to pay"),
            (blocked, "Blocked"),
        ):
            with self.assertRaisesRegex(UserError, text):
                move.relance_next_date = self.today

    def test_g1_malformed_address(self):
        """G1: a malformed address is refused, and nothing is lost."""
        move = self._invoice(8)
        with self.assertRaisesRegex(UserError, "“boss@” is not an email address"):
            move.relance_emails = "a@example.com, boss@"
        with self.assertRaisesRegex(UserError, "is not an email address"):
            move.relance_internal_email = "me"

    def test_g1_back_to_the_customers(self):
        """G1: what equals the customer's follows the customer again."""
        move = self._invoice(8)
        move.relance_mode = "letter"
        self.assertEqual(move.relance_own_mode, "letter")
        move.relance_mode = "mail"
        self.assertFalse(move.relance_own_mode)
        self.customer.relance_mode = "letter"
        self.assertEqual(move.relance_mode, "letter")
        move.relance_emails = "boss@example.com"
        move.relance_emails = False
        self.env.invalidate_all()
        self.assertEqual(move.relance_emails, "peyrot@example.com")

    def test_g1_mass_edition(self):
        """G1: several invoices at once, as from the list."""
        moves = self._invoice(8) | self._invoice(9)
        moves.write({"relance_next_date": self.today + timedelta(9)})
        self.assertEqual(
            set(moves.mapped("relance_next_date")), {self.today + timedelta(9)}
        )
        moves.write({"relance_mode": "letter", "no_followup": True})
        self.env.invalidate_all()
        self.assertEqual(set(moves.mapped("relance_mode")), {"letter"})
        self.assertFalse(any(moves.mapped("relance_next_date")))

    def test_g1_search(self):
        """G1: invoices are found by their next date."""
        late, early = self._invoice(8), self._invoice(-60)
        paid = self._invoice(8)
        self._pay(paid)
        moves = late | early | paid
        for domain, found in (
            ([("relance_next_date", "<=", self.today)], late),
            ([("relance_next_date", ">", self.today)], early),
            ([("relance_next_date", "=", self.today - timedelta(3))], late),
            ([("relance_next_date", "=", False)], paid),
            ([("relance_next_date", "!=", False)], late | early),
        ):
            with self.subTest(domain=domain):
                domain = [("id", "in", moves.ids), *domain]
                self.assertEqual(self.env["account.move"].search(domain), found)

    def test_g1_reminders_on_the_invoice(self):
        """G1: its reminders are on the invoice, with their number and state."""
        move = self._invoice(8)
        self._run()
        self.assertEqual(move.relance_line_ids.reminder_id, self._reminders(move))
        self.assertEqual(move.relance_reminder_count, 1)

    def test_g1_view_hides_it_elsewhere(self):
        """G1: the block is for customer invoices, and for accounting's users."""
        view = self.env["account.move"].get_view(view_type="form")
        page = etree.fromstring(view["arch"]).find(".//page[@name='relance_tab']")
        self.assertEqual(page.get("invisible"), "move_type != 'out_invoice'")

    def test_g1_portal(self):
        """Access: a portal user reads none of it."""
        move = self._invoice(8)
        portal = new_test_user(self.env, "relance_portal_invoice", "base.group_portal")
        move.message_subscribe(portal.partner_id.ids)
        with self.assertRaises(AccessError):
            move.with_user(portal).read(["relance_next_date"])
        with self.assertRaises(AccessError):
            self.env["relance.item"].with_user(portal).get_automatic_status()

    def test_g5_dry_run(self):
        """G5: whom the next run reminds, with what, by what, the total; and why not."""
        silent = self._create_customer("Muet", email=False)
        lost = self._create_customer("Lost", email=False, street=False)
        noplan = self._create_customer(
            "Sans Plan", relance_plan_id=False, relance_customer_type="public"
        )
        self.env["relance.plan"].search(
            [("customer_type", "=", "public")]
        ).active = False
        moves = self._invoice(8) | self._invoice(16, partner=silent)
        moves |= self._invoice(8, partner=lost) | self._invoice(8, partner=noplan)
        moves |= self._invoice(-60)
        items = self._items(moves)
        due = items.filtered(lambda item: item._is_due())
        self.assertEqual(due.move_id, moves[:3])
        self.assertEqual(
            due.mapped("automatic_delivery"),
            [
                "Email to peyrot@example.com",
                "Plain letter to Muet (No email address)",
                "Plain letter will not leave: Incomplete postal address: "
                "Street missing",
            ],
        )
        self.assertEqual(items[3].automatic_code, "no_plan")
        self.assertIn("No plan fits", items[3].automatic_reason)
        self.assertFalse(items[4].automatic_reason)
        self.assertEqual(
            self.env["relance.item"].get_automatic_summary([("id", "in", due.ids)]),
            "3 invoices of 3 customers (Plain letter 1, Email 1, cannot leave 1)",
        )
        said = {item.partner_id: item.next_level_id for item in due}
        self._run()
        self.assertEqual({r.partner_id: r.level_id for r in self._reminders()}, said)

    def test_g5_status(self):
        """G5: the dry run says when the next run is, or why nothing leaves."""
        items = self.env["relance.item"].with_company(self.company)
        [status] = items.get_automatic_status()
        self.assertIn("Next run", status["text"])
        self.company.relance_pause_until = self.today + timedelta(3)
        [status] = items.get_automatic_status()
        self.assertTrue(status["hold"])
        self.assertIn("paused until", status["text"])
        self.company.relance_on = "item"
        [status] = items.get_automatic_status()
        self.assertIn("No company reminds by invoice", status["text"])

    def test_g5_first_switch(self):
        """G5: saving « Facture » shows what would be sent; it starts once confirmed,
        from the due date that was chosen."""
        self.company.relance_on = "item"
        old, recent = self._invoice(400), self._invoice(8)
        settings = self.env["res.config.settings"].create({"relance_on": "invoice"})
        action = settings.execute()
        self.assertEqual(self.company.relance_on, "item")
        self.assertEqual(action["res_model"], "relance.automatic.start")
        start = self.env["relance.automatic.start"].browse(action["res_id"])
        self.assertIn("1 invoices of 1 customers", start.summary)
        start.since = False
        self.assertIn("2 invoices of 1 customers", start.summary)
        context = start.action_rehearse()["context"]
        rehearsed = self.env["relance.item"].with_context(**context)
        rows = rehearsed.search([("move_id", "in", (old | recent).ids)])
        self.assertEqual(len(rows.filtered("next_date")), 2)
        self.assertFalse(any(self._items(old | recent).mapped("next_date")))
        start.since = self.today - timedelta(30)
        start.calendar_id = False
        start.action_start()
        self.assertEqual(self.company.relance_on, "invoice")
        self.env.invalidate_all()
        self.assertIn("began", old.relance_status)
        self._run()
        self.assertEqual(self._reminders().line_ids.move_id, recent)
        # A person may still have an old one reminded.
        old.relance_next_date = self.today
        self._run()
        self.assertEqual(self._reminders().line_ids.move_id, recent | old)

    def test_g5_back_to_entries(self):
        """A1: back to « Pièce », nothing leaves by itself any more."""
        self.env["res.config.settings"].create({"relance_on": "item"}).execute()
        self.assertEqual(self.company.relance_on, "item")

    def test_g5_old_page(self):
        """A1: a settings page that was open while the entity was switched does not
        switch it back."""
        self.company.relance_on = "item"
        settings = self.env["res.config.settings"].create({})
        self.company.relance_on = "invoice"
        settings.execute()
        self.assertEqual(self.company.relance_on, "invoice")

    def test_g5_amount_reminded(self):
        """G5: the dry run's total is what the reminders claim, late instalments too."""
        move = self._instalments(40, 10, -20)
        item = self._items(move).filtered("next_date")
        self.assertEqual(item.amount_reminded, 200)
        self._run()
        self.assertEqual(self._reminders(move).amount_total, 200)

    def test_g5_nothing_to_start(self):
        """G5: « Lancer maintenant » says why nothing would leave."""
        self.company.relance_pause_until = self.today + timedelta(3)
        with self.assertRaisesRegex(UserError, "paused until"):
            self.env["relance.item"].with_company(self.company).action_remind_now()

    def test_g1_bill(self):
        """G1: a bill's form does not wait for the work list's query."""
        bill = self._invoice(8, move_type="in_invoice")
        self.env.flush_all()
        self.env.invalidate_all()
        item = type(self.env["relance.item"])
        with patch.object(item, "_search", side_effect=AssertionError):
            bill.read(["relance_next_date", "relance_status", "relance_emails"])

    def test_g5_switch_with_cap(self):
        """G5: the dialog says how long the first reminders take at so many a day."""
        for _number in range(5):
            self._invoice(8)
        self.company.relance_on = "item"
        start = self.env["relance.automatic.start"].create(
            {"company_id": self.company.id, "first_cap": 2}
        )
        self.assertIn("the last one leaves in 2 days", start.summary)

    def test_g5_remind_now(self):
        """G5: a manager starts the run at once, an accountant does not."""
        manager = new_test_user(
            self.env,
            "relance_now",
            "account.group_account_manager",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        trigger = self.env["ir.cron.trigger"].sudo()
        before = trigger.search_count([])
        self.env["relance.item"].with_user(manager).action_remind_now()
        self.assertEqual(trigger.search_count([]), before + 1)
