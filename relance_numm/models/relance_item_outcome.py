from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, format_date, formatLang


class RelanceItemOutcome(models.Model):
    """What a customer said of a row: promised, disputed (C4).

    The rule is part of the query: a promise is a case of `_reason_sql`.
    """

    _inherit = "relance.item"
    _depends = {
        "account.move": [
            "relance_dispute",
            "relance_promise_amount",
            "relance_promise_date",
        ]
    }

    reason_code = fields.Selection(
        selection_add=[("disputed", "Disputed"), ("promised", "Promised")]
    )
    automatic_code = fields.Selection(selection_add=[("disputed", "Disputed")])
    promise_date = fields.Date(string="Promised for")
    promise_amount = fields.Monetary(
        string="Amount promised", currency_field="currency_id", aggregator=None
    )
    dispute = fields.Char()

    @api.model
    def _columns(self):
        return {
            **super()._columns(),
            "promise_date": SQL("move.relance_promise_date"),
            "promise_amount": SQL("move.relance_promise_amount"),
            "dispute": SQL("move.relance_dispute"),
        }

    @api.model
    def _not_owed_cases(self):
        """Override: nobody is reminded of what he disputes, by hand or not."""
        return SQL(
            "%s WHEN move.relance_dispute IS NOT NULL THEN 'disputed'",
            super()._not_owed_cases(),
        )

    @api.model
    def _next_date_sql(self):
        """Override: the cron waits for the day after a promise; from then on, one that
        was not kept no longer counts."""
        return SQL(
            """GREATEST(%s, CASE WHEN automatic.code IS NULL
                THEN move.relance_promise_date + 1 END)""",
            super()._next_date_sql(),
        )

    def _reason_text(self, code):
        """Override for what a customer said."""
        if code == "disputed":
            return self.env._("Disputed: %s", self.dispute)
        if code == "promised":
            return self._promise_text()
        return super()._reason_text(code)

    def _is_promised(self):
        """Return whether the date of a promise has not passed yet."""
        today = self.company_id._relance_today()
        return bool(self.promise_date) and self.promise_date >= today

    def _promise_text(self):
        return self.env._(
            "Promise of %(amount)s for %(date)s", **self._promise_values()
        )

    def _promise_values(self):
        return {
            "amount": formatLang(
                self.env, self.promise_amount, currency_obj=self.currency_id
            ),
            "date": format_date(self.env, self.promise_date),
        }

    @api.depends("promise_amount", "promise_date")
    def _compute_automatic_outcome(self):
        """Override: what the cron waits for, before it reminds."""
        result = super()._compute_automatic_outcome()
        for item in self:
            if item.next_date and item._is_promised():
                item.automatic_outcome = self.env._(
                    "%(promise)s; if it is not kept: %(delivery)s",
                    promise=item._promise_text(),
                    delivery=item.automatic_outcome,
                )
        return result

    @api.model
    def _caution_domain(self):
        """Override for promises."""
        return super()._caution_domain() | Domain("promise_date", "!=", False)

    @api.model
    def _caution_fields(self):
        names = ["company_id", "currency_id", "promise_amount", "promise_date"]
        return super()._caution_fields() + names

    def _cautions(self):
        """Override to point out promises whose date has passed."""
        past = self.filtered(lambda i: i.promise_date and not i._is_promised())
        cautions = super()._cautions()
        if past:
            last = max(past, key=lambda item: item.promise_date)
            cautions.append(
                self.env._(
                    "%(amount)s had been promised for %(date)s.",
                    **last._promise_values(),
                )
            )
        return cautions
