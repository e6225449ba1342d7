"""`./dev i18n`: the terms to translate, exported from the installed addons."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from . import setup
from .addons import Addon, all_addons
from .console import say
from .databases import Databases
from .process import run_logged
from .python_env import PYTHON

LANGUAGES = ("fr",)


def update() -> None:
    """Bring each addon's `.pot` and `.po` files up to date with its code."""
    databases = setup.ensure()
    for addon, exported in _exports(databases):
        for language in LANGUAGES:
            result = _translations("merge", databases, addon, exported, language)
            left = result.stdout.strip()
            say(f"{addon.name}, {language}: {left or 'every term is translated'}")


def problems(databases: Databases) -> list[str]:
    """Return what is missing or outdated in the translations."""
    found = []
    for addon, exported in _exports(databases):
        for language in LANGUAGES:
            result = _translations("check", databases, addon, exported, language)
            if result.returncode:
                found.append(f"{addon.name}:\n{result.stdout}{result.stderr}")
    return found


def _exports(databases: Databases) -> Iterator[tuple[Addon, Path]]:
    """Yield each addon with a fresh export of its terms."""
    odoo = databases.odoo
    database = databases.with_addons()
    with TemporaryDirectory() as folder:
        for addon in all_addons():
            exported = Path(folder, f"{addon.name}.pot")
            command = ["i18n", "export", "-d", database, "-o", exported, addon.name]
            run_logged(f"i18n-{addon.name}", odoo.command(*command), env=odoo.environ)
            yield addon, exported


def _translations(
    action: str, databases: Databases, addon: Addon, exported: Path, language: str
) -> subprocess.CompletedProcess:
    folder = addon.path / "i18n"
    files = [exported, folder / f"{addon.name}.pot", folder / f"{language}.po"]
    command = [PYTHON, "-m", "devtools.translations", action, *files]
    return subprocess.run(
        command, env=databases.odoo.environ, capture_output=True, text=True
    )
