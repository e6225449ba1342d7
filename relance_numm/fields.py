from odoo import fields

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
