import hashlib
import logging
import re

from odoo import api, models
from odoo.tools import SQL

from .relance_item_credit import CREDITS
from .relance_item_query import ALIASES, named_ctes, pruned, unnested_sql

_logger = logging.getLogger(__name__)

# How many rows are refreshed in a transaction.
REFRESH_SIZE = 10000
# What is kept of each open item, by its journal item's id.
COLUMNS = {
    "company_id": "int",
    "partner_id": "int",
    "currency_id": "int",
    "date_due": "date",
    "amount": "numeric",
    "held": "boolean",
    "customer_type": "varchar",
    "plan_id": "int",
    "sent_level_id": "int",
    "sent_day": "date",
    "promise_date": "date",
}


class RelanceItemIndex(models.Model):
    """What decides on each open item, kept beside the books (H8).

    A level's rows are those of some plans, last levels and due dates. These lie in five
    tables, wide ones, and to look for them there took half a second among a million
    items. So a narrow table has them, one row per open item: ``relance_item_index``.

    PostgreSQL keeps it as it keeps an index: triggers refresh an item's row in the very
    transaction that changes what it is made of, whoever does that and however. It says
    which rows to show; what is shown of them, and what is reminded, is read from the
    books. The rule is that of the query (`_not_owed_cases`, `_sent_day_sql`): the
    triggers' code is made of it, again whenever it changes (`_keep_index`).

    A row comes with its journal item and goes with it, and its amount is that of the
    journal item alone: what customers owe, net, is read here (`_customer_credit_sql`).
    What it has of others (invoice, customer, reminders) is changed in it where it is
    there. Two transactions that change one row conflict, as everywhere in Odoo, and the
    second one is tried again; but a reminder has left by the time it is marked: what
    conflicts then is refreshed later (`relance_item_index_late`).
    """

    _inherit = "relance.item"

    def init(self):
        """Override: make the table once those that it is made of are there."""
        result = super().init()
        self.pool.post_init(self._keep_index)
        return result

    def _register_hook(self):
        """Override: make it anew where an addon that had a part in the rule came or
        went."""
        result = super()._register_hook()
        self._keep_index()
        return result

    @api.model
    def _keep_index(self):
        """Make the table, its triggers and rows, unless they are there as they are
        defined now."""
        statements = self._index_statements()
        code = "\n".join(self.env.cr.mogrify(s).decode() for s in statements)
        digest = hashlib.sha256(code.encode()).hexdigest()
        [[known]] = self.env.execute_query(
            SQL("SELECT obj_description(to_regclass('relance_item_index'), 'pg_class')")
        )
        if known == digest:
            return
        _logger.info("Making the index of open items.")
        self.env.flush_all()
        # Whoever else starts with the same code waits here.
        self.env.cr.execute(
            SQL("LOCK TABLE account_move_line IN SHARE ROW EXCLUSIVE MODE")
        )
        self._drop_index()
        for statement in statements:
            self.env.cr.execute(statement)
        self.env.cr.execute(SQL("COMMENT ON TABLE relance_item_index IS %s", digest))
        self._fill_index()
        # What others changed since this transaction began, it does not see.
        self.env.cr.execute(SQL("INSERT INTO relance_item_index_late VALUES (NULL)"))

    @api.model
    def _drop_index(self):
        """Drop the table and all that keeps it: without it, nothing of Odoo's needs
        them."""
        rows = self.env.execute_query(
            SQL(
                """SELECT proname FROM pg_proc
                    WHERE proname LIKE 'relance\\_item\\_index%%'
                      AND pronamespace = current_schema::regnamespace"""
            )
        )
        for (name,) in rows:
            # With the triggers that call it.
            self.env.cr.execute(SQL("DROP FUNCTION %s CASCADE", SQL.identifier(name)))
        for table in ("relance_item_index", "relance_item_index_late"):
            self.env.cr.execute(SQL("DROP TABLE IF EXISTS %s", SQL.identifier(table)))

    @api.model
    def _fill_index(self):
        """Make all rows anew, from the books."""
        self.env.cr.execute(SQL("TRUNCATE relance_item_index"))
        self.env.cr.execute(
            SQL("INSERT INTO relance_item_index %s", self._index_rows(SQL("TRUE")))
        )
        self.env.cr.execute(SQL("ANALYZE relance_item_index"))

    @api.model
    def _refresh_late(self):
        """Refresh the rows that could not be at once."""
        rows = self.env.execute_query(
            SQL("DELETE FROM relance_item_index_late RETURNING id")
        )
        ids = {id_ for (id_,) in rows}
        if None in ids:
            ids |= {*self._unlike_books()}
        self._refresh_rows(ids - {None})

    @api.autovacuum
    def _refresh_index(self):
        """Refresh the rows that are not as the books are.

        Two transactions at once may each miss what the other one changes: a customer's
        settings, and his new invoice.

        :return: how many were refreshed, and how many are left
        """
        ids = self._unlike_books()
        self._refresh_rows(ids[:REFRESH_SIZE])
        return min(len(ids), REFRESH_SIZE), max(len(ids) - REFRESH_SIZE, 0)

    @api.model
    def _refresh_rows(self, move_line_ids):
        self.env.cr.execute(
            SQL("SELECT relance_item_index_refresh(%s::int[])", [*move_line_ids])
        )

    @api.model
    def _unlike_books(self):
        """Return the ids of the rows that are not as the books are.

        :rtype: list[int]
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT id FROM (
                    (TABLE relance_item_index EXCEPT ALL (%(rows)s))
                     UNION ALL
                    ((%(rows)s) EXCEPT ALL TABLE relance_item_index)
                ) changed
                """,
                rows=self._index_rows(SQL("TRUE")),
            )
        )
        return [id_ for (id_,) in rows]

    # Definition

    @api.model
    def _index_statements(self):
        """Return what makes the table and the triggers that keep it.

        :rtype: list[SQL]
        """
        return [
            SQL(
                "CREATE TABLE relance_item_index (id int PRIMARY KEY, %s)",
                SQL(", ").join(
                    SQL("%s %s", SQL.identifier(name), SQL(kind))
                    for name, kind in COLUMNS.items()
                ),
            ),
            # A level's rows by due date, see `_advised_rows`; no table is read.
            SQL(
                """CREATE INDEX relance_item_index_advised_idx ON relance_item_index (
                    company_id, plan_id, customer_type, sent_level_id, date_due, id)
                    INCLUDE (partner_id, currency_id, sent_day, promise_date)
                    WHERE NOT held"""
            ),
            # What customers owe, net of what they have paid or been credited: see
            # `_customer_credit_sql`, and which items a customer has.
            SQL(
                """CREATE INDEX relance_item_index_partner_idx ON relance_item_index (
                    partner_id, company_id, currency_id) INCLUDE (amount)"""
            ),
            # Who has open credits at all.
            SQL(
                """CREATE INDEX relance_item_index_credit_idx ON relance_item_index (
                    partner_id) WHERE amount < 0"""
            ),
            # Journal items to refresh later; NULL stands for all of them.
            SQL("CREATE TABLE relance_item_index_late (id int)"),
            *self._index_refresh_functions(),
            *self._index_line_triggers(),
            *self._index_reminder_triggers(),
            *self._index_source_triggers(),
        ]

    @api.model
    def _index_rows(self, condition):
        """Return the query of the rows of the table, as the books are.

        :param SQL condition: which journal items, by ``line``
        """
        columns = self._index_columns()
        select = SQL(", ").join(
            SQL("%s AS %s", columns[name], SQL.identifier(name))
            for name in ("id", *COLUMNS)
        )
        joins = SQL(" ").join(pruned(self._joins(), select.code, ALIASES))
        return SQL(
            """
            WITH %(no_credit)s SELECT %(select)s
              FROM account_move_line line
              JOIN account_account account
                ON account.id = line.account_id
               AND account.account_type = 'asset_receivable'
                   %(joins)s
             WHERE %(open_line)s AND %(condition)s
            """,
            # Whether the customer owes nothing, net, is not an item's own: it is left
            # to whoever searches.
            no_credit=SQL(", ").join(
                named_ctes({"customer_credit": unnested_sql([], CREDITS)}).values()
            ),
            select=select,
            joins=joins,
            open_line=self._open_condition("line"),
            condition=condition,
        )

    @api.model
    def _index_columns(self):
        """Return the expressions of the table's columns, 0 where there is no such id.

        :rtype: dict[str, SQL]
        """
        partner, company = SQL("partner"), SQL("company")
        plans, partners = self.env["relance.plan"], self.env["res.partner"]
        return {
            "id": SQL("line.id"),
            "company_id": SQL("line.company_id"),
            "partner_id": SQL("line.partner_id"),
            "currency_id": SQL("line.currency_id"),
            "date_due": SQL("COALESCE(line.date_maturity, line.date)"),
            "amount": SQL("line.amount_residual_currency"),
            "held": SQL("(CASE %s END) IS NOT NULL", self._not_owed_cases()),
            "customer_type": partners._relance_type_sql(partner),
            "plan_id": SQL("COALESCE(%s, 0)", plans._own_plan_id_sql(partner, company)),
            "sent_level_id": SQL("COALESCE(sent.level_id, 0)"),
            "sent_day": SQL("sent_day.day"),
            "promise_date": SQL("move.relance_promise_date"),
        }

    @api.model
    def _index_refresh_functions(self):
        """Return what makes the functions that refresh the rows of journal items.

        One is for those that are there: a transaction that does not see that another
        one has closed an entry meanwhile must not bring its row back. It conflicts.
        One is for those that are not there.

        :rtype: list[SQL]
        """
        names = SQL(", ").join(map(SQL.identifier, COLUMNS))
        ours, theirs = (
            SQL(", ").join(SQL.identifier(table, name) for name in COLUMNS)
            for table in ("known", "item")
        )
        changes = SQL(
            """
            WITH item AS MATERIALIZED (%(rows)s), gone AS (
                DELETE FROM relance_item_index known
                 WHERE known.id = ANY(ids)
                   AND NOT EXISTS (SELECT FROM item WHERE item.id = known.id)
            )
            UPDATE relance_item_index known SET (%(names)s) = (%(theirs)s)
              FROM item
             WHERE item.id = known.id AND (%(ours)s) IS DISTINCT FROM (%(theirs)s);
            """,
            rows=self._index_rows(SQL("line.id = ANY(ids)")),
            names=names,
            ours=ours,
            theirs=theirs,
        )
        additions = SQL(
            """
            INSERT INTO relance_item_index
            SELECT item.* FROM (%s) item
             WHERE NOT EXISTS (
                SELECT FROM relance_item_index known WHERE known.id = item.id);
            """,
            self._index_rows(SQL("line.id = ANY(ids)")),
        )
        arguments, nothing = SQL("ids int[]"), SQL("void")
        return [
            self._index_function(
                "relance_item_index_change", changes, arguments, nothing
            ),
            self._index_function(
                "relance_item_index_add", additions, arguments, nothing
            ),
            self._index_function(
                "relance_item_index_refresh",
                SQL(
                    """PERFORM relance_item_index_change(ids);
                    PERFORM relance_item_index_add(ids);"""
                ),
                arguments,
                nothing,
            ),
        ]

    @api.model
    def _index_function(self, name, body, arguments=None, returns=None):
        """Return what makes a function, that of a trigger unless it has arguments.

        Its queries are planned once a connection: to plan one takes far longer than to
        refresh the few rows of an invoice.
        """
        end = SQL() if arguments else SQL("RETURN NULL;")
        body = SQL("BEGIN %s %s END", body, end)
        return SQL(
            """CREATE OR REPLACE FUNCTION %s(%s) RETURNS %s LANGUAGE plpgsql
               SET plan_cache_mode = force_generic_plan AS %s""",
            SQL.identifier(name),
            arguments or SQL(),
            returns or SQL("trigger"),
            self.env.cr.mogrify(body).decode(),
        )

    @api.model
    def _index_trigger(self, table, event, each, body):
        """Return what makes a trigger and its function.

        :param str table: the table it watches
        :param SQL event: what happens to it
        :param SQL each: for each row or statement, and when
        :param SQL body: what is done then
        :rtype: list[SQL]
        """
        name = f"relance_item_index_{table}_{event.code.split()[0].lower()}"
        return [
            self._index_function(name, body),
            SQL(
                "CREATE TRIGGER %s AFTER %s ON %s %s EXECUTE FUNCTION %s()",
                SQL.identifier(name),
                event,
                SQL.identifier(table),
                each,
                SQL.identifier(name),
            ),
        ]

    @api.model
    def _index_names_read(self, alias):
        """Return the columns that the rule reads of a table, by its alias."""
        code = self._index_rows(SQL("TRUE")).code
        names = set(re.findall(rf'(?<![\w.])"?{alias}"?\."?(\w+)', code))
        return sorted(names - {"id"})

    @api.model
    def _index_line_triggers(self):
        """Return what keeps the rows of journal items that open, change or close.

        Most journal items are none of a customer's: they pass by with one comparison.
        """
        table = "account_move_line"
        was_open, is_open = (self._open_condition(row) for row in ("OLD", "NEW"))
        names = self._index_names_read("line")
        add = SQL("PERFORM relance_item_index_add(ARRAY[NEW.id]);")
        # One query of the two of a refresh: posting an invoice waits for it.
        refresh = SQL(
            """IF EXISTS (SELECT FROM relance_item_index WHERE id = NEW.id) THEN
                PERFORM relance_item_index_change(ARRAY[NEW.id]);
            ELSE %s END IF;""",
            add,
        )
        return [
            *self._index_trigger(
                table,
                SQL("INSERT"),
                SQL("FOR EACH ROW WHEN (%s)", is_open),
                add,
            ),
            *self._index_trigger(
                table,
                SQL("UPDATE OF %s", self._index_list(names)),
                SQL(
                    "FOR EACH ROW WHEN (%s AND ((%s) OR (%s)))",
                    self._index_changed(names),
                    was_open,
                    is_open,
                ),
                refresh,
            ),
            *self._index_trigger(
                table,
                SQL("DELETE"),
                SQL("FOR EACH ROW WHEN (%s)", was_open),
                SQL("DELETE FROM relance_item_index WHERE id = OLD.id;"),
            ),
        ]

    @api.model
    def _index_list(self, names, row=None):
        """Return columns, with a comma between: those of a row if it is given."""
        of = (row,) if row else ()
        return SQL(", ").join(SQL.identifier(*of, name) for name in names)

    @api.model
    def _index_changed(self, names):
        """Return the condition that an UPDATE changes one of these columns."""
        return SQL(
            "ROW(%s) IS DISTINCT FROM ROW(%s)",
            self._index_list(names, "old"),
            self._index_list(names, "new"),
        )

    @api.model
    def _index_sources(self):
        """Return where else the rule looks, besides the journal item and its last
        reminder: by alias the table, and the code that keeps the rows that a row
        ``NEW`` of it is about (`_index_changes`).

        An addon whose rule (`_not_owed_cases`) reads another table adds it here.

        :rtype: dict[str, tuple[str, SQL]]
        """
        open_line = self._open_condition("line")
        return {
            "move": (
                "account_move",
                self._index_changes(
                    SQL(
                        """SELECT line.id FROM account_move_line line
                            WHERE line.move_id = NEW.id AND %s""",
                        open_line,
                    )
                ),
            ),
            "account": (
                "account_account",
                # Its entries may become customers'.
                SQL(
                    """PERFORM relance_item_index_refresh(ARRAY(
                        SELECT line.id FROM account_move_line line
                         WHERE line.account_id = NEW.id AND %s));""",
                    open_line,
                ),
            ),
            "partner": (
                "res_partner",
                self._index_changes(
                    SQL("SELECT id FROM relance_item_index WHERE partner_id = NEW.id")
                ),
            ),
            "company": (
                "res_company",
                self._index_changes(
                    SQL("SELECT id FROM relance_item_index WHERE company_id = NEW.id")
                ),
            ),
            "sent_reminder": (
                "relance_reminder",
                self._index_later(
                    SQL(
                        """SELECT move_line_id FROM relance_reminder_line
                            WHERE reminder_id = NEW.id AND is_last_sent"""
                    )
                ),
            ),
        }

    @api.model
    def _index_source_triggers(self):
        """Return what keeps the rows whose invoice, customer… changes."""
        statements = []
        for alias, (table, body) in self._index_sources().items():
            names = self._index_names_read(alias)
            statements += self._index_trigger(
                table,
                SQL("UPDATE OF %s", self._index_list(names)),
                SQL("FOR EACH ROW WHEN (%s)", self._index_changed(names)),
                body,
            )
        return statements

    @api.model
    def _index_changes(self, ids):
        """Return the code that changes the rows of journal items, where they are there.

        :param SQL ids: the query of their ids
        """
        return SQL("PERFORM relance_item_index_change(ARRAY(%s));", ids)

    @api.model
    def _index_reminder_triggers(self):
        """Return what keeps the rows of which the last reminder that left is another.

        By statement: a delivery marks those of hundreds of customers at once.
        """
        read = {*self._index_names_read("sent"), "is_last_sent", "move_line_id"}
        names = self._index_list(sorted(read))
        old, new = (
            SQL("SELECT %s FROM %s WHERE is_last_sent", names, SQL(table))
            for table in ("old_rows", "new_rows")
        )
        statements = []
        for event, changed, tables in (
            ("INSERT", new, "NEW TABLE AS new_rows"),
            ("DELETE", old, "OLD TABLE AS old_rows"),
            (
                "UPDATE",
                SQL("(%s EXCEPT %s) UNION ALL (%s EXCEPT %s)", old, new, new, old),
                "OLD TABLE AS old_rows NEW TABLE AS new_rows",
            ),
        ):
            statements += self._index_trigger(
                "relance_reminder_line",
                SQL(event),
                SQL("REFERENCING %s FOR EACH STATEMENT", SQL(tables)),
                self._index_later(changed),
            )
        return statements

    @api.model
    def _index_later(self, changed):
        """Return the code that changes the rows of journal items or, where another
        transaction has changed one of them, leaves them to be changed later.

        :param SQL changed: the query that has their ids, as ``move_line_id``
        """
        return SQL(
            """
            DECLARE ids int[] := ARRAY(SELECT move_line_id FROM (%s) changed);
            BEGIN
                IF cardinality(ids) > 0 THEN
                    PERFORM relance_item_index_change(ids);
                END IF;
            EXCEPTION WHEN serialization_failure OR deadlock_detected THEN
                INSERT INTO relance_item_index_late SELECT unnest(ids);
            END;
            """,
            changed,
        )
