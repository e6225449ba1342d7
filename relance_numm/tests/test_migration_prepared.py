from odoo.modules.migration import load_script
from odoo.tests import tagged
from odoo.tools.misc import file_path

from .common import RelanceCommon


@tagged("post_install", "-at_install")
class TestMigrationPrepared(RelanceCommon):
    """Preparations that wait while an earlier version is upgraded (D8)."""

    def _as_before(self, line):
        """Put the entries and levels of a line where they were in 19.0.1.2.0."""
        entries, levels = line.item_ids, line.allowed_level_ids.ids
        line.write({"item_ids": False, "sent_level_id": False})
        line.advised_level_id = False
        self.env.flush_all()
        for table, column, ids in (
            (
                "account_move_line_relance_prepare_line_rel",
                "account_move_line_id",
                entries,
            ),
            ("relance_level_relance_prepare_line_rel", "relance_level_id", levels),
        ):
            self.cr.execute(
                f"CREATE TABLE {table} (relance_prepare_line_id int, {column} int)"
            )
            self.cr.executemany(
                f"INSERT INTO {table} VALUES (%s, %s)", [(line.id, id_) for id_ in ids]
            )

    def _upgrade(self):
        path = "relance_numm/migrations/19.0.1.3.0/post-prepared_items.py"
        load_script(file_path(path), "prepared_items").migrate(self.cr, "19.0.1.2.0")
        self.env.invalidate_all()

    def test_what_waits_is_created(self):
        """D8, D2: a line keeps its entries and the levels that may be chosen."""
        first, second = self._invoice(8), self._invoice(18)
        self._already_reminded(first, self.level_1)
        wizard = self._prepare(first | second)
        line = wizard.line_ids
        levels = line.allowed_level_ids
        self.assertEqual(levels, self.level_1 | self.level_2)
        self._as_before(line)
        self.assertFalse(line.move_line_ids)
        self._upgrade()
        self.assertEqual(line.move_line_ids.move_id, first | second)
        self.assertEqual(line.allowed_level_ids, levels)
        with self.allow_pdf_render():
            wizard.action_create()
        self.assertEqual(self._last_reminder(first).line_ids.move_id, first | second)

    def _last_reminder(self, move):
        return self._items(move).last_reminder_id
