from odoo import api, models
from odoo.tools import SQL

from .relance_item_query import unnested_sql

CREDITS = {
    "partner_id": "int",
    "company_id": "int",
    "currency_id": "int",
    "credit": "numeric",
    "net": "numeric",
}
# So many customers with open credits are written into a query.
MAX_CREDITS = 10000


class RelanceItemCredit(models.Model):
    """What customers have paid or been credited that no invoice got yet (C5)."""

    _inherit = "relance.item"

    @api.model
    def _customers_looked_at(self, table, lines):
        """Return the condition on a table of the customers that are looked at."""
        if not lines:
            return SQL("TRUE")
        return SQL(
            "%s.partner_id IN (SELECT partner_id FROM looked_at)", SQL.identifier(table)
        )

    @api.model
    def _customer_credit_sql(self, lines=None):
        """Return the query of what customers with open credits owe, net of these."""
        return SQL(
            """
            SELECT customer.partner_id, owed.company_id, owed.currency_id,
                   owed.credit, owed.net
              FROM (
                SELECT DISTINCT partner_id FROM relance_item_index
                 WHERE amount < 0 AND %(customers)s
              ) customer
        CROSS JOIN LATERAL (
                SELECT item.company_id, item.currency_id,
                       SUM(LEAST(item.amount, 0)) AS credit, SUM(item.amount) AS net
                  FROM relance_item_index item
                 WHERE item.partner_id = customer.partner_id
              GROUP BY item.company_id, item.currency_id
                HAVING SUM(LEAST(item.amount, 0)) < 0
              ) owed
            """,
            customers=self._customers_looked_at("relance_item_index", lines),
        )

    @api.model
    def _customer_credit_values(self, code):
        """Return what customers with open credits owe, its values written out where
        they are few, or None: PostgreSQL shares a query over all rows among workers
        only where it knows that the tables they all read are small.

        :param str code: the SQL that reads them; most reads but who owes nothing, net
        """
        nil_alone = SQL() if "customer_credit.credit" in code else SQL("WHERE net <= 0")
        rows = self.env.execute_query(
            SQL(
                "SELECT * FROM (%s) customer_credit %s LIMIT %s",
                self._customer_credit_sql(),
                nil_alone,
                MAX_CREDITS + 1,
            )
        )
        if len(rows) > MAX_CREDITS:
            return None
        return unnested_sql(rows, CREDITS)

    @api.model
    def _unallocated_sql(self, lines=None):
        """Return the query of the customers who have money that no invoice got yet,
        by entity and in whatever currency: an open credit, a payment that has no entry
        yet, a bank line that is not reconciled (C5); how much, in the company's."""
        return SQL(
            """
            SELECT money.partner_id, split_part(owner.parent_path, '/', 1) AS entity,
                   SUM(money.amount) AS amount
              FROM (
                SELECT line.partner_id, line.company_id,
                       -line.amount_residual AS amount
                  FROM account_move_line line
                 WHERE %(open_line)s AND line.amount_residual_currency < 0
                   AND %(customers)s
             UNION ALL
                SELECT payer.commercial_partner_id, payment.company_id,
                       payment.amount_company_currency_signed
                  FROM account_payment payment
                  JOIN res_partner payer ON payer.id = payment.partner_id
                 WHERE payment.payment_type = 'inbound'
                   AND payment.partner_type = 'customer'
                   AND payment.state = 'in_process'
                   AND payment.move_id IS NULL
             UNION ALL
                SELECT payer.commercial_partner_id, bank_line.company_id,
                       bank_move.amount_total_signed
                  FROM account_bank_statement_line bank_line
                  JOIN account_move bank_move ON bank_move.id = bank_line.move_id
                  JOIN res_partner payer ON payer.id = bank_line.partner_id
                 WHERE bank_line.amount > 0 AND NOT bank_line.is_reconciled
              ) money
              JOIN res_company owner ON owner.id = money.company_id
          GROUP BY money.partner_id, split_part(owner.parent_path, '/', 1)
            """,
            open_line=self._open_lines("line"),
            customers=self._customers_looked_at("line", lines),
        )
