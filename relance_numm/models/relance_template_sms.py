from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools.rendering_tools import parse_inline_template

from ..tools import sms_size
from .relance_reminder_text import PLACEHOLDERS
from .relance_template import PLAIN_EXPRESSION

# What the sample owes: enough for a total of a usual length.
SAMPLE_AMOUNT = 1234.5
SAMPLE_DAYS_LATE = 15


class RelanceTemplateSms(models.Model):
    """How long a template's SMS gets, while it is being written (A2, F2)."""

    _inherit = "relance.template"

    sms_sample = fields.Text(
        string="Reads about like this",
        compute="_compute_sms_sample",
        help="With usual values in the place of the placeholders.",
    )
    sms_size_text = fields.Char(string="SMS length", compute="_compute_sms_sample")

    @api.depends("sms_text")
    @api.depends_context("lang", "company", "uid")
    def _compute_sms_sample(self):
        sample = self._sample_reminder()
        for template in self:
            text = sample._sms_text(template._fill_in(sample))
            template.sms_sample = text
            template.sms_size_text = self._sms_size_text(text)

    @api.constrains("sms_text")
    def _check_sms_placeholders(self):
        """Refuse a list or another rich text in an SMS, naming it (A2)."""
        known = self.env["relance.reminder"]._fields
        for template in self:
            for placeholder in template._placeholders("sms_text"):
                match = PLAIN_EXPRESSION.fullmatch(placeholder)
                field = match and known.get(match[1])
                if field is not None and field.type == "html":
                    raise ValidationError(
                        self.env._(
                            "Template “%(template)s”: an SMS has no room for "
                            "“%(placeholder)s”, which is a table. Take it out of the "
                            "SMS.",
                            template=template.name,
                            placeholder=field._description_string(self.env),
                        )
                    )

    @api.model
    def _sample_reminder(self):
        """Return a reminder of nothing, to fill placeholders with usual values."""
        company = self.env.company
        today = fields.Date.context_today(self)
        return self.env["relance.reminder"].new(
            {
                "name": today.strftime("R-%y%m-0000"),
                "company_id": company.id,
                "currency_id": company.currency_id.id,
                "partner_id": company.partner_id.id,
                "contact_id": company.partner_id.id,
                "user_id": self.env.uid,
                "date": today,
                "line_ids": [
                    fields.Command.create(
                        {
                            "name": today.strftime("INV/%Y/00000"),
                            "amount_due": SAMPLE_AMOUNT,
                            "date_due": today - timedelta(SAMPLE_DAYS_LATE),
                            "days_late": SAMPLE_DAYS_LATE,
                        }
                    )
                ],
            }
        )

    def _fill_in(self, sample):
        """Return the SMS with the sample's values.

        It is being edited, so nothing is evaluated: only the placeholders meant for
        templates are filled in.
        """
        filled = []
        for literal, expression, default in parse_inline_template(self.sms_text or ""):
            match = PLAIN_EXPRESSION.fullmatch((expression or "").strip())
            known = match and match[1] in PLACEHOLDERS
            value = sample[match[1]] if known else expression and "…"
            filled += [literal, value or default or ""]
        return "".join(filled)

    @api.model
    def _sms_size_text(self, text):
        """Return how long an SMS is, and what makes it longer than need be."""
        size = sms_size(text)
        values = {
            "length": size.length,
            "parts": size.parts,
            "alphabet": size.alphabet,
            "limit": size.limit,
            "characters": " ".join(size.unusual),
        }
        if size.unusual:
            return self.env._(
                "%(length)s characters, %(parts)s SMS (%(alphabet)s): with "
                "%(characters)s only %(limit)s characters fit into an SMS",
                **values,
            )
        return self.env._(
            "%(length)s characters, %(parts)s SMS (%(alphabet)s)", **values
        )
