"""Running other programs: their logs, their ports and their end."""

import os
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from .console import Failure
from .paths import LOGS, RUN
from .steps import write_whole

Command = Sequence[object]


def output(command: Command, **options) -> str:
    """Return what a command prints, or fail with what it complained about."""
    result = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, **options
    )
    if result.returncode:
        raise Failure(f"{_show(command)} failed:\n{result.stderr or result.stdout}")
    return result.stdout


def run_logged(log_name: str, command: Command, **options) -> Path:
    """Run a command with its output in a log file, and return that file.

    On failure the end of the log is part of the message.
    """
    log = LOGS / f"{log_name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as handle:
        result = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
            **options,
        )
    if result.returncode:
        raise Failure(f"{_show(command)} failed.\n{tail(log)}")
    return log


def tail(log: Path, lines: int = 40) -> str:
    """Return the end of a log file, with its path."""
    text = log.read_text(encoding="utf-8", errors="replace")
    return "\n".join([*text.splitlines()[-lines:], f"(all of it: {log})"])


def _show(command: Command) -> str:
    return shlex.join(str(part) for part in command)


def free_port(wanted: int = 0) -> int:
    """Return the first free loopback port from the wanted one on (0: any)."""
    for port in range(wanted, wanted + 100) if wanted else (0,):
        with socket.socket() as probe:
            # A port whose last connections still linger can be taken again.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise Failure(f"No free port from {wanted} to {wanted + 99}: choose another one.")


def is_listening(port: int) -> bool:
    """Return whether something accepts connections on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def background(
    name: str, command: Command, *, env: Mapping[str, str], log: Path, **options
) -> Iterator[subprocess.Popen]:
    """Run a program beside us, and end it when the block ends.

    It gets a session of its own, so a Ctrl-C reaches us alone and we end the programs
    in order. Its process id is noted for `./dev stop`, should we be killed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    note = RUN / f"{name}-{os.getpid()}.pid"
    with log.open("w") as handle:
        program = subprocess.Popen(
            [str(part) for part in command],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )
    try:
        write_whole(note, f"{program.pid} {_start_time(program.pid)}")
        yield program
    finally:
        _end(program)
        note.unlink(missing_ok=True)


def _end(program: subprocess.Popen) -> None:
    program.terminate()
    try:
        program.wait(20)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def end_leftovers() -> list[str]:
    """End the background programs noted in `.dev/run`, and return their names."""
    ended = []
    for note in sorted(RUN.glob("*.pid")):
        pid, started = (int(part) for part in note.read_text().split())
        # The start time tells our program from a newer one with the same number.
        if started and _start_time(pid) == started:
            os.kill(pid, signal.SIGTERM)
            ended.append(note.stem.rpartition("-")[0])
        note.unlink(missing_ok=True)
    return ended


def _start_time(pid: int) -> int:
    """Return when the process started, in the kernel's ticks, or 0 if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[19])
