"""`./dev test`: the addons' tests, browser tours included, on a fresh database."""

import subprocess
from contextlib import ExitStack, contextmanager
from itertools import chain

from . import setup
from .databases import Databases
from .paths import LOGS, ODOO_CONFIG, ROOT, WORK
from .process import background
from .python_env import PYTHON


def _paths(*names: str) -> list[str]:
    """Return files of tests of the addon."""
    return [f"relance_numm/tests/test_{name}.py" for name in names]


#: Tests that need no web server: each group runs beside the others, on a database of
#: its own, so that two cores are at work. Those of the first one wait a lot.
BESIDE = {
    "faults": [
        "relance_numm_queue_job/tests/test_runner.py",
        *_paths(
            "automatic",
            "concurrency",
            "faults",
            "letter",
            "merge",
        ),
    ],
    "clock": _paths(
        "automatic_clock",
        "automatic_error",
        "automatic_invoice",
        "automatic_when",
        "contact_create",
        "controls",
        "import",
        "internal_copy",
        "item",
        "item_index",
        "item_search",
        "mail_bounce",
        "outcome",
        "performance_pipeline",
        "post",
        "reminder",
        "undo",
    ),
}


def run(arguments: list[str]) -> int:
    """Run pytest with the arguments, or all tests, and return its exit code."""
    databases = setup.ensure(browser=True)
    if arguments:
        return _run(databases, arguments)
    with ExitStack() as groups:
        beside = [
            groups.enter_context(_beside(databases, name, paths))
            for name, paths in BESIDE.items()
        ]
        ignored = chain.from_iterable(BESIDE.values())
        code = _run(databases, [f"--ignore={path}" for path in ignored])
        for group, log in beside:
            code = group.wait() or code
            print(log.read_text(), end="", flush=True)
    return code


@contextmanager
def _beside(databases: Databases, name: str, paths: list[str]):
    """Run tests in the background; yield their process and its log."""
    log = LOGS / f"tests-{name}.log"
    with databases.test_copy(f"_{name}") as database:
        cache = f"cache_dir={WORK / f'pytest-{name}'}"
        command = [*_pytest(database), "-o", cache, *paths]
        environ = _environ(databases)
        with background(
            f"tests-{name}", command, env=environ, log=log, cwd=ROOT
        ) as process:
            yield process, log


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
