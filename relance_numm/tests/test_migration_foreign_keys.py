from odoo.modules.migration import load_script
from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL
from odoo.tools.misc import file_path
from odoo.tools.sql import add_foreign_key, get_foreign_keys

COLUMN = ("relance_reminder_line", "company_id", "res_company", "id", "set null")


@tagged("post_install", "-at_install")
class TestMigrationForeignKeys(TransactionCase):
    """What something else guards has no foreign key of its own (H8)."""

    def _constraints(self):
        """Return what Odoo knows of the foreign keys of lines."""
        return self.env["ir.model.constraint"].search(
            [("name", "=", "relance_reminder_line_company_id_fkey")]
        )

    def test_dropped(self):
        """An upgrade drops what 19.0.1.3.0 had; a second one finds nothing to drop."""
        self.assertFalse(get_foreign_keys(self.cr, *COLUMN))
        add_foreign_key(self.cr, *COLUMN)
        [name] = get_foreign_keys(self.cr, *COLUMN)
        self.env["ir.model.constraint"]._reflect_constraint(
            self.env["relance.reminder.line"], name, "f", None, "relance_numm"
        )
        self.assertTrue(self._constraints())
        path = "relance_numm/migrations/19.0.1.4.0/post-foreign_keys.py"
        migrate = load_script(file_path(path), "foreign_keys").migrate
        for _time in range(2):
            migrate(self.cr, "19.0.1.3.0")
            self.env.invalidate_all()
            self.assertFalse(get_foreign_keys(self.cr, *COLUMN))
            self.assertFalse(self._constraints())

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
