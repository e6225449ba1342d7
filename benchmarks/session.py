"""Odoo in a process of its own that does what it is asked: the asking side.

Odoo takes seconds to start, and to compare two of them fairly they work in turns. So a
process loads one database and answers until it is closed; `server.py` is its side.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devtools.console import Failure
from devtools.odoo import Odoo
from devtools.paths import LOGS, ROOT
from devtools.process import tail

_SERVER = Path(__file__).parent / "server.py"


@dataclass(frozen=True)
class Session:
    """A process with a database loaded."""

    process: subprocess.Popen
    log: Path

    def call(self, task: str, **arguments) -> dict:
        """Have a task done and return its result.

        :param task: a function of a module of this package, ``module.function``
        :raise Failure: with the end of the process' log
        """
        request = {"task": task, "arguments": arguments}
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise Failure(f"{task} failed:\n{tail(self.log)}")
        return json.loads(answer)


@contextmanager
def session(odoo: Odoo, database: str, suffix: str = "") -> Iterator[Session]:
    """Start a process for a database, and end it after.

    :param suffix: what tells its log from that of another one for the same database
    """
    log = LOGS / f"bench-{database}{suffix}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as handle:
        process = subprocess.Popen(
            odoo.script_command(database, _SERVER),
            env=odoo.environ,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=handle,
            text=True,
        )
    try:
        yield Session(process, log)
        process.stdin.close()
        process.wait(60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
