"""A PostgreSQL server beside ours, for a test that stops it in the middle of work."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import postgres
from .postgres import Server, as_server, binary
from .process import run_logged

#: Losing the machine may lose the data. What a server that is killed has promised to
#: keep, it keeps: unlike ours, it writes each transaction before it confirms it.
_SETTINGS = {"listen_addresses": "", "fsync": "off", "unix_socket_permissions": "0700"}


@dataclass(frozen=True)
class SparePostgres:
    """A server in a folder of its own, reached through a socket in it."""

    folder: Path

    @property
    def server(self) -> Server:
        """How to reach it."""
        return Server(host=str(self.folder))

    def start(self) -> None:
        """Start the server, with its data made if there are none."""
        if not self._data.exists():
            self._data.mkdir()
            postgres.give(self._data)
            postgres.init(self._data)
        settings = {**_SETTINGS, "unix_socket_directories": self.folder}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self._control("start", "-w", "-l", self.folder / "log", "-o", options)

    def crash(self) -> None:
        """Stop the server at once, as if its machine had lost power."""
        self._control("stop", "-m", "immediate")

    def copy(self, source: Server, database: str) -> None:
        """Copy a database from another server, under its own name."""
        dump = self.folder / "dump"
        options = ["-h", source.host, "-p", source.port, "-U", source.user]
        command = [binary("pg_dump"), "-Fd", "-Z0", "-j2", "-f", dump, *options]
        run_logged("postgres-dump", [*command, database])
        self.server.create(database)
        options = ["-h", self.folder, "-U", self.server.user, "-d", database]
        run_logged("postgres-restore", [binary("pg_restore"), "-j2", *options, dump])

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _control(self, action: str, *options: object) -> None:
        command = [binary("pg_ctl"), action, "-D", self._data, *options]
        run_logged(f"postgres-spare-{action}", as_server(command), cwd="/")


@contextmanager
def lend() -> Iterator[SparePostgres]:
    """Lend a server that runs, and remove it after."""
    # A socket's path may not be longer than some hundred bytes, hence /tmp.
    folder = Path(tempfile.mkdtemp(prefix="relance-spare-", dir="/tmp"))
    postgres.give(folder)
    spare = SparePostgres(folder)
    try:
        spare.start()
        yield spare
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            spare.crash()
        shutil.rmtree(folder, ignore_errors=True)
