from contextlib import contextmanager

from odoo import api, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import config

from odoo.addons.queue_job.exception import RetryableJobError

# What a job waits for, or has not ended.
UNDER_WAY = ("wait_dependencies", "pending", "enqueued", "started")
# Seconds after which a job that another transaction was in the way of is run again.
CONFLICT_SECONDS = 1


@contextmanager
def retried(env):
    """Have the job run again where another transaction was in the way.

    :raise RetryableJobError: which does not count as one of the job's attempts
    """
    try:
        yield
        env.flush_all()
    except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as error:
        raise RetryableJobError(
            str(error), seconds=CONFLICT_SECONDS, ignore_retry=True
        ) from error


class QueueJob(models.Model):
    """The jobs that reminders are handed to."""

    _inherit = "queue.job"

    @api.model
    def _relance_runs(self):
        """Return whether jobs are run here: where the queue is not among the modules
        that the server loads for itself, the cron does the work as it does without."""
        return "queue_job" in config["server_wide_modules"]

    @api.model
    def _relance_run_again(self, identity_key):
        """Run the job with this key again if it failed: a new one beside it every hour
        would only pile up.

        :return: whether there was one
        """
        failed = self.search(
            [("identity_key", "=", identity_key), ("state", "=", "failed")], limit=1
        )
        failed.requeue()
        return bool(failed)
