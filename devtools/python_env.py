"""The virtual environment that Odoo, the tests and the linters run in."""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import debs
from .paths import ROOT, VENV
from .process import run_logged
from .steps import Step, digest

PYTHON = VENV / "bin" / "python"
RUNTIME = ROOT / "requirements.txt"
DEVELOPMENT = ROOT / "requirements-dev.txt"

_version = f"{sys.version_info.major}.{sys.version_info.minor}"


def steps(*, development: bool) -> list[Step]:
    """Return the steps that make the environment, with the developer's tools or not."""
    result = [
        Step(
            "venv", f"Virtual environment (Python {_version})", _version, _runs, _make
        ),
        _packages("python-packages", "Python packages of Odoo (up to 75 MB)", RUNTIME),
    ]
    if development:
        title = "Python packages of tests and linters (up to 95 MB)"
        result.append(_packages("python-dev-packages", title, DEVELOPMENT))
    return result


def _runs() -> bool:
    try:
        return subprocess.run([PYTHON, "-c", ""], capture_output=True).returncode == 0
    except OSError:
        return False


def _make() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    # Debian splits ensurepip off into python3-venv, which not every machine has.
    if importlib.util.find_spec("ensurepip"):
        run_logged("venv", [sys.executable, "-m", "venv", VENV])
        return
    run_logged("venv", [sys.executable, "-m", "venv", "--without-pip", VENV])
    wheels = debs.fetch("sid", ("python3-pip-whl",))["python3-pip-whl"]
    with tempfile.TemporaryDirectory() as folder:
        debs.unpack(wheels, Path(folder))
        (wheel,) = Path(folder).glob("usr/share/python-wheels/pip-*.whl")
        install = [PYTHON, wheel / "pip", "install", "--no-index", wheel]
        run_logged("pip", install)


def _packages(name: str, title: str, requirements: Path) -> Step:
    def make() -> None:
        install = [PYTHON, "-m", "pip", "install", "--no-deps", "--no-input"]
        # Compiling all takes half the time, and Python compiles what it imports.
        install += ["--no-compile", "--disable-pip-version-check", "-r", requirements]
        run_logged(name, install)

    return Step(name, title, digest(_version, requirements), _runs, make)


def site_packages() -> Path:
    """Return where the packages lie."""
    return VENV / "lib" / f"python{_version}" / "site-packages"
