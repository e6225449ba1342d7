"""`./dev bench`: how fast the addon is, beside a peer and beside Odoo itself."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from .console import Failure, say, task


def run(*, quick: bool, json_file: Path | None, only: Sequence[str] | None) -> int:
    """Measure the works, print the table, and return the exit code.

    What was measured is printed and written also where a later work fails or the person
    stops it. A goal that is missed is said, and is no failure.
    """
    from benchmarks import datasets, table
    from benchmarks.works import WORKS, Bench

    chosen = choose(WORKS, only)
    bench = Bench(datasets.ensure(), tenth=quick)
    say(f"Measured on {machine()}.")
    rows: list[table.Row] = []
    try:
        for name in chosen:
            with task(f"{name}: {WORKS[name].__doc__.rstrip('.')}"):
                rows += WORKS[name](bench)
            if json_file:
                table.write_json(rows, json_file)
    finally:
        if rows:
            say(f"\n{table.text(rows)}\n")
            missed = [row.work for row in rows if row.verdict == "MISSED"]
            say("\n  ".join(["Missed:", *missed]) if missed else "Goals: all reached.")
    return 0


def choose(known: Sequence[str], only: Sequence[str] | None) -> list[str]:
    """Return the works to measure, in their order.

    :raise Failure: for a work that there is not
    """
    unknown = set(only or ()) - set(known)
    if unknown:
        raise Failure(
            f"There is no work {', '.join(sorted(unknown))}: choose among "
            f"{', '.join(known)}."
        )
    return [name for name in known if not only or name in only]


def machine() -> str:
    """Return what the figures depend on: the processor and the memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GB, "
        f"Python {platform.python_version()}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()
