"""The databases: a template with Accounting, and copies of it with the addons.

Installing Accounting takes a minute, copying a database a second. So:

- `relance_tmpl_<digest>`: a French company's Accounting, without any demo data;
- `relance_test_<digest>`: the template with the addons and the company of their
  tests, which every test run copies;
- `demo`: the template with the addons and their demo data, kept between runs.

What a database was made from is noted on the database itself. It gets its name when it
is whole, so an interrupted run leaves nothing that looks finished.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import postgres
from .addons import Addon, all_addons, dependencies, main_addon
from .console import Failure, say, task
from .odoo import Odoo
from .paths import DEVTOOLS, ROOT, RUN
from .steps import digest, digest_files, lock

DEMO = "demo"
#: What the addon works with when it is there, beside what it depends on.
TEMPLATE_MODULES = {
    "account",
    "account_payment",
    "account_qr_code_sepa",
    "l10n_fr_account",
    "sms",
}
_SCRIPTS = DEVTOOLS / "scripts"


@dataclass(frozen=True)
class Databases:
    """The databases on one server, for one Odoo."""

    odoo: Odoo

    # === TEMPLATE === #

    def template(self) -> str:
        """Return the template's name, after making it if need be."""
        with locked():
            return self._template()

    def _template(self) -> str:
        return self._accounting(
            "relance_tmpl_", dependencies(all_addons()), "Template database"
        )

    def _accounting(self, prefix: str, needed: Iterable[str], what: str) -> str:
        """Return the name of a database with Accounting, what the addons work with and
        what these ones need, after making it if need be."""
        modules = sorted(TEMPLATE_MODULES | set(needed))
        seed = _SCRIPTS / "seed_template.py"
        name = f"{prefix}{digest(self.odoo.source.version, modules, seed)}"
        if self.odoo.server.label(name) is None:
            with task(f"{what} with Accounting (about a minute)"):
                self._make(name, lambda draft: self._fill_template(draft, modules))
            self._drop_others(prefix, keep=name)
        return name

    def _fill_template(self, draft: str, modules: list[str]) -> None:
        self.odoo.server.create(draft)
        self.odoo.install(draft, ["base"])
        self.odoo.run_script(
            draft, "seed_template", RELANCE_TEMPLATE_MODULES=",".join(modules)
        )

    # === TESTS === #

    def with_addons(self) -> str:
        """Return the name of the template with the addons as they are now."""
        with locked():
            return self._with_addons()

    def _with_addons(self) -> str:
        template = self._template()
        addons = _project_addons()
        seed = _SCRIPTS / "seed_tests.py"
        name = f"relance_test_{digest(template, seed, *(a.digest() for a in addons))}"
        if self.odoo.server.label(name) is None:
            with task("Database with the addons, for the tests"):
                self._make(name, lambda draft: self._install(template, draft, addons))
            self._drop_others("relance_test_", keep=name)
        return name

    def _install(self, template: str, draft: str, addons: list[Addon]) -> None:
        self.odoo.clone(template, draft)
        self.odoo.install(draft, [addon.name for addon in addons])
        self.odoo.run_script(draft, "seed_tests")

    # === DEMO === #

    def demo(self, *, reset: bool = False) -> str:
        """Return the demo database's name, after making or updating it if need be."""
        with locked():
            return self._demo(reset)

    def demo_exists(self) -> bool:
        """Return whether there is a demo database, up to date or not."""
        return self.odoo.server.label(DEMO) is not None

    def _demo(self, reset: bool = False) -> str:
        template = self._template()
        addons = _project_addons()
        # Demo data is loaded once: an update would pass over what changed in it.
        demo_data = (digest_files(ROOT, a.files("demo/**/*")) for a in addons)
        base = digest(template, _SCRIPTS / "seed_demo.py", *demo_data)
        label = f"{base} {digest(*(addon.digest() for addon in addons))}"
        current = self.odoo.server.label(DEMO)
        if current == label and not reset:
            return DEMO
        if current and current.startswith(base) and not reset:
            with task("Demo database: update to the addons' new code"):
                self._update_demo(addons)
            self.odoo.server.set_label(DEMO, label)
        else:
            with task("Demo database: Accounting, the addons and their demo data"):
                self._make(
                    DEMO, lambda draft: self._fill_demo(template, draft, addons), label
                )
        return DEMO

    def _fill_demo(self, template: str, draft: str, addons: list[Addon]) -> None:
        self.odoo.clone(template, draft)
        # Odoo loads a module's demo data only where its dependencies have theirs. Ours
        # would drown in Accounting's, so we say they have it while we install.
        set_demo = "UPDATE ir_module_module SET demo = (state = 'installed')"
        self.odoo.server.query(set_demo, draft)
        self.odoo.install(draft, [addon.name for addon in addons])
        names = ", ".join(f"'{addon.name}'" for addon in addons)
        unset_demo = (
            f"UPDATE ir_module_module SET demo = false WHERE name NOT IN ({names})"
        )
        self.odoo.server.query(unset_demo, draft)
        self._check_demo_data(draft, addons)
        self.odoo.run_script(draft, "seed_demo")

    def _update_demo(self, addons: list[Addon]) -> None:
        self.odoo.install(DEMO, [addon.name for addon in addons], update=True)
        self._check_demo_data(DEMO, addons)

    def _check_demo_data(self, database: str, addons: list[Addon]) -> None:
        """Fail if demo data could not be loaded, which Odoo only logs."""
        for addon in addons:
            query = f"SELECT demo FROM ir_module_module WHERE name = '{addon.name}'"
            if self.odoo.server.query(query, database) != "t":
                query = "SELECT error FROM ir_demo_failure ORDER BY id DESC LIMIT 1"
                error = self.odoo.server.query(query, database)
                raise Failure(f"The demo data of {addon.name} does not load:\n{error}")

    # === COPIES === #

    @contextmanager
    def test_copy(self, suffix: str = "") -> Iterator[str]:
        """Lend a fresh copy of the database with the addons and no demo data."""
        with self._copy(self._with_addons, "relance_run", suffix) as name:
            yield name

    @contextmanager
    def demo_copy(self) -> Iterator[str]:
        """Lend a fresh copy of the demo database."""
        with self._copy(self._demo, "relance_demo") as name:
            yield name

    @contextmanager
    def _copy(
        self,
        source: Callable[[], str],
        prefix: str,
        suffix: str = "",
        *,
        large: bool = False,
    ) -> Iterator[str]:
        """Copy the source under a name of this process, and remove the copy after."""
        self._drop_abandoned_copies(f"{prefix}_")
        name = f"{prefix}_{os.getpid()}{suffix}"
        with locked():
            self.odoo.clone(source(), name, large=large)
        try:
            yield name
        finally:
            self.odoo.drop(name)

    def _drop_abandoned_copies(self, prefix: str) -> None:
        """Remove the copies of processes that were killed, and what tests made of
        them, whose names go on after the process id."""
        for name in self.odoo.server.databases(prefix):
            pid = name.removeprefix(prefix).partition("_")[0]
            if postgres.is_own() and pid.isdigit() and not Path("/proc", pid).exists():
                self.odoo.drop(name)

    # === ALL === #

    def _make(self, name: str, fill: Callable[[str], None], label: str = "") -> None:
        """Make a database under a draft name, and give it its own when it is whole."""
        draft = f"{name}_draft"
        self.odoo.drop(draft)
        fill(draft)
        self.odoo.server.set_label(draft, label or name)
        self.odoo.rename(draft, name)

    def _drop_others(self, prefix: str, keep: str) -> None:
        """Remove outdated databases, unless other checkouts may use the server too."""
        if not postgres.is_own():
            return
        for name in self.odoo.server.databases(prefix):
            if name != keep:
                say(f"    removing the outdated database {name}")
                self.odoo.drop(name)


def _project_addons() -> list[Addon]:
    main_addon()
    return all_addons()


def locked():
    """Wait until no other `./dev` makes a database, and keep them from it."""
    return lock(
        RUN / "databases.lock", "Waiting for another ./dev to make a database …"
    )
