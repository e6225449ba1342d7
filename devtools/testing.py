"""`./dev test`: the addons' tests, browser tours included, on a fresh database."""

import subprocess

from . import setup
from .paths import ODOO_CONFIG, ROOT, WORK
from .python_env import PYTHON


def run(arguments: list[str]) -> int:
    """Run pytest with the arguments and return its exit code."""
    databases = setup.ensure(browser=True)
    with databases.test_copy() as database:
        command = [PYTHON, "-m", "pytest", f"--odoo-config={ODOO_CONFIG}"]
        command += [f"--odoo-database={database}", "--odoo-http", *arguments]
        environ = {
            **databases.odoo.environ,
            "HYPOTHESIS_STORAGE_DIRECTORY": str(WORK / "hypothesis"),
        }
        return subprocess.run(command, cwd=ROOT, env=environ).returncode
