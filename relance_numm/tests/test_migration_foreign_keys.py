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
        """An upgrade drops what older versions had; a second one finds nothing to
        drop."""
        self.assertEqual(len(self.columns), 12)
        self.assertEqual(self._keys(), ([], self.env["ir.model.constraint"]))
        for column in self.columns:
            add_foreign_key(self.cr, *column)
            [name] = get_foreign_keys(self.cr, *column)
            self.env["ir.model.constraint"]._reflect_constraint(
                self.env["relance.reminder.line"], name, "f", None, "relance_numm"
            )
        names, known = self._keys()
        self.assertEqual((len(names), len(known)), (12, 12))
        for _time in range(2):
            self._migrate()
            self.env.invalidate_all()
            self.assertEqual(self._keys(), ([], self.env["ir.model.constraint"]))

    def _migrate(self):
        for version in ("19.0.1.4.0", "19.0.1.5.0"):
            path = f"relance_numm/migrations/{version}/post-foreign_keys.py"
            load_script(file_path(path), "foreign_keys").migrate(self.cr, version)

    def test_others_stay(self):
        """What nothing else guards has its foreign key."""
        for table, names in (
            (
                "relance_reminder_line",
                {"reminder_id", "move_line_id", "create_uid", "write_uid"},
            ),
            (
                "relance_prepare_line",
                {"prepare_id", "batch_id", "partner_id", "contact_id"},
            ),
        ):
            self.cr.execute(
                SQL(
                    """SELECT attname FROM pg_constraint
                         JOIN pg_attribute ON attrelid = conrelid
                          AND attnum = conkey[1]
                        WHERE contype = 'f' AND conrelid = %s::regclass""",
                    table,
                )
            )
            self.assertEqual({name for (name,) in self.cr.fetchall()}, names)
