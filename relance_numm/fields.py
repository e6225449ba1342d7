from odoo import fields
from odoo.tools import SQL
from odoo.tools.sql import constraint_definition, drop_constraint

# What the addon stores in records of Odoo's own is read together where it is needed,
# and not wherever Odoo reads one of them: each field takes it a while (H8).
APART = {"prefetch": "relance"}


class GuardedMany2one(fields.Many2one):
    """A many2one without a foreign key of its own, as something else guards the record
    that it points to (H8).

    PostgreSQL looks up each foreign key of each row by itself: of twenty thousand lines
    that all have the same company this took a tenth of the time to remind. Whoever uses
    it says what keeps the other record from being deleted, or what is done when it is.
    """

    def update_db_foreign_key(self, model, column):
        """Add none."""


def drop_foreign_keys(cr, guarded):
    """Drop the foreign keys of what has become a `GuardedMany2one`, and what Odoo knows
    of them; for migrations.

    :param dict guarded: names of columns, by table
    """
    for table, columns in guarded.items():
        for column in columns:
            name = f"{table}_{column}_fkey"
            if constraint_definition(cr, table, name):
                drop_constraint(cr, table, name)
                cr.execute(SQL("DELETE FROM ir_model_constraint WHERE name = %s", name))
