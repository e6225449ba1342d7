import doctest
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from ..models import relance_item_advised, relance_item_index
from .common import RelanceCommon


@tagged("post_install", "-at_install")
class TestItemIndex(RelanceCommon):
    """H8: the index of open items is as the books are, whoever changes them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.items = cls.env["relance.item"]
        cls.move = cls._invoice(18)

    def line(self, move=None):
        return (move or self.move).line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )

    def row(self, move=None):
        """Return what the index has of an invoice, checked against the books."""
        self.assertKept()
        self.env.cr.execute(
            "SELECT * FROM relance_item_index WHERE id = ANY(%s)",
            [self.line(move).ids],
        )
        rows = self.env.cr.dictfetchall()
        return rows[0] if rows else None

    def assertKept(self):
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """(TABLE relance_item_index EXCEPT ALL (%(rows)s))
                    UNION ALL ((%(rows)s) EXCEPT ALL TABLE relance_item_index)""",
                rows=self.items._index_rows(SQL("TRUE")),
            )
        )
        self.assertEqual(self.env.cr.fetchall(), [])

    # The invoice

    def test_h8_posted_and_drafted(self):
        row = self.row()
        self.assertEqual(row["partner_id"], self.customer.id)
        self.assertEqual(row["date_due"], self.move.invoice_date_due)
        self.assertEqual(row["amount"], 100)
        self.assertFalse(row["held"])
        self.move.button_draft()
        self.assertIsNone(self.row())
        self.move.action_post()
        self.assertTrue(self.row())

    def test_h8_paid(self):
        self._pay(self.move, 40)
        self.assertEqual(self.row()["amount"], 60)
        self._pay(self.move)
        self.assertIsNone(self.row())
        self.line().remove_move_reconcile()
        self.assertEqual(self.row()["amount"], 100)

    def test_h8_credit_note(self):
        refund = self._invoice(10, 30, move_type="out_refund")
        self.assertEqual(self.row(refund)["amount"], -30)
        self.assertTrue(self.row(refund)["held"])
        (self.line() | self.line(refund)).reconcile()
        self.assertEqual(self.row()["amount"], 70)
        self.assertIsNone(self.row(refund))

    def test_h8_vendor_bill_is_none_of_it(self):
        bill = self._invoice(10, move_type="in_invoice")
        self.assertKept()
        self.env.cr.execute(
            "SELECT FROM relance_item_index WHERE id = ANY(%s)", [bill.line_ids.ids]
        )
        self.assertFalse(self.env.cr.rowcount)

    def test_h8_due_date_customer_and_box(self):
        due = self.today - timedelta(3)
        self.line().date_maturity = due
        self.assertEqual(self.row()["date_due"], due)
        other = self._create_customer("Autre", relance_plan_id=False)
        self.move.button_draft()
        self.move.partner_id = other
        self.move.action_post()
        self.assertEqual(self.row()["partner_id"], other.id)
        self.assertEqual(self.row()["plan_id"], 0)
        self.move.no_followup = True
        self.assertTrue(self.row()["held"])
        self.move.no_followup = False
        self.assertFalse(self.row()["held"])

    def test_h8_payment_blocked_disputed_promised(self):
        self.move.payment_state = "blocked"
        self.assertTrue(self.row()["held"])
        self.move.payment_state = "not_paid"
        self.move.relance_dispute = "Broken"
        self.assertTrue(self.row()["held"])
        self.move.relance_dispute = False
        self.assertFalse(self.row()["held"])
        self.move.relance_promise_date = day = self.today + timedelta(4)
        self.assertEqual(self.row()["promise_date"], day)

    def test_h8_deleted(self):
        ids = self.line().ids
        self.move.button_draft()
        self.move.name = False
        self.move.unlink()
        self.assertKept()
        self.env.cr.execute("SELECT FROM relance_item_index WHERE id = ANY(%s)", [ids])
        self.assertFalse(self.env.cr.rowcount)

    def test_h8_account_of_another_type(self):
        account = self.line().account_id
        self.env.flush_all()
        # As it may come from elsewhere: Odoo itself refuses what has entries.
        self.env.cr.execute(
            "UPDATE account_account SET account_type = 'asset_current' WHERE id = %s",
            [account.id],
        )
        self.assertFalse(self.row())
        self.env.cr.execute(
            "UPDATE account_account SET account_type = 'asset_receivable'"
            " WHERE id = %s",
            [account.id],
        )
        self.assertTrue(self.row())

    # The customer

    def test_h8_customer(self):
        self.customer.relance_excluded = True
        self.assertTrue(self.row()["held"])
        self.customer.relance_excluded = False
        self.assertFalse(self.row()["held"])
        self.customer.active = False
        self.assertTrue(self.row()["held"])
        self.customer.active = True
        self.customer.relance_customer_type = "public"
        self.assertEqual(self.row()["customer_type"], "public")
        self.assertEqual(self.row()["plan_id"], self.plan.id)
        self.customer.relance_plan_id = False
        self.assertEqual(self.row()["plan_id"], 0)

    def test_h8_merged(self):
        other = self._create_customer("Doublon", relance_plan_id=False)
        move = self._invoice(5, partner=other)
        # By SQL of Odoo's own.
        self.env["base.partner.merge.automatic.wizard"]._merge(
            (self.customer | other).ids, self.customer
        )
        self.env.invalidate_all()
        self.assertEqual(self.row(move)["partner_id"], self.customer.id)
        self.assertEqual(self.row(move)["plan_id"], self.plan.id)

    # Reminders

    def test_h8_reminded(self):
        reminder = self._already_reminded(self.move, self.level_1, days_ago=3).sudo()
        row = self.row()
        self.assertEqual(row["sent_level_id"], self.level_1.id)
        self.assertEqual(row["sent_day"], self.today - timedelta(3))
        reminder.date_sent -= timedelta(2)
        self.assertEqual(self.row()["sent_day"], self.today - timedelta(5))
        second = self._already_reminded(self.move, self.level_2, days_ago=1).sudo()
        self.assertEqual(self.row()["sent_level_id"], self.level_2.id)
        second._set_state("failed")
        self.assertEqual(self.row()["sent_level_id"], self.level_1.id)
        second._set_state("sent")
        second.line_ids.level_id = self.litigation
        self.assertEqual(self.row()["sent_level_id"], self.litigation.id)
        second.unlink()
        self.env["relance.reminder.line"]._mark_last(self.line())
        self.assertEqual(self.row()["sent_level_id"], self.level_1.id)

    def test_h8_reminded_by_an_import(self):
        """Lines that are inserted as sent count at once."""
        line = self._already_reminded(self.move, self.level_1).line_ids.sudo()
        other = self._invoice(20)
        line.copy(
            {
                "move_line_id": self.line(other).id,
                "is_last": True,
                "is_last_sent": True,
            }
        )
        self.assertEqual(self.row(other)["sent_level_id"], self.level_1.id)

    def test_h8_time_zone_of_the_company(self):
        reminder = self._already_reminded(self.move, self.level_1).sudo()
        reminder.date_sent = "2026-05-12 23:30:00"
        self.company.relance_tz = "UTC"
        self.assertEqual(str(self.row()["sent_day"]), "2026-05-12")
        self.company.relance_tz = "Europe/Paris"
        self.assertEqual(str(self.row()["sent_day"]), "2026-05-13")

    # The search

    def test_h8_spans(self):
        self.assertFalse(doctest.testmod(relance_item_advised).failed)

    def test_h8_page_reads_the_index_alone(self):
        """Ids and count of a level are read without the journal items."""
        domain = [("advised_level_id", "=", self.level_1.id)]
        with patch.object(type(self.items), "_assembled") as assembled:
            self.items.search(domain, order="days_late desc, id", limit=10)
            self.items.search_count(domain, limit=10)
            self.assertFalse(assembled.called)
        self.items.search([*domain, ("name", "ilike", "inv")], limit=10)

    def test_h8_role_of_a_customer(self):
        """A plan for customers with a role is not the index's to tell."""
        role = self.env["res.partner.category"].create({"name": "VIP"})
        self._create_plan("Of a role", (100, 200, 300, 400), category_ids=role.ids)
        self.customer.write({"relance_plan_id": False, "category_id": role.ids})
        levels = [("advised_level_id", "!=", False)]
        found = self.items.search(levels, limit=80, order="days_late desc")
        self.assertNotIn(self.move, found.move_id)

    def test_h8_many_kinds_of_rows(self):
        domain = [("advised_level_id", "!=", False)]
        found = self.items.search(domain, order="id", limit=80)
        self.assertTrue(found)
        with (
            patch.object(relance_item_advised, "MAX_SEGMENTS", 0),
            patch.object(type(self.items), "_paged_ids") as paged,
        ):
            self.assertEqual(self.items.search(domain, order="id", limit=80), found)
        self.assertFalse(paged.called)

    def test_h8_archived_plan_of_his_own(self):
        self.plan.active = False
        default = self.customer.relance_applied_plan_id
        self.assertNotEqual(default, self.plan)
        domain = [("advised_level_id", "!=", False)]
        item = self.items.search(domain, limit=80, order="days_late desc, id")
        item = item.filtered(lambda row: row.move_id == self.move)
        self.assertEqual(item.plan_id, default)

    # Its own upkeep

    def test_h8_refreshed_at_night(self):
        """What two transactions at once left behind is put right."""
        line = self.line()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE relance_item_index SET plan_id = 0 WHERE id = %s", line.ids
        )
        self.env.cr.execute("DELETE FROM relance_item_index WHERE id <> %s", line.ids)
        self.items._refresh_index()
        self.assertKept()

    def test_h8_refreshed_some_at_a_time(self):
        self._invoice(5)
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM relance_item_index")
        with patch.object(relance_item_index, "REFRESH_SIZE", 1):
            done, left = self.items._refresh_index()
        self.assertEqual(done, 1)
        self.assertGreaterEqual(left, 1)
        self.assertEqual(self.items._refresh_index(), (left, 0))
        self.assertKept()

    def test_h8_what_reads_more(self):
        """Who reads more of advised rows than their ids looks at no more of the books
        than the domain says."""
        query = self.items._search([("advised_level_id", "=", self.level_2.id)])
        amounts = query.select(SQL.identifier("relance_item", "amount_due")).code
        self.assertIn("account_move_line", amounts)
        self.assertIn("line.amount_residual_currency > 0", amounts)
        rows = self.items._read_group(
            [("advised_level_id", "!=", False)], ["id"], ["__count"]
        )
        self.assertEqual({count for _id, count in rows}, {1})
        query.add_where(SQL("%s < 0", SQL.identifier("relance_item", "id")))
        self.assertFalse(query.get_result_ids())

    def test_h8_rule_of_another_addon(self):
        """An addon that has one more reason has one more in the index, and what it
        reads is watched."""
        rule = type(self.items)._not_owed_cases

        def with_ref(items):
            return SQL("%s WHEN move.ref = 'VIP' THEN 'blocked'", rule(items))

        with patch.object(type(self.items), "_not_owed_cases", with_ref):
            self.items._keep_index()
            self.move.ref = "VIP"
            self.assertTrue(self.row()["held"])
            self.move.ref = False
            self.assertFalse(self.row()["held"])
        # Gone with the addon.
        self.move.ref = "VIP"
        self.items._register_hook()
        self.assertFalse(self.row()["held"])

    def test_h8_made_once(self):
        """Nothing is made anew where nothing changed, whatever day it is."""
        self.items._keep_index()
        with (
            freeze_time(self.today + timedelta(400)),
            patch.object(type(self.items), "_fill_index") as fill,
        ):
            self.items.with_context(lang="fr_FR")._register_hook()
        self.assertFalse(fill.called)

    def test_h8_uninstalled(self):
        """Without the addon, PostgreSQL does nothing for it any more."""
        self.items._drop_index()
        self._pay(self._invoice(3))
        self.customer.relance_excluded = True
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT FROM pg_trigger WHERE tgname LIKE 'relance%%'
            UNION ALL SELECT FROM pg_proc WHERE proname LIKE 'relance%%'"""
        )
        self.assertFalse(self.env.cr.rowcount)

    def test_h8_instalments(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "Half now",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": 50, "nb_days": days}
                    )
                    for days in (0, 60)
                ],
            }
        )
        move = self._invoice(
            40, invoice_payment_term_id=term.id, invoice_date_due=False
        )
        self.assertEqual(len(self.line(move)), 2)
        self.assertKept()
