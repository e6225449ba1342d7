from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged

from .automatic_common import AutomaticCommon


@tagged("post_install", "-at_install")
class TestAutomaticScreens(AutomaticCommon):
    """What the dry run, the work list and the list of invoices say and offer."""

    def _text(self, move):
        self.env.invalidate_all()
        return move.relance_status

    def test_g1_next_date(self):
        """G1: a day that has come is the next run's; a day to come is named."""
        late, today, soon = self._invoice(8), self._invoice(5), self._invoice(-51)
        self.assertRegex(self._text(late), "^Level 1 at the next run: Email")
        self.assertRegex(self._text(today), "^Level 1 at the next run: Email")
        tomorrow = fields.Date.add(self.today, days=1)
        self.assertIn(tomorrow.strftime("%m/%d/%Y"), self._text(soon))
        self.assertNotIn("next run", self._text(soon))

    def test_c1_entities(self):
        """The work list names the active entities that remind by themselves."""
        items = self.env["relance.item"].with_company(self.company)
        items = items.with_context(allowed_company_ids=self.company.ids)
        self.assertEqual(items.get_automatic_entities(), [self.company.name])
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        both = items.with_context(allowed_company_ids=(self.company | branch).ids)
        self.assertEqual(both.get_automatic_entities(), [self.company.name])
        self.company.relance_on = "item"
        self.assertEqual(items.get_automatic_entities(), [])

    def test_g5_failed(self):
        """G5: what failed is counted, whatever the screen is filtered by."""
        good, bad = self._invoice(8), self._invoice(9)
        domain = [("relance_on", "=", "invoice"), ("amount_due", ">", 0)]
        items = self.env["relance.item"]
        self.assertEqual(items.get_automatic_failed(domain), 0)
        with self._raising(bad):
            self._run()
        self.assertEqual(items.get_automatic_failed(domain), 1)
        self._reminders(good)._fail("No route to host")
        self.assertEqual(items.get_automatic_failed(domain), 2)

    # « Lancer maintenant »

    def _ask(self):
        action = (
            self.env["relance.item"]
            .with_company(self.company)
            .with_context(allowed_company_ids=self.company.ids)
            .action_ask_remind_now()
        )
        run = self.env["relance.automatic.run"].browse(action["res_id"])
        return run.with_context(allowed_company_ids=self.company.ids)

    def test_g5_ask_first(self):
        """G5: before the run, how many leave, by what, and how many only wait."""
        self.plan.step_ids[2].automation = "confirm"
        self.plan.step_ids.channel_ids |= self.letter
        by_letter = self._create_customer("Par Courrier", relance_mode="letter")
        self._invoice(8)
        self._invoice(9)
        self._invoice(9, partner=by_letter)
        self._invoice(17, partner=by_letter)
        self._invoice(-60)
        run = self._ask()
        self.assertIn("4 invoices of 2 customers", run.summary)
        self.assertIn("Email 2", run.summary)
        self.assertIn("Plain letter 2", run.summary)
        self.assertIn("to be confirmed: 1.", run.summary)
        self.assertFalse(self._reminders(), "nothing leaves before the answer")
        trigger = self.env["ir.cron.trigger"]
        before = trigger.search_count([])
        action = run.action_run()
        self.assertEqual(trigger.search_count([]), before + 1)
        self.assertEqual(
            action["params"]["next"], {"type": "ir.actions.act_window_close"}
        )

    def test_g5_ask_nothing_due(self):
        """G5: with nothing to remind, the dialog says so; with a limit, what it is."""
        self.assertIn("No invoice is to be reminded now", self._ask().summary)
        self.company.relance_first_cap = 3
        self._invoice(8)
        self.assertIn("still leave today: 3", self._ask().summary)

    def test_g5_ask_held(self):
        """G5: nothing is asked where nothing may leave, nor of an accountant."""
        self.company.relance_pause_until = self.today + timedelta(3)
        with self.assertRaisesRegex(UserError, "paused until"):
            self._ask()
        self.company.relance_pause_until = False
        accountant = new_test_user(
            self.env,
            "relance_ask",
            "account.group_account_invoice",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        with self.assertRaises(AccessError):
            self.env["relance.item"].with_user(accountant).action_ask_remind_now()

    # The rehearsal

    def _rehearse(self, **vals):
        self.company.relance_on = "item"
        action = self.env["relance.automatic.start"]._action_open(self.company)
        start = self.env["relance.automatic.start"].browse(action["res_id"])
        with Form(start) as form:
            for name, value in vals.items():
                form[name] = value
        return start, self.env["relance.item"].with_context(
            **start.action_rehearse()["context"]
        )

    def test_g5_start_from_the_rehearsal(self):
        """G5: the rehearsal leads back to the dialog as it was left, and on."""
        start, rehearsal = self._rehearse(first_cap=7, per_customer=True)
        action = rehearsal.action_start_rehearsed()
        self.assertEqual(action["res_model"], "relance.automatic.start")
        self.assertEqual(action["res_id"], start.id)
        start = start.with_context(**action["context"])
        self.assertEqual(start.action_cancel(), {"type": "ir.actions.act_window_close"})
        self.assertEqual(self.company.relance_on, "item")
        after = start.action_start()
        self.assertEqual(self.company.relance_on, "invoice")
        self.assertEqual(self.company.relance_first_cap, 7)
        self.assertTrue(self.company.relance_per_customer)
        self.assertEqual(after["res_model"], "relance.item")
        # The web client adds the context of the screen that it comes from.
        context = {**rehearsal.env.context, **after["context"]}
        self.assertFalse(context["relance_rehearsal"])
        self.assertFalse(context["relance_rehearsed"])
        self.assertEqual(after["target"], "main")

    def test_g5_rehearsal_left_for_long(self):
        """G5: a dialog that Odoo has cleared away is opened anew."""
        start, rehearsal = self._rehearse(first_cap=7)
        start.unlink()
        action = rehearsal.action_start_rehearsed()
        again = start.browse(action["res_id"])
        self.assertEqual(again.company_id, self.company)

    # « Factures »

    def test_g1_sorted_by_the_date_shown(self):
        """G1: invoices are sorted by the earliest due date that is not paid."""
        instalments = self._instalments(20, -40)
        older, later = self._invoice(25), self._invoice(10)
        moves = instalments | older | later
        domain = [("id", "in", moves.ids)]
        for order, expected in (
            ("relance_date_due, id", older | instalments | later),
            ("relance_date_due desc, id", later | instalments | older),
        ):
            found = moves.search(domain, order=order)
            self.assertEqual(found.ids, expected.ids)
            dates = found.mapped("relance_date_due")
            self.assertEqual(dates, sorted(dates, reverse="desc" in order))
        self._pay(instalments, 100)
        self.env.invalidate_all()
        found = moves.search(domain, order="relance_date_due, id")
        self.assertEqual(found.ids, (older | later | instalments).ids)
        self.assertEqual(
            found[-1:].relance_date_due, fields.Date.add(self.today, days=40)
        )

    def test_g1_sorting_is_accountings(self):
        """G1: nobody sorts by what he may not read."""
        description = self.env["account.move"].fields_get(["relance_date_due"])
        self.assertTrue(description["relance_date_due"]["sortable"])
        employee = new_test_user(self.env, "relance_sorter", "base.group_user")
        moves = self.env["account.move"].with_user(employee)
        with self.assertRaises(AccessError):
            moves.search([], order="relance_date_due")
