"""Odoo 19.0 itself: the user's own, or Debian's package unpacked in the cache."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import debs
from .console import Failure, task
from .paths import CACHE, WORK
from .steps import digest, lock

SUITE = "sid"
#: Odoo's package, and those that hold files it only has links to. FontAwesome is apart:
#: Odoo wants version 4.7, and sid has another.
PACKAGES = (
    "odoo-19",
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
    "fonts-montserrat",
    "fonts-roboto-unhinted",
)
FONT_AWESOME = ("bookworm", ("fonts-font-awesome",))
#: Left out of Debian's package. Only video calls use it, but every page that misses it
#: logs an error, which fails a browser test.
STUBS = ("mail/static/lib/selfie_segmentation/selfie_segmentation.js",)


@dataclass(frozen=True)
class OdooSource:
    """A source tree of Odoo.

    :param root: the folder to put on Python's path
    :param version: what tells this tree from another version's
    """

    root: Path
    version: str

    @property
    def addons(self) -> list[Path]:
        """The folders with Odoo's own addons."""
        core = self.root / "odoo" / "addons"
        # Debian's package has them all in one folder, which a checkout splits in two.
        return [core] if (core / "web").exists() else [self.root / "addons", core]


def ensure() -> OdooSource:
    """Return the Odoo to use, after fetching it if need be."""
    if own := os.environ.get("ODOO_SOURCE"):
        return _own(Path(own).expanduser().resolve())
    recipe = digest(SUITE, PACKAGES, FONT_AWESOME, STUBS)
    tree = CACHE / f"odoo-19.0-{recipe}"
    if not tree.exists():
        with lock(CACHE / "odoo.lock", "Waiting for another ./dev to unpack Odoo …"):
            if not tree.exists():
                _unpack(tree)
    _link(tree)
    return OdooSource(
        tree / "usr" / "lib" / "python3" / "dist-packages",
        (tree / "VERSION").read_text(),
    )


def _own(root: Path) -> OdooSource:
    release = root / "odoo" / "release.py"
    if not release.exists():
        raise Failure(f"ODOO_SOURCE={root} is not a source tree of Odoo: no {release}.")
    found = re.search(r"^version_info = \((\d+), (\d+)", release.read_text(), re.M)
    if not found or found.groups() != ("19", "0"):
        raise Failure(f"ODOO_SOURCE={root} is not Odoo 19.0: see {release}.")
    return OdooSource(root, f"own:{root}")


def _unpack(tree: Path) -> None:
    """Fetch the packages and unpack them; the tree gets its name when it is whole."""
    with task("Odoo 19.0 (from Debian's packages, up to 151 MB)"):
        files = debs.fetch(SUITE, PACKAGES) | debs.fetch(*FONT_AWESOME)
        draft = tree.with_name(f"{tree.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        for deb in files.values():
            debs.unpack(deb, draft)
        addons = draft / "usr/lib/python3/dist-packages/odoo/addons"
        for stub in STUBS:
            (addons / stub).parent.mkdir(parents=True, exist_ok=True)
            (addons / stub).touch()
        (draft / "VERSION").write_text(debs.version(files["odoo-19"]))
        draft.rename(tree)


def _link(tree: Path) -> None:
    """Keep a link to the tree in `.dev`, for those who read Odoo's source."""
    link = WORK / "odoo"
    if link.is_symlink() and link.readlink() == tree:
        return
    WORK.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(tree)
