import hashlib
import os
import random
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

from odoo.tests import tagged
from odoo.tools import config

from odoo.addons.base.models.ir_actions_report import _wkhtml

from ..models.relance_reminder_automatic import MAX_ATTEMPTS
from .fault_common import NUMBERS, FaultCase, address_of

try:
    from devtools import postgres, spare_postgres
except ImportError:  # a test run that is not that of `./dev test`
    postgres = None


@tagged("post_install", "-at_install", "-standard", "relance_faults")
class TestFaults(FaultCase):
    """The cron killed, disturbed, cut off: nothing twice, nothing missing (G2, G3).

    Random moments can be had again: a test prints the seed they came from.
    """

    def _random(self):
        seed = os.environ.get("RELANCE_FAULTS_SEED") or str(random.randrange(10**6))
        # pytest shows it where the test fails.
        sys.stdout.write(f"RELANCE_FAULTS_SEED={seed}\n")
        return random.Random(seed)

    # The process

    def test_g3_killed_fifty_times(self):
        """G3: killed at any instant and started again, it sends nothing twice and
        skips nothing."""
        self._kill_at_random(self._start_small, self._done, 50)
        self.assertGreater(self._done()[1], 0, "Some had been delivered")
        self.remind()
        self.check_queued(NUMBERS)
        self.send()
        self.check_received(NUMBERS)
        self.check_reminders(NUMBERS, "sent")

    def _start_small(self):
        return self.start_reminding(remind_size=40, delivery_size=10)

    def _kill_at_random(self, start, done, times):
        """Start a process and kill it, again and again; check that it was at work then,
        and that it got somewhere now and then.

        :param start: returns a new process
        :param done: returns how far the work is
        """
        rng = self._random()
        at_work, steps, before = 0, 0, done()
        # Follows the machine's speed, so that some runs get somewhere and others not.
        longest = 0.4
        for _time in range(times):
            pid = start()
            time.sleep(rng.uniform(0, longest))
            os.kill(pid, signal.SIGKILL)
            at_work += self.worker.wait(pid) == -signal.SIGKILL
            now = done()
            longest *= 0.85 if now != before else 1.08
            steps += now != before
            before = now
        self.assertGreaterEqual(at_work, 0.6 * times)
        self.assertGreaterEqual(steps, 0.1 * times)

    def _done(self, **options):
        """Return how many reminders were made, and how many delivered."""
        [row] = self.query(
            "SELECT count(*), count(*) FILTER (WHERE state <> 'pending')"
            " FROM relance_reminder",
            **options,
        )
        return row

    def test_g3_two_workers(self):
        """G3: two processes at once share the work, round after round."""
        for last in (16, 32, 48):
            self.open(range(1, last + 1))
            self._remind_twice_at_once()
            self.check_queued(range(1, last + 1))

    def _remind_twice_at_once(self):
        pids = [
            self.start_reminding(remind_size=4, delivery_size=4) for _worker in range(2)
        ]
        self.assertEqual([self.worker.wait(pid) for pid in pids], [0, 0])

    def test_g4_two_workers_keep_the_cap(self):
        """G4: two processes at once keep the limit of first reminders a day together,
        and reach it."""
        # Less than what both make in a transaction.
        self.query("UPDATE res_company SET relance_first_cap = 5")
        self.open(range(1, 13))
        for day in (1, 2):
            self._remind_twice_at_once()
            self.assertLessEqual(len(self.reminders()), 5 * day)
            # A process leaves the day's rest to the one that is counting.
            self.remind()
            self.assertEqual(len(self.reminders()), 5 * day)
            self.query(
                "UPDATE relance_reminder_line"
                "   SET create_date = create_date - interval '1 day'"
            )
        self.remind()
        self.check_queued(range(1, 13))

    def test_g3_out_of_time(self):
        """G3: a run that has no time left stops after a transaction; another goes on
        from there, at once."""
        self.open(range(1, 4))
        for done in ((1, 0), (2, 0), (3, 0), (3, 1), (3, 2), (3, 3)):
            self.remind(remind_size=1, delivery_size=1, cron_seconds=0)
            self.assertEqual(self._done(), done)
            self.assertTrue(self._is_to_go_on())
        self.remind(remind_size=1, delivery_size=1, cron_seconds=0)
        self.assertFalse(self._is_to_go_on())
        self.check_queued(range(1, 4))

    def _is_to_go_on(self):
        [[asap]] = self.query(
            """
            SELECT EXISTS (
                SELECT 1 FROM ir_cron_trigger
                  JOIN ir_model_data data ON data.model = 'ir.cron'
                                         AND data.res_id = cron_id
                 WHERE data.name = 'ir_cron_remind')
            """
        )
        return asap

    # PostgreSQL

    def test_g3_postgres_crashes(self):
        """G3: the database server dies in the middle of a run, three times."""
        if not postgres or not postgres.is_own():
            self.skipTest(
                "PostgreSQL is crashed where `./dev test` brings its own, not with "
                "DATABASE_URL"
            )
        rng = self._random()
        numbers = range(1, 41)
        self.open(numbers)
        with spare_postgres.lend() as spare:
            spare.copy(postgres.ensure(), self.database.name)
            host = spare.server.host
            for _crash in range(3):
                pid = self.start_reminding(remind_size=4, delivery_size=4, server=host)
                time.sleep(rng.uniform(0.2, 0.6))
                spare.crash()
                self.assertEqual(self.worker.wait(pid), 1, "It was still at work")
                spare.start()
            self.remind(server=host)
            self.check_queued(numbers, host=host)

    # The mail server

    def test_f1_every_third_mail_refused(self):
        """F1, G2: what the mail server refuses comes back with its reason, is counted,
        and is tried again so many times; what it accepted is not sent again."""
        numbers = range(1, 22)
        unlucky = address_of(7)
        self.open(numbers)

        def answer(recipients):
            if recipients == [unlucky] or len(self.inbox.tried) % 3 == 0:
                return "451 4.7.1 Try again later"
            return "250 OK"

        self.inbox.answer = answer
        self.remind()
        self.send()
        failed = self.failed()
        self.assertGreaterEqual(len(failed), 7)
        self.assertEqual(len(self.inbox.accepted), len(numbers) - len(failed))
        for reminder in failed.values():
            self.assertEqual(reminder.attempts, 1)
            self.assertIn("Try again later", reminder.error)
        for _run in range(MAX_ATTEMPTS + 1):
            self.remind()
            self.send()
            self.wait_two_days()
        self.check_received([number for number in numbers if number != 7])
        self.assertEqual(set(self.failed()), {7})
        self.assertEqual(self.failed()[7].attempts, MAX_ATTEMPTS)
        self.assertEqual(self.inbox.tried.count([unlucky]), MAX_ATTEMPTS)
        self.assertEqual(self._told(), [7])

    def _told(self):
        """Return the numbers of the customers of whose reminders a person was told."""
        rows = self.query(
            """
            SELECT substr(partner.name, 10)::int
              FROM mail_activity activity
              JOIN relance_reminder reminder ON reminder.id = activity.res_id
              JOIN res_partner partner ON partner.id = reminder.partner_id
              JOIN ir_model_data data ON data.model = 'mail.activity.type'
                                     AND data.res_id = activity.activity_type_id
             WHERE activity.res_model = 'relance.reminder'
               AND data.name = 'mail_activity_failed'
          ORDER BY 1
            """
        )
        return [number for (number,) in rows]

    def test_f1_mail_server_hangs_up(self):
        """F1: the mail server hangs up on a mail: that one has failed and is tried
        again; those behind it wait in the queue."""
        numbers = range(1, 22)
        self.open(numbers)
        self.remind()
        self.inbox.answer = lambda recipients: (
            None if len(self.inbox.tried) == 8 else "250 OK"
        )
        self.send()
        self.assertEqual(len(self.inbox.accepted), 7)
        [reminder] = self.failed().values()
        self.assertIn("Connection unexpectedly closed", reminder.error)
        self.assertEqual(reminder.attempts, 1)
        self.remind()
        self.send()
        self.check_received(numbers)
        self.check_reminders(numbers, "sent")

    def test_g3_mail_queue_killed(self):
        """G3: the mail queue's process is killed while mails leave: none leaves twice,
        and of one that may have left or not a person is told."""
        numbers = range(1, 41)
        self.open(numbers)
        self.remind()
        self._kill_at_random(self._start_sending, lambda: len(self.inbox.accepted), 15)
        for _run in range(2):
            self.send()
            self.remind()
        uncertain = self.failed()
        self.assertLessEqual(len(uncertain), 15)
        for reminder in uncertain.values():
            self.assertIn("may have left", reminder.error)
        self.assertEqual(self._told(), sorted(uncertain))
        arrived = {recipients[0] for recipients, _message in self.inbox.accepted}
        self.check_received(
            [n for n in numbers if n not in uncertain or address_of(n) in arrived]
        )

    def _start_sending(self):
        return self.worker.start(
            "call", model="mail.mail", method="process_email_queue"
        )

    def test_g3_edited_while_it_leaves(self):
        """G3: somebody writes on a reminder while the mail server has its mail: it does
        not leave a second time."""
        numbers = range(1, 11)
        self.open(numbers)
        self.remind()
        edits = []

        def answer(recipients):
            if recipients == [address_of(7)]:
                edit = "UPDATE relance_reminder SET note = 'He called'"
                edits.append(threading.Thread(target=self.query, args=(edit,)))
                edits[-1].start()
                edits[-1].join(0.3)
            return "250 OK"

        self.inbox.answer = answer
        for _run in range(2):
            self.send()
        for edit in edits:
            edit.join()
        self.check_received(numbers)
        self.check_reminders(numbers, "sent")

    # wkhtmltopdf

    def test_g2_wkhtmltopdf_killed(self):
        """G2: what prints the letters is killed at work, and again when it is checked:
        these reminders say so, the others go on, and the next run sends what failed."""
        # Their invoices have a PDF: only the letters are printed.
        numbers = range(1, 20)
        self.open(numbers)
        pid = self.start_reminding(delivery_size=10)
        self._kill_programs(pid, "wkhtmltopdf", 2)
        self.assertEqual(self.worker.wait(pid), 0)
        failed = self.failed()
        self.assertEqual(set(failed), set(range(1, 11)))
        for reminder in failed.values():
            self.assertIn("wkhtmltopdf does not work", reminder.error)
        self.remind()
        self.check_queued(numbers)

    def _kill_programs(self, pid, name, count):
        """Kill the first programs of this name that a process starts."""
        killed = set()
        deadline = time.monotonic() + 30
        while len(killed) < count:
            self.assertLess(time.monotonic(), deadline, f"It starts no {name}")
            for child in psutil.Process(pid).children():
                with suppress(psutil.NoSuchProcess):
                    if child.pid not in killed and child.name() == name:
                        child.kill()
                        killed.add(child.pid)

    def test_g2_wkhtmltopdf_dies(self):
        """G2: wkhtmltopdf dies on one customer's letter, on invoices, on everything."""
        # The invoice of customer 20 has no PDF yet.
        for last, pattern, numbers, sentence in (
            (19, "Customer 007", [7], "letter could not be printed"),
            (20, "Customer 007|model=.account.move", [7, 20], "Wkhtmltopdf failed"),
            (25, ".", [7, *range(20, 26)], "wkhtmltopdf does not work"),
        ):
            self.open(range(1, last + 1))
            self.remind(path=self._wkhtmltopdf_that_dies_on(pattern))
            failed = self.failed()
            self.assertEqual(list(failed), numbers)
            self.assertIn(sentence, failed[last if last > 19 else 7].error)
            self.wait_two_days()
        self.remind()
        self.check_queued(range(1, 26))

    def _wkhtmltopdf_that_dies_on(self, pattern):
        """Make a wkhtmltopdf that is killed where a document has a text.

        :return: the folder that it is in
        """
        folder = self.folder / f"bin-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        program = folder / "wkhtmltopdf"
        program.write_text(
            "#!/bin/sh\n"
            'for file in "$@"; do\n'
            f'    if test -s "$file" && grep -Eq \'{pattern}\' "$file"; then\n'
            "        kill -9 $$\n"
            "    fi\n"
            "done\n"
            f'exec {_wkhtml().bin} "$@"\n'
        )
        program.chmod(0o755)
        return str(folder)

    # What is made

    def test_g2_invoice_that_cannot_be_rendered(self):
        """G2: an invoice that raises when it is printed is reported on its reminder
        alone, and leaves once the report is mended."""
        numbers = range(15, 23)
        self.open(numbers)
        # The invoice of customer 20 has no PDF yet.
        self._break_invoice_report("o.partner_id.name == 'Customer 020'")
        self.remind()
        failed = self.failed()
        self.assertEqual(set(failed), {20})
        self.assertIn("division by zero", failed[20].error)
        self.query("UPDATE ir_ui_view SET active = FALSE WHERE name = 'Broken'")
        self.remind()
        self.check_queued(numbers)

    def _break_invoice_report(self, condition):
        [[view_id]] = self.query(
            "SELECT res_id FROM ir_model_data WHERE model = 'ir.ui.view'"
            " AND module = 'account' AND name = 'report_invoice_document'"
        )
        vals = {
            "name": "Broken",
            "type": "qweb",
            "mode": "extension",
            "inherit_id": view_id,
            "arch": f"""
                <xpath expr="//div[1]" position="before">
                    <t t-if="{condition}" t-out="1 / 0"/>
                </xpath>
            """,
        }
        self.worker.run("call", model="ir.ui.view", method="create", args=[[vals]])

    def test_g3_disk_full(self):
        """G3: the disk is full, so files stay half-written: nothing leaves with them,
        and what failed is made anew once there is space."""
        numbers = range(15, 23)
        self.open(numbers)
        self.remind(free_space=2000)
        failed = self.failed()
        self.assertEqual(set(failed), set(numbers))
        for reminder in failed.values():
            self.assertIn("File too large", reminder.error)
        # Also where the same is written once more: nothing is in its way.
        self.assertFalse(self._half_written())
        self.send()
        self.assertFalse(self.inbox.tried)
        self.remind()
        self.check_queued(numbers)
        self.send()
        self.check_received(numbers)

    def _half_written(self):
        """Return the files of the database whose bytes are not those of their name."""
        files = Path(config.filestore(self.database.name)).glob("??/*")
        return [
            path
            for path in files
            if hashlib.sha1(path.read_bytes()).hexdigest() != path.name
        ]
