"""Drop the foreign keys of what something else guards: see `GuardedMany2one`."""

from odoo.addons.relance_numm.fields import drop_foreign_keys

GUARDED = {
    "relance_reminder_line": ("company_id", "level_id"),
    "relance_prepare_line": ("company_id", "currency_id"),
}


def migrate(cr, version):
    """Drop them."""
    drop_foreign_keys(cr, GUARDED)
