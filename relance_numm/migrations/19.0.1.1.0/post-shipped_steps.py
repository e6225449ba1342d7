"""Bring the shipped plans, whose data is never updated, to what is shipped now.

Reminders by invoice make all the calls, meetings and SMS of a step, so the shipped
steps have fewer of them, and their formal notices wait to be confirmed.
"""

from typing import NamedTuple

from odoo import SUPERUSER_ID, api


class Shipped(NamedTuple):
    """A step as 19.0.1.0.0 shipped it, and what it becomes."""

    plan: str
    level: str
    number: int
    days: int
    channels: str
    new_channels: str
    new_automation: str = "automatic"


STEPS = (
    Shipped("public", "1", 2, 10, "email letter phone", "email letter"),
    Shipped(
        "public",
        "2",
        3,
        30,
        "email letter phone meeting",
        "email letter letter_rar phone",
    ),
    Shipped("public", "litigation", 4, 60, "letter_rar", "letter_rar", "confirm"),
    Shipped("private", "pre", 1, -7, "email sms phone", "email"),
    Shipped("private", "1", 2, 5, "email letter phone sms meeting", "email letter"),
    Shipped(
        "private",
        "2",
        3,
        15,
        "email letter letter_rar phone meeting",
        "email letter letter_rar phone",
    ),
    Shipped(
        "private",
        "litigation",
        4,
        30,
        "formal_notice_rar",
        "formal_notice_rar",
        "confirm",
    ),
    Shipped("individual", "pre", 1, -5, "email sms", "email"),
    Shipped("individual", "1", 2, 5, "email letter phone sms", "email letter"),
    Shipped(
        "individual",
        "litigation",
        4,
        40,
        "formal_notice_rar",
        "formal_notice_rar",
        "confirm",
    ),
)


def migrate(cr, version):
    """Change the shipped steps that nobody changed; the others are left alone."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    for shipped in STEPS:
        step = _record(env, f"step_{shipped.plan}_{shipped.level}")
        if step and _is_untouched(env, step, shipped):
            step.write(
                {
                    "channel_ids": [(6, 0, _channels(env, shipped.new_channels).ids)],
                    "automation": shipped.new_automation,
                }
            )


def _is_untouched(env, step, shipped):
    return (
        step.plan_id == _record(env, f"plan_{shipped.plan}")
        and step.level_id == _record(env, f"level_{shipped.level}")
        and step.template_id == _record(env, f"template_{shipped.level}")
        and step.number == shipped.number
        and step.days == shipped.days
        and step.automation == "automatic"
        and step.channel_ids == _channels(env, shipped.channels)
    )


def _channels(env, codes):
    records = [_record(env, f"channel_{code}") for code in codes.split()]
    channels = env["relance.channel"].browse(record.id for record in records if record)
    return channels.sorted()


def _record(env, name):
    return env.ref(f"relance_numm.{name}", raise_if_not_found=False)
