"""What is measured of the addon: tasks of `server.py`, on the public paths that a
person's clicks and Odoo's scheduled actions take."""

import io
from unittest.mock import patch

from odoo import SUPERUSER_ID
from odoo.tools.pdf import PdfFileReader

from odoo.addons.relance_numm.models.relance_reminder_delivery import DELIVERY_SIZE
from odoo.addons.relance_numm.models.relance_reminder_workers import HELPERS

from benchmarks import views
from benchmarks.measure import compare, measured, person_env

ORDER = "days_late desc, id"
# The invoices of a customer.
CUSTOMER_ITEMS = 10


def _level_domains(env):
    """Return the domain of the work list filtered on each level that it advises."""
    levels = env["relance.item"]._read_group(
        [("advised_level_id", "!=", False)], ["advised_level_id"]
    )
    return {level.name: [("advised_level_id", "=", level.id)] for (level,) in levels}


# === WORK LIST === #


def work_list(env):
    """Compare the work list with Odoo's own list of the same open receivable lines.

    :return: by name, what `compare` says of ours and of Odoo's
    """
    env = person_env(env)
    odoo = views.Screen(env, "account.move.line", "account.view_move_line_tree")
    ours = views.Screen(env, "relance.item", "relance_numm.relance_item_view_list")
    due_first = "date_maturity, id"
    levels = _level_domains(env)
    result = {}

    def both(ours_call, odoo_call):
        mine, theirs = compare(env, ours_call, odoo_call)
        return {"ours": mine, "odoo": theirs}

    for name, domain in levels.items():
        result[f"level {name}"] = both(
            lambda domain=domain: ours.page(domain, ORDER),
            lambda: odoo.page(views.RECEIVABLE, due_first),
        )
    # The level of the fewest entries: the longest way to the end of a page.
    items = env["relance.item"]
    least = min(levels.values(), key=items.search_count)
    item = items.search([*least, ("last_level_id", "!=", False)], limit=1) or (
        items.search(least, limit=1)
    )
    customer, last_level = item.partner_id, item.last_level_id
    result["customer"] = both(
        lambda: ours.page([*least, ("partner_id", "=", customer.id)], ORDER),
        lambda: odoo.page(
            [*views.RECEIVABLE, ("partner_id", "=", customer.id)], due_first
        ),
    )
    result["last level"] = both(
        lambda: ours.page(
            [("advised_level_id", "!=", False), ("last_level_id", "=", last_level.id)],
            ORDER,
        ),
        lambda: odoo.page(views.RECEIVABLE, due_first),
    )
    result["grouped"] = both(
        lambda: ours.groups([("advised_level_id", "!=", False)], "advised_level_id"),
        lambda: odoo.groups(views.RECEIVABLE, "account_id"),
    )
    return result


def list_times(env):
    """Return how long the slowest level's page and a count of all of it take, in ms."""
    env = person_env(env)
    screen = views.Screen(env, "relance.item", "relance_numm.relance_item_view_list")
    items = env["relance.item"]
    slowest = {"page": 0, "count": 0}
    for domain in _level_domains(env).values():
        page, count = compare(
            env,
            lambda domain=domain: screen.page(domain, ORDER),
            lambda domain=domain: items.search_count(domain),
        )
        slowest["page"] = max(slowest["page"], page["ms"])
        slowest["count"] = max(slowest["count"], count["ms"])
    return {**slowest, "items": items.search_count([])}


# === CREATION === #


def create(env, items):
    """Measure the preparation and the creation of reminders in one process; letters and
    mails are not made. The changes remain.

    :param int items: of so many rows of the work list
    """
    person = person_env(env)
    ids = _ids_to_create(env, items)
    with _undelivered(env), measured(person) as result:
        batches = _create(person, ids)
    return result | _made(batches)


def warm_up_creation(env):
    """Create a customer's reminder, as a server that has been running for a while."""
    with _undelivered(env):
        _create(person_env(env), _advised_ids(env, CUSTOMER_ITEMS))
    return {}


def ask(env, items):
    """Measure what a person waits for: the preparation of reminders, and the click that
    has them created in the background.

    :param int items: of so many rows of the work list
    """
    person = person_env(env)
    ids = _ids_to_create(env, items)
    last = _last_batch(env)
    with measured(person) as result:
        _ask(person, ids)
    return {**result, "last": last.id or 0}


def work(env, helps):
    """Measure what one of Odoo's workers does with what waits, up to the delivery.

    :param bool helps: whether it runs the scheduled action that helps the other
    """
    with _undelivered(env), measured(env) as result:
        _deliver(env, "_cron_help" if helps else "_cron_deliver")
    return result


def made(env, last):
    """Return how much was created after a batch."""
    return _made(env["relance.batch"].search([("id", ">", last)]))


def _made(batches):
    reminders = batches.reminder_ids
    return {"items": len(reminders.line_ids), "customers": len(reminders.partner_id)}


def _ids_to_create(env, items):
    """Return the rows to remind, once a customer's reminder was made: as on a server
    that has been running for a while."""
    # What an installation leaves to the next run of the scheduled action.
    env["relance.item"]._refresh_late()
    env.cr.commit()
    ids = _advised_ids(person_env(env), items)
    with _undelivered(env):
        _create(person_env(env), ids[:CUSTOMER_ITEMS])
    return ids[CUSTOMER_ITEMS:]


def _advised_ids(env, limit):
    rows = env["relance.item"].search(
        [("advised_level_id", "!=", False)], order="id", limit=limit
    )
    return rows.ids


def _create(env, ids, change=None):
    """Do what a person does who prepares rows and creates their reminders, and what the
    scheduled action then does, up to the delivery.

    :param change: what he changes on the lines of the preparation
    :return: the batches
    """
    last = _last_batch(env)
    _ask(env, ids, change)
    _deliver(env)
    return env["relance.batch"].search([("id", ">", last.id or 0)])


def _ask(env, ids, change=None):
    action = env["relance.item"].browse(ids).action_prepare()
    wizard = env["relance.prepare"].browse(action["res_id"])
    if change:
        change(wizard.line_ids)
    env.cr.commit()
    env.invalidate_all()
    wizard.action_create()
    env.cr.commit()
    env.invalidate_all()


def _last_batch(env):
    return env["relance.batch"].search([], order="id desc", limit=1)


def _undelivered(env):
    """Return a context in which what is created is not delivered."""
    reminders = type(env["relance.reminder"])
    return patch.object(reminders, "_deliver_all", lambda self, may_leave: True)


# === DELIVERY === #


def mails(env, customers):
    """Measure how reminders become mails with the letter's PDF in the queue."""
    person = person_env(env)
    _warm_up(person)
    reminders = _pending(person, customers, "relance_numm.channel_email")
    before = _queued(env)
    with measured(person) as result:
        _deliver(env)
    result["mails"] = _queued(env) - before
    result["letters"] = len(reminders.letter_attachment_id)
    return result


def letters(env, customers):
    """Measure how reminders become letters in one PDF file to print.

    :return: with ``pdf_seconds``, how long the PDF files alone take of as many other
        reminders: that of each letter and the one to print, without notes and internal
        copy
    """
    person = person_env(env)
    _warm_up(person)
    reminders = _pending(person, customers, "relance_numm.channel_letter")
    with measured(person) as result:
        _deliver(env)
        pdf = _print(person, reminders)
    result["letters"] = len(reminders.letter_attachment_id)
    result["pages"] = PdfFileReader(io.BytesIO(pdf)).getNumPages()
    others = _pending(person, customers, "relance_numm.channel_letter")
    with measured(person) as alone:
        for start in range(0, len(others), DELIVERY_SIZE):
            others[start : start + DELIVERY_SIZE].sudo()._make_letters()
            env.cr.commit()
        _print(person, others)
    result["pdf_seconds"] = alone["seconds"]
    result["pdf_letters"] = len(others.letter_attachment_id)
    return result


def _print(env, reminders):
    """Return the PDF that a person gets who prints the batch of some reminders."""
    action = reminders.batch_id.action_print()
    reports = env["ir.actions.report"].with_context(**action["context"])
    pdf, _kind = reports._render_qweb_pdf(
        action["report_name"], action["context"]["active_ids"]
    )
    return pdf


def _pending(env, customers, channel):
    """Return the pending reminders of the next customers, by one type of delivery."""

    def change(lines):
        lines.write({"channel_id": env.ref(channel).id})

    # All invoices of each customer are advised.
    ids = _advised_ids(env, customers * CUSTOMER_ITEMS)
    with _undelivered(env):
        reminders = _create(env, ids, change).reminder_ids
    # As from their ids: they are read together.
    return reminders.with_prefetch()


def _deliver(env, action="_cron_deliver"):
    """Do what the scheduled action does."""
    reminders = env(user=SUPERUSER_ID, context={})["relance.reminder"]
    getattr(reminders, action)()
    env.cr.commit()
    env.invalidate_all()


def _warm_up(env):
    """Deliver a mail and a letter, as a server that has been running for a while."""
    with _undelivered(env):
        for channel in ("relance_numm.channel_email", "relance_numm.channel_letter"):
            _pending(env, 1, channel)
    _deliver(env)


def _queued(env):
    return env["mail.mail"].search_count(
        [("relance_reminder_id", "!=", False), ("state", "=", "outgoing")]
    )


# === SCHEDULED ACTION === #


def cron(env):
    """Measure the scheduled action over all due invoices, in this process alone."""
    _start_reminding(env)
    before = _queued(env)
    with measured(env) as result:
        env["relance.batch"]._cron_remind()
    result["mails"] = _queued(env) - before
    return result


def _start_reminding(env):
    env.company.write({"relance_on": "invoice", "relance_since": False})
    env.cr.commit()


def prepare_workers(env):
    """Make the database ready for Odoo's own workers: they do nothing but remind."""
    _start_reminding(env)
    crons = env["ir.cron"].with_context(active_test=False).search([])
    ours = env["ir.cron"].union(*map(env.ref, (*_CRONS, *HELPERS)))
    (crons - ours).active = False
    env.cr.execute("UPDATE ir_cron SET nextcall = now() + interval '30 days'")
    return {}


def trigger(env):
    """Have Odoo's workers remind now."""
    for xmlid in _CRONS:
        env.ref(xmlid)._trigger()
    env.cr.commit()
    return {}


_CRONS = ("relance_numm.ir_cron_remind", "relance_numm.ir_cron_deliver")
