"""What is measured of the peer, OCA's account_credit_control: tasks of `server.py`, on
the paths that its documentation describes."""

import io

from odoo import fields
from odoo.tools.pdf import PdfFileReader

from benchmarks.measure import measured, person_env

# So many days ago only a few of the invoices were due.
LONG_AGO = 395


def _person(env):
    # As ours: mails wait in the queue.
    return person_env(env, mail_notify_force_send=False)


def set_up(env):
    """Let the company's policy look at the receivable accounts."""
    accounts = env["account.account"].search(
        [("account_type", "=", "asset_receivable")]
    )
    env.company.credit_policy_id.account_ids = accounts
    return {}


def create(env):
    """Measure a run's creation of lines."""
    person = _person(env)
    # A few lines first, as a server that has been running for a while.
    _run(person, fields.Date.subtract(fields.Date.today(), days=LONG_AGO))
    person.cr.rollback()
    person.invalidate_all()
    with measured(person) as result:
        run = _run(person)
    result["items"] = len(run.line_ids)
    return result


def _run(env, date=None):
    run = env["credit.control.run"].create({"date": date or fields.Date.today()})
    run.generate_credit_lines()
    return run


def mails(env, customers):
    """Measure how lines become mails with the letter's PDF in the queue."""
    person = _person(env)
    groups = _groups(person, customers + 1)
    _mail(groups[0])
    before = _queued(env)
    with measured(person) as result:
        _mail(groups[0].union(*groups[1:]) - groups[0])
    result["mails"] = _queued(env) - before
    return result


def _mail(lines):
    emailer = lines.env["credit.control.emailer"].create({"line_ids": lines.ids})
    emailer.email_lines()


def letters(env, customers):
    """Measure how lines of customers become letters in one PDF file."""
    person = _person(env)
    groups = _groups(person, customers + 1)
    _print(groups[0])
    with measured(person) as result:
        letters, pdf = _print(groups[0].union(*groups[1:]) - groups[0])
    result["letters"] = letters
    result["pages"] = PdfFileReader(io.BytesIO(pdf)).getNumPages()
    return result


def _print(lines):
    printer = lines.env["credit.control.printer"].create({"line_ids": lines.ids})
    action = printer.print_lines()
    ids = action["context"]["active_ids"]
    reports = lines.env["ir.actions.report"]
    pdf, _kind = reports._render_qweb_pdf(action["report_name"], ids)
    return len(ids), pdf


def _groups(env, customers):
    """Return lines that are ready to be sent, by customer."""
    lines = env["credit.control.line"].search([]) or _run(env).line_ids
    drafts = lines.filtered(lambda line: line.state == "draft")
    groups = list(drafts.grouped("partner_id").values())[:customers]
    chosen = groups[0].union(*groups[1:])
    env["credit.control.marker"].create(
        {"name": "to_be_sent", "line_ids": chosen.ids}
    ).mark_lines()
    env.cr.commit()
    return groups


def _queued(env):
    return env["mail.mail"].search_count([("state", "=", "outgoing")])
