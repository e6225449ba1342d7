from odoo import api, models
from odoo.exceptions import UserError


class ResourceCalendar(models.Model):
    _inherit = "resource.calendar"

    @api.ondelete(at_uninstall=False)
    def _unlink_except_sending_hours(self):
        """Keep the hours within which a company's reminders leave: without them they
        would leave at night.

        :raise UserError: naming the hours, the companies and what to do
        """
        # Also of entities that whoever deletes them has no access to.
        companies = (
            self.env["res.company"]
            .sudo()
            .search([("relance_calendar_id", "in", self.ids)])
        )
        if companies:
            raise UserError(
                self.env._(
                    "“%(hours)s” are the sending hours of the reminders of "
                    "%(companies)s: choose others in Settings › Accounting › Reminders "
                    "before you delete them.",
                    hours=", ".join(companies.relance_calendar_id.mapped("name")),
                    companies=", ".join(companies.mapped("name")),
                )
            )
