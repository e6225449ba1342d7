"""What the commands say to the person who runs them."""

import sys
import threading
import time
from contextlib import contextmanager

_lock = threading.Lock()


class Failure(Exception):
    """Something the person can act on: its message says what."""


def say(message: str = "") -> None:
    """Print a line at once and whole, also from several threads."""
    with _lock:
        print(message, flush=True)


def warn(message: str) -> None:
    """Print a line on standard error."""
    with _lock:
        print(message, file=sys.stderr, flush=True)


@contextmanager
def task(title: str):
    """Announce a longer piece of work, and how long it took."""
    say(f"==> {title} …")
    start = time.monotonic()
    yield
    say(f"    {title.split(' (')[0]}: done in {time.monotonic() - start:.0f} s")
