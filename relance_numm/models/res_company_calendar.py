from datetime import datetime, timedelta

import pytz

from odoo import models


class ResCompanyCalendar(models.Model):
    """The days on which a company works."""

    _inherit = "res.company"

    def _relance_working_date(self, days, user=None):
        """Return the working day some working days from today; with 0, today or the
        next working day.

        By the working hours of a person, else the sending hours of the reminders, else
        the company's working hours; where these have no working day at all, each day is
        one.

        :param res.users user: the person who is to do something that day
        :rtype: datetime.date
        """
        self.ensure_one()
        today = self._relance_today()
        start = today + timedelta(min(days, 1))
        midnight = pytz.timezone(self.relance_tz or "UTC").localize(
            datetime.combine(start, datetime.min.time())
        )
        calendar = self._relance_calendar_of(user)
        end = calendar and calendar.plan_days(
            max(days, 1), midnight, compute_leaves=True
        )
        return end.date() if end else today + timedelta(days)

    def _relance_calendar_of(self, user):
        # Working hours are not for accountants to read.
        company = self.sudo()
        theirs = user and user.sudo().resource_ids.filtered(
            lambda resource: resource.company_id == company
        )
        return (
            theirs
            and theirs[:1].calendar_id
            or company.relance_calendar_id
            or company.resource_calendar_id
        )
