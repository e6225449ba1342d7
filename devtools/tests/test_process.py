"""Background programs and ports."""

import os
import signal
import socket
import sys
import time

import pytest

from devtools import process
from devtools.console import Failure

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture(autouse=True)
def run_folder(tmp_path, monkeypatch):
    """Keep the notes on background programs out of `.dev`."""
    monkeypatch.setattr(process, "RUN", tmp_path)
    monkeypatch.setattr(process, "LOGS", tmp_path)


def test_taken_port_is_passed_over():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert process.free_port(port) > port
        assert process.is_listening(port)


def test_background_program_ends_with_the_block(tmp_path):
    with process.background(
        "x", SLEEP, env=os.environ, log=tmp_path / "log"
    ) as program:
        assert program.poll() is None
        assert list(tmp_path.glob("x-*.pid"))
    assert program.returncode == -signal.SIGTERM
    assert not list(tmp_path.glob("x-*.pid"))


def test_leftovers_are_ended_but_not_their_namesakes(tmp_path):
    with process.background(
        "x", SLEEP, env=os.environ, log=tmp_path / "log"
    ) as program:
        (tmp_path / "other-1.pid").write_text(f"{os.getpid()} 1")
        assert process.end_leftovers() == ["x"]
        deadline = time.monotonic() + 10
        while program.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert program.returncode == -signal.SIGTERM


def test_failure_shows_the_end_of_the_log():
    command = [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"]
    with pytest.raises(Failure, match="the reason"):
        process.run_logged("failing", command)
