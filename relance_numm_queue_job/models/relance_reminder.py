from math import ceil

from odoo import api, models

from odoo.addons.relance_numm.models import (
    relance_reminder_delivery,
    relance_reminder_pdf,
)

from .queue_job import retried

# Jobs that wait at once: more workers than that would find nothing to do.
MAX_LANES = 32


class RelanceReminder(models.Model):
    """What waits is created and delivered by jobs, a portion each (H9).

    The cron only hands it over, so what is to be done is never missed: its trigger is
    committed with the work, and the hourly run looks again. A job takes the next
    portion that no other worker has locked, as the cron does, and is followed by
    another until there is none. Killed, it loses its transaction, and the queue runs it
    again.
    """

    _inherit = "relance.reminder"

    @api.model
    def _deliver_all(self, may_leave):
        """Override to hand what waits to jobs."""
        if not self.env["queue.job"]._relance_runs():
            return super()._deliver_all(may_leave)
        waiting = self.env["relance.prepare.line"].search_count(
            [("batch_id", "!=", False)]
        )
        count = waiting + self.search_count(may_leave)
        portions = ceil(count / relance_reminder_delivery.DELIVERY_SIZE)
        for lane in range(min(portions, MAX_LANES)):
            self._queue_job(lane)
        self.env["ir.cron"]._commit_progress(remaining=0)
        return True

    @api.model
    def _call_helpers(self, count, portion_size=None):
        """Override: jobs need no others of Odoo's workers."""
        if not self.env["queue.job"]._relance_runs():
            return super()._call_helpers(count, portion_size)
        return None

    @api.model
    def _queue_job(self, lane):
        """Have a job create or deliver the next portion, unless one of this lane waits
        already: it has not begun, so it will see what there is now."""
        key = f"relance.work:{lane}"
        # Whoever reminds has no right on jobs.
        if not self.env["queue.job"].sudo()._relance_run_again(key):
            description = self.env._("Reminders: make and send what waits")
            self.with_delay(identity_key=key, description=description)._job_work(lane)

    @api.model
    def _job_work(self, lane):
        """Create or deliver the next portion that nobody else has taken (D8)."""
        with retried(self.env):
            if self._work_portion():
                self._queue_job(lane)

    @api.model
    def _work_portion(self):
        """Create a portion of what waits to be, else deliver one.

        :return: whether there was anything
        """
        batches = self.env["relance.batch"]
        lines = batches._take_waiting()
        if lines:
            batches._create_waiting(lines)
            return True
        reminders = self._take_portion()
        reminders._deliver_or_fail()
        return bool(reminders)

    @api.model
    def _take_portion(self):
        """Return the next pending reminders, locked: few where each invoice's PDF takes
        a call of wkhtmltopdf, so that no job takes longer than a process may live."""
        may_leave = self._may_leave_domain()
        if self.env["account.move"]._relance_pdfs_in_one_call():
            return self._take_pending(may_leave)
        return self._take_pending(may_leave, limit=relance_reminder_pdf.PDF_SIZE)
