from datetime import timedelta

from odoo.fields import Command
from odoo.tests import tagged

from .common import OTHER_PLAN_DAYS, RelanceCommon


@tagged("post_install", "-at_install")
class TestItem(RelanceCommon):
    """The work list (C1–C5)."""

    def test_c3_manual_screens(self):
        """C3: every row of the manual's screens, as a table."""
        pre, n1, n2, end = self.levels
        never = self.env["relance.level"]
        first = [
            (32, never, end),
            (18, never, n2),
            (8, never, n1),
            (5, never, n1),
            (3, n2, end),
            (22, never, end),
            (12, never, n1),
            (9, pre, n1),
            (7, n2, end),
            (-7, pre, n1),
        ]
        second = [
            (58, n2, end),
            (38, never, n2),
            (29, never, n1),
            (19, pre, n1),
            (9, pre, n1),
        ]
        other_plan = self._create_plan("Other", OTHER_PLAN_DAYS)
        other = self._create_customer("Other", relance_plan_id=other_plan.id)
        for customer, rows in ((self.customer, first), (other, second)):
            for days, last, advised in rows:
                with self.subTest(plan=customer.name, days=days, last=last.name):
                    move = self._invoice(days, partner=customer)
                    if last:
                        self._already_reminded(move, last)
                    item = self._items(move)
                    self.assertRecordValues(
                        item,
                        [
                            {
                                "days_late": days,
                                "last_level_id": last.id,
                                "advised_level_id": advised.id,
                                "reason": False,
                            }
                        ],
                    )

    def test_c3_boundaries(self):
        """C3: a step is due on its very day; the last level stays advised."""
        pre, n1, n2, end = self.levels
        rows = [
            (-51, None, None, "not_due", 1),
            (-50, None, pre, False, 0),
            (4, None, pre, False, 0),
            (14, None, n1, False, 0),
            (15, None, n2, False, 0),
            (19, None, n2, False, 0),
            (20, None, end, False, 0),
            (20, end, end, False, 0),
            (3, end, None, "last_step", 0),
        ]
        for days, last, advised, code, reason_days in rows:
            with self.subTest(days=days, last=last):
                move = self._invoice(days)
                if last:
                    self._already_reminded(move, last)
                item = self._items(move)
                self.assertEqual(item.advised_level_id, advised or pre.browse())
                self.assertEqual(item.reason_code, code)
                self.assertEqual(item.reason_days, reason_days)

    def test_c1_columns(self):
        """C1: what the row shows, credit and foreign currency included."""
        dollar = self.env.ref("base.USD")
        dollar.active = True
        move = self._invoice(8, 120.0, ref="PO-7", currency_id=dollar.id)
        item = self._items(move)
        self.assertRecordValues(
            item,
            [
                {
                    "partner_id": self.customer.id,
                    "name": move.name,
                    "ref": "PO-7",
                    "amount_due": 120.0,
                    "currency_id": dollar.id,
                    "date_due": self.today - timedelta(8),
                    "plan_id": self.plan.id,
                    "last_date": False,
                    "last_comment": False,
                }
            ],
        )

    def test_c1_totals_per_currency(self):
        """C1: a total per currency, never a sum over several."""
        euro = self.env.ref("base.EUR")
        euro.active = True
        moves = self._invoice(8, 100.0) | self._invoice(9, 20.0)
        moves |= self._invoice(8, 50.0, currency_id=euro.id)
        totals = self.env["relance.item"].get_totals([("move_id", "in", moves.ids)])
        self.assertEqual(len(totals), 2)
        self.assertIn("120.00", totals[0])
        self.assertIn("50.00", totals[1])

    def test_c1_instalments(self):
        """C1: each instalment is a row of its own, late by its own date."""
        move = self._invoice(
            0,
            1000.0,
            invoice_date_due=False,
            invoice_payment_term_id=self.env["account.payment.term"]
            .create(
                {
                    "name": "40/60",
                    "line_ids": [
                        Command.create(
                            {"value": "percent", "value_amount": 40, "nb_days": 0}
                        ),
                        Command.create(
                            {"value": "percent", "value_amount": 60, "nb_days": 90}
                        ),
                    ],
                }
            )
            .id,
        )
        items = self._items(move).sorted("date_due")
        self.assertRecordValues(
            items,
            [
                {"amount_due": 400.0, "days_late": 30, "reason_code": False},
                {"amount_due": 600.0, "days_late": -60, "reason_code": "not_due"},
            ],
        )

    def test_c2_any_two_bounds(self):
        """C2: the delay between any two bounds, the last level « aucun » included."""
        moves = self.env["account.move"].union(
            *(self._invoice(days) for days in (2, 7, 13, 40))
        )
        self._already_reminded(moves[1], self.level_1)
        domain = [("move_id", "in", moves.ids)]
        Item = self.env["relance.item"]
        between = Item.search(
            [*domain, ("days_late", ">=", 3), ("days_late", "<=", 13)]
        )
        self.assertEqual(between.move_id, moves[2] | moves[1])
        never = Item.search([*domain, ("last_level_id", "=", False)])
        self.assertEqual(len(never), 3)
        groups = Item._read_group(domain, ["advised_level_id"], ["__count"])
        self.assertEqual(
            {level.id: count for level, count in groups},
            {
                self.level_pre.id: 1,
                self.level_1.id: 1,
                self.level_2.id: 1,
                self.litigation.id: 1,
            },
        )

    def test_c4_live(self):
        """C4: paid, blocked, reminded or excluded a second ago shows so at once."""
        paid, blocked, reminded = (self._invoice(8) for _i in range(3))
        self._pay(paid)
        self.assertFalse(self._items(paid))
        blocked.no_followup = True
        self.assertEqual(self._items(blocked).reason_code, "blocked")
        blocked.no_followup = False
        self.assertFalse(self._items(blocked).reason_code)
        reminder = self._already_reminded(reminded, self.level_1, state="outgoing")
        self.assertEqual(self._items(reminded).reason_code, "in_flight")
        self.assertIn(reminder.name, self._items(reminded).reason)
        self.customer.relance_excluded = True
        self.assertEqual(self._items(blocked).reason_code, "customer_excluded")

    def test_c4_reasons(self):
        """C4: a row that is not advised says why, in words."""
        item = self._items(self._invoice(-60))
        self.assertEqual(item.reason, "First step in 10 days")
        self.plan.active = False
        self.env["relance.plan"].search([]).active = False
        self.assertEqual(self._items(item.move_id).reason_code, "no_plan")
        empty = self.env["relance.plan"].create(
            {"name": "Empty", "customer_type": "private"}
        )
        self.customer.relance_plan_id = empty
        item = self._items(item.move_id)
        self.assertEqual(item.reason, "The plan “Empty” has no step")
        self.customer.relance_plan_id = self.plan
        self.plan.active = True
        self.customer.active = False
        self.assertEqual(self._items(item.move_id).reason_code, "customer_archived")

    def test_c4_minimum_gap(self):
        """C4, H4: an item reminded too recently is not advised, and says so."""
        self.company.relance_min_gap = 7
        move = self._invoice(18)
        self._already_reminded(move, self.level_1, days_ago=2)
        self.assertEqual(self._items(move).reason, "Reminded 2 days ago")
        self.company.relance_min_gap = 2
        self.assertEqual(self._items(move).advised_level_id, self.level_2)

    def test_c4_credit_and_net_nil(self):
        """C4: a credit is no debt; credits that cover the debt stop the reminder."""
        move = self._invoice(8, 100.0)
        credit = self._invoice(8, 40.0, move_type="out_refund")
        self.assertEqual(self._items(credit).reason_code, "credit")
        item = self._items(move)
        self.assertRecordValues(
            item, [{"has_credit": True, "credit_amount": -40.0, "reason_code": False}]
        )
        self._invoice(8, 60.0, move_type="out_refund")
        self.assertEqual(self._items(move).reason_code, "net_nil")

    def test_c5_unallocated_money(self):
        """C5: whatever money no invoice got yet marks all rows of the customer."""
        move = self._invoice(8, 100.0)
        self.assertFalse(self._items(move).has_credit)
        dollar = self.env.ref("base.EUR")
        dollar.active = True
        credit = self._invoice(8, 1.0, move_type="out_refund", currency_id=dollar.id)
        self.assertTrue(self._items(move).has_credit)
        self.assertFalse(self._items(move).credit_amount, "another currency")
        credit.button_draft()
        self.assertFalse(self._items(move).has_credit)
        self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.company_data["default_journal_bank"].id,
                "date": self.today,
                "payment_ref": "transfer",
                "partner_id": self.customer.id,
                "amount": 10.0,
            }
        )
        self.assertTrue(self._items(move).has_credit)
        self.assertTrue(self._items(move).advised_level_id)

    def test_c3_sent_level_above_the_plan(self):
        """C3: nothing is advised below the level that was sent before."""
        move = self._invoice(18)
        self._already_reminded(move, self.level_2)
        self.plan.step_ids[2:].unlink()
        item = self._items(move)
        self.assertFalse(item.advised_level_id)
        self.assertEqual(item.reason_code, "last_step")

    def test_branch_exclusion(self):
        """B2: what the entity does not remind, its branches do not either."""
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        self.env.user.company_ids |= branch
        move = self._invoice(8)
        self.customer.with_company(branch).relance_excluded = True
        self.assertTrue(self._items(move).advised_level_id)
        self.customer.with_company(branch).relance_excluded = False
        self.customer.relance_excluded = True
        self.assertEqual(self._items(move).reason_code, "customer_excluded")

    def test_c4_zero_amount(self):
        """Bad input: an invoice of zero is nothing to remind."""
        move = self._invoice(8, 0.0)
        self.assertFalse(self._items(move).filtered("advised_level_id"))

    def test_c3_failed_reminder_gives_its_level_back(self):
        """D7: a level counts only when something really left."""
        move = self._invoice(8)
        reminder = self._already_reminded(move, self.level_2)
        self.assertEqual(self._items(move).advised_level_id, self.litigation)
        reminder.sudo()._fail("bounced")
        item = self._items(move)
        self.assertRecordValues(
            item,
            [
                {
                    "advised_level_id": self.level_1.id,
                    "last_level_id": False,
                    "last_state": "failed",
                    "last_comment": "bounced",
                }
            ],
        )

    def test_c5_bank_status(self):
        """C5: per bank journal, how far the books are, and a warning when too old."""
        bank = self.company_data["default_journal_bank"]
        self.env["account.bank.statement.line"].create(
            {
                "journal_id": bank.id,
                "date": self.today - timedelta(8),
                "payment_ref": "transfer",
                "amount": 10.0,
            }
        )
        company_status = self.company._relance_bank_status
        status = next(s for s in company_status() if s["journal"] == bank.name)
        self.assertTrue(status["late"])
        self.company.relance_bank_days = 10
        status = next(s for s in company_status() if s["journal"] == bank.name)
        self.assertFalse(status["late"])
        self.assertIn(str((self.today - timedelta(8)).year), status["date"])

    def test_c1_archived_or_merged_customer(self):
        """Bad input: merging two customers keeps items and reminders."""
        move = self._invoice(8)
        reminder = self._already_reminded(move, self.level_1)
        keep = self._create_customer("Keep")
        self.env["base.partner.merge.automatic.wizard"]._merge(
            (self.customer | keep).ids, keep
        )
        self.assertEqual(reminder.partner_id, keep)
        item = self._items(move)
        self.assertEqual(item.partner_id, keep)
        self.assertEqual(item.last_level_id, self.level_1)
        self.assertEqual(item.advised_level_id, self.level_2)
