"""Fill a database with open invoices: run by `devtools/scripts/run.py` with `env`.

A customer and an invoice that Odoo itself makes and posts are copied in SQL, so that a
million invoices take minutes. The environment variable `RELANCE_BENCH_DATASET` holds
the options of `Options` as JSON. The rows are the same in every database filled with
the same options, whichever addons it has.
"""

import json
import os
import time
from contextlib import contextmanager

from odoo import fields
from odoo.tools import SQL

from benchmarks.options import Options

# Of every hundred customers, this one is not to be reminded.
EXCLUDED_CUSTOMER = 7
# Of every five customers, one is a person; of every twenty, one a public body.
# Of every hundred invoices, one is a credit note; of every two hundred, one blocked.
CREDIT_NOTE = 37
BLOCKED_INVOICE = 111
# Of every five invoices, one was reminded before, 5 to 29 days ago.
REMINDED_DAYS = 25


class Filler:
    """Fills a database."""

    def __init__(self, env, options: Options):
        self.env = env
        self.cr = env.cr
        self.options = options
        self.started = time.monotonic()

    def fill(self) -> None:
        """Make the customers, their invoices and, where the addon is, reminders."""
        self._complete_company()
        partner, move = self._make_originals()
        # For the time of the fill: no triggers, and none of the indexes, which are
        # faster made at once than row by row.
        self.cr.execute("SET LOCAL session_replication_role = replica")
        self.cr.execute("SET LOCAL maintenance_work_mem = '512MB'")
        tables = ["res_partner", "account_move", "account_move_line", "ir_attachment"]
        with_reminders = self.options.reminded and "relance.reminder" in self.env
        if with_reminders:
            tables += ["relance_reminder", "relance_reminder_line"]
        with self._without_indexes(tables):
            self._copy_customer(partner)
            self._copy_invoice(partner, move)
            if self.options.pdfs:
                self._copy_pdf(move)
            if with_reminders:
                self._insert_reminders(partner, move)
        for table in tables:
            self.cr.execute(
                SQL(
                    "SELECT setval(%s, (SELECT max(id) FROM %s))",
                    f"{table}_id_seq",
                    SQL.identifier(table),
                )
            )
        self.cr.execute("SET LOCAL session_replication_role = origin")
        self.env.invalidate_all()
        if "relance.item" in self.env:
            # What its triggers would have done.
            self.env["relance.item"]._fill_index()
            self._say("open items indexed")
        self._exclude_customers(partner)
        self.cr.commit()
        self._say("indexes made")
        # The original is one invoice more than asked for.
        move.button_cancel()
        self.cr.commit()
        self._vacuum()

    # === ORIGINALS === #

    def _complete_company(self):
        """Say all that a letter in law has to say of the creditor."""
        company = self.env.company
        company.write(
            {
                "street": "12 quai des Marques",
                "zip": "33300",
                "city": "Bordeaux",
                "phone": "+33 5 56 00 00 01",
                "company_registry": "12345678200010",
            }
        )
        self.env["res.partner.bank"].create(
            {
                "acc_number": "FR76 3000 6000 0112 3456 7890 189",
                "partner_id": company.partner_id.id,
                "allow_out_payment": True,
            }
        )

    def _make_originals(self):
        """Return a customer and an invoice, posted, as Odoo makes them."""
        partner = self.env["res.partner"].create(
            {
                "name": "Base",
                "is_company": True,
                "email": "base@example.com",
                "phone": "+33 5 56 00 00 00",
                "street": "3 rue des Lilas",
                "zip": "33000",
                "city": "Bordeaux",
                "country_id": self.env.ref("base.fr").id,
                "lang": "fr_FR",
            }
        )
        today = fields.Date.today()
        move = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": partner.id,
                "invoice_date": today,
                "invoice_date_due": today,
                "invoice_payment_term_id": False,
                "invoice_line_ids": [
                    fields.Command.create(
                        {
                            "name": "Papier",
                            "quantity": 1,
                            "price_unit": 100,
                            "tax_ids": [fields.Command.clear()],
                        }
                    )
                ],
            }
        )
        move.action_post()
        if self.options.pdfs:
            self.env["account.move.send"]._generate_and_send_invoices(
                move, sending_methods=[]
            )
            assert move.invoice_pdf_report_id, "The invoice's PDF was not made."
        self.env.flush_all()
        return partner, move

    # === COPIES === #

    def _copy_customer(self, partner) -> None:
        number = SQL("copy.number")
        id_ = SQL("%s + copy.number", partner.id)
        name = SQL("'Client ' || copy.number")
        email = SQL("'c' || copy.number || '@example.com'")
        self._copy(
            "res_partner",
            partner.id,
            SQL("generate_series(1, %s) copy (number)", self.options.customers),
            {
                "id": id_,
                "commercial_partner_id": id_,
                "name": name,
                "complete_name": name,
                "email": email,
                "email_normalized": email,
                "is_company": SQL("%s %% 5 <> 0", number),
                "ref": SQL("'C' || copy.number"),
                "zip": SQL("lpad((1000 + copy.number %% 94000)::text, 5, '0')"),
                "relance_customer_type": SQL(
                    """CASE WHEN %(n)s %% 5 = 0 THEN 'individual'
                        WHEN %(n)s %% 20 = 1 THEN 'public'
                        ELSE base.relance_customer_type END""",
                    n=number,
                ),
            },
        )
        self._say("customers copied")

    def _copy_invoice(self, partner, move) -> None:
        options = self.options
        # Numbers that are prime to what is counted by make days and amounts that look
        # like chance and are the same in every database.
        source = SQL(
            """(
                SELECT number,
                       %(first_partner)s + (number - 1) / %(invoices)s + 1
                           AS partner_id,
                       CURRENT_DATE - (%(first_day)s + number::bigint * 7919 %% %(days)s
                           )::int AS due,
                       50 + (number::bigint * 7907 %% 995000) / 100.0 AS amount,
                       CASE WHEN %(odd)s AND number %% 100 = %(credit_note)s
                            THEN -1 ELSE 1 END AS sign
                  FROM generate_series(1, %(count)s) number
            ) copy""",
            first_partner=partner.id,
            invoices=options.invoices,
            first_day=options.first_day,
            days=options.days,
            odd=options.odd,
            credit_note=CREDIT_NOTE,
            count=options.customers * options.invoices,
        )
        prefix = SQL(
            "%s || regexp_replace(%s, '[0-9]{4}', to_char(copy.due - 30, 'YYYY'))",
            SQL("CASE WHEN copy.sign < 0 THEN 'R' ELSE '' END"),
            SQL("base.sequence_prefix"),
        )
        name = SQL("%s || lpad(copy.number::text, 7, '0')", prefix)
        amounts = self._scaled(
            "account_move",
            # Odoo's balances come with the sign of the entry, its totals without.
            signed=lambda column: column.endswith("_signed"),
            of=lambda column: column.startswith("amount_"),
        )
        self._copy(
            "account_move",
            move.id,
            source,
            {
                "id": SQL("%s + copy.number", move.id),
                "name": name,
                "sequence_prefix": prefix,
                "sequence_number": SQL("copy.number"),
                "payment_reference": name,
                "ref": SQL("'Commande ' || copy.number"),
                "partner_id": SQL("copy.partner_id"),
                "commercial_partner_id": SQL("copy.partner_id"),
                "partner_shipping_id": SQL("copy.partner_id"),
                "invoice_partner_display_name": SQL(
                    "'Client ' || (copy.partner_id - %s)", partner.id
                ),
                "move_type": SQL(
                    """CASE WHEN copy.sign < 0 THEN 'out_refund'
                        ELSE base.move_type END"""
                ),
                "date": SQL("copy.due - 30"),
                "invoice_date": SQL("copy.due - 30"),
                "invoice_date_due": SQL("copy.due"),
                "no_followup": self._blocked_sql(),
                "access_token": SQL("NULL"),
                "message_main_attachment_id": SQL("NULL"),
                **amounts,
            },
        )
        self._say("invoices copied")
        self.cr.execute(SQL("ANALYZE account_move"))
        for index, line in enumerate(move.line_ids):
            self._copy_line(line, index, move)
        self._say("journal items copied")

    def _copy_line(self, line, index, move) -> None:
        source = SQL(
            """(
                SELECT id, id - %(first)s AS number, name, partner_id, date,
                       invoice_date_due AS due, abs(amount_total_signed) AS amount,
                       sign(amount_total_signed) AS sign
                  FROM account_move WHERE id > %(first)s
            ) copy""",
            first=move.id,
        )
        scaled = self._scaled(
            "account_move_line",
            signed=lambda column: (
                column in ("balance", "amount_currency")
                or column.startswith("amount_residual")
            ),
            of=lambda column: (
                column.startswith(("amount_", "price_")) or column == "balance"
            ),
        )
        balance = scaled["balance"]
        values = {
            "id": SQL(
                "%s + copy.number * %s + %s",
                max(move.line_ids.ids) + 1,
                len(move.line_ids),
                index,
            ),
            "move_id": SQL("copy.id"),
            "partner_id": SQL("copy.partner_id"),
            "move_name": SQL("copy.name"),
            "date": SQL("copy.date"),
            "invoice_date": SQL("copy.date"),
            "no_followup": self._blocked_sql(),
            **scaled,
            "debit": SQL("GREATEST(%s, 0)", balance),
            "credit": SQL("GREATEST(-%s, 0)", balance),
        }
        if line.display_type == "payment_term":
            values |= {"name": SQL("copy.name"), "date_maturity": SQL("copy.due")}
        self._copy("account_move_line", line.id, source, values)

    def _copy_pdf(self, move) -> None:
        """Give every invoice the PDF of the original, whose file they share."""
        self._copy(
            "ir_attachment",
            move.invoice_pdf_report_id.id,
            SQL("account_move copy"),
            {
                "id": SQL(
                    "(SELECT max(id) FROM ir_attachment) + copy.id - %s", move.id
                ),
                "res_id": SQL("copy.id"),
                "name": SQL("replace(copy.name, '/', '_') || '.pdf'"),
            },
            SQL("copy.id > %s", move.id),
        )
        self._say("PDFs copied")

    def _insert_reminders(self, partner, move) -> None:
        """Give one of five invoices a reminder that was sent, of the level that it had
        reached by then."""
        values = {
            "first": move.id,
            "company": self.env.company.id,
            "currency": self.env.company.currency_id.id,
            "user": self.env.ref("base.user_admin").id,
            "template": self.env.ref("relance_numm.template_1").id,
            "channel": self.env.ref("relance_numm.channel_email").id,
            "days": REMINDED_DAYS,
        }
        self.cr.execute("ANALYZE account_move_line, res_partner")
        self.cr.execute(
            """
            CREATE TEMPORARY TABLE reminded ON COMMIT DROP AS
            SELECT line.*, step.plan_id, step.level_id, step.template_id AS text_id,
                   CURRENT_DATE - sent.days AS sent_on,
                   (SELECT coalesce(max(id), 0) FROM relance_reminder)
                       + row_number() OVER (ORDER BY line.id) AS reminder_id,
                   (SELECT coalesce(max(id), 0) FROM relance_reminder_line)
                       + row_number() OVER (ORDER BY line.id) AS reminder_line_id
              FROM account_move_line line
              JOIN res_partner partner ON partner.id = line.partner_id
        CROSS JOIN LATERAL (
                SELECT (5 + (line.move_id - %(first)s) / 5 %% %(days)s)::int AS days
                   ) sent
              JOIN relance_plan plan
                ON plan.is_default AND plan.active
               AND plan.customer_type = coalesce(
                       partner.relance_customer_type,
                       CASE WHEN partner.is_company THEN 'private'
                            ELSE 'individual' END)
        CROSS JOIN LATERAL (
                SELECT * FROM relance_step step
                 WHERE step.plan_id = plan.id
                   AND step.days <= CURRENT_DATE - sent.days - line.date_maturity
                   -- Nobody has sent the last one by mail.
                   AND step.number < 4
              ORDER BY step.number DESC LIMIT 1
                   ) step
             WHERE line.move_id > %(first)s AND line.date_maturity IS NOT NULL
               AND (line.move_id - %(first)s) %% 5 = 0
            """,
            values,
        )
        self.cr.execute(
            """
            INSERT INTO relance_reminder (
                id, name, company_id, currency_id, partner_id, contact_id, user_id,
                date, date_sent, plan_id, level_id, template_id, channel_id, state,
                origin, amount_total, email_to, is_traced, create_uid, write_uid,
                create_date, write_date)
            SELECT reminder_id, 'R' || to_char(sent_on, 'YYYY-')
                       || lpad(reminder_id::text, 7, '0'),
                   company_id, currency_id, partner_id, partner_id, %(user)s, sent_on,
                   sent_on + interval '9 hours', plan_id, level_id, text_id,
                   %(channel)s, 'sent', 'manual', amount_residual_currency,
                   'client@example.com', TRUE, %(user)s, %(user)s,
                   sent_on + interval '8 hours', sent_on + interval '9 hours'
              FROM reminded
            """,
            values,
        )
        self.cr.execute(
            """
            INSERT INTO relance_reminder_line (
                id, reminder_id, company_id, move_line_id, move_id, name, date,
                date_due, days_late, amount_due, level_id, origin, state, is_last,
                is_last_sent, create_uid, write_uid, create_date, write_date)
            SELECT reminder_line_id, reminder_id, company_id, id, move_id, move_name,
                   date, date_maturity, sent_on - date_maturity,
                   amount_residual_currency, level_id, 'manual', 'sent', TRUE, TRUE,
                   %(user)s, %(user)s, sent_on + interval '8 hours',
                   sent_on + interval '9 hours'
              FROM reminded
            """,
            values,
        )
        self._say("reminders made")

    def _exclude_customers(self, partner) -> None:
        if self.options.odd and "relance.reminder" in self.env:
            numbers = range(EXCLUDED_CUSTOMER, self.options.customers + 1, 100)
            customers = partner.browse(partner.id + number for number in numbers)
            customers.relance_excluded = True

    # === SQL === #

    def _copy(self, table, original_id, source, values, where=None) -> None:
        """Insert a copy of a row per row of a source, with other values in some
        columns; a value for a column that the table lacks is passed over."""
        columns = self._columns(table)
        chosen = {c: values.get(c, SQL("base.%s", SQL.identifier(c))) for c in columns}
        self.cr.execute(
            SQL(
                "INSERT INTO %s (%s) SELECT %s FROM %s base, %s WHERE base.id = %s%s",
                SQL.identifier(table),
                SQL(", ").join(map(SQL.identifier, chosen)),
                SQL(", ").join(chosen.values()),
                SQL.identifier(table),
                source,
                original_id,
                SQL(" AND %s", where) if where else SQL(),
            )
        )

    def _columns(self, table, data_type="%") -> list[str]:
        self.cr.execute(
            """
            SELECT column_name FROM information_schema.columns
             WHERE table_schema = current_schema AND table_name = %s
               AND is_generated = 'NEVER' AND data_type LIKE %s
          ORDER BY ordinal_position
            """,
            (table, data_type),
        )
        return [column for (column,) in self.cr.fetchall()]

    def _scaled(self, table, of, signed) -> dict[str, SQL]:
        """Return the amounts of a copy: the original's are for an invoice of 100."""
        return {
            column: SQL(
                "round(base.%s * copy.amount / 100 * %s, 2)",
                SQL.identifier(column),
                SQL("copy.sign") if signed(column) else SQL("1"),
            )
            for column in self._columns(table, "numeric")
            if of(column)
        }

    def _blocked_sql(self) -> SQL:
        """Return whether an invoice is blocked, as Odoo's own box says it."""
        if not self.options.odd:
            return SQL("FALSE")
        return SQL("copy.number %% 200 = %s", BLOCKED_INVOICE)

    @contextmanager
    def _without_indexes(self, tables):
        self.cr.execute(
            """
            SELECT indexname, indexdef FROM pg_indexes
             WHERE schemaname = current_schema AND tablename = ANY(%s)
               AND NOT EXISTS (
                   SELECT FROM pg_constraint
                    WHERE conindid = quote_ident(indexname)::regclass
               )
            """,
            (tables,),
        )
        indexes = self.cr.fetchall()
        for name, _definition in indexes:
            self.cr.execute(SQL("DROP INDEX %s", SQL.identifier(name)))
        yield
        for _name, definition in indexes:
            # The definition is PostgreSQL's own.
            self.cr.execute(definition.replace("%", "%%"), ())

    def _vacuum(self) -> None:
        """Let PostgreSQL know the tables, as it does by itself after a while."""
        connection = self.cr._cnx
        connection.autocommit = True
        self.cr.execute("VACUUM ANALYZE")
        connection.autocommit = False
        self._say("analyzed")

    def _say(self, what) -> None:
        print(f"{time.monotonic() - self.started:6.1f} s  {what}", flush=True)


if __name__ == "__main__":
    Filler(
        globals()["env"], Options(**json.loads(os.environ["RELANCE_BENCH_DATASET"]))
    ).fill()
