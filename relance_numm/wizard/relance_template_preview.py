import base64

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..client_actions import dialog


class RelanceTemplatePreview(models.TransientModel):
    """A template on a real customer, as mail and as PDF, leaving no trace (A2)."""

    _name = "relance.template.preview"
    _description = "Preview of a reminder template"

    template_id = fields.Many2one("relance.template", required=True, readonly=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        default=lambda self: self._default_partner_id(),
    )
    subject = fields.Char(readonly=True)
    body_html = fields.Html(readonly=True, sanitize=False)
    letter = fields.Binary(readonly=True, attachment=False)
    message = fields.Char(readonly=True)

    def _default_partner_id(self):
        """Return the customer with the latest item, so that the preview shows one."""
        item = self.env["relance.item"].search(
            [("amount_due", ">", 0), ("partner_id", "!=", False)], limit=1
        )
        return item.partner_id or self.env.company.partner_id

    @api.model_create_multi
    def create(self, vals_list):
        previews = super().create(vals_list)
        previews._render()
        return previews

    def write(self, vals):
        result = super().write(vals)
        if "partner_id" in vals:
            self._render()
        return result

    def _render(self):
        for preview in self:
            preview.update(preview._preview_vals())

    def action_refresh(self):
        """Show the preview on the customer chosen now."""
        self.ensure_one()
        return self._action_open()

    def _action_open(self):
        return dialog(self, self.env._("Preview"), "extra-large")

    @api.model
    def _preview_fields(self):
        """Return the fields that show what was rendered, or why it was not."""
        return ["subject", "body_html", "letter", "message"]

    def _preview_vals(self):
        """Return the rendered texts and letter, or the sentence why there are none."""
        vals = dict.fromkeys(self._preview_fields(), False)
        customer = self.partner_id.commercial_partner_id
        items = self.env["relance.item"].search(
            [("partner_id", "=", customer.id), ("amount_due", ">", 0)], limit=60
        )
        items = items.filtered(lambda i: i._claim_key() == items[0]._claim_key())
        if not items:
            vals["message"] = self.env._(
                "%s owes nothing: choose a customer with an open invoice.",
                customer.display_name,
            )
            return vals
        # Placeholders need a record; nobody may delete a real reminder, but this one.
        reminder = (
            self.env["relance.reminder"]
            .sudo()
            .with_context(tracking_disable=True, mail_create_nosubscribe=True)
            .create(self._prepare_sample_vals(items))
        )
        try:
            vals.update(self._render_sample(reminder))
        except UserError as error:
            vals["message"] = str(error)
        reminder.unlink()
        return vals

    def _render_sample(self, reminder):
        """Return the rendered texts and letter of the sample reminder."""
        template = self.template_id
        try:
            texts = template._render_texts(reminder, reminder.lang)
        except Exception as error:
            raise UserError(template._render_problem(error)) from error
        pdfs, errors = self.env["relance.letter"]._render_letters(reminder, texts)
        mine = texts[reminder.id]
        return {
            "subject": mine["subject"],
            "body_html": Markup("%s%s") % (mine["body_html"], mine["signature"]),
            "letter": base64.b64encode(pdfs.get(reminder.id, b"")) or False,
            "message": errors.get(reminder.id, False),
        }

    def _prepare_sample_vals(self, items):
        recipients = self.partner_id.commercial_partner_id._relance_recipients()
        contact = recipients[self.partner_id.commercial_partner_id.id].letter_contact
        lines = self.env["relance.reminder.line"]
        level = self.template_id.step_ids[:1].level_id or items.advised_level_id[:1]
        return {
            "name": self.env._("PREVIEW"),
            "company_id": items[0].company_id.id,
            "currency_id": items[0].currency_id.id,
            "partner_id": items[0].partner_id.id,
            "contact_id": contact.id,
            "date": fields.Date.context_today(self),
            "level_id": (level or level.search([], limit=1)).id,
            "template_id": self.template_id.id,
            "channel_id": self.env.ref("relance_numm.channel_letter").id,
            # Nothing is to be sent: it must not count as in flight.
            "state": "canceled",
            "line_ids": [
                fields.Command.create(lines._prepare_item_vals(item)) for item in items
            ],
        }
