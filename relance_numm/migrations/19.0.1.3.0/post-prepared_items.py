"""Keep what waits to be created: its entries and levels no longer have tables."""

from odoo.tools import SQL
from odoo.tools.sql import table_exists

ITEMS = "account_move_line_relance_prepare_line_rel"
LEVELS = "relance_level_relance_prepare_line_rel"


def migrate(cr, version):
    """Put the entries and the levels of prepared lines into their columns."""
    if not (table_exists(cr, ITEMS) and table_exists(cr, LEVELS)):
        return
    cr.execute(
        SQL(
            """
            UPDATE relance_prepare_line line SET item_ids = item.ids
              FROM (SELECT relance_prepare_line_id,
                           jsonb_agg(account_move_line_id ORDER BY account_move_line_id)
                                AS ids
                      FROM %s GROUP BY relance_prepare_line_id) item
             WHERE item.relance_prepare_line_id = line.id
            """,
            SQL.identifier(ITEMS),
        )
    )
    # The levels that may be chosen are those from the lowest to the highest of them.
    cr.execute(
        SQL(
            """
            UPDATE relance_prepare_line line
               SET sent_level_id = allowed.ids[1],
                   advised_level_id = allowed.ids[cardinality(allowed.ids)]
              FROM (SELECT rel.relance_prepare_line_id,
                           array_agg(level.id ORDER BY level.sequence, level.id) AS ids
                      FROM %s rel JOIN relance_level level
                        ON level.id = rel.relance_level_id
                  GROUP BY rel.relance_prepare_line_id) allowed
             WHERE allowed.relance_prepare_line_id = line.id
            """,
            SQL.identifier(LEVELS),
        )
    )
    cr.execute(SQL("DROP TABLE %s, %s", SQL.identifier(ITEMS), SQL.identifier(LEVELS)))
    cr.execute(SQL("DELETE FROM ir_model_relation WHERE name IN %s", (ITEMS, LEVELS)))
