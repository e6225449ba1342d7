import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from odoo.tests import tagged

from odoo.addons.relance_numm.tests.fault_common import FaultCase, Worker

# Nearly all have their invoice's PDF: the tests are about jobs.
NUMBERS = range(1, 61)
DELIVER = "relance_numm.ir_cron_deliver"
# Seconds that the jobs may take.
TIME_LIMIT = 90


class QueueWorker(Worker):
    """Processes that hand their work to jobs."""

    @staticmethod
    def _config_text():
        return Worker._config_text() + "server_wide_modules = base,web,queue_job\n"


@tagged("post_install", "-at_install", "-standard", "relance_faults")
class TestRunner(FaultCase):
    """Jobs run by a real server, which is killed: nothing twice, nothing missing."""

    worker_class = QueueWorker

    def setUp(self):
        super().setUp()
        self._server = None
        self.addCleanup(self._kill)

    def test_h9_runner_killed(self):
        """H9, G3: the server that runs the jobs, two at a time, is killed in the middle
        and started again: it sends nothing twice and skips nothing."""
        self.open(NUMBERS)
        self.remind(remind_size=12, delivery_size=10)
        self.assertFalse(self.reminders(), "The cron only hands it over")
        self.assertEqual(self._jobs(), {"pending": 5})
        # While reminders are made, then while they are delivered.
        for far_enough in (
            lambda: len(self.reminders()) >= 12,
            lambda: self._delivered() >= 10,
        ):
            self._start()
            self._wait(lambda done=far_enough: done() and self._jobs().get("started"))
            self._kill()
            self.assertLess(self._delivered(), len(NUMBERS))
            self.assertIn("started", self._jobs(), "It was at work")
            # The queue takes a job for dead after ten seconds.
            self.query(
                "UPDATE queue_job SET date_enqueued = date_enqueued - interval '1 min'"
                " WHERE state IN ('started', 'enqueued')"
            )
            self._hand_over()
        self._start()
        self._wait(self._is_done)
        self._kill()
        self.check_queued(NUMBERS)
        self.assertEqual(set(self._jobs()), {"done"})

    def test_h9_fault_of_the_machine(self):
        """H9, G2: what keeps a portion from being made fails its job, and is said on
        the batch; the next run starts that job again, not another one."""
        self.open(range(1, 21))
        self.query("ALTER TABLE relance_reminder ADD CONSTRAINT broken CHECK (false)")
        self.remind()
        self._start()
        self._wait(lambda: self._jobs() == {"failed": 1})
        said = self.query(
            "SELECT id FROM mail_message WHERE model = 'relance.batch'"
            " AND body LIKE '%%broken%%'"
        )
        self.assertTrue(said)
        self._remind_next_hour()
        self._wait(lambda: self._jobs() == {"failed": 1})
        self.query("ALTER TABLE relance_reminder DROP CONSTRAINT broken")
        self._remind_next_hour()
        self._wait(lambda: set(self._jobs()) == {"done"})
        self.check_reminders(range(1, 21), "pending")

    def _remind_next_hour(self):
        """Run the cron once what raised no longer waits; it finds the job that failed,
        and does not add another."""
        self.query(
            "UPDATE account_move"
            " SET relance_error_date = relance_error_date - interval '1 hour'"
        )
        enqueued = self._enqueued()
        self.remind()
        self._wait(lambda: self._enqueued() != enqueued)

    # The server

    def _start(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        log = (self.folder / "server.log").open("a")
        self._server = subprocess.Popen(
            [
                sys.executable,
                Path(__file__).with_name("queue_server.py"),
                self.folder / "odoo.conf",
                self.database.name,
                str(port),
                "10",
            ],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "TMPDIR": str(self.folder),
                "ODOO_QUEUE_JOB_CHANNELS": "root:4,root.relance:2",
                "ODOO_QUEUE_JOB_HOST": "127.0.0.1",
                "ODOO_QUEUE_JOB_PORT": str(port),
            },
            stdout=log,
            stderr=log,
        )
        log.close()

    def _kill(self):
        if self._server:
            self._server.send_signal(signal.SIGKILL)
            self._server.wait()
            self._server = None

    def _wait(self, condition):
        deadline = time.monotonic() + TIME_LIMIT
        while not condition():
            if time.monotonic() > deadline or self._server.poll() is not None:
                log = (self.folder / "server.log").read_text()
                self.fail(f"{self._jobs()}\n{log[-4000:]}")
            time.sleep(0.05)

    # The work

    def _hand_over(self):
        self.worker.run("run_cron", {"delivery_size": 10}, xmlid=DELIVER)

    def _is_done(self):
        """Return whether all is delivered; the cron's trigger is pulled where jobs have
        made something, as the server without a cron does not."""
        if {"pending", "enqueued", "started"} & set(self._jobs()):
            return False
        if self._delivered() == len(NUMBERS):
            return True
        self._hand_over()
        return False

    def _delivered(self):
        [[count]] = self.query(
            "SELECT count(*) FROM relance_reminder WHERE state <> 'pending'"
        )
        return count

    def _enqueued(self):
        """Return when a job was last put into the queue."""
        return self.query("SELECT max(date_enqueued) FROM queue_job")

    def _jobs(self):
        """Return how many jobs are in each state."""
        return dict(self.query("SELECT state, count(*) FROM queue_job GROUP BY state"))
