"""What the addon costs Odoo's own work: tasks of `server.py`, with it and without."""

import gc
import time

from odoo import fields


def post_and_pay(env, invoices):
    """Post invoices and register their payments, one after the other, as people do.

    Nothing of it remains, so that every time is the first.

    :return: ``post`` and ``pay``: the seconds and the queries that each of them took
    """
    env = env(
        user=env.ref("base.user_admin"),
        context={"lang": "fr_FR", "allowed_company_ids": env.company.ids},
    )
    customers = env["res.partner"].search(
        [("ref", "=like", "C%")], limit=invoices, order="id"
    )
    moves = env["account.move"].create([_invoice(customer) for customer in customers])
    env.flush_all()
    result = {"post": [], "pay": []}
    for move in moves:
        result["post"].append(_cost(env, move.action_post))
    for move in moves:
        result["pay"].append(_cost(env, lambda move=move: _pay(move)))
    assert set(moves.mapped("payment_state")) <= {"paid", "in_payment"}
    env.cr.rollback()
    return result


def _cost(env, call):
    """Return the seconds and the queries of a call."""
    env.invalidate_all()
    gc.collect()
    gc.disable()
    before, started = env.cr.sql_log_count, time.perf_counter()
    call()
    # With what waits for the end of the transaction.
    env.cr.flush()
    seconds = time.perf_counter() - started
    gc.enable()
    return seconds, env.cr.sql_log_count - before


def _invoice(customer):
    today = fields.Date.today()
    return {
        "move_type": "out_invoice",
        "partner_id": customer.id,
        "invoice_date": today,
        "invoice_date_due": fields.Date.add(today, days=30),
        "invoice_line_ids": [
            fields.Command.create(
                {"name": f"Article {number}", "quantity": 2, "price_unit": 50}
            )
            for number in range(3)
        ],
    }


def _pay(move):
    wizard = move.env["account.payment.register"].with_context(
        active_model="account.move", active_ids=move.ids
    )
    wizard.create({}).action_create_payments()
