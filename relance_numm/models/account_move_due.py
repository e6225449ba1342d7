from odoo import models
from odoo.tools import SQL


class AccountMoveDue(models.Model):
    """The list of invoices to remind is sorted by the due date it shows: the earliest
    that is not paid, where Odoo's own is that of the last instalment (G1)."""

    _inherit = "account.move"

    def _order_field_to_sql(self, alias, field_name, direction, nulls, query):
        if field_name != "relance_date_due":
            return super()._order_field_to_sql(
                alias, field_name, direction, nulls, query
            )
        self._check_field_access(self._fields[field_name], "read")
        date_due = self._relance_date_due_sql(alias)
        query._order_groupby.append(date_due)
        return SQL("%s %s %s", date_due, direction, nulls)

    def _relance_date_due_sql(self, alias):
        """Return the due date that an invoice is reminded of, see
        `_compute_relance_item`."""
        self.env["account.move.line"].flush_model(
            [
                "account_id",
                "amount_residual_currency",
                "date",
                "date_maturity",
                "move_id",
                "parent_state",
                "reconciled",
            ]
        )
        return SQL(
            """COALESCE(
                CASE WHEN %(move)s.move_type = 'out_invoice' THEN (
                    SELECT MIN(COALESCE(line.date_maturity, line.date))
                      FROM account_move_line line
                     WHERE line.move_id = %(move)s.id
                       AND %(open_line)s
                       AND line.amount_residual_currency > 0
                ) END,
                %(move)s.invoice_date_due)""",
            move=SQL.identifier(alias),
            open_line=self.env["relance.item"]._open_lines("line"),
        )
