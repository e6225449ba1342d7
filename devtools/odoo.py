"""Running Odoo: its configuration, its environment and its command line."""

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import system
from .console import warn
from .odoo_source import OdooSource
from .paths import BIN, DEVTOOLS, ODOO_CONFIG, ODOO_DATA, ROOT, VENV, WORK
from .postgres import Server
from .process import run_logged
from .python_env import PYTHON, site_packages
from .steps import write_whole

#: Where nobody listens: outside the demo a mail that slips through goes nowhere.
NO_SMTP_PORT = 9

_TROUBLE = re.compile(r"^\S+ \S+ \d+ (WARNING|ERROR|CRITICAL) ")


@dataclass(frozen=True)
class Odoo:
    """Odoo in this checkout, on its database server."""

    source: OdooSource
    server: Server
    #: Where the addons lie that are not Odoo's.
    addons: tuple[Path, ...] = (ROOT,)
    config: Path = ODOO_CONFIG

    def write_config(self) -> None:
        """Write the configuration that every command uses, `./dev odoo` included."""
        # Addons from PyPI lie among the packages.
        packaged = site_packages() / "odoo" / "addons"
        addons = [*self.source.addons, packaged, *self.addons]
        options = {
            "addons_path": ",".join(map(str, addons)),
            "data_dir": ODOO_DATA,
            "db_host": self.server.host,
            "db_port": self.server.port,
            "db_user": self.server.user,
            "db_password": self.server.password,
            "admin_passwd": "admin",
            "http_interface": "127.0.0.1",
            "smtp_server": "127.0.0.1",
            "smtp_port": NO_SMTP_PORT,
            "screenshots": WORK / "screenshots",
        }
        lines = (f"{name} = {value}\n" for name, value in options.items() if value)
        write_whole(self.config, "[options]\n" + "".join(lines))

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables for Odoo and for what imports it."""
        path = [BIN, VENV / "bin", os.environ.get("PATH", os.defpath)]
        environ = {
            **os.environ,
            "PATH": os.pathsep.join(map(str, path)),
            "PYTHONPATH": os.pathsep.join(map(str, (self.source.root, ROOT))),
            "ODOO_RC": str(self.config),
            "LC_ALL": "C.UTF-8",
        }
        if unpatched := system.unpatched_wkhtmltopdf():
            environ["RELANCE_WKHTMLTOPDF_UNPATCHED"] = unpatched
        if chromium := system.chromium():
            environ["RELANCE_CHROMIUM"] = chromium
        return environ

    def command(self, *arguments: object) -> list[str]:
        """Return Odoo's command line with the arguments."""
        launcher = DEVTOOLS / "scripts" / "odoo_bin.py"
        return [str(part) for part in (PYTHON, launcher, *arguments)]

    def install(self, database: str, modules: Iterable[str], *, update=False) -> None:
        """Install or update modules, and show what Odoo warns about on the way."""
        # Translations that were loaded before are kept unless one asks.
        what = ["-u", "--i18n-overwrite"] if update else ["-i"]
        names = ",".join(sorted(modules))
        command = self.command("-d", database, what[0], names, *what[1:])
        log = run_logged(
            f"odoo-{database}",
            [*command, "--stop-after-init", "--no-http"],
            env=self.environ,
        )
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if _TROUBLE.match(line):
                warn(f"    {line}")

    def script_command(
        self, database: str, script: Path, *options: object
    ) -> list[str]:
        """Return the command that runs a Python script with `env` on a database."""
        runner = DEVTOOLS / "scripts" / "run.py"
        return [str(part) for part in (PYTHON, runner, database, script, *options)]

    def run_script(self, database: str, name: str, **variables: str) -> None:
        """Run one of our scripts on a database, with more environment variables."""
        script = DEVTOOLS / "scripts" / f"{name}.py"
        command = self.script_command(database, script)
        run_logged(f"{name}-{database}", command, env={**self.environ, **variables})

    # A database is two things: rows in PostgreSQL and files in the filestore.

    def _filestore(self, database: str) -> Path:
        return ODOO_DATA / "filestore" / database

    def drop(self, database: str) -> None:
        """Remove a database with its files."""
        self.server.drop(database)
        shutil.rmtree(self._filestore(database), ignore_errors=True)

    def clone(self, source: str, database: str, *, large: bool = False) -> None:
        """Copy a database with its files; the files, which never change, as links."""
        self.drop(database)
        if self._filestore(source).exists():
            shutil.copytree(
                self._filestore(source),
                self._filestore(database),
                copy_function=os.link,
            )
        self.server.clone(source, database, large=large)

    def rename(self, database: str, name: str) -> None:
        """Put a database with its files in another one's place."""
        self.drop(name)
        if self._filestore(database).exists():
            self._filestore(database).rename(self._filestore(name))
        self.server.rename(database, name)
