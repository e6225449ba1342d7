import hashlib

from odoo import api, models

from .queue_job import UNDER_WAY, retried


class RelanceBatch(models.Model):
    """What the cron makes, made by jobs: a portion each (H9)."""

    _inherit = "relance.batch"

    @api.model
    def _create_all_waiting(self):
        """Override: the jobs that deliver create what waits first."""
        if self.env["queue.job"]._relance_runs():
            return True
        return super()._create_all_waiting()

    @api.model
    def _due_page(self, company, after=None):
        """Override: while jobs of an earlier run are under way, no others are added;
        what they leave is due at the next run."""
        runs = self.env["queue.job"]._relance_runs()
        if runs and not after and self._jobs_under_way(company):
            return [], None
        return super()._due_page(company, after)

    @api.model
    def _remind_chunks(self, company, chunks, faults):
        """Override to hand each portion to a job.

        What is limited to so many a day is made by the cron itself: jobs at once would
        wait for each other to count.
        """
        runs = self.env["queue.job"]._relance_runs()
        if not runs or not chunks or company.relance_first_cap:
            return super()._remind_chunks(company, chunks, faults)
        # Made here, so that jobs at once do not make one each.
        batch = self._acting_for(company)._automatic_batch(company)
        for items in chunks:
            batch._queue_job(items)
        return True

    @api.model
    def _jobs_under_way(self, company):
        """Return whether jobs make reminders of a company."""
        # Whoever reminds has no right on jobs.
        jobs = self.env["queue.job"].sudo()
        key = self._job_key(company)
        return jobs.search_count(
            [("identity_key", "=like", f"{key}%"), ("state", "in", UNDER_WAY)], limit=1
        )

    @api.model
    def _job_key(self, company):
        return f"relance.remind:{company.id}:"

    def _queue_job(self, items):
        """Have a job make the reminders of due items."""
        ids = ",".join(map(str, items.ids))
        digest = hashlib.sha1(ids.encode(), usedforsecurity=False).hexdigest()
        key = f"{self._job_key(self.company_id)}{digest}"
        # As above.
        if not self.env["queue.job"].sudo()._relance_run_again(key):
            description = self.env._(
                "Automatic reminders of %s: due entries", self.company_id.name
            )
            self.with_delay(identity_key=key, description=description)._job_remind(
                items.ids
            )

    def _job_remind(self, item_ids):
        """Make the automatic reminders of what is due still of a portion (G2).

        A job may run twice, should its process be killed at the very end: what it made
        is due no longer.

        :raise: what kept the whole portion from being made, once it is said
        """
        self.ensure_one()
        model = self._acting_for(self.company_id)
        with retried(self.env):
            failures = model._remind_due(model.env["relance.item"].browse(item_ids))
            if failures.reasons:
                model._note_failures(failures.reasons)
            # Not as jobs at once: the cron's trigger waits for this commit, while a job
            # that is on its way already would not see it.
            self.env.ref("relance_numm.ir_cron_deliver")._trigger()
        if failures.fault:
            # The job has failed, what it says stays.
            self.env.cr.commit()  # pylint: disable=invalid-commit
            raise failures.fault
