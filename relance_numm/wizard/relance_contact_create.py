from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..client_actions import dialog


class RelanceContactCreate(models.TransientModel):
    """Create the « Relance » contacts of many customers, seen before and undone after
    (B1)."""

    _name = "relance.contact.create"
    _description = "Create reminder contacts"

    state = fields.Selection(
        [("preview", "Preview"), ("done", "Created"), ("undone", "Undone")],
        required=True,
        readonly=True,
        default="preview",
    )
    line_ids = fields.One2many(
        "relance.contact.create.line", "wizard_id", string="Customers", readonly=True
    )
    contact_ids = fields.Many2many("res.partner", string="Created", readonly=True)
    new_count = fields.Integer(compute="_compute_counts")
    skipped_count = fields.Integer(compute="_compute_counts")
    contact_count = fields.Integer(readonly=True)
    archived_count = fields.Integer(readonly=True)

    @api.depends("line_ids.skipped")
    def _compute_counts(self):
        for wizard in self:
            skipped = wizard.line_ids.filtered("skipped")
            wizard.skipped_count = len(skipped)
            wizard.new_count = len(wizard.line_ids) - len(skipped)

    @api.model
    def _action_for(self, partners):
        """Return the action that opens the dialog on the customers among partners.

        :raise UserError: where there is none
        """
        self.check_access("create")
        customers = partners._relance_customers()
        if not customers:
            raise UserError(
                self.env._(
                    "Select at least one customer to create reminder contacts for."
                )
            )
        wizard = self.create({})
        wizard._show(customers._relance_propose_contacts())
        return wizard._action_open()

    def _show(self, proposals):
        self.line_ids = [
            Command.clear(),
            *(Command.create(self._prepare_line_vals(one)) for one in proposals),
        ]

    @api.model
    def _prepare_line_vals(self, proposal):
        if proposal.skipped:
            return {"partner_id": proposal.customer.id, "skipped": proposal.skipped}
        vals = proposal.vals
        address = (vals.get(name) for name in ("street", "street2", "zip", "city"))
        return {
            "partner_id": proposal.customer.id,
            "source_id": proposal.source.id,
            "email": vals["email"],
            "phone": vals["phone"],
            "address": " ".join(filter(None, address)),
        }

    def action_create_contacts(self):
        """Create the contacts, of the customers that still have none, and say so."""
        self.ensure_one()
        if self.state != "preview":
            raise UserError(self.env._("These reminder contacts were created already."))
        # One at a time: two dialogs on the same customers create one contact each.
        customers = self.line_ids.partner_id
        customers.sudo().lock_for_update()
        contacts, proposals = customers._relance_create_contacts()
        self._show(proposals)
        self.write(
            {
                "state": "done",
                "contact_ids": [Command.set(contacts.ids)],
                "contact_count": len(contacts),
            }
        )
        return self._action_open()

    def action_undo(self):
        """Take the contacts back: deleted, or archived where something uses them."""
        self.ensure_one()
        if self.state != "done":
            raise UserError(
                self.env._("There is nothing to undo: no contact was created here.")
            )
        archived = self.contact_ids._relance_undo_contacts()
        self.write({"state": "undone", "archived_count": len(archived)})
        return self._action_open()

    def action_open_contacts(self):
        """Open the contacts that were created."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Reminder contacts"),
            "res_model": "res.partner",
            "views": [(False, "list"), (False, "form")],
            "domain": [("id", "in", self.contact_ids.ids)],
        }

    def _action_open(self):
        return dialog(self, self.env._("Create reminder contacts"), "extra-large")
