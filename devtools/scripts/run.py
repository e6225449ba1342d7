"""Run a script with an Odoo environment: `run.py DATABASE SCRIPT [ODOO OPTIONS]`.

Like `odoo shell`, with `env` at hand, but for scripts: a traceback names the script's
own lines, an error ends in a failing exit code and nothing saved, and otherwise the
changes are committed. Runs in the virtual environment, with Odoo on Python's path.
"""

import runpy
import sys
import threading

import odoo.tools
from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.service.server import load_server_wide_modules


def main(database, script, *options):
    """Run the script on the database."""
    options = ["--database", database, "--no-http", "--log-level", "warn", *options]
    odoo.tools.config.parse_config(options, setup_logging=True)
    threading.current_thread().dbname = database
    load_server_wide_modules()
    with Registry(database).cursor() as cr:
        user = api.Environment(cr, SUPERUSER_ID, {})["res.users"]
        env = api.Environment(cr, SUPERUSER_ID, user.context_get())
        runpy.run_path(script, init_globals={"env": env}, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
