from odoo import api, fields, models


class RelanceTemplatePreviewSms(models.TransientModel):
    """The SMS of a template on a real customer (A2, F2)."""

    _inherit = "relance.template.preview"

    sms_text = fields.Text(string="SMS", readonly=True)
    sms_size_text = fields.Char(string="SMS length", readonly=True)

    @api.model
    def _preview_fields(self):
        return [*super()._preview_fields(), "sms_text", "sms_size_text"]

    def _render_sample(self, reminder):
        vals = super()._render_sample(reminder)
        template = self.template_id
        # Rendered above already, so nothing is wrong with it.
        rendered = template._render_texts(reminder, reminder.lang, ["sms_text"])
        text = self.env["relance.delivery.sms"]._text(
            reminder, rendered[reminder.id]["sms_text"]
        )
        size = template._sms_size_text(text)
        return {**vals, "sms_text": text, "sms_size_text": size}
