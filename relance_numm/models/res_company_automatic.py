from datetime import datetime, timedelta

import pytz

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, format_date, format_datetime

# How far ahead the next opening of the sending hours is looked for.
OPENING_SEARCH_DAYS = 30


class ResCompanyAutomatic(models.Model):
    """How and when a company reminds by itself (G2–G4)."""

    _inherit = "res.company"

    relance_since = fields.Date(
        string="Due dates from",
        help="Invoices due before are not reminded by themselves, unless their next "
        "date is set by hand; empty: all are.",
    )
    relance_calendar_id = fields.Many2one(
        "resource.calendar",
        string="Sending hours",
        # `resource.calendar` says so with a sentence.
        ondelete="restrict",
        help="Automatic reminders leave within these working hours, not on their days "
        "off; empty: at any time.",
    )
    relance_pause_until = fields.Date(
        string="Pause until",
        help="Nothing leaves by itself before that day.",
    )
    relance_first_cap = fields.Integer(
        string="First reminders a day",
        help="At most so many invoices get their first automatic reminder on a day, "
        "oldest due date first; 0: no limit.",
    )
    relance_min_amount = fields.Monetary(
        string="Minimum amount",
        help="An invoice of which less is left to pay is not reminded by itself.",
    )
    relance_per_customer = fields.Boolean(
        string="One reminder per customer",
        help="The invoices of a customer that are to be reminded on a day go into one "
        "reminder, worded for the highest level among them.",
    )
    relance_user_id = fields.Many2one(
        "res.users",
        string="Reminders followed by",
        help="Signs automatic reminders and is told of their problems, where neither "
        "the customer nor the plan has somebody.",
    )

    _relance_automatic_positive = models.Constraint(
        "CHECK (relance_first_cap >= 0 AND relance_min_amount >= 0)",
        "First reminders a day and minimum amount cannot be negative.",
    )

    @api.model
    def _get_company_root_delegated_field_names(self):
        return super()._get_company_root_delegated_field_names() + [
            "relance_since",
            "relance_calendar_id",
            "relance_pause_until",
            "relance_first_cap",
            "relance_min_amount",
            "relance_per_customer",
            "relance_user_id",
        ]

    def _relance_in_own_time(self):
        """Return this company as its own environment: only it is active, and “today”
        is by its time zone (G3)."""
        self.ensure_one()
        return self.with_company(self).with_context(
            allowed_company_ids=self.ids, tz=self.relance_tz or "UTC"
        )

    def _relance_lang(self, user):
        """Return the language of what is written for a user of this company, or for
        all of them where he is nobody.

        :rtype: str
        """
        self.ensure_one()
        if not user or user._is_superuser():
            return self.partner_id.lang or self.env.lang
        return user.lang or self.env.lang

    @api.model
    def _relance_automatic_companies(self):
        """Return the companies that remind by invoice."""
        return self.search([("relance_on", "=", "invoice")], order="id")

    # Whether anything may leave now

    def _relance_hold(self):
        """Return why nothing may leave by itself now, or False (G3).

        :rtype: str | bool
        """
        self.ensure_one()
        company = self._relance_in_own_time()
        return (
            company._relance_pause_text()
            or company._relance_late_banks_text()
            or company._relance_closed_text()
        )

    def _relance_pause_text(self):
        until = self.relance_pause_until
        if until and fields.Date.context_today(self) < until:
            return self.env._(
                "Automatic reminders are paused until %s.", format_date(self.env, until)
            )
        return False

    def _relance_late_banks_text(self):
        late = self._relance_late_banks()
        if not late:
            return False
        return self.env._(
            "The bank is not up to date, so nothing leaves by itself: %s. Import the "
            "statements, archive a journal that is not used any longer, or change the "
            "limit in the settings.",
            ", ".join(
                self.env._(
                    "%(journal)s up to %(date)s",
                    journal=status["journal"],
                    date=status["date"],
                )
                for status in late
            ),
        )

    def _relance_late_banks(self):
        """Return the state of the bank journals that are too old to remind by.

        A journal that was never used says nothing about payments.
        """
        return [
            status
            for status in self._relance_bank_status()
            if status["late"] and status["date"]
        ]

    def _relance_closed_text(self):
        opening = self._relance_next_opening()
        if opening and opening <= fields.Datetime.now():
            return False
        if not opening:
            return self.env._(
                "The sending hours “%s” have no working time in the coming weeks.",
                self.relance_calendar_id.name,
            )
        return self.env._(
            "Outside the sending hours: the next reminders leave from %s on.",
            format_datetime(self.env, opening, tz=self.relance_tz, dt_format="short"),
        )

    def _relance_next_opening(self):
        """Return when reminders may next leave, in UTC: now, if they may now; None if
        they never may.

        :rtype: datetime.datetime | None
        """
        now = fields.Datetime.now()
        # The hours are the company's, which its accountants need not be able to read.
        calendar = self.relance_calendar_id.sudo()
        if not calendar:
            return now
        zone = pytz.timezone(self.relance_tz or "UTC")
        start = pytz.utc.localize(now).astimezone(zone)
        intervals = calendar._work_intervals_batch(
            start,
            start + timedelta(days=OPENING_SEARCH_DAYS),
            domain=[
                ("time_type", "=", "leave"),
                ("company_id", "in", [False, *(self | self.parent_ids).ids]),
            ],
            tz=zone,
        )[False]
        return next(
            (
                opening.astimezone(pytz.utc).replace(tzinfo=None)
                for opening, _end, _meta in intervals
            ),
            None,
        )

    def _relance_day_start(self):
        """Return when today began in the company's time zone, in UTC as Odoo stores it.

        :rtype: datetime.datetime
        """
        zone = pytz.timezone(self.relance_tz or "UTC")
        midnight = zone.localize(
            datetime.combine(self._relance_today(), datetime.min.time())
        )
        return midnight.astimezone(pytz.utc).replace(tzinfo=None)

    def _relance_today_sql(self, company_id):
        """Return which day it is in each of these companies, by its own time zone.

        :param SQL company_id: the company's id in the query.
        :rtype: SQL
        """
        days = {company.id: company._relance_today() for company in self}
        mine = SQL("%s::date", fields.Date.context_today(self))
        if not days:
            return mine
        if len(set(days.values())) == 1:
            return SQL("%s::date", days.popitem()[1])
        return SQL(
            "CASE %s %s ELSE %s END",
            company_id,
            SQL(" ").join(SQL("WHEN %s THEN %s::date", *day) for day in days.items()),
            mine,
        )

    def _relance_today(self):
        """Return which day it is by this company's time zone."""
        return fields.Date.context_today(self.with_context(tz=self.relance_tz or "UTC"))

    # What is due

    def _relance_due_items(self, limit=None, after=None):
        """Return the rows of this company that the cron is to remind now, those that
        are the longest overdue first (G2).

        :param int limit: how many of them at most
        :param tuple after: due date and id of the row after which they begin
        """
        domain = Domain.TRUE
        if after:
            date_due, id_ = after
            # The first one alone says where an index goes on.
            domain = Domain("date_due", ">=", date_due) & (
                Domain("date_due", ">", date_due) | Domain("id", ">", id_)
            )
        return self._relance_search_due(domain, limit)

    def _relance_with_customers(self, items):
        """Return due rows, and all that is due of their customers besides."""
        return items | self._relance_search_due(
            Domain("partner_id", "in", items.partner_id.ids)
        )

    def _relance_search_due(self, domain, limit=None):
        items = self.env["relance.item"]
        due = Domain("company_id", "=", self.id) & Domain(items._due_domain())
        return items.search_fetch(
            due & domain,
            ["move_id", "partner_id", "is_first", "automation", "date_due"],
            order="date_due, id",
            limit=limit,
        )

    def _relance_within_cap(self, items):
        """Return these due rows without the first reminders that are more than the
        company makes on a day (G4).

        Asked of all that is due, so that what waits for another day does not keep the
        cron busy, and again of each portion, with the company's row held.
        """
        if not self.relance_first_cap:
            return items
        return items - items.filtered("is_first")[self._relance_claim_first() :]

    def _relance_cap_text(self):
        """Return how many first reminders leave today at most, if there is a limit."""
        if not self.relance_first_cap:
            return ""
        return self.env._(
            "First reminders that may still leave today: %s; the others wait for "
            "another day.",
            self._relance_in_own_time()._relance_first_left(),
        )

    def _relance_claim_first(self):
        """Return how many first reminders this transaction may make today.

        It holds the entity's row until it commits, so that two workers keep the limit
        together; the one that does not get the row makes none.
        """
        # The cron's own lock, which writes nothing on the company.
        if not self.root_id.sudo().try_lock_for_update(allow_referencing=True):
            return 0
        # This transaction may be older than the other worker's commit.
        with self.env.registry.cursor() as cr:
            return self._relance_first_left(cr)

    def _relance_first_left(self, cr=None):
        """Return how many first reminders the entity of this company, with all its
        branches, may still make today.

        :param cr: the cursor to ask, if it is not our own
        """
        # The limit is the entity's, also for who works in one of its branches only.
        entity = self.root_id.sudo()
        query = SQL(
            """
            SELECT count(*) FROM relance_reminder_line
             WHERE is_first AND company_id = ANY(%s) AND create_date >= %s
            """,
            entity.search([("id", "child_of", entity.id)]).ids,
            entity._relance_day_start(),
        )
        cr = cr or self.env.cr
        cr.execute(query)
        [count] = cr.fetchone()
        return max(self.relance_first_cap - count, 0)
