"""The databases that are measured: Accounting with many invoices, kept between runs.

`relance_bench_<side>_<name>_<digest>` are made once and never changed; what writes gets
a copy. A new version of the addon is installed over the one they were made with.
"""

import json
from collections.abc import Iterator
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
        addons = {addon.name: addon for addon in all_addons()}
        code = digest(*(addon.digest() for addon in addons.values()))
        return self._side("ours", self.odoo, dataset, list(addons), code)

    def plain(self, dataset: Dataset) -> str:
        """Return a database without the addon."""
        return self._side("plain", self.odoo, dataset, [], "")

    def peer(self, dataset: Dataset) -> str:
        """Return a database with the peer."""
        key = digest(_REQUIREMENTS)
        return self._side("peer", self.peer_odoo(), dataset, [_PEER], key)

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

    def _side(
        self, side: str, odoo: Odoo, dataset: Dataset, modules: list[str], code: str
    ) -> str:
        with locked():
            template = self._template()
            prefix = f"relance_bench_{side}_{dataset.name}_"
            name = prefix + digest(template, _SCRIPT, dataset.options)
            label = f"bench {code}"
            current = self.odoo.server.label(name)
            if current is None:
                with task(f"Data set: {dataset.rows:,} invoices, {side}"):
                    self._make(
                        name,
                        lambda draft: self._fill(
                            odoo, template, draft, dataset, modules
                        ),
                        label,
                    )
                self._drop_others(prefix, keep=name)
            elif current != label:
                with task(f"Data set {name}: update to the addons' new code"):
                    odoo.install(name, modules, update=True)
                self.odoo.server.set_label(name, label)
        return name

    def _fill(
        self,
        odoo: Odoo,
        template: str,
        draft: str,
        dataset: Dataset,
        modules: list[str],
    ) -> None:
        odoo.clone(template, draft)
        if modules:
            odoo.install(draft, modules)
        environ = {
            **odoo.environ,
            "RELANCE_BENCH_DATASET": json.dumps(dataset.options),
        }
        command = odoo.script_command(draft, _SCRIPT)
        run_logged(f"bench-dataset-{draft}", command, env=environ)
        if _PEER in modules:
            with session(odoo, draft) as peer:
                peer.call("peer.set_up")

    # === COPIES === #

    @contextmanager
    def bench_copy(self, source: str, suffix: str = "") -> Iterator[str]:
        """Lend a copy of a database to write into."""
        with self._copy(
            lambda: source, "relance_bench_run", suffix, large=True
        ) as name:
            yield name


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
