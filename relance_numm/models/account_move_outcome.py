from odoo import api, fields, models
from odoo.tools import format_date, formatLang

from .account_move_automatic import GROUPS, KEPT


class AccountMoveOutcome(models.Model):
    """What a customer said of an invoice: a promise or a dispute keeps it from being
    reminded (C4, F2)."""

    _inherit = "account.move"

    relance_promise_date = fields.Date(
        string="Promised for", copy=False, readonly=True, **KEPT
    )
    relance_promise_amount = fields.Monetary(
        string="Amount promised",
        copy=False,
        readonly=True,
        **KEPT,
        help="By the customer, for all the entries of the call.",
    )
    relance_promise_text = fields.Char(
        string="Promise", compute="_compute_relance_promise_text", groups=GROUPS
    )
    relance_dispute = fields.Char(
        string="Dispute",
        copy=False,
        readonly=True,
        **KEPT,
        help="What the customer disputes. The invoice is not reminded until it is "
        "settled.",
    )

    @api.depends("relance_promise_date", "relance_promise_amount", "amount_residual")
    @api.depends_context("lang")
    def _compute_relance_promise_text(self):
        for move in self:
            move.relance_promise_text = (
                bool(move.relance_promise_date and move.amount_residual)
                and move._relance_promise_sentence()
            )

    def _relance_promise_sentence(self):
        values = {
            "amount": formatLang(
                self.env, self.relance_promise_amount, currency_obj=self.currency_id
            ),
            "date": format_date(self.env, self.relance_promise_date),
        }
        if self.relance_promise_date < self.company_id._relance_today():
            return self.env._(
                "The customer had promised %(amount)s for %(date)s: reminders go on.",
                **values,
            )
        return self.env._(
            "The customer promised %(amount)s for %(date)s: not reminded until then.",
            **values,
        )

    @api.depends("relance_promise_date", "relance_dispute")
    def _compute_relance_item(self):
        """Override of what the invoice says of its next reminder."""
        return super()._compute_relance_item()

    def _relance_promise(self, date, amount):
        """Let these invoices wait for a promised payment: they are reminded from the
        next day on, if it does not come."""
        # Whoever calls the customer decides this, also without a right to write
        # invoices.
        self.sudo().write(
            {"relance_promise_date": date, "relance_promise_amount": amount}
        )
        if date:
            self._relance_take_back_unconfirmed()

    def _relance_start_dispute(self, text):
        """Keep these invoices from being reminded until the dispute is settled."""
        # As for a promise.
        self.sudo().relance_dispute = text
        if text:
            self._relance_take_back_unconfirmed()

    def _relance_take_back_unconfirmed(self):
        """Take these invoices out of the reminders that wait to be confirmed: nobody is
        asked to confirm what would not leave."""
        # Reminders are facts that only code writes.
        lines = self.sudo().relance_line_ids
        prepared = lines.filtered(lambda line: line.state == "to_confirm").reminder_id
        for reminders in prepared.try_lock_for_update()._by_author():
            reminders._refresh_lines()

    def _relance_of_several_customers(self):
        """Return the entries that are no invoice and owed by several customers, such as
        an opening balance: what one of them says is not for the others."""
        return self.filtered(
            lambda move: (
                not move.is_invoice(include_receipts=True)
                and len(
                    move.line_ids.filtered(
                        lambda line: line.account_type == "asset_receivable"
                    ).partner_id
                )
                > 1
            )
        )

    def action_relance_forget_promise(self):
        """Remind these invoices again without waiting for the payment promised."""
        self.check_access("write")
        promised = self.filtered("relance_promise_date")
        promised._relance_promise(False, 0.0)
        promised._message_log_batch(
            dict.fromkeys(
                promised.ids, self.env._("The promise to pay no longer counts.")
            )
        )

    def action_relance_dispute_settled(self):
        """Remind these invoices again: nothing is disputed any more."""
        self.check_access("write")
        disputed = self.filtered("relance_dispute")
        bodies = {
            move.id: self.env._("Dispute settled: %s", move.relance_dispute)
            for move in disputed
        }
        disputed._relance_start_dispute(False)
        disputed._message_log_batch(bodies)
