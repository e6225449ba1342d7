"""The databases that are measured: Accounting with many invoices, kept between runs.

`relance_bench_<side>_<name>_<digest>` are made once and never changed; what writes gets
a copy. A new version of the addon is installed over the one they were made with.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from devtools import setup
from devtools.addons import dependencies, main_addon
from devtools.console import task
from devtools.databases import Databases, locked
from devtools.odoo import Odoo
from devtools.paths import WORK
from devtools.process import run_logged
from devtools.python_env import PYTHON
from devtools.steps import Step, digest

from .options import Options
from .session import session

_HERE = Path(__file__).parent
_REQUIREMENTS = _HERE / "requirements.txt"
_SCRIPT = _HERE / "dataset.py"
_PEER_FOLDER = WORK / "bench-peer"
_PEER = "account_credit_control"


@dataclass(frozen=True, kw_only=True)
class Dataset(Options):
    """What a database is filled with."""

    name: str

    @property
    def rows(self) -> int:
        """How many invoices there are."""
        return self.customers * self.invoices

    @property
    def options(self) -> dict:
        """The options for the script that fills the database."""
        return {name: value for name, value in asdict(self).items() if name != "name"}


def varied(customers: int) -> Dataset:
    """Return invoices of all ages, some reminded, some that nobody is to pay."""
    return Dataset(name=f"varied{customers}", customers=customers)


def due(customers: int) -> Dataset:
    """Return invoices that are all to be reminded now, by mail, each with its PDF: they
    have reached the first level of every plan, and no second one."""
    return Dataset(
        name=f"due{customers}",
        customers=customers,
        first_day=10,
        days=5,
        reminded=False,
        odd=False,
        pdfs=True,
    )


@dataclass(frozen=True)
class BenchDatabases(Databases):
    """The databases of the addon, of Odoo without it and of the peer."""

    _peer: list[Odoo] = field(default_factory=list)

    # === SIDES === #

    def ours(self, dataset: Dataset) -> str:
        """Return a database with the addon, without those that come beside it."""
        addon = main_addon()
        side = _Side("ours", self.odoo, addon.name, addon.digest())
        return self._database(side, dataset)

    def plain(self, dataset: Dataset) -> str:
        """Return a database without the addon."""
        return self._database(_Side("plain", self.odoo), dataset)

    def peer(self, dataset: Dataset) -> str:
        """Return a database with the peer."""
        side = _Side("peer", self.peer_odoo(), _PEER, digest(_REQUIREMENTS))
        return self._database(side, dataset)

    def peer_odoo(self) -> Odoo:
        """Return Odoo with the peer, which no other Odoo of ours finds."""
        if not self._peer:
            _peer_step().ensure()
            addons = (_PEER_FOLDER / "odoo" / "addons",)
            config = WORK / "odoo-bench-peer.conf"
            odoo = replace(self.odoo, addons=addons, config=config)
            odoo.write_config()
            self._peer.append(odoo)
        return self._peer[0]

    def _database(self, side: "_Side", dataset: Dataset) -> str:
        """Return a side's database, after making it or updating it if need be."""
        with locked():
            template = self._bench_template()
            prefix = f"relance_bench_{side.name}_{dataset.name}_"
            name = prefix + digest(template, _SCRIPT, dataset.options)
            label = f"bench {side.code or side.name}"
            current = self.odoo.server.label(name)
            if current is None:
                with task(f"Data set of {dataset.rows:,} invoices, {side.name}"):
                    self._make(
                        name, lambda draft: side.fill(template, draft, dataset), label
                    )
                self._drop_others(prefix, keep=name)
            elif current != label:
                with task(f"Data set {name}: update to the addon's new code"):
                    side.odoo.install(name, [side.module], update=True)
                    # As PostgreSQL does by itself some minutes later.
                    self.odoo.server.query("VACUUM ANALYZE", name)
                self.odoo.server.set_label(name, label)
        return name

    def _bench_template(self) -> str:
        """Return a database with Accounting and what the addon works with, and nothing
        that other addons of this repository need."""
        return self._accounting(
            "relance_bench_tmpl_", dependencies([main_addon()]), "Template to measure"
        )

    # === COPIES === #

    @contextmanager
    def bench_copy(self, source: str, suffix: str = "") -> Iterator[str]:
        """Lend a copy of a database to write into."""
        with self._copy(
            lambda: source, "relance_bench_run", suffix, large=True
        ) as name:
            # Nothing of the copy is still to be written while it is measured.
            os.sync()
            yield name


@dataclass(frozen=True)
class _Side:
    """What a database is for.

    :param module: what is installed, and updated where ``code``, its digest, changed
    """

    name: str
    odoo: Odoo
    module: str = ""
    code: str = ""

    def fill(self, template: str, draft: str, dataset: Dataset) -> None:
        """Make a database with the data set."""
        self.odoo.clone(template, draft)
        if self.module:
            self.odoo.install(draft, [self.module])
        options = {"RELANCE_BENCH_DATASET": json.dumps(dataset.options)}
        command = self.odoo.script_command(draft, _SCRIPT)
        environ = {**self.odoo.environ, **options}
        run_logged(f"bench-dataset-{draft}", command, env=environ)
        if self.module == _PEER:
            with session(self.odoo, draft) as peer:
                peer.call("peer.set_up")


def ensure() -> BenchDatabases:
    """Set up what the measures need."""
    databases = setup.ensure(development=False)
    return BenchDatabases(databases.odoo)


def _peer_step() -> Step:
    def make() -> None:
        install = [PYTHON, "-m", "pip", "install", "--no-deps", "--no-input"]
        install += ["--no-compile", "--disable-pip-version-check", "--upgrade"]
        install += ["--target", _PEER_FOLDER, "-r", _REQUIREMENTS]
        run_logged("bench-peer", install)

    manifest = _PEER_FOLDER / "odoo" / "addons" / _PEER / "__manifest__.py"
    title = f"The peer, {_PEER} (1 MB)"
    return Step("bench-peer", title, digest(_REQUIREMENTS), manifest.exists, make)
