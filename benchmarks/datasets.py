"""The databases that are measured: Accounting with many invoices, kept between runs.

`relance_bench_<side>_<name>_<digest>` are made once and never changed; what writes gets
a copy. A new version of the addon is installed over the one they were made with.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from devtools import setup
from devtools.addons import all_addons
from devtools.console import task
from devtools.databases import Databases, locked
from devtools.odoo import Odoo
from devtools.paths import WORK
from devtools.process import run_logged
from devtools.python_env import PYTHON
from devtools.steps import Step, digest

from .session import session

_HERE = Path(__file__).parent
_REQUIREMENTS = _HERE / "requirements.txt"
_SCRIPT = _HERE / "dataset.py"
_PEER_FOLDER = WORK / "bench-peer"
_PEER = "account_credit_control"


@dataclass(frozen=True)
class Dataset:
    """What a database is filled with: see `dataset.Options`."""

    name: str
    customers: int
    invoices: int = 10
    first_day: int = -30
    days: int = 431
    reminded: bool = True
    odd: bool = True
    pdfs: bool = False

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
    return Dataset(f"varied{customers}", customers)


def due(customers: int) -> Dataset:
    """Return invoices that are all to be reminded now, by mail, each with its PDF: they
    have reached the first level of every plan, and no second one."""
    return Dataset(
        f"due{customers}",
        customers,
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
        """Return a database with the addon."""
        addons = all_addons()
        side = _Side(
            "ours",
            self.odoo,
            modules=[addon.name for addon in addons],
            code=digest(*(addon.digest() for addon in addons)),
            start=lambda draft: self.odoo.clone(self._with_addons(), draft),
        )
        return self._database(side, dataset)

    def plain(self, dataset: Dataset) -> str:
        """Return a database without the addon."""
        side = _Side("plain", self.odoo, start=self._start_plain)
        return self._database(side, dataset)

    def peer(self, dataset: Dataset) -> str:
        """Return a database with the peer."""
        odoo = self.peer_odoo()

        def start(draft: str) -> None:
            self._start_plain(draft)
            odoo.install(draft, [_PEER])

        code = digest(_REQUIREMENTS)
        side = _Side("peer", odoo, modules=[_PEER], code=code, start=start)
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

    def _start_plain(self, draft: str) -> None:
        self.odoo.clone(self._template(), draft)

    def _database(self, side: "_Side", dataset: Dataset) -> str:
        """Return a side's database, after making it or updating it if need be."""
        with locked():
            prefix = f"relance_bench_{side.name}_{dataset.name}_"
            name = prefix + digest(self._template(), _SCRIPT, dataset.options)
            label = f"bench {side.code or side.name}"
            current = self.odoo.server.label(name)
            if current is None:
                with task(f"Data set of {dataset.rows:,} invoices, {side.name}"):
                    self._make(name, lambda draft: _fill(side, draft, dataset), label)
                self._drop_others(prefix, keep=name)
            elif current != label:
                with task(f"Data set {name}: update to the addons' new code"):
                    side.odoo.install(name, side.modules, update=True)
                self.odoo.server.set_label(name, label)
        return name

    # === COPIES === #

    @contextmanager
    def bench_copy(self, source: str, suffix: str = "") -> Iterator[str]:
        """Lend a copy of a database to write into."""
        with self._copy(
            lambda: source, "relance_bench_run", suffix, large=True
        ) as name:
            yield name


@dataclass(frozen=True)
class _Side:
    """What a database is for.

    :param start: makes a database without customers
    :param modules: what is updated where ``code``, which they are made from, changed
    """

    name: str
    odoo: Odoo
    start: Callable[[str], None]
    modules: list[str] = field(default_factory=list)
    code: str = ""


def _fill(side: _Side, draft: str, dataset: Dataset) -> None:
    side.start(draft)
    options = {"RELANCE_BENCH_DATASET": json.dumps(dataset.options)}
    command = side.odoo.script_command(draft, _SCRIPT)
    environ = {**side.odoo.environ, **options}
    run_logged(f"bench-dataset-{draft}", command, env=environ)
    if side.name == "peer":
        with session(side.odoo, draft) as peer:
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
