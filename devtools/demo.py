"""`./dev demo`: Odoo with the demo data, in French, with all its mails caught.

`./dev demo --check` and `./dev screenshots` run a script beside the same on a copy.
"""

import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from . import setup
from .console import Failure, say, warn
from .databases import Databases
from .odoo import Odoo
from .paths import DEVTOOLS, LOGS, MAILS, ROOT
from .process import background, free_port, is_listening, tail
from .python_env import PYTHON

ODOO_PORT = 8069
SMTP_PORT = 1025
MAIL_PAGE_PORT = 8025


@dataclass(frozen=True)
class RunningDemo:
    """An Odoo that answers, and the server that catches its mails."""

    odoo: Odoo
    database: str
    process: subprocess.Popen
    log: Path
    port: int
    smtp_port: int
    mail_page_port: int
    mails: Path

    @property
    def url(self) -> str:
        """Where Odoo answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        """The environment for a script that looks at this demo."""
        return {
            **self.odoo.environ,
            "RELANCE_URL": self.url,
            "RELANCE_DATABASE": self.database,
            "RELANCE_MAILS": str(self.mails),
        }


def serve(*, port: int, reset: bool) -> int:
    """Run the demo until Ctrl-C."""
    databases = setup.ensure(development=False)
    database = databases.demo(reset=reset)
    ports = (port, SMTP_PORT, MAIL_PAGE_PORT)
    with _running(databases.odoo, database, MAILS, ports, crons=1) as demo:
        say(_banner(demo, taken=port if demo.port != port else None))
        try:
            code = demo.process.wait()
        except KeyboardInterrupt:
            say("Stopping …")
            return 0
    raise Failure(f"Odoo ended by itself (exit code {code}).\n{tail(demo.log)}")


def _banner(demo: RunningDemo, taken: int | None) -> str:
    return f"""
  Odoo             {demo.url}/odoo{f"   (port {taken} is taken)" if taken else ""}
  log in as        admin / admin            everything
                   comptable / comptable    an accountant
  caught mails     http://127.0.0.1:{demo.mail_page_port}
                   {demo.mails}
  log              {demo.log}

  Ctrl-C stops it and keeps the data; ./dev demo --reset makes the data anew.
"""


def check() -> int:
    """Run `demo_check.py` on a copy of the demo, and return its exit code."""
    with _throwaway(setup.ensure(), crons=0) as demo:
        command = demo.odoo.script_command(
            demo.database, DEVTOOLS / "demo_check.py", "--smtp-port", demo.smtp_port
        )
        return _run("demo check", command, demo)


def screenshots() -> int:
    """Run `screenshots.py` beside a copy of the demo, and return its exit code."""
    with _throwaway(setup.ensure(browser=True), crons=1) as demo:
        return _run("screenshots", [PYTHON, DEVTOOLS / "screenshots.py"], demo)


def _run(what: str, command: list, demo: RunningDemo) -> int:
    code = subprocess.run(command, env=demo.environ, cwd=ROOT).returncode
    if code:
        warn(f"==> {what}: FAILED (exit code {code}); Odoo's log: {demo.log}")
    else:
        say(f"==> {what}: done, all well")
    return code


@contextmanager
def _throwaway(databases: Databases, *, crons: int) -> Iterator[RunningDemo]:
    """Run a copy of the demo that leaves nothing behind."""
    with (
        databases.demo_copy() as database,
        TemporaryDirectory(prefix="relance-mails-") as mails,
        _running(databases.odoo, database, Path(mails), (0, 0, 0), crons=crons) as demo,
    ):
        yield demo


@contextmanager
def _running(
    odoo: Odoo, database: str, mails: Path, ports: tuple[int, int, int], *, crons: int
) -> Iterator[RunningDemo]:
    """Run Odoo on a database, and beside it a server that catches its mails.

    :param ports: Odoo's, the SMTP server's and the mail page's, or the next free ones
    :param crons: how many threads run scheduled jobs
    """
    port, smtp_port, mail_page_port = map(free_port, ports)
    catcher = [PYTHON, "-m", "devtools.mailcatcher", "--folder", mails]
    catcher += ["--smtp-port", smtp_port, "--http-port", mail_page_port]
    server = ["--database", database, "--db-filter", f"^{database}$"]
    server += ["--http-port", port, "--smtp-port", smtp_port]
    server += ["--max-cron-threads", crons, "--no-database-list"]
    catcher_log = LOGS / f"mailcatcher-{smtp_port}.log"
    log = LOGS / f"demo-{port}.log"
    with (
        background("mailcatcher", catcher, env=odoo.environ, log=catcher_log) as smtp,
        background("odoo", odoo.command(*server), env=odoo.environ, log=log) as process,
    ):
        demo = RunningDemo(
            odoo, database, process, log, port, smtp_port, mail_page_port, mails
        )
        _wait(smtp, catcher_log, lambda: is_listening(smtp_port))
        _wait(process, log, lambda: _answers(f"{demo.url}/web/login"))
        yield demo


def _wait(process: subprocess.Popen, log: Path, is_ready: Callable[[], bool]) -> None:
    """Wait until a program is ready, and fail if it ends first or takes too long."""
    deadline = time.monotonic() + 180
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise Failure(f"This does not start:\n{tail(log)}")
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=120) as answer:
            return answer.status == 200
    except OSError:
        return False
