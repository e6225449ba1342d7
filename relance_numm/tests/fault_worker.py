"""A program that starts pieces of Odoo's work as processes of their own.

Odoo takes seconds to start, and a test kills it fifty times. So this program loads Odoo
and a database's registry once, closes its connections, and forks a process for each
piece of work. `fault_common.Worker` starts it and talks to it, a JSON object per line:

    {"task": "run_cron", "kwargs": {…}, "conditions": {…}}   answered by   {"pid": 4711}
    {"wait": 4711}                                     answered by   {"exitcode": -9}

The database may meanwhile be dropped and made anew, as long as it has the same modules.
"""

import json
import os
import resource
import signal
import sys
import threading
import traceback
from datetime import timedelta

from odoo import SUPERUSER_ID, api, fields, sql_db
from odoo.fields import Command
from odoo.modules.registry import Registry
from odoo.service.server import load_server_wide_modules
from odoo.tools import config

# Seconds after which a piece of work that hangs is ended.
TIME_LIMIT = 120


def main(config_path, database):
    """Load the database's registry, then serve requests until the input ends."""
    options = ["--config", config_path, "--database", database, "--no-http"]
    config.parse_config([*options, "--log-level", "warn"], setup_logging=True)
    threading.current_thread().dbname = database
    load_server_wide_modules()
    registry = Registry(database)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(registry, json.loads(line))) + "\n")
        sys.stdout.flush()


def _answer(registry, request):
    if "wait" in request:
        _pid, status = os.waitpid(request["wait"], 0)
        return {"exitcode": os.waitstatus_to_exitcode(status)}
    if request.get("in_worker"):
        _run(registry, request)
        return {}
    return {"pid": _fork(registry, request)}


def _fork(registry, request):
    # A process of its own has connections of its own.
    sql_db.close_all()
    pid = os.fork()
    if pid:
        return pid
    exitcode = 1
    try:
        signal.alarm(TIME_LIMIT)
        _run(registry, request)
        exitcode = 0
    except BaseException:  # noqa: BLE001 a fork never returns to the worker's loop
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(exitcode)


def _run(registry, request):
    for name, value in request.get("conditions", {}).items():
        CONDITIONS[name](value)
    registry = registry.check_signaling()
    with registry.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        TASKS[request["task"]](env, **request.get("kwargs", {}))
        env.flush_all()
    registry.signal_changes()


# Under which conditions a process works


# A program on its own, which has nothing to be relative to.
# pylint: disable=odoo-addons-relative-import


def _remind_size(size):
    """Make so many reminders in a transaction."""
    from odoo.addons.relance_numm.models import relance_batch_automatic

    relance_batch_automatic.REMIND_SIZE = size


def _delivery_size(size):
    """Deliver so many reminders in a transaction."""
    from odoo.addons.relance_numm.models import relance_reminder_delivery

    relance_reminder_delivery.DELIVERY_SIZE = size
    model = relance_reminder_delivery.RelanceReminderDelivery
    take_pending = model._take_pending
    model._take_pending = lambda self, may_leave: take_pending(
        self, may_leave, limit=size
    )


def _cron_seconds(seconds):
    """Let a cron's job take so long before it is asked to go on later."""
    from odoo.addons.base.models import ir_cron

    ir_cron.MIN_TIME_PER_JOB = seconds


def _path(folder):
    """Look for programs in a folder first."""
    from odoo.addons.base.models import ir_actions_report

    os.environ["PATH"] = os.pathsep.join([folder, os.environ["PATH"]])
    ir_actions_report._wkhtml.cache_clear()


def _free_space(size):
    """Leave so many bytes on the disk for each new attachment.

    It is the kernel that refuses the rest of a file, half-way through it, as where a
    disk is full.
    """
    from odoo.addons.base.models.ir_attachment import IrAttachment

    write = IrAttachment._file_write

    def write_limited(self, bin_value, checksum):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            return write(self, bin_value, checksum)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    IrAttachment._file_write = write_limited


def _server(host):
    """Use the database of this name on another server."""
    config["db_host"], config["db_port"], config["db_password"] = host, 5432, ""
    database = threading.current_thread().dbname
    Registry(database)._db = sql_db.db_connect(database)


CONDITIONS = {
    "cron_seconds": _cron_seconds,
    "delivery_size": _delivery_size,
    "free_space": _free_space,
    "path": _path,
    "remind_size": _remind_size,
    "server": _server,
}

# What a process does


def _call(env, model, method, ids=(), args=()):
    getattr(env[model].browse(ids), method)(*args)


def _run_cron(env, xmlid):
    """Run a scheduled action as Odoo's cron does."""
    result = env.ref(xmlid).method_direct_trigger()
    if result is not True:
        raise RuntimeError(result)


def _make_books(env, count, without_pdf):
    """Make customers with an invoice each that is late enough for the second step.

    As in real books invoices have their PDF already, but for one in so many.
    """
    company = env["res.company"].search([("chart_template", "!=", False)], limit=1)
    env = env(context={"allowed_company_ids": company.ids, "tracking_disable": True})
    env["res.lang"]._activate_lang("fr_FR")
    # Odoo waits a second for scripts in each document that it prints.
    env["ir.config_parameter"].set_param("report.print_delay", "0")
    company.with_env(env).write(
        {
            "relance_on": "invoice",
            "relance_internal_email": False,
            "email": "accounts@example.com",
            "street": "12 quai des Marques",
            "zip": "33300",
            "city": "Bordeaux",
            "country_id": env.ref("base.fr").id,
        }
    )
    env["ir.mail_server"].search([]).active = False
    env["ir.mail_server"].create({"name": "loopback", "smtp_host": "127.0.0.1"})
    customers = env["res.partner"].create(
        [_customer_vals(env, number) for number in range(1, count + 1)]
    )
    customers.relance_plan_id = env["relance.plan"].create(_plan_vals(env))
    moves = env["account.move"].create([_invoice_vals(each) for each in customers])
    moves.action_post()
    env["ir.attachment"].create(
        [
            _invoice_pdf_vals(move)
            for number, move in enumerate(moves, 1)
            if number % without_pdf
        ]
    )


def _customer_vals(env, number):
    return {
        "name": f"Customer {number:03}",
        "is_company": True,
        "email": f"customer{number:03}@example.com",
        "street": f"{number} rue des Lilas",
        "zip": "33000",
        "city": "Bordeaux",
        "country_id": env.ref("base.fr").id,
        "lang": "fr_FR",
    }


def _plan_vals(env):
    """Return the values of a plan that mails only: a letter waits to be posted."""
    steps = {"pre": -50, "1": 5, "2": 15, "litigation": 20}
    return {
        "name": "Mails",
        "customer_type": "private",
        "step_ids": [
            Command.create(
                {
                    "number": number,
                    "level_id": env.ref(f"relance_numm.level_{name}").id,
                    "days": days,
                    "template_id": env.ref(f"relance_numm.template_{name}").id,
                    "channel_ids": [
                        Command.link(env.ref("relance_numm.channel_email").id)
                    ],
                }
            )
            for number, (name, days) in enumerate(steps.items(), 1)
        ],
    }


def _invoice_vals(customer):
    today = fields.Date.context_today(customer)
    return {
        "move_type": "out_invoice",
        "partner_id": customer.id,
        "invoice_date": today - timedelta(38),
        "invoice_date_due": today - timedelta(8),
        "invoice_payment_term_id": False,
        "invoice_line_ids": [
            Command.create(
                {"name": "Paper", "price_unit": 100, "tax_ids": [Command.clear()]}
            )
        ],
    }


def _invoice_pdf_vals(move):
    return {
        "name": f"{move.name.replace('/', '_')}.pdf",
        "raw": f"%PDF-1.4\n% {move.name}\n%%EOF\n".encode(),
        "mimetype": "application/pdf",
        "res_model": move._name,
        "res_id": move.id,
        "res_field": "invoice_pdf_report_file",
    }


TASKS = {"call": _call, "make_books": _make_books, "run_cron": _run_cron}

if __name__ == "__main__":
    main(*sys.argv[1:])
