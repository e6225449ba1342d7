"""`./dev test`: the addons' tests, browser tours included, on a fresh database."""

import subprocess

from . import setup
from .databases import Databases
from .paths import LOGS, ODOO_CONFIG, ROOT, WORK
from .process import background
from .python_env import PYTHON

#: Long tests that need no web server: they run beside the others, on a database of
#: their own, so that two cores are at work.
BESIDE = [
    "relance_numm_queue_job/tests/test_runner.py",
    *(
        f"relance_numm/tests/test_{name}.py"
        for name in (
            "automatic_clock",
            "automatic_error",
            "concurrency",
            "contact_create",
            "controls",
            "faults",
            "import",
            "item_search",
            "letter",
            "merge",
            "outcome",
            "performance_pipeline",
            "plan_impact",
            "post",
            "reminder",
        )
    ),
]


def run(arguments: list[str]) -> int:
    """Run pytest with the arguments, or all tests, and return its exit code."""
    databases = setup.ensure(browser=True)
    if arguments:
        return _run(databases, arguments)
    with databases.test_copy("_beside") as database:
        command = [*_pytest(database), "-o", f"cache_dir={WORK / 'pytest-beside'}"]
        log = LOGS / "tests-beside.log"
        environ = _environ(databases)
        with background(
            "tests-beside", [*command, *BESIDE], env=environ, log=log, cwd=ROOT
        ) as beside:
            code = _run(databases, [f"--ignore={path}" for path in BESIDE])
            code = beside.wait() or code
        print(log.read_text(), end="", flush=True)
    return code


def _run(databases: Databases, arguments: list[str]) -> int:
    with databases.test_copy() as database:
        command = [*_pytest(database), "--odoo-http", *arguments]
        return subprocess.run(command, cwd=ROOT, env=_environ(databases)).returncode


def _pytest(database: str) -> list[object]:
    config = [f"--odoo-config={ODOO_CONFIG}", f"--odoo-database={database}"]
    return [PYTHON, "-m", "pytest", f"--rootdir={ROOT}", "--durations=12", *config]


def _environ(databases: Databases) -> dict[str, str]:
    hypothesis = str(WORK / "hypothesis")
    return {**databases.odoo.environ, "HYPOTHESIS_STORAGE_DIRECTORY": hypothesis}
