"""Debian packages fetched and unpacked for us alone, without installing them.

apt-get does the fetching and checks the signatures, with a configuration of our own:
its lists and its archive lie in the cache folder, and the machine's stay as they are.
The mirror is the one the machine is set up with.
"""

import os
import re
import shutil
from pathlib import Path

from .console import Failure
from .paths import CACHE
from .process import output, run_logged
from .steps import lock
from .system import is_root

DEBS = CACHE / "debs"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

CONFIGURATION = """\
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "{folder}/lists";
Dir::Cache "{folder}";
Dir::Cache::PkgCache "";
Dir::Cache::SrcPkgCache "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
APT::Sandbox::User "";
"""


def fetch(suite: str, names: tuple[str, ...]) -> dict[str, Path]:
    """Return the named packages' files, fetched from the suite unless in the cache."""
    with lock(CACHE / f"apt-{suite}.lock", f"Waiting for a download from {suite} …"):
        if missing := [name for name in names if not _cached(name)]:
            _download(suite, missing)
    return {name: _cached(name) for name in names}


def version(deb: Path) -> str:
    """Return the version of a package file."""
    return output(["dpkg-deb", "--field", deb, "Version"]).strip()


def unpack(deb: Path, folder: Path) -> None:
    """Unpack a package's files below the folder."""
    output(["dpkg-deb", "--extract", deb, folder])


def _cached(name: str) -> Path | None:
    return max(DEBS.glob(f"{name}_*.deb"), key=os.path.getmtime, default=None)


def _download(suite: str, names: list[str]) -> None:
    folder = CACHE / f"apt-{suite}"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "sources.list").write_text(
        f"deb [signed-by={KEYRING}] {_mirror()} {suite} main\n"
    )
    (folder / "apt.conf").write_text(CONFIGURATION.format(folder=folder))
    env = {**os.environ, "APT_CONFIG": str(folder / "apt.conf")}
    run_logged(f"apt-update-{suite}", ["apt-get", "update", "-q"], env=env)
    run_logged(
        f"apt-download-{suite}", ["apt-get", "download", *names], env=env, cwd=folder
    )
    DEBS.mkdir(exist_ok=True)
    for deb in folder.glob("*.deb"):
        deb.replace(DEBS / deb.name)
    shutil.rmtree(folder)


def _mirror() -> str:
    """Return the address of the Debian mirror that this machine is set up with."""
    advice = (
        "Odoo comes from Debian's package odoo-19, and this machine {}. "
        "Set ODOO_SOURCE=/path/to/a/checkout/of/odoo-19.0 to use your own."
    )
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise Failure(advice.format("has no apt-get"))
    if not KEYRING.exists():
        raise Failure(advice.format(f"has no Debian keyring ({KEYRING})"))
    targets = ["apt-get", "indextargets", "--format", "$(LABEL) $(SITE)"]
    found = re.search(r"^Debian (\S+)$", output(targets), re.MULTILINE)
    if not found and is_root():
        run_logged("apt-update", ["apt-get", "update", "-q"])
        found = re.search(r"^Debian (\S+)$", output(targets), re.MULTILINE)
    if not found:
        raise Failure(
            advice.format("has no package list yet (sudo apt-get update), or no mirror")
        )
    return found[1].rstrip("/")
