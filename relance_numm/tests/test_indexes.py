from contextlib import contextmanager, suppress
from unittest.mock import patch

from lxml import etree
from psycopg2.errors import InsufficientPrivilege

from odoo.fields import Command
from odoo.orm.table_objects import Index
from odoo.sql_db import Cursor
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger
from odoo.tools.safe_eval import safe_eval
from odoo.tools.sql import make_index_name

from .common import RelanceCommon

ROWS = 100_000
CUSTOMERS = 2000
PAGE = 80
ADDONS = {"relance_numm", "relance_numm_snailmail"}

# Rules that PostgreSQL keeps, which other tests break: nothing is read by them.
RULES = {
    "relance_plan_default_uniq",
    "relance_reminder_line_automatic_uniq",
    "relance_reminder_line_in_flight_uniq",
}
# Of the other indexes, the method below that runs the code which they are for. Those
# of references that are not here are for deleting what is referred to.
SERVED = {
    "account_move_line_relance_due_idx": "_read_page",
    "account_move_line_relance_credit_idx": "_read_credits",
    "mail_mail__relance_reminder_id_index": "_recall_mails",
    "relance_item_index_advised_idx": "_read_advised",
    "relance_item_index_credit_idx": "_sum_credits",
    "relance_item_index_partner_idx": "_sum_credits",
    "relance_prepare_line__batch_id_index": "_take_waiting",
    "relance_prepare_line__prepare_id_index": "_read_preparation",
    "relance_reminder__batch_id_index": "_count_batch",
    "relance_reminder__main_reminder_id_index": "_read_companions",
    "relance_reminder__name_index": "_search_number",
    "relance_reminder__partner_id_index": "_count_of_customer",
    "relance_reminder__registered_number_index": "_check_number",
    "relance_reminder__sms_message_id_index": "_read_of_sms",
    "relance_reminder__state_index": "_drop_settled_calls",
    "relance_reminder_failed_idx": "_retry",
    "relance_reminder_pending_idx": "_take_pending",
    "relance_reminder_post_followed_idx": "_take_followed",
    "relance_reminder_presented_idx": "_list_unclaimed",
    "relance_reminder_line__level_id_index": "_read_rare_level",
    "relance_reminder_line__move_id_index": "_count_of_invoice",
    "relance_reminder_line__move_line_id_index": "_mark_last",
    "relance_reminder_line__reminder_id_index": "_read_lines",
    "relance_reminder_line_first_idx": "_count_first",
    "relance_reminder_line_last_uniq": "_read_page",
    "relance_reminder_line_last_sent_uniq": "_read_page",
    "relance_reminder_line_skipped_uniq": "_unskip",
    "res_partner_relance_public_idx": "_read_facts",
}


@tagged("post_install", "-at_install")
class TestIndexes(RelanceCommon):
    """H8: each index is used by the code that it is for, among 100,000 rows."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.relance_first_cap = 100
        move = cls._invoice(30)
        reminder = cls._already_reminded(move, cls.level_1).sudo()
        cls.line = move.line_ids.filtered("date_maturity")
        cls._quicken()
        customers = cls._fill(cls.customer, CUSTOMERS)
        moves = cls._fill(
            move, CUSTOMERS, name=SQL("'INV/' || n"), sequence_number=SQL("n")
        )
        cls.move = move.browse(moves)
        cls.partner = cls.customer.browse(customers)
        cls._fill_books(cls.line)
        cls._fill_reminders(reminder)
        # What its triggers do where they may fire.
        cls.env["relance.item"]._fill_index()
        cls._fill_waiting()
        cls._index_names()

    @classmethod
    def _quicken(cls):
        """Spare the foreign keys' checks, where the role may."""
        with (
            mute_logger("odoo.sql_db"),
            suppress(InsufficientPrivilege),
            cls.env.cr.savepoint(),
        ):
            cls.env.cr.execute("SET LOCAL session_replication_role = replica")

    @classmethod
    def _fill(cls, record, count=ROWS, **columns):
        """Add copies of a record, with ``n`` from 1 on.

        :param SQL columns: what is not copied
        :return: the id of the first
        """
        cr, table = cls.env.cr, record._table
        cls.env.flush_all()
        cr.execute(
            SQL(
                """SELECT column_name FROM information_schema.columns
                    WHERE table_name = %s AND column_name <> 'id'""",
                table,
            )
        )
        names = [name for (name,) in cr.fetchall()]
        values = [columns.get(n, SQL.identifier("source", n)) for n in names]
        cr.execute(
            SQL(
                """
                WITH added AS (
                    INSERT INTO %(table)s (%(names)s)
                    SELECT %(values)s
                      FROM %(table)s source, generate_series(1, %(count)s) n
                     WHERE source.id = %(id)s
                  ORDER BY n
                 RETURNING id)
                SELECT min(id) FROM added
                """,
                table=SQL.identifier(table),
                names=SQL(", ").join(map(SQL.identifier, names)),
                values=SQL(", ").join(values),
                count=count,
                id=record.id,
            )
        )
        [first] = cr.fetchone()
        cr.execute(SQL("ANALYZE %s", SQL.identifier(table)))
        return first

    @classmethod
    def _fill_books(cls, line):
        """Half is paid, some are credits, most of the others are late."""
        amount = SQL(
            "CASE WHEN n %% 2 = 0 THEN 0 WHEN n %% 1000 = 1 THEN -1 ELSE 1 END"
        )
        cls.first_line = cls._fill(
            line,
            move_id=SQL("%s + n %% %s", cls.move.id, CUSTOMERS),
            partner_id=SQL("%s + n %% %s", cls.partner.id, CUSTOMERS),
            date_maturity=SQL("source.date_maturity + 30 - n %% 500"),
            reconciled=SQL("n %% 2 = 0"),
            amount_residual=amount,
            amount_residual_currency=amount,
        )

    @classmethod
    def _fill_reminders(cls, reminder):
        """Four of each entry, which all have left but a few of each other state."""
        state = SQL(
            """CASE n %% 200 WHEN 0 THEN 'pending' WHEN 51 THEN 'failed'
                WHEN 101 THEN 'outgoing' WHEN 151 THEN 'to_confirm' ELSE 'sent' END"""
        )
        cls.message = message = reminder.message_post(body="SMS")
        attachment = cls.env["ir.attachment"].create({"name": "Letter", "raw": b"%PDF"})
        batch = cls.env["relance.batch"].sudo()._new_batch(cls.company)
        first_batch = cls._fill(batch, CUSTOMERS)
        cls.batch = batch.browse(first_batch)
        cls.reminder = reminder.browse(
            cls._fill(
                reminder,
                name=SQL("'R-2026-' || to_char(n, 'FM000000')"),
                batch_id=SQL("%s + n %% %s", first_batch, CUSTOMERS),
                partner_id=SQL("%s + n %% %s", cls.partner.id, CUSTOMERS),
                state=state,
                origin=SQL("'automatic'"),
                attempts=SQL("1 + n %% 7"),
                date_failed=SQL(
                    "CASE WHEN n %% 200 = 51 THEN now() - n * interval '1 min' END"
                ),
                main_reminder_id=SQL(
                    "CASE WHEN n %% 50 = 0 THEN source.id + n - 1 END"
                ),
                letter_attachment_id=SQL(
                    "CASE WHEN n %% 100 = 0 THEN %s END", attachment.id
                ),
                sms_message_id=SQL("CASE WHEN n %% 1000 = 0 THEN %s END", message.id),
                registered_number=SQL("CASE WHEN n %% 20 = 0 THEN 'RA' || n END"),
                date_presented=SQL(
                    "CASE WHEN n %% 20 = 0 THEN current_date - n / 1000 END"
                ),
                post_outcome=SQL(
                    "CASE WHEN n %% 20 = 0 AND n %% 500 > 0 THEN 'received' END"
                ),
                post_provider=SQL("CASE WHEN n %% 50 < 2 THEN 'snailmail' END"),
                post_status=SQL("CASE WHEN n %% 50 < 2 THEN 'accepted' END"),
            )
        )
        cls._fill(
            reminder.line_ids,
            reminder_id=SQL("%s + n - 1", cls.reminder.id),
            move_line_id=SQL("%s + n / 4", cls.first_line),
            level_id=SQL("(%s)[1 + n %% 4]", cls.levels.ids),
            move_id=SQL("%s + n %% %s", cls.move.id, CUSTOMERS),
            state=state,
            origin=SQL("'automatic'"),
            is_last=SQL("n %% 4 = 3"),
            is_last_sent=SQL("n %% 4 = 2"),
            is_first=SQL("TRUE"),
            create_date=SQL("now() - n * interval '10 min'"),
            skipped_on=SQL("CASE WHEN n %% 400 = 0 THEN current_date END"),
        )

    @classmethod
    def _fill_waiting(cls):
        """Mails in the queue, and preparations of which a hundredth waits."""
        mail = cls.env["mail.mail"].sudo().create({"body_html": "", "state": "sent"})
        cls._fill(mail, relance_reminder_id=SQL("%s + n - 1", cls.reminder.id))
        line = cls._prepare(cls._invoice(30)).line_ids
        preparation = cls._fill(line.prepare_id, CUSTOMERS)
        cls.preparation = line.prepare_id.browse(preparation)
        cls._fill(
            line,
            prepare_id=SQL("%s + n %% %s", preparation, CUSTOMERS),
            batch_id=SQL("CASE WHEN n %% 100 = 0 THEN %s END", cls.batch.id),
        )

    @classmethod
    def _index_names(cls):
        """Have what is searched by a part of its name indexed, as Odoo does where the
        database had the extension from the beginning."""
        registry = cls.env.registry
        cls.env.cr.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        with patch.object(registry, "has_trigram", True):
            registry.check_indexes(cls.env.cr, ["relance.reminder"])

    # What the indexes are for

    def _read_advised(self):
        self.env["relance.item"].search_fetch(
            [("advised_level_id", "in", self.levels.ids)],
            ["advised_level_id"],
            order="days_late desc, id",
            limit=PAGE,
        )

    def _sum_credits(self):
        self.env["relance.item"]._customer_credit_values("")

    def _read_page(self):
        self.env["relance.item"].search_fetch(
            [("reason_code", "=", False)],
            ["last_level_id", "next_date", "advised_level_id"],
            order="days_late desc, id",
            limit=PAGE,
        )

    def _read_rare_level(self):
        level = self.env["relance.level"].create({"name": "Last word", "sequence": 99})
        self.assertFalse(
            self.env["relance.item"].search([("last_level_id", "=", level.id)])
        )

    def _read_credits(self):
        self.assertTrue(self.env["relance.item"].search([("has_credit", "=", True)]))

    def _recall_mails(self):
        self.env["relance.channel"]._delivery_of("mail")._recall(self.reminder)

    def _take_waiting(self):
        self.env["relance.batch"]._take_waiting()

    def _read_preparation(self):
        self.assertTrue(self.preparation.line_ids)

    def _count_batch(self):
        self.assertTrue(self.batch.reminder_count)

    def _read_companions(self):
        self.reminder._made_together()

    def _search_number(self):
        self.reminder.search([("name", "ilike", "2026-000042")])

    def _count_of_customer(self):
        self.assertTrue(self.partner.relance_reminder_count)

    def _check_number(self):
        self.reminder.search(
            [("registered_number", "!=", False)], limit=1
        )._check_registered_number()

    def _read_of_sms(self):
        self.env["mail.notification"].new(
            {"mail_message_id": self.message.id}
        )._relance_sms_processed()

    def _drop_settled_calls(self):
        self.reminder._drop_settled_calls()

    def _retry(self):
        self.reminder._take_failed(self.reminder._retry_domain(self.company))

    def _take_pending(self):
        self.reminder._take_pending(self.reminder._may_leave_domain())

    def _take_followed(self):
        self.reminder._take_followed(self.reminder._post_followed_domain())

    def _list_unclaimed(self):
        arch = etree.fromstring(self.reminder.get_view(view_type="search")["arch"])
        [domain] = arch.xpath("//filter[@name='unclaimed']/@domain")
        self.reminder.search(safe_eval(domain))

    def _count_of_invoice(self):
        self.assertTrue(self.move.relance_reminder_count)

    def _mark_last(self):
        self.env["relance.reminder.line"]._mark_last(self.line.browse(self.first_line))

    def _read_lines(self):
        self.assertTrue(self.reminder.line_ids)

    def _count_first(self):
        self.company._relance_first_left()

    def _unskip(self):
        self.line.browse(self.first_line)._relance_unskip()

    def _read_facts(self):
        self.env["relance.item"]._facts()

    # Which are used

    @contextmanager
    def _explained(self):
        """Yield a set, which gets the indexes that PostgreSQL uses for what is read and
        written meanwhile."""
        queries, used = [], set()
        execute = Cursor.execute

        def noting(cursor, query, params=None, log_exceptions=True):
            queries.append(cursor.mogrify(query, params).decode())
            return execute(cursor, query, params, log_exceptions)

        self.env.flush_all()
        self.env.invalidate_all()
        with patch.object(Cursor, "execute", noting):
            yield used
        for query in queries:
            used |= self._indexes(query)

    def _indexes(self, query):
        """Return the indexes in the plan of a query."""
        if query.split(None, 1)[0] not in ("SELECT", "WITH", "UPDATE"):
            return set()
        # As it is: the parameters are filled in.
        self.env.cr._obj.execute(f"EXPLAIN (FORMAT JSON) {query}")
        [[plan]] = self.env.cr.fetchone()
        return set(self._indexes_of(plan["Plan"]))

    def _indexes_of(self, node):
        if name := node.get("Index Name"):
            yield name
        for child in node.get("Plans", ()):
            yield from self._indexes_of(child)

    def _all_indexes(self):
        """Return the indexes of these addons, with their fields if they are some's."""
        models = [m for m in self.env.registry.values() if m._auto and not m._abstract]
        fields = {
            make_index_name(model._table, field.name): field
            for model in models
            for field in model._fields.values()
            if field._module in ADDONS
            and field.store
            and field.index
            # Odoo's own way with those.
            and not field.company_dependent
        }
        objects = {
            index.full_name(model): None
            for model in models
            for index in model._table_objects.values()
            if index._module in ADDONS and isinstance(index, Index)
        }
        self.env.cr.execute(
            """SELECT indexname FROM pg_indexes
                WHERE tablename = 'relance_item_index' AND indexname LIKE '%_idx'"""
        )
        kept = {name: None for (name,) in self.env.cr.fetchall()}
        return {**fields, **objects, **kept}

    def test_served(self):
        """The code for which an index is there uses it."""
        for method in sorted(set(SERVED.values()) - {"_read_facts"}):
            self._assert_served(method)

    def test_served_customers(self):
        """The same of what few customers are."""
        self.env.cr.execute("UPDATE res_partner SET relance_plan_id = NULL")
        self._fill(self.customer)
        self._assert_served("_read_facts")

    def _assert_served(self, method):
        """Check that a method uses all the indexes that are for it."""
        with self._explained() as used:
            getattr(self, method)()
        for index in (i for i, m in SERVED.items() if m == method):
            with self.subTest(index=index):
                self.assertIn(index, used)

    def test_references(self):
        """What is referred to can be deleted without reading all that may refer to it:
        PostgreSQL looks for those that do."""
        self._fill(self.batch)
        self._fill(self.plan, is_default=SQL("FALSE"))
        self._fill(self.plan.step_ids[0])
        template = self.plan.step_ids[0].template_id
        # What it says would take long to copy.
        texts = [n for n, f in template._fields.items() if f.store and f.type == "html"]
        self._fill(template, **dict.fromkeys(texts, SQL("NULL")))
        for model in ("relance.import", "relance.contact.create"):
            wizard = self.env[model].create({"line_ids": [Command.create({})]})
            self._fill(wizard.line_ids)
        for index, field in self._all_indexes().items():
            if index in SERVED or index in RULES:
                continue
            with self.subTest(index=index):
                self.assertEqual(field.type, "many2one")
                table = self.env[field.model_name]._table
                query = SQL(
                    "SELECT FROM %s WHERE %s = -1",
                    SQL.identifier(table),
                    SQL.identifier(field.name),
                )
                self.assertIn(index, self._indexes(query.code))

    def test_all_known(self):
        """Whoever adds an index says which code it is for, and it is one here."""
        known = self._all_indexes()
        references = {
            index
            for index, field in known.items()
            if field and field.type == "many2one"
        }
        self.assertLessEqual(set(known) - references, set(SERVED) | RULES)
        self.assertLessEqual(set(SERVED) | RULES, set(known))
