from typing import NamedTuple

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..client_actions import batch_notification

# Sentences shown in the dialog; the rest is counted.
LEFT_OUT_SHOWN = 5


class LeftOut(NamedTuple):
    """The selected rows that are left out: the first ones' sentences, and how many they
    are."""

    sentences: list
    count: int


class RelancePrepare(models.TransientModel):
    """« Préparer les relances »: one line per customer, currency and company (D1)."""

    _name = "relance.prepare"
    _description = "Prepare reminders"
    # Not Odoo's own vacuum: what waits to be created in the background is kept.
    _transient_max_hours = 0
    _transient_max_count = 0

    line_ids = fields.One2many("relance.prepare.line", "prepare_id", string="Reminders")
    problem_line_ids = fields.One2many(
        "relance.prepare.line",
        "prepare_id",
        string="To correct",
        domain=[("problem", "!=", False)],
    )
    replace_missing_mail = fields.Boolean(
        string="Replace Email by Plain letter without contact",
        help="Customers that have no address to mail receive a letter.",
    )
    line_count = fields.Integer(compute="_compute_counts")
    problem_count = fields.Integer(compute="_compute_counts")
    left_out = fields.Html(readonly=True)
    left_out_count = fields.Integer(readonly=True)

    @api.autovacuum
    def _gc_prepared(self):
        """Drop preparations of more than a day that nothing waits for."""
        limit = fields.Datetime.subtract(fields.Datetime.now(), days=1)
        old = self.search([("create_date", "<", limit)])
        waiting = self.env["relance.prepare.line"].search([("batch_id", "!=", False)])
        (old - waiting.prepare_id).unlink()

    @api.depends("line_ids.problem")
    def _compute_counts(self):
        for wizard in self:
            wizard.line_count = len(wizard.line_ids)
            wizard.problem_count = len(wizard.line_ids.filtered("problem"))

    @api.model
    def _create_for_items(self, items):
        """Return the wizard on rows of the work list, those not advised left out.

        :param relance.item items: as the person saw them; they are read again
        :raise UserError: where none of them can be reminded
        """
        rows = items._claim_rows([items._ids], for_person=True)
        advised = [mine for mine in rows if mine.is_advised]
        left_out = self._left_out(items, rows)
        if not advised:
            raise UserError(
                self.env._(
                    "None of the selected entries can be reminded now:\n%s",
                    "\n".join(left_out.sentences)
                    or self.env._("select at least one row."),
                )
            )
        wizard = self.create(self._prepare_wizard_vals(left_out))
        wizard.line_ids._insert_prepared(
            [
                wizard._prepare_line_vals(mine, claim)
                for mine, claim in zip(advised, items._claims(advised), strict=True)
            ]
        )
        return wizard

    @api.model
    def _left_out(self, items, rows):
        """Return which of the selected rows are left out: those not advised, and those
        that are no longer open.

        :param list[ClaimRows] rows: as they are now, where they are still open
        :rtype: LeftOut
        """
        advised = {id_: mine.is_advised for mine in rows for id_ in mine.item_ids}
        left_out = items.browse(id_ for id_ in items._ids if not advised.get(id_))
        shown = left_out[:LEFT_OUT_SHOWN]
        # As they are now, at once, and without the rest of the selection.
        shown = shown.with_prefetch(shown._ids)
        shown.invalidate_recordset(flush=False)
        shown.fetch(list(items._columns()))
        gone = shown.filtered(lambda item: item.id not in advised)
        names = self.env["account.move.line"].browse(gone._ids).exists()
        return LeftOut(
            [
                self.env._(
                    "%s: no longer open (paid, reconciled or set back to draft)",
                    line.move_name,
                )
                for line in names
            ]
            + [item._left_out_text() for item in shown - gone],
            len(left_out),
        )

    @api.model
    def _prepare_wizard_vals(self, left_out):
        sentences = [*left_out.sentences]
        if left_out.count > LEFT_OUT_SHOWN:
            sentences.append(
                self.env._("and %s others", left_out.count - LEFT_OUT_SHOWN)
            )
        return {
            "left_out": Markup("").join(Markup("<li>%s</li>") % s for s in sentences),
            "left_out_count": left_out.count,
        }

    def _add_left_out(self, sentences):
        """Say which entries are left out besides, and why.

        :param list sentences: one for each
        """
        shown = sentences[:LEFT_OUT_SHOWN]
        vals = self._prepare_wizard_vals(LeftOut(shown, len(sentences)))
        self.left_out = (self.left_out or Markup()) + vals["left_out"]
        self.left_out_count += vals["left_out_count"]

    def _prepare_line_vals(self, rows, claim):
        """Return the values of the columns of a line.

        :param ClaimRows rows: the rows of the work list that it is for
        :param Claim claim: what it claims
        """
        currency = self.env["res.currency"].browse(rows.currency_id)
        return {
            "prepare_id": self.id,
            "company_id": rows.company_id,
            "partner_id": rows.partner_id,
            "currency_id": rows.currency_id,
            "plan_id": claim.plan.id,
            "sent_level_id": claim.sent_level.id,
            "advised_level_id": claim.advised_level.id,
            "level_id": claim.levels[-1:].id,
            "item_ids": claim.items.ids,
            "amount_due": currency.round(claim.amount_due),
            "credit_amount": claim.credit_amount,
            "caution": bool(claim.cautions) and " ".join(claim.cautions._cautions()),
        }

    def write(self, vals):
        result = super().write(vals)
        if "replace_missing_mail" in vals:
            self.line_ids._replace_missing_mail(vals["replace_missing_mail"])
        return result

    def action_controls(self):
        """Open « Contrôles »: the lines that cannot be sent as they are (D5)."""
        self.ensure_one()
        self.line_ids._refresh_problems()
        return {
            **self._action_open("relance_numm.relance_prepare_view_form_controls"),
            "name": self.env._("Checks"),
        }

    def action_back(self):
        """Go back from « Contrôles » to the preparation."""
        self.ensure_one()
        return self._action_open()

    def action_create(self):
        """Create the reminders, then show what became of them (D6, D7, D8)."""
        self.ensure_one()
        if not self.line_ids:
            raise UserError(
                self.env._("There is no reminder to create: all lines were removed.")
            )
        self.line_ids._check_choices()
        batches = self.env["relance.batch"]._create_for_lines(self.line_ids)
        if batches.filtered(lambda b: b.left_out_count or b.progress < 100):
            return batches._get_records_action()
        return self._action_close(batches)

    def _action_close(self, batches):
        """Close the dialog with a word on what was done; the list shows the rest."""
        failed = sum(batches.mapped("failed_count"))
        created = sum(batches.mapped("reminder_count"))
        message = self.env._("Reminders created: %s.", created)
        if failed:
            message += " " + self.env._("Could not be sent: %s.", failed)
        return batch_notification(message, batches, "warning" if failed else "success")

    def _action_open(self, view="relance_numm.relance_prepare_view_form"):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Prepare reminders"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(self.env.ref(view).id, "form")],
            "target": "new",
            "context": {"dialog_size": "extra-large"},
        }
