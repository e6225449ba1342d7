from odoo.modules.migration import load_script
from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL
from odoo.tools.misc import file_path
from odoo.tools.sql import add_foreign_key, get_foreign_keys

from ..fields import GuardedMany2one


@tagged("post_install", "-at_install")
class TestMigrationForeignKeys(TransactionCase):
    """What something else guards has no foreign key of its own (H8)."""

    def setUp(self):
        super().setUp()
        models = [self.env["relance.reminder.line"], self.env["relance.prepare.line"]]
        # As Odoo's functions want them.
        self.columns = [
            (model._table, name, self.env[field.comodel_name]._table, "id", "set null")
            for model in models
            for name, field in model._fields.items()
            if isinstance(field, GuardedMany2one)
        ]

    def _keys(self):
        """Return the foreign keys of these columns, and what Odoo knows of them."""
        names = [
            name
            for column in self.columns
            for name in get_foreign_keys(self.cr, *column)
        ]
        known = [f"{table}_{name}_fkey" for table, name, *_rest in self.columns]
        return names, self.env["ir.model.constraint"].search([("name", "in", known)])

    def test_dropped(self):
        """An upgrade drops what 19.0.1.3.0 had; a second one finds nothing to drop."""
        self.assertEqual(len(self.columns), 4)
        self.assertEqual(self._keys(), ([], self.env["ir.model.constraint"]))
        for column in self.columns:
            add_foreign_key(self.cr, *column)
            [name] = get_foreign_keys(self.cr, *column)
            self.env["ir.model.constraint"]._reflect_constraint(
                self.env["relance.reminder.line"], name, "f", None, "relance_numm"
            )
        names, known = self._keys()
        self.assertEqual((len(names), len(known)), (4, 4))
        path = "relance_numm/migrations/19.0.1.4.0/post-foreign_keys.py"
        migrate = load_script(file_path(path), "foreign_keys").migrate
        for _time in range(2):
            migrate(self.cr, "19.0.1.3.0")
            self.env.invalidate_all()
            self.assertEqual(self._keys(), ([], self.env["ir.model.constraint"]))

    def test_others_stay(self):
        """What nothing else guards has its foreign key."""
        self.cr.execute(
            SQL(
                """SELECT attname FROM pg_constraint
                     JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
                    WHERE contype = 'f' AND conrelid = %s::regclass""",
                "relance_reminder_line",
            )
        )
        self.assertEqual(
            {name for (name,) in self.cr.fetchall()},
            {"reminder_id", "move_line_id", "move_id", "create_uid", "write_uid"},
        )
