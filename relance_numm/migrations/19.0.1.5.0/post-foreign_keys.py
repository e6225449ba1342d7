"""Drop the foreign keys of what something else guards: see `GuardedMany2one`."""

from odoo.tools import SQL
from odoo.tools.sql import constraint_definition, drop_constraint

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
    """Drop them, and what Odoo knows of them."""
    for table, columns in GUARDED.items():
        for column in columns:
            name = f"{table}_{column}_fkey"
            if constraint_definition(cr, table, name):
                drop_constraint(cr, table, name)
                cr.execute(SQL("DELETE FROM ir_model_constraint WHERE name = %s", name))
