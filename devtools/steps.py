"""Set-up steps that are skipped when their result is there already.

A step may be interrupted at any point: its stamp is written last, and it holds a digest
of what the step was made from, so an interrupted or outdated step simply runs again.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .console import say, task
from .paths import STAMPS


def digest(*parts: object) -> str:
    """Return a short fingerprint of the parts; a path stands for its content."""
    sha = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else str(part).encode()
        sha.update(b"%d:" % len(data))
        sha.update(data)
    return sha.hexdigest()[:12]


def digest_files(root: Path, files: Iterable[Path]) -> str:
    """Return a fingerprint of the files' names below root and their contents."""
    parts: list[object] = []
    for file in sorted(files):
        parts += [str(file.relative_to(root)), file]
    return digest(*parts)


def write_whole(path: Path, content: str) -> None:
    """Write a file so that no reader ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(content, encoding="utf-8")
    draft.replace(path)


@contextmanager
def lock(path: Path, busy: str):
    """Hold the lock file, after saying why we wait if another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(busy)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Step:
    """A piece of the set-up whose result stays in `.dev/`.

    :param name: the stamp's file name
    :param title: what is said while it runs, with the size of the download
    :param key: fingerprint of all that the result depends on
    :param is_there: whether the result (still) exists
    :param make: makes the result, from any state an interruption may have left
    """

    name: str
    title: str
    key: str
    is_there: Callable[[], bool]
    make: Callable[[], None]

    def ensure(self) -> None:
        """Make the result unless it is there, made from the same inputs."""
        stamp = STAMPS / self.name
        if stamp.exists() and stamp.read_text() == self.key and self.is_there():
            return
        stamp.unlink(missing_ok=True)
        with task(self.title):
            self.make()
        write_whole(stamp, self.key)
