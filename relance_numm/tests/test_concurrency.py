import threading
from unittest.mock import patch

from odoo import SUPERUSER_ID, api, fields
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.modules.registry import Registry
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import mute_logger

from ..models import relance_batch


@tagged("post_install", "-at_install", "-standard", "relance_concurrency")
class TestConcurrency(BaseCase):
    """Two people on two real connections (D7).

    What it commits it takes away again; should it be stopped half-way, customers named
    « Concurrent » stay in the test database, hence ``-standard``.
    """

    def setUp(self):
        super().setUp()
        self.registry = Registry(get_db_name())
        with self.registry.cursor() as cr:
            env = self._env(cr)
            company = env["res.company"].search(
                [("chart_template", "!=", False)], limit=1
            )
            self.company_id = company.id
            customers = env["res.partner"].create(
                [
                    {
                        "name": f"Concurrent {n}",
                        "is_company": True,
                        "email": "concurrent@example.com",
                    }
                    for n in range(6)
                ]
            )
            today = fields.Date.today()
            moves = (
                env["account.move"]
                .with_company(company)
                .create(
                    [
                        {
                            "move_type": "out_invoice",
                            "partner_id": customer.id,
                            "invoice_date": fields.Date.subtract(today, days=60),
                            "invoice_date_due": fields.Date.subtract(today, days=8),
                            "invoice_line_ids": [
                                Command.create(
                                    {
                                        "name": "Paper",
                                        "price_unit": 100,
                                        "tax_ids": [Command.clear()],
                                    }
                                )
                            ],
                        }
                        for customer in customers
                    ]
                )
            )
            moves.action_post()
            self.customer_ids = customers.ids
            self.move_ids = moves.ids
        self.addCleanup(self._clean)

    def _env(self, cr):
        env = api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})
        return env(context=dict(env.context, relance_test=True))

    def _clean(self):
        with self.registry.cursor() as cr:
            env = self._env(cr)
            reminders = env["relance.reminder"].search(
                [("partner_id", "in", self.customer_ids)]
            )
            batches = reminders.batch_id
            reminders.unlink()
            batches.unlink()
            env["relance.prepare.line"].search(
                [("partner_id", "in", self.customer_ids)]
            ).unlink()
            moves = env["account.move"].browse(self.move_ids)
            moves.button_draft()
            moves.with_context(force_delete=True).unlink()
            env["res.partner"].browse(self.customer_ids).unlink()

    def _prepare(self, env):
        items = env["relance.item"].search([("move_id", "in", self.move_ids)])
        return env["relance.prepare"].browse(items.action_prepare()["res_id"])

    def _create_reminders(self, cr):
        """Create on a connection without delivering; return the batch."""
        env = self._env(cr)
        lines = self._prepare(env).line_ids
        batch = env["relance.batch"].create(
            env["relance.batch"]._prepare_batch_vals(lines.company_id)
        )
        batch._fill([line._reminder_request() for line in lines])
        env.flush_all()
        return batch

    def _in_flight(self, cr):
        lines = self._env(cr)["relance.reminder.line"].search(
            [("move_id", "in", self.move_ids), ("state", "in", ("pending", "outgoing"))]
        )
        return len(lines), len(lines.move_line_id)

    def test_d7_two_people_at_once(self):
        """D7: while one creates, the other leaves the same pièces out, and is told."""
        with self.registry.cursor() as mine, self.registry.cursor() as theirs:
            first = self._create_reminders(mine)
            second = self._create_reminders(theirs)
            self.assertEqual(len(first.reminder_ids), 6)
            self.assertFalse(second.reminder_ids)
            self.assertEqual(second.left_out_count, 6)
            self.assertIn("at this very moment", second.left_out)
            mine.commit()
            theirs.commit()
            self.assertEqual(self._in_flight(mine), (6, 6))

    def test_d7_the_other_commits_after_my_snapshot(self):
        """D7: a reminder committed since my transaction began, which it cannot see."""
        with self.registry.cursor() as mine, self.registry.cursor() as theirs:
            # My snapshot is taken here, before theirs exists.
            self._env(mine)["relance.item"].search_count(
                [("move_id", "in", self.move_ids)]
            )
            self._create_reminders(theirs)
            theirs.commit()
            with mute_logger("odoo.sql_db"):
                batch = self._create_reminders(mine)
            self.assertFalse(batch.reminder_ids)
            self.assertEqual(batch.left_out_count, 6)
            mine.commit()
            self.assertEqual(self._in_flight(mine), (6, 6))

    def test_d7_the_other_commits_what_was_reminded_before(self):
        """D7: the same of entries with a history: PostgreSQL refuses what it cannot
        see, and what is asked for again is left out."""
        with self.registry.cursor() as cr:
            reminders = self._create_reminders(cr).reminder_ids.sudo()
            reminders._set_state("sent")
            reminders.date = fields.Date.subtract(fields.Date.today(), days=5)
        with self.registry.cursor() as mine, self.registry.cursor() as theirs:
            self._env(mine)["relance.item"].search_count(
                [("move_id", "in", self.move_ids)]
            )
            self.assertEqual(len(self._create_reminders(theirs).reminder_ids), 6)
            theirs.commit()
            with (
                mute_logger("odoo.sql_db"),
                self.assertRaises(PG_CONCURRENCY_EXCEPTIONS_TO_RETRY),
            ):
                self._create_reminders(mine)
            mine.rollback()
            with self.assertRaisesRegex(UserError, "Under way"):
                self._create_reminders(mine)
            self.assertEqual(self._in_flight(mine), (6, 6))

    def test_d7_the_others_reminder_has_failed_already(self):
        """D7: whatever became of the other's reminder, the rest goes on."""
        with self.registry.cursor() as mine, self.registry.cursor() as theirs:
            env = self._env(mine)
            env["relance.item"].search_count([("move_id", "in", self.move_ids)])
            items = self._env(theirs)["relance.item"].search(
                [("move_id", "=", self.move_ids[0])]
            )
            wizard = self._env(theirs)["relance.prepare"].browse(
                items.action_prepare()["res_id"]
            )
            batch = self._env(theirs)["relance.batch"]._new_batch(items.company_id)
            batch._fill([line._reminder_request() for line in wizard.line_ids])
            batch.reminder_ids._fail("bounced")
            theirs.commit()
            with mute_logger("odoo.sql_db"):
                batch = self._create_reminders(mine)
            self.assertEqual(len(batch.reminder_ids), 5)
            self.assertEqual(batch.left_out_count, 1)

    def test_d7_threads(self):
        """D7: four people at the same instant: one reminder for each pièce."""
        barrier = threading.Barrier(4)
        errors = []

        def work():
            try:
                with self.registry.cursor() as cr:
                    self._env(cr)["relance.item"].search_count([])
                    barrier.wait(30)
                    with mute_logger("odoo.sql_db"):
                        self._create_reminders(cr)
            except Exception as error:  # noqa: BLE001 shown by the main thread
                errors.append(error)

        threads = [threading.Thread(target=work) for _n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertFalse(errors)
        with self.registry.cursor() as cr:
            self.assertEqual(self._in_flight(cr), (6, 6))

    def _kept(self, cr):
        """Return what the index has of the first invoice."""
        cr.execute(
            """SELECT item.* FROM relance_item_index item
                 JOIN account_move_line line ON line.id = item.id
                WHERE line.move_id = %s""",
            [self.move_ids[0]],
        )
        return cr.dictfetchone()

    def test_h8_closed_beside_its_customer(self):
        """H8: who does not see that an entry was closed does not bring its row back."""
        with self.registry.cursor() as mine, self.registry.cursor() as theirs:
            customer = self._env(mine)["res.partner"].browse(self.customer_ids[0])
            self.assertTrue(customer.name)
            move = self._env(theirs)["account.move"].browse(self.move_ids[0])
            move.button_draft()
            theirs.commit()
            customer.relance_customer_type = "public"
            with (
                mute_logger("odoo.sql_db"),
                self.assertRaises(PG_CONCURRENCY_EXCEPTIONS_TO_RETRY),
            ):
                mine.flush()
            mine.rollback()
            self.assertFalse(self._kept(mine))
            mine.rollback()
            move.action_post()
            theirs.commit()
            self.assertTrue(self._kept(mine))

    def test_h8_left_beside_a_change(self):
        """H8: what left is noted, whatever changes its entry at that instant."""
        with self.registry.cursor() as cr:
            self._create_reminders(cr)
        with self.registry.cursor() as mine, self.registry.cursor() as theirs:
            reminders = self._env(mine)["relance.reminder"].search(
                [("partner_id", "in", self.customer_ids)]
            )
            lines = self._env(theirs)["account.move.line"].search(
                [
                    ("move_id", "=", self.move_ids[0]),
                    ("account_type", "=", "asset_receivable"),
                ]
            )
            lines.date_maturity = fields.Date.subtract(fields.Date.today(), days=9)
            theirs.commit()
            with mute_logger("odoo.sql_db"):
                reminders.sudo()._set_state("sent")
                mine.commit()
            self.assertEqual(self._kept(mine)["sent_level_id"], 0)
            mine.rollback()
            self._env(mine)["relance.reminder"]._refresh_index_late()
            self.assertEqual(
                self._kept(mine)["sent_level_id"], reminders[0].level_id.id
            )

    def test_two_delivery_workers(self):
        """D8: two workers take different reminders, none twice."""
        with self.registry.cursor() as cr:
            self._create_reminders(cr)
        domain = [("partner_id", "in", self.customer_ids), ("state", "=", "pending")]
        with self.registry.cursor() as one, self.registry.cursor() as two:
            first = self._env(one)["relance.reminder"].search(domain, limit=4)
            first = first.try_lock_for_update()
            second = self._env(two)["relance.reminder"]._take_pending(domain)
            self.assertEqual(len(first), 4)
            self.assertEqual(len(second), 2)
            self.assertFalse(set(first.ids) & set(second.ids))

    def test_two_creating_workers(self):
        """D8, H9: two workers create different lines of a preparation, none twice."""
        with self.registry.cursor() as cr:
            env = self._env(cr)
            lines = self._prepare(env).line_ids
            batch = env["relance.batch"]._new_batch(lines.company_id)
            lines.batch_id = batch
        with (
            self.registry.cursor() as one,
            self.registry.cursor() as two,
            patch.object(relance_batch, "PORTION_SIZE", 4),
        ):
            portions = []
            for batches in (self._env(cr)["relance.batch"] for cr in (one, two)):
                portion = batches._take_waiting()
                batches._create_waiting(portion)
                portions.append(portion)
            self.assertEqual([len(portion) for portion in portions], [4, 2])
            one.commit()
            two.commit()
            self.assertEqual(self._in_flight(one), (6, 6))
            batch = batch.with_env(self._env(one))
            self.assertRecordValues(batch, [{"waiting_count": 0, "left_out_count": 0}])

    def test_deleted_beside_its_reminder(self):
        """H8: who deletes an invoice, and does not see that it was just reminded, tries
        again: its journal items' foreign key says so."""
        with self.registry.cursor() as mine, self.registry.cursor() as theirs:
            move = self._env(mine)["account.move"].browse(self.move_ids[0])
            self.assertEqual(move.state, "posted")
            self._create_reminders(theirs)
            theirs.commit()
            with (
                mute_logger("odoo.sql_db"),
                self.assertRaises(PG_CONCURRENCY_EXCEPTIONS_TO_RETRY),
            ):
                move.button_draft()
                move.with_context(force_delete=True).unlink()
            mine.rollback()
            with self.assertRaisesRegex(UserError, "cancel it instead"):
                move.button_draft()
                move.with_context(force_delete=True).unlink()
            mine.rollback()
