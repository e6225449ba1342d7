import pytz

from odoo import api, fields, models

from odoo.addons.base.models.res_partner import _tz_get


class ResCompanyTimeZone(models.Model):
    """By which clock a company reminds (G3): the one that a person chose, else that of
    its address, else its entity's."""

    _inherit = "res.company"

    relance_own_tz = fields.Selection(
        _tz_get,
        string="Own time zone of reminders",
        readonly=True,
        help="Chosen by a person; empty: it follows the address.",
    )
    relance_tz = fields.Selection(
        _tz_get,
        string="Time zone of reminders",
        compute="_compute_relance_tz",
        inverse="_inverse_relance_tz",
        store=True,
        precompute=True,
        recursive=True,
        help="Decides which day it is for due dates, and the sending hours. It follows "
        "the company's address until you choose another.",
    )

    @api.depends(
        "relance_own_tz",
        "partner_id.tz",
        "partner_id.country_id",
        "parent_id.relance_tz",
    )
    def _compute_relance_tz(self):
        for company in self:
            company.relance_tz = (
                company.relance_own_tz
                or company._relance_address_tz()
                or company.parent_id.relance_tz
                or company.relance_tz
                or self.env.user.tz
                or "UTC"
            )

    def _inverse_relance_tz(self):
        """Keep the zone a person chooses, whatever becomes of the address; that of the
        address or of the entity goes on following it."""
        for company in self:
            theirs = company._relance_address_tz() or company.parent_id.relance_tz
            chosen = company.relance_tz
            company.relance_own_tz = chosen != theirs and chosen

    def _relance_address_tz(self):
        """Return the zone of the company's address, or False where it has none or its
        country has several.

        :rtype: str | bool
        """
        self.ensure_one()
        country = self.partner_id.country_id.code or ""
        zones = pytz.country_timezones.get(country.upper(), [])
        return self.partner_id.tz or (len(zones) == 1 and zones[0])
