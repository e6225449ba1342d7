from unittest.mock import patch

from odoo.tests import tagged

from ..models import (
    relance_batch,
    relance_batch_automatic,
    relance_reminder_delivery,
)
from ..models.relance_reminder_workers import HELPERS
from .automatic_common import AutomaticCommon
from .common import RelanceCommon


@tagged("post_install", "-at_install")
class TestManyWorkers(RelanceCommon):
    """Several of Odoo's own workers share what waits (H9)."""

    def _pending(self, count):
        """Return a batch of reminders that wait to be delivered in the background."""
        wizard = self._prepare_many(count)
        with patch.object(relance_reminder_delivery, "IMMEDIATE_SIZE", 0):
            action = wizard.action_create()
        return self.env[action["res_model"]].browse(action["res_id"])

    def _called(self):
        """Return which helpers are called."""
        triggers = self.env["ir.cron.trigger"].search([])
        return [x for x in HELPERS if self.env.ref(x) in triggers.cron_id]

    def test_h9_helpers_are_called(self):
        """H9: as many helpers as there are further portions; none for a single one."""
        self.env["ir.cron.trigger"].search([]).unlink()
        reminders = self.env["relance.reminder"]
        for count, called in ((0, 0), (250, 0), (251, 1), (600, 2), (10000, 3)):
            reminders._call_helpers(count)
            self.assertEqual(self._called(), list(HELPERS[:called]))

    def test_h9_helpers_are_called_to_create(self):
        """H9, D8: whoever has much created calls others as well, one for each further
        portion."""
        for size, called in ((3, 0), (2, 1), (1, 2)):
            self.env["ir.cron.trigger"].search([]).unlink()
            with (
                patch.object(relance_batch, "CREATE_SIZE", 0),
                patch.object(relance_batch, "PORTION_SIZE", size),
            ):
                self._prepare_many(3).action_create()
            self.assertEqual(self._called(), list(HELPERS[:called]))

    def test_h9_helper_delivers(self):
        """H9, D8: a helper does what the cron does, and leaves it nothing to do."""
        batch = self._pending(3)
        self.assertEqual(batch.pending_count, 3)
        with self.allow_pdf_render():
            self.env.ref(HELPERS[0]).method_direct_trigger()
        batch.invalidate_recordset()
        self.assertRecordValues(batch, [{"outgoing_count": 3, "pending_count": 0}])
        self.env.ref("relance_numm.ir_cron_deliver").method_direct_trigger()
        self.assertEqual(batch.outgoing_count, 3)


@tagged("post_install", "-at_install")
class TestManyWorkersAutomatic(AutomaticCommon):
    """They share what the cron makes, too (H9)."""

    def test_h9_helpers_deliver_what_the_cron_makes(self):
        """H9: others are called to deliver while the cron makes the rest."""
        for _invoice in range(3):
            self._invoice(8)
        helpers = self.env["ir.cron"].union(*map(self.env.ref, HELPERS))
        triggers = self.env["ir.cron.trigger"]
        triggers.search([]).unlink()
        called = []

        def deliver(reminders, may_leave):
            called.extend(triggers.search([]).cron_id & helpers)
            return True

        with (
            patch.object(relance_batch_automatic, "REMIND_SIZE", 1),
            patch.object(relance_reminder_delivery, "DELIVERY_SIZE", 1),
            patch.object(type(self.env["relance.reminder"]), "_deliver_all", deliver),
        ):
            self._run()
        self.assertEqual(set(self._reminders().mapped("state")), {"pending"})
        self.assertEqual(called, [*helpers[:2]])
