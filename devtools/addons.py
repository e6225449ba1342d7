"""The addons of this repository."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .console import Failure
from .paths import ROOT
from .steps import digest_files

MAIN = "relance_numm"


@dataclass(frozen=True)
class Addon:
    """An Odoo addon in this repository."""

    path: Path

    @property
    def name(self) -> str:
        """The addon's technical name."""
        return self.path.name

    @property
    def manifest(self) -> dict:
        """The content of the manifest."""
        return ast.literal_eval((self.path / "__manifest__.py").read_text("utf-8"))

    def files(self, *patterns: str) -> Iterator[Path]:
        """Yield the addon's files that match a glob pattern, caches left out."""
        for pattern in patterns:
            for path in sorted(self.path.rglob(pattern)):
                if path.is_file() and "__pycache__" not in path.parts:
                    yield path

    def digest(self) -> str:
        """Return a fingerprint of what decides an install without demo data."""
        irrelevant = {"demo", "tests", "static", "readme", "README.md", "README.rst"}
        files = (
            path
            for path in self.files("*")
            if path.relative_to(self.path).parts[0] not in irrelevant
        )
        return digest_files(self.path, files)


def all_addons() -> list[Addon]:
    """Return this repository's addons, the main one first."""
    found = [Addon(manifest.parent) for manifest in ROOT.glob("*/__manifest__.py")]
    return sorted(found, key=lambda addon: (addon.name != MAIN, addon.name))


def main_addon() -> Addon:
    """Return the addon that the whole repository is about."""
    addon = Addon(ROOT / MAIN)
    if not (addon.path / "__manifest__.py").exists():
        raise Failure(
            f"There is no addon yet: {addon.path}/__manifest__.py is missing."
        )
    return addon


def dependencies(addons: Iterable[Addon]) -> set[str]:
    """Return the modules, not of this repository, that the addons depend on."""
    addons = list(addons)
    ours = {addon.name for addon in addons}
    return {name for addon in addons for name in addon.manifest["depends"]} - ours
