"""What tests of real faults need: a database to ruin, processes to kill, a mail server.

Nothing here goes through the test's own transaction: the processes commit, and what
they left is read with plain SQL.
"""

import email
import email.policy
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import psycopg2
from aiosmtpd.controller import Controller
from psycopg2 import sql

from odoo import sql_db
from odoo.tests import BaseCase, get_db_name
from odoo.tools import config

COUNT = 200
NUMBERS = range(1, COUNT + 1)
# One invoice in so many has no PDF yet: that of customer 20, 40 and so on.
WITHOUT_PDF = 20

REMIND = "relance_numm.ir_cron_remind"
SEND = "mail.ir_cron_mail_scheduler_action"

OPEN = """
UPDATE account_move_line line
   SET no_followup = NOT substr(partner.name, 10)::int = ANY(%s)
  FROM res_partner partner
 WHERE partner.id = line.partner_id AND line.display_type = 'payment_term'
   AND partner.name LIKE 'Customer ___'
"""


class Reminder(NamedTuple):
    """What became of a reminder."""

    name: str
    state: str
    attempts: int
    error: str | None


def address_of(number):
    """Return the address of a customer."""
    return f"customer{number:03}@example.com"


class Worker:
    """The program that forks a process for each piece of work."""

    def __init__(self, database, folder):
        self._log = folder / "worker.log"
        self._log.touch()
        options = folder / "odoo.conf"
        options.touch(mode=0o600)
        options.write_text(self._config_text())
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    Path(__file__).with_name("fault_worker.py"),
                    options,
                    database,
                ],
                # Temporary files of processes that are killed go with our folder.
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                    "TMPDIR": str(folder),
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    @staticmethod
    def _config_text():
        """Return the configuration of the processes, for others to add to."""
        names = ("data_dir", "db_host", "db_port", "db_user", "db_password")
        values = {name: config[name] for name in names if config[name]}
        values["addons_path"] = ",".join(config["addons_path"])
        lines = (f"{name} = {value}\n" for name, value in values.items())
        return "[options]\n" + "".join(lines)

    def close(self):
        """End the worker."""
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def start(self, task, conditions=None, in_worker=False, **kwargs):
        """Start a piece of work and return its process id."""
        request = {"task": task, "kwargs": kwargs, "conditions": conditions or {}}
        return self._ask(request | {"in_worker": in_worker}).get("pid")

    def wait(self, pid):
        """Return the exit code of a piece of work, negative where it was killed."""
        return self._ask({"wait": pid})["exitcode"]

    def run(self, task, conditions=None, **kwargs):
        """Do a piece of work; it has to end well."""
        exitcode = self.wait(self.start(task, conditions, **kwargs))
        assert exitcode == 0, f"{task} ended with {exitcode}:\n{self.log_tail()}"

    def log_tail(self):
        return "\n".join(self._log.read_text().splitlines()[-60:])

    def _ask(self, request):
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"The worker died:\n{self.log_tail()}"
        return json.loads(answer)


class Database:
    """A database for tests to ruin, and the copy that it is made anew from."""

    def __init__(self):
        self.name = f"{get_db_name()}_faults"
        self._kept = f"{self.name}_kept"

    def copy_of_tested(self):
        """Make the database as a copy of the one that is being tested."""
        self._copy(get_db_name(), self.name)

    def keep(self):
        """Keep the database as it is now, for ``restore``."""
        self._copy(self.name, self._kept)

    def restore(self):
        """Make the database as it was kept."""
        self._copy(self._kept, self.name)

    def drop(self):
        for name in (self.name, self._kept):
            self._drop(name)

    def query(self, query, *args, host=None):
        """Return the rows of a statement, on a connection of its own."""
        _name, options = sql_db.connection_info_for(self.name)
        if host:
            options = {"database": self.name, "user": options["user"], "host": host}
        return self._execute(options, query, args)

    def _copy(self, source, name):
        """Copy a database with its files; the files, which never change, as links."""
        self._drop(name)
        files = config.filestore(source)
        if os.path.exists(files):
            shutil.copytree(files, config.filestore(name), copy_function=os.link)
        sql_db.close_db(source)
        self._on_server(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            source,
        )
        [[version]] = self._on_server("SHOW server_version_num")
        # Several times faster, but new in PostgreSQL 15.
        how = sql.SQL("STRATEGY FILE_COPY" if int(version) >= 150000 else "")
        self._on_server(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} {}").format(
                sql.Identifier(name), sql.Identifier(source), how
            )
        )

    def _drop(self, name):
        self._on_server(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
                sql.Identifier(name)
            )
        )
        shutil.rmtree(config.filestore(name), ignore_errors=True)

    def _on_server(self, query, *args):
        _name, options = sql_db.connection_info_for("postgres")
        return self._execute(options, query, args)

    @staticmethod
    def _execute(options, query, args):
        with closing(psycopg2.connect(**options)) as connection:
            connection.autocommit = True
            with connection.cursor() as cr:
                cr.execute(query, args)
                return cr.fetchall() if cr.description else []


class Inbox:
    """An SMTP server that keeps what it accepts; ``answer`` may refuse a mail."""

    def __init__(self):
        self.accepted = []
        self.tried = []
        self.answer = lambda recipients: "250 OK"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def close(self):
        self._controller.stop()

    async def handle_DATA(self, server, session, envelope):
        """Called by the server for each mail."""
        self.tried.append(envelope.rcpt_tos)
        answer = self.answer(envelope.rcpt_tos)
        if answer is None:
            server.transport.abort()
        elif answer.startswith("250"):
            message = email.message_from_bytes(
                envelope.content, policy=email.policy.default
            )
            self.accepted.append((envelope.rcpt_tos, message))
        return answer or "421"


class FaultCase(BaseCase):
    """Late invoices in a database of their own, which a worker's processes remind."""

    worker_class = Worker

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = Path(tempfile.mkdtemp(prefix="relance-faults-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.database = Database()
        cls.addClassCleanup(cls.database.drop)
        cls.database.copy_of_tested()
        cls.worker = cls.worker_class(cls.database.name, cls.folder)
        cls.addClassCleanup(cls.worker.close)
        cls.worker.run("make_books", count=COUNT, without_pdf=WITHOUT_PDF)
        cls.database.keep()
        # The processes that the worker starts find its caches filled.
        cls.query(OPEN, [20])
        for xmlid in (REMIND, SEND):
            cls.worker.start("run_cron", in_worker=True, xmlid=xmlid)

    def setUp(self):
        super().setUp()
        self.database.restore()
        self.inbox = Inbox()
        self.addCleanup(self.inbox.close)
        self.query("UPDATE ir_mail_server SET smtp_port = %s", self.inbox.port)

    @classmethod
    def query(cls, query, *args, **options):
        """Return the rows of a statement on the database."""
        return cls.database.query(query, *args, **options)

    def open(self, numbers):
        """Leave the invoices of some customers to remind, and no others."""
        self.query(OPEN, list(numbers))

    def remind(self, **conditions):
        """Run the cron that reminds, as Odoo does."""
        self.worker.run("run_cron", conditions, xmlid=REMIND)

    def send(self):
        """Run the cron that empties the mail queue, as Odoo does."""
        self.worker.run("run_cron", xmlid=SEND)

    def start_reminding(self, **conditions):
        """Start a process that does what the cron does, and return its id.

        Not as the cron itself, of which Odoo lets only one run at a time.
        """
        return self.worker.start(
            "call", conditions, model="relance.batch", method="_cron_remind"
        )

    def reminders(self, **options):
        """Return the reminders by customer's number.

        :rtype: dict[int, list[Reminder]]
        """
        rows = self.query(
            """
            SELECT substr(partner.name, 10)::int, reminder.name, reminder.state,
                   reminder.attempts, reminder.error
              FROM relance_reminder reminder
              JOIN res_partner partner ON partner.id = reminder.partner_id
          ORDER BY reminder.id
            """,
            **options,
        )
        found = defaultdict(list)
        for number, *values in rows:
            found[number].append(Reminder(*values))
        return dict(found)

    def failed(self):
        """Return the reminders that failed, by customer's number."""
        return {
            number: reminder
            for number, reminders in self.reminders().items()
            for reminder in reminders
            if reminder.state == "failed"
        }

    def wait_two_days(self):
        """Let it be two days since reminders failed: they are to be tried again."""
        self.query(
            "UPDATE relance_reminder SET date_failed = date_failed - interval '2 days'"
        )

    def check_reminders(self, numbers, state, **options):
        """Check that each of these customers has one reminder, in this state, that
        nobody else has any, and that each has a number of its own."""
        reminders = self.reminders(**options)
        self.assertEqual(
            {n: [r.state for r in theirs] for n, theirs in reminders.items()},
            {number: [state] for number in numbers},
        )
        names = Counter(r.name for theirs in reminders.values() for r in theirs)
        self.assertEqual(set(names.values()), {1})

    def check_queued(self, numbers, **options):
        """Check that each of these customers has one reminder, and it one whole mail
        that waits, and that there are no others."""
        self.check_reminders(numbers, "outgoing", **options)
        mails = self.query(
            """
            SELECT substr(partner.name, 10)::int, mail.state, (
                    SELECT count(*) FROM message_attachment_rel
                      JOIN ir_attachment attachment ON attachment.id = attachment_id
                     WHERE message_id = mail.mail_message_id AND file_size > 0)
              FROM mail_mail mail
              JOIN relance_reminder reminder ON reminder.id = relance_reminder_id
              JOIN res_partner partner ON partner.id = reminder.partner_id
             WHERE mail.state <> 'cancel'
          ORDER BY 1
            """,
            **options,
        )
        self.assertEqual(mails, [(number, "outgoing", 2) for number in numbers])

    def check_received(self, numbers):
        """Check that each of these customers got one mail, with whole PDFs, and no
        other customer any."""
        received = []
        for recipients, message in self.inbox.accepted:
            if not recipients[0].startswith("customer"):
                # An accountant was told something.
                continue
            received += recipients
            pdfs = [part.get_content() for part in message.iter_attachments()]
            self.assertEqual(len(pdfs), 2, "The letter and the invoice")
            for pdf in pdfs:
                self.assertTrue(pdf.startswith(b"%PDF"))
                self.assertTrue(pdf.rstrip().endswith(b"%%EOF"))
        self.assertEqual(sorted(received), list(map(address_of, numbers)))
