from collections import defaultdict
from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import format_date, formatLang

from ..client_actions import dialog

# Days before today that the dialog offers to start from, besides “from the beginning”.
STARTS = (365, 180, 90, 30, 0)
DEFAULT_START = 90


class RelanceAutomaticStart(models.TransientModel):
    """Before an entity reminds by invoice: what would be sent, and from which due date
    on, so that old unpaid invoices do not all leave at once (G5)."""

    _name = "relance.automatic.start"
    _description = "Start automatic reminders"

    company_id = fields.Many2one(
        "res.company", string="Entity", required=True, readonly=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    since = fields.Date(
        string="Due dates from",
        default=lambda self: self._default_since(),
        help="Invoices due before are left alone; empty: all are reminded.",
    )
    first_cap = fields.Integer(
        string="First reminders a day",
        help="At most so many invoices get their first reminder on a day, oldest due "
        "date first; 0: no limit.",
    )
    calendar_id = fields.Many2one(
        "resource.calendar",
        string="Sending hours",
        help="Reminders leave within these working hours, not on their days off; "
        "empty: at any time.",
    )
    per_customer = fields.Boolean(string="One reminder per customer")
    user_id = fields.Many2one(
        "res.users",
        string="Reminders followed by",
        required=True,
        default=lambda self: self.env.user,
    )
    choices = fields.Html(compute="_compute_choices", sanitize=False)
    summary = fields.Char(compute="_compute_summary")
    hold = fields.Char(compute="_compute_hold")

    @api.model
    def _default_since(self):
        return fields.Date.context_today(self) - timedelta(DEFAULT_START)

    @api.model
    def _action_open(self, company):
        """Open the dialog on an entity.

        :raise ValidationError: where it has no default plan (A3)
        """
        company = company.root_id
        company._relance_check_default_plan()
        return self.create(self._prepare_start_vals(company))._action()

    def _action(self):
        """Return the action that opens this dialog."""
        return dialog(self, self.env._("Start automatic reminders"), "large")

    @api.model
    def _prepare_start_vals(self, company):
        vals = {
            "company_id": company.id,
            "first_cap": company.relance_first_cap,
            "calendar_id": (
                company.relance_calendar_id or company.resource_calendar_id
            ).id,
            "per_customer": company.relance_per_customer,
        }
        if company.relance_since:
            vals["since"] = company.relance_since
        if company.relance_user_id:
            vals["user_id"] = company.relance_user_id.id
        return vals

    def _rehearsed_items(self, since):
        """Return the work list's model as if the entity reminded by invoice already."""
        branches = self.company_id.search([("id", "child_of", self.company_id.ids)])
        return self.env["relance.item"].with_context(
            allowed_company_ids=branches.ids,
            relance_rehearsal=self.company_id.id,
            relance_rehearsal_since=fields.Date.to_string(since) if since else False,
        )

    def _due_domain(self):
        return [
            ("entity_id", "=", self.company_id.id),
            ("relance_on", "=", "invoice"),
            *self.env["relance.item"]._due_domain(),
        ]

    @api.depends("company_id")
    def _compute_choices(self):
        """Show, for each start, what would leave at the first run."""
        for start in self:
            today = fields.Date.context_today(start)
            rows = [
                start._choice_row(since, start._due_figures(since))
                for since in (False, *(today - timedelta(days) for days in STARTS))
            ]
            start.choices = Markup(
                "<table class='table table-sm mb-3'><thead><tr><th>%s</th>"
                "<th class='text-end'>%s</th><th class='text-end'>%s</th>"
                "<th class='text-end'>%s</th></tr></thead><tbody>%s</tbody></table>"
            ) % (
                self.env._("Due dates from"),
                self.env._("Invoices reminded at once"),
                self.env._("Customers"),
                self.env._("Amount"),
                Markup("").join(rows),
            )

    @api.model
    def _choice_row(self, since, figures):
        label = format_date(self.env, since) if since else self.env._("The beginning")
        cells = [Markup("<td>%s</td>") % label]
        cells += [Markup("<td class='text-end'>%s</td>") % figure for figure in figures]
        return Markup("<tr>%s</tr>") % Markup("").join(cells)

    def _due_figures(self, since):
        """Return what would be reminded at once from a due date on: how many invoices
        and customers, and the amounts by currency as text."""
        groups = self._rehearsed_items(since)._read_group(
            self._due_domain(),
            ["currency_id"],
            [
                "move_id:count_distinct",
                "partner_id:array_agg_distinct",
                "amount_reminded:sum",
            ],
        )
        customers, amounts, invoices = set(), defaultdict(float), 0
        for currency, count, partner_ids, amount in groups:
            invoices += count
            customers.update(partner_ids)
            amounts[currency] += amount
        text = " + ".join(
            formatLang(self.env, amount, currency_obj=currency)
            for currency, amount in amounts.items()
        )
        return invoices, len(customers), text or "-"

    @api.depends("company_id", "since", "first_cap")
    def _compute_summary(self):
        for start in self:
            invoices, customers, amount = start._due_figures(start.since)
            start.summary = self.env._(
                "At the first run: %(invoices)s invoices of %(customers)s customers, "
                "%(amount)s.",
                invoices=invoices,
                customers=customers,
                amount=amount,
            )
            first = start._first_count()
            if 0 < start.first_cap < first:
                start.summary += " " + self.env._(
                    "At %(cap)s a day, the last one leaves in %(days)s days.",
                    cap=start.first_cap,
                    days=-(-first // start.first_cap) - 1,
                )

    def _first_count(self):
        """Return how many invoices would get their first reminder at once."""
        return self._rehearsed_items(self.since).search_count(
            [*self._due_domain(), ("is_first", "=", True)]
        )

    @api.depends("company_id", "calendar_id")
    def _compute_hold(self):
        for start in self:
            start.hold = (
                start.company_id._relance_in_own_time()._relance_late_banks_text()
            )

    def action_rehearse(self):
        """Open the dry run as it would be: whom, with what, and why not (G5)."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "relance_numm.relance_item_action_automatic"
        )
        name = self.env._("Rehearsal of automatic reminders")
        context = {
            key: value
            for key, value in self._rehearsed_items(self.since).env.context.items()
            if key.startswith("relance_")
        }
        return {
            **action,
            "name": name,
            "display_name": name,
            # One rehearsal takes the place of another.
            "target": "main" if self._is_rehearsed() else "current",
            "context": {
                **context,
                "relance_rehearsal_start": self.id,
                "search_default_due": 1,
            },
        }

    def action_start(self):
        """Let the entity remind by invoice from now on."""
        self.ensure_one()
        self.company_id.write(self._prepare_company_vals())
        if self._is_rehearsed():
            return self._action_dry_run()
        return {"type": "ir.actions.client", "tag": "reload"}

    def _is_rehearsed(self):
        """Return whether this dialog was opened from the rehearsal."""
        return bool(self.env.context.get("relance_rehearsed"))

    @api.model
    def _action_dry_run(self):
        """Return the action of the rehearsed rows, no longer as a rehearsal."""
        # The web client hands a screen's context on to what it opens.
        no_more = (
            "relance_rehearsal",
            "relance_rehearsal_since",
            "relance_rehearsal_start",
            "relance_rehearsed",
        )
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(
                "relance_numm.relance_item_action_automatic"
            ),
            "target": "main",
            "context": {**dict.fromkeys(no_more, False), "search_default_due": 1},
        }

    def _prepare_company_vals(self):
        return {
            "relance_on": "invoice",
            "relance_since": self.since,
            "relance_first_cap": self.first_cap,
            "relance_calendar_id": self.calendar_id.id,
            "relance_per_customer": self.per_customer,
            "relance_user_id": self.user_id.id,
        }

    def action_cancel(self):
        """Go back to the settings as they were, or to the rehearsal."""
        if self._is_rehearsed():
            return {"type": "ir.actions.act_window_close"}
        return {"type": "ir.actions.client", "tag": "reload"}
