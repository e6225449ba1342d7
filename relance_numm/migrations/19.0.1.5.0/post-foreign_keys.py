"""Drop the foreign keys of what something else guards: see `GuardedMany2one`."""

from odoo.addons.relance_numm.fields import drop_foreign_keys

GUARDED = {
    "relance_reminder_line": ("move_id",),
    "relance_prepare_line": (
        "create_uid",
        "write_uid",
        "plan_id",
        "sent_level_id",
        "advised_level_id",
        "level_id",
        "channel_id",
    ),
}


def migrate(cr, version):
    """Drop them."""
    drop_foreign_keys(cr, GUARDED)
