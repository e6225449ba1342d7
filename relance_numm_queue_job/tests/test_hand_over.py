from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from odoo.addons.relance_numm.models import (
    relance_batch,
    relance_batch_automatic,
    relance_reminder_delivery,
)
from odoo.addons.relance_numm.tests.automatic_common import AutomaticCommon

DELIVER = "relance_numm.ir_cron_deliver"


@tagged("post_install", "-at_install")
class TestHandOver(AutomaticCommon):
    """What the crons hand to jobs, and what they keep (H9)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The queue's own managers see them, accountants do not.
        cls.jobs = cls.env["queue.job"].sudo()

    def setUp(self):
        super().setUp()
        # As on a server that loads the queue for itself.
        runs = patch.object(type(self.jobs), "_relance_runs", lambda model: True)
        self.enterContext(runs)

    def _ours(self):
        return self.jobs.search([("channel", "=", "root.relance")], order="id")

    def _perform(self, jobs):
        """Do what jobs do, as the queue does."""
        for job in jobs:
            job.state = "started"
            method = getattr(job.records, job.method_name)
            method(*job.args, **job.kwargs)
        jobs.write({"state": "done"})
        self.env.invalidate_all()

    def _run_deliver(self):
        with self.enter_registry_test_mode():
            self.env.ref(DELIVER).method_direct_trigger()
        self.env.invalidate_all()

    def _wait_for_cron(self, count):
        """Return the batch of reminders that wait to be delivered in the background."""
        wizard = self._prepare_many(count)
        with patch.object(relance_batch, "CREATE_SIZE", 2):
            action = wizard.action_create()
        return self.env[action["res_model"]].browse(action["res_id"])

    def test_h9_automatic(self):
        """H9, G2: the cron hands what is due to a job, once; the job makes what is due
        still, and the next one delivers it."""
        move, paid = self._invoice(8), self._invoice(8)
        self._run()
        self.assertFalse(self._reminders())
        job = self._ours()
        self.assertRecordValues(
            job, [{"method_name": "_job_remind", "company_id": self.company.id}]
        )
        self.assertEqual(job.records.origin, "automatic")
        self._run()
        self.assertEqual(self._ours(), job, "They do not pile up")
        paid.line_ids.no_followup = True
        self._perform(job)
        self.assertEqual(self._reminders().line_ids.move_id, move)
        self.assertEqual(self._reminders().batch_id, job.records)
        self._perform(job)
        self.assertEqual(len(self._reminders()), 1, "Run twice, it makes nothing more")
        self._run_deliver()
        self._run_deliver()
        [work] = self._ours() - job
        with self.allow_pdf_render():
            self._perform(work)
        self.assertEqual(self._reminders().state, "outgoing")
        # Another follows it, and finds nothing.
        [last] = self._ours() - job - work
        self._perform(last)
        self.assertEqual(self._ours(), job | work | last)

    def test_h9_more_than_a_page(self):
        """H9, G2: what is due is handed over to the last portion, read page by page."""
        for number in range(3):
            self._invoice(8, partner=self._create_customer(f"Many {number}"))
        with (
            patch.object(relance_batch_automatic, "REMIND_SIZE", 1),
            patch.object(relance_batch_automatic, "DUE_SIZE", 1),
        ):
            self._run()
            self.assertEqual(len(self._ours()), 3)
            self._run()
            self.assertEqual(len(self._ours()), 3, "They do not pile up")
        self._perform(self._ours())
        self.assertEqual(len(self._reminders()), 3)

    def test_h9_portions_at_once(self):
        """H9, D8: as many jobs as there are portions create, then deliver."""
        batch = self._wait_for_cron(5)
        self.assertEqual(batch.waiting_count, 5)
        with (
            patch.object(relance_batch, "PORTION_SIZE", 2),
            patch.object(relance_reminder_delivery, "DELIVERY_SIZE", 2),
        ):
            self._run_deliver()
            self.assertEqual(batch.waiting_count, 5)
            jobs = self._ours()
            self.assertEqual(
                jobs.mapped("identity_key"), [f"relance.work:{n}" for n in range(3)]
            )
            self._perform(jobs)
        self.assertRecordValues(batch, [{"waiting_count": 0, "pending_count": 5}])
        self.assertEqual(batch.reminder_ids.user_id, self.env.user)
        with self.allow_pdf_render():
            self._perform(self._ours() - jobs)
        self.assertEqual(batch.pending_count, 0)

    def test_h9_failed_job_runs_again(self):
        """H9: a job that failed is run again by the next run, not doubled."""
        self._invoice(8)
        self._run()
        job = self._ours()
        job.write({"state": "failed"})
        self._run()
        self.assertEqual(self._ours(), job)
        self.assertEqual(job.state, "pending")

    def test_h9_fault_says_why(self):
        """H9, G2: an invoice whose reminder cannot be made says so from a job as well,
        and does not fail it."""
        bad = self._invoice(8)
        self._run()
        with self._raising(bad):
            self._perform(self._ours())
        self.assertFalse(self._reminders())
        bodies = self._ours().records.message_ids.mapped("body")
        self.assertIn("This one is broken", "".join(bodies))

    def test_h9_other_company(self):
        """H9: the jobs of a company whose id begins like another's are its own."""
        self._invoice(8)
        self._run()
        job = self._ours()
        key = f"relance.remind:{self.company.id}"
        job.identity_key = job.identity_key.replace(key, f"{key}1")
        self._run()
        self.assertEqual(len(self._ours()), 2)

    def test_h9_limit_of_the_day(self):
        """H9, G4: where first reminders are limited, the cron makes them itself."""
        self.company.relance_first_cap = 1
        self._invoice(8)
        self._invoice(8, partner=self._create_customer("Other"))
        self._run()
        self.assertEqual(len(self._reminders()), 1)

    def test_h9_no_runner(self):
        """H9: where the server does not load the queue, the cron does the work."""
        batch = self._wait_for_cron(3)
        with (
            patch.object(type(self.jobs), "_relance_runs", lambda model: False),
            self.allow_pdf_render(),
        ):
            self.env.ref(DELIVER).method_direct_trigger()
        batch.invalidate_recordset()
        self.assertFalse(self._ours())
        self.assertRecordValues(batch, [{"waiting_count": 0, "outgoing_count": 3}])

    def test_h9_rights(self):
        """H9: whoever reminds, or is nobody here, sees and runs no job."""
        self._invoice(8)
        self._run()
        job = self._ours()
        for login, group in (
            ("accountant", "account.group_account_invoice"),
            ("portal", "base.group_portal"),
        ):
            user = new_test_user(self.env, login, group)
            with self.assertRaises(AccessError):
                job.with_user(user).read(["name"])
            with self.assertRaises(AccessError):
                job.with_user(user).requeue()
