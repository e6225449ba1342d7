"""Measuring inside Odoo's process: seconds, queries and memory."""

import gc
import statistics
import threading
import time
from contextlib import contextmanager
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def person_env(env, **context):
    """Return the environment of a person who reminds, in French."""
    return env(
        user=env.ref("base.user_admin"),
        context={
            "lang": "fr_FR",
            "tz": "Europe/Paris",
            "allowed_company_ids": env.company.ids,
            **context,
        },
    )


@contextmanager
def measured(env):
    """Measure a block, whose changes are flushed within it.

    :return: a dictionary that has ``seconds``, ``queries`` and ``peak_mb`` afterwards,
        and when it ``started`` and ``ended`` by the clock that all processes share
    :rtype: dict
    """
    thread = threading.current_thread()
    result = {}
    env.cr.commit()
    env.invalidate_all()
    gc.collect()
    # Writing 5 has the kernel measure the peak anew.
    _CLEAR.write_text("5")
    before = _memory("VmRSS")
    # Odoo counts the queries of all cursors here.
    thread.query_count, started = 0, time.monotonic()
    yield result
    env.cr.flush()
    env.cr.commit()
    ended = time.monotonic()
    result |= {"started": started, "ended": ended, "seconds": ended - started}
    result["queries"] = thread.query_count
    result["peak_mb"] = _memory("VmHWM") - before
    env.invalidate_all()


def _memory(name):
    """Return a figure of the process' memory, in MB."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


def compare(env, *calls, seconds=5, least=3, most=40):
    """Measure calls in turns, each time with nothing in the environment's cache.

    :param float seconds: how long to repeat them, at least so many times
    :return: per call the median in milliseconds ``ms``, the ``queries`` of one time and
        what it returned as ``result``
    :rtype: list[dict]
    """
    thread = threading.current_thread()
    times = [[] for _call in calls]
    results = [{} for _call in calls]
    for call in calls:
        call()
    deadline = time.perf_counter() + seconds
    for turn in range(most):
        late = time.perf_counter() - deadline
        # What takes many seconds a time needs no median.
        if (turn >= least and late > 0) or (turn and late > 2 * seconds):
            break
        for index, call in enumerate(calls):
            env.invalidate_all()
            gc.collect()
            thread.query_count, started = 0, time.perf_counter()
            result = call()
            times[index].append(time.perf_counter() - started)
            results[index] = {"queries": thread.query_count, "result": result}
    return [
        {"ms": 1000 * statistics.median(mine), **result}
        for mine, result in zip(times, results, strict=True)
    ]
