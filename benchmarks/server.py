"""Odoo in a process of its own that does what it is asked: run by `run.py` with `env`.

Reads a JSON object per line, {"task": "module.function", "arguments": {…}}, and answers
each with the function's result. The function gets `env` in a fresh transaction.
"""

import importlib
import json
import os


def main(env):
    """Serve requests until the input ends; the first failure ends the process."""
    # What Odoo and its programs read and print has nothing to do with our talk.
    requests = os.fdopen(os.dup(0))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    for line in requests:
        request = json.loads(line)
        module, _, function = request["task"].partition(".")
        task = getattr(importlib.import_module(f"benchmarks.{module}"), function)
        env.cr.commit()
        env.invalidate_all()
        answers.write(json.dumps(task(env, **request["arguments"])) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(globals()["env"])
