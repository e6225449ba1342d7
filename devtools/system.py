"""Debian packages that the machine itself must have."""

import ctypes
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from .console import Failure, say, task, warn
from .paths import BIN, WORK
from .process import run_logged
from .steps import lock

#: The names Odoo's own test browser looks for.
CHROMIUM_NAMES = ("google-chrome", "chromium", "chromium-browser")


@dataclass(frozen=True)
class Package:
    """A Debian package, and how to see whether the machine has what is in it."""

    name: str
    is_there: Callable[[], bool]
    optional: bool = False


def _library(name: str) -> Callable[[], bool]:
    def is_there() -> bool:
        try:
            ctypes.CDLL(name)
        except OSError:
            return False
        return True

    return is_there


def _font(folder: str) -> Callable[[], bool]:
    return lambda: any(Path("/usr/share/fonts/truetype").glob(f"{folder}/*.ttf"))


def chromium() -> str | None:
    """Return the path of the browser, if there is one."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def system_wkhtmltopdf() -> str | None:
    """Return the machine's own wkhtmltopdf, which is not the one in `.dev/bin`."""
    path = os.pathsep.join(
        folder
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)
        if folder != str(BIN)
    )
    return shutil.which("wkhtmltopdf", path=path)


def unpatched_wkhtmltopdf() -> str | None:
    """Return the machine's own wkhtmltopdf if it was built without patched Qt."""
    found = system_wkhtmltopdf()
    if not found:
        return None
    version = subprocess.run([found, "--version"], capture_output=True, text=True)
    return None if "patched" in version.stdout else found


#: For barcodes (cairocffi), for the wkhtmltopdf binary, and for legible letters.
BASE = (
    Package("libcairo2", _library("libcairo.so.2")),
    Package("libfontconfig1", _library("libfontconfig.so.1")),
    Package("libxrender1", _library("libXrender.so.1")),
    Package("libxext6", _library("libXext.so.6")),
    Package("fonts-dejavu-core", _font("dejavu")),
    Package("fonts-liberation", _font("liberation*")),
)
#: For tours and screenshots.
BROWSER = (Package("chromium", lambda: chromium() is not None),)
#: Where npm, and so the patched build, is missing.
WKHTMLTOPDF = (Package("wkhtmltopdf", lambda: system_wkhtmltopdf() is not None),)
#: For the tests that print letters with Debian's build too.
UNPATCHED = (
    Package("wkhtmltopdf", lambda: system_wkhtmltopdf() is not None, optional=True),
)


def is_root() -> bool:
    """Return whether we may install packages."""
    return os.geteuid() == 0


def ensure(packages: Iterable[Package]) -> None:
    """Install what the machine lacks, or say which command does."""
    missing = [package for package in packages if not package.is_there()]
    if not missing:
        return
    if is_root() and shutil.which("apt-get"):
        _install([package.name for package in missing])
        return
    for package in missing:
        if package.optional:
            warn(f"Note: without the package {package.name} some tests are skipped.")
    needed = [package.name for package in missing if not package.optional]
    if needed:
        raise Failure(
            "This machine lacks system packages that only root can install. Run\n\n"
            f"    sudo apt-get install --no-install-recommends {shlex.join(needed)}\n\n"
            "(or your system's equivalent), then try again."
        )


def _install(names: list[str]) -> None:
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends"]
    # Another apt-get may be running, Debian's own nightly one for instance.
    install += ["-o", "DPkg::Lock::Timeout=300", *names]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with lock(WORK / "apt.lock", "Waiting for another ./dev to install packages …"):
        size = _download_size(names)
        if not size:
            with task("System package lists (apt-get update, about 10 MB)"):
                run_logged("apt-update", ["apt-get", "update", "-q"], env=env)
            size = _download_size(names)
        with task(f"System packages: {' '.join(names)} ({size or 'size unknown'})"):
            try:
                run_logged("apt-install", install, env=env)
            except Failure:
                # Package lists that are too old, or an install that was cut off.
                say("    once more with fresh package lists …")
                run_logged("dpkg-configure", ["dpkg", "--configure", "-a"], env=env)
                run_logged("apt-update", ["apt-get", "update", "-q"], env=env)
                run_logged("apt-install", install, env=env)


def _download_size(names: list[str]) -> str | None:
    """Return how much apt-get will fetch, None if it knows no such package (yet)."""
    command = ["apt-get", "install", "--assume-no", "--no-install-recommends", *names]
    env = {**os.environ, "LC_ALL": "C"}
    result = subprocess.run(command, capture_output=True, text=True, env=env)
    found = re.search(r"^Need to get ([^/]+?)(?:/.*)? of archives", result.stdout, re.M)
    return found and found[1]
