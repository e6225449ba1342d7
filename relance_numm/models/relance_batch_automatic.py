from collections import deque
from functools import partial

from odoo import SUPERUSER_ID, api, models

from ..tools import all_or_each
from .relance_batch import ReminderRequest

# Invoices reminded in one transaction.
REMIND_SIZE = 200
# Due rows read at a time: the run that ends for lack of time has not read all the
# others in vain, and a hundred thousand of them take no more memory than these.
DUE_SIZE = 20 * REMIND_SIZE


class RelanceBatchAutomatic(models.Model):
    """The cron: late invoices remind themselves (G2–G4).

    It reads what is due, then makes the reminders some at a time, each time in a
    transaction of its own: rows are locked, read again, and a unique index keeps an
    entry from having two reminders of one level. Killed at any instant, it loses the
    transaction under way, which the next run does again.
    """

    _inherit = "relance.batch"

    @api.model
    def _cron_remind(self):
        """Remind the invoices whose next date has come; deliver, and try again what
        failed (G2, G3).

        :raise: at the end, what kept whole portions from being made: Odoo logs it
        """
        faults = []
        if not self._remind(faults):
            self.env["relance.reminder"]._go_on_soon()
        if faults:
            # They remain: else Odoo would count a failed run, and after some of them
            # the cron would be archived.
            self.env["ir.cron"]._commit_progress(remaining=len(faults))
            raise faults[-1]

    @api.model
    def _remind(self, faults):
        """Do what the cron does.

        :param list faults: gets what kept whole portions from being made
        :return: whether there is time left
        """
        reminders = self.env["relance.reminder"]
        companies = self._companies_to_remind()
        due = {company: self._due_page(company) for company in companies}
        retry = reminders._retry_domain(companies)
        may_leave = reminders._may_leave_domain(companies)
        # What is due is made, then delivered.
        count = sum(self._due_count(company, *page) for company, page in due.items())
        failed = reminders.search_count(retry)
        pending = reminders.search_count(may_leave)
        self.env["ir.cron"]._commit_progress(remaining=2 * (count + failed) + pending)
        reminders._drop_settled_unconfirmed()
        if not reminders._work_off(reminders._take_cut_off, type(reminders)._cut_off):
            return False
        take_failed = partial(reminders._take_failed, retry)
        if not reminders._work_off(take_failed, type(reminders)._retry):
            return False
        for company, (chunks, last) in due.items():
            if not self._remind_chunks(company, chunks, faults):
                return False
            while last:
                chunks, last = self._due_page(company, last)
                if not self._remind_chunks(company, chunks, faults):
                    return False
        if not reminders._deliver_all(may_leave):
            return False
        self.env["ir.cron"]._commit_progress(remaining=0)
        return True

    @api.model
    def _companies_to_remind(self):
        """Return the companies that remind by invoice and of which reminders may leave
        now; of the others, the bank's journals tell why if it is for them (G3)."""
        companies = self.env["res.company"]._relance_automatic_companies()
        for company in companies:
            company._relance_tell_bank()
        return companies.filtered(lambda company: not company._relance_hold())

    @api.model
    def _due_page(self, company, after=None):
        """Return what is due in a company, in the portions of a transaction, from a
        row on; no more than can be reminded soon.

        :param tuple after: due date and id of the last row that was read before
        :return: the portions, and the last row, None where there are no more
        :rtype: tuple[list[relance.item], tuple | None]
        """
        company = company._relance_in_own_time()
        items = company._relance_due_items(DUE_SIZE, after)
        last = None
        if len(items) == DUE_SIZE:
            last = (items[-1].date_due, items[-1].id)
            if company.relance_per_customer:
                items = company._relance_with_customers(items)
                items = items.sorted(lambda item: (item.date_due, item.id))
        items = company._relance_within_cap(items)
        return self.with_env(company.env)._due_chunks(items), last

    @api.model
    def _due_count(self, company, chunks, last):
        """Return how many rows are due in a company, of which a page was read."""
        if not last:
            return sum(map(len, chunks))
        items = company._relance_in_own_time().env["relance.item"]
        return items.search_count(
            [("company_id", "=", company.id), *items._due_domain()]
        )

    @api.model
    def _due_chunks(self, items):
        """Return due rows of the active company in the portions of a transaction.

        :rtype: list[relance.item]
        """
        chunks, ids = [], []
        for group in self._split_by_reminder(items):
            ids += group.ids
            if len(ids) >= REMIND_SIZE:
                chunks.append(items.browse(ids))
                ids = []
        return [*chunks, items.browse(ids)] if ids else chunks

    @api.model
    def _remind_chunks(self, company, chunks, faults):
        """Make the reminders of a company's due invoices, a portion at a time.

        :param list faults: gets what kept whole portions from being made
        :return: whether there is time left
        """
        reminders = self.env["relance.reminder"]
        waiting = deque(chunks)
        # By portion: one that is taken anew fails anew.
        failed = {}
        model = self._acting_for(company)

        def take():
            return waiting[0] if waiting else model.env["relance.item"]

        def work(items):
            failed[items] = model._remind_due(items.with_env(model.env))
            # Helpers deliver what is made while this one makes the rest.
            pending = [("state", "=", "pending"), ("origin", "=", "automatic")]
            reminders._call_helpers(reminders.search_count(pending))
            # Another transaction may be in the way of what is written only now.
            self.env.flush_all()
            waiting.popleft()

        left = reminders._work_off(take, work)
        reasons = [
            reason for failures in failed.values() for reason in failures.reasons
        ]
        if reasons:
            model._note_failures(reasons)
            self.env["ir.cron"]._commit_progress()
        faults += [failures.fault for failures in failed.values() if failures.fault]
        return left

    @api.model
    def _acting_for(self, company):
        """Return this model in a company, at its time, in the language of whoever reads
        what the cron writes there."""
        lang = company._relance_lang(company.relance_user_id)
        return self.with_env(company._relance_in_own_time().with_context(lang=lang).env)

    @api.model
    def _remind_due(self, items):
        """Make the reminders of due items of the active company; one that cannot be
        made says so on its invoice, and never stops the others (G2).

        :return: what could not be made
        :rtype: Failures
        """
        items = self.env.company._relance_within_cap(items)
        failures = []
        all_or_each(
            items,
            self._remind_locked,
            lambda rows, error: failures.append((rows, error)),
            self._split_by_reminder,
        )
        return self._report_failures(items, failures)

    @api.model
    def _split_by_reminder(self, items):
        """Return due rows in the groups that get a reminder together (G4).

        :rtype: list[relance.item]
        """
        if not self.env.company.relance_per_customer:
            return list(items.grouped("move_id").values())
        return list(items.grouped(lambda item: item._mailing_key()).values())

    @api.model
    def _remind_locked(self, items):
        """Lock the invoices of due items against everybody else, read them again, and
        make the reminders of those that are due still."""
        company = self.env.company
        rows = self._lock_invoices(items.move_id)
        due = rows.filtered(lambda row: row in items and row._is_due())
        requests = self._automatic_requests(due, rows)
        if not requests:
            return
        batch = self._automatic_batch(company)
        silent = self._silent_companions(requests)
        # What is due was read in this transaction.
        reminders = batch._create_claimed(requests, rows.ids, silent, advised=False)
        reminders.filtered(
            lambda r: r.state == "to_confirm" and not r.main_reminder_id
        )._ask_to_confirm()
        due.move_id._relance_reminded()

    @api.model
    def _lock_invoices(self, moves):
        """Return the open rows of invoices, as they are now that they are locked; those
        that somebody else is working on are left to him."""
        move_lines = self.env["account.move.line"].search(
            [
                ("move_id", "in", moves.ids),
                ("account_type", "=", "asset_receivable"),
                ("reconciled", "=", False),
            ]
        )
        locked = move_lines.try_lock_for_update(allow_referencing=True)
        return self.env["relance.item"]._read_again(locked.ids)

    @api.model
    def _automatic_requests(self, due, rows):
        """Return what to make: a reminder per invoice, or per customer (G4).

        An invoice's other instalments go with the one that is due as far as they are
        late.

        :param relance.item due: the rows to remind
        :param relance.item rows: they and the other rows of their invoices
        :rtype: list[ReminderRequest]
        """
        routes = due._automatic_routes()
        # At once: each request looks at its own customer below.
        for company in self.env.company | self.env.company.root_id:
            due.partner_id.with_company(company).mapped("relance_user_id")
        followers = (rows - due).grouped("move_id")
        return [
            self._automatic_request(group, followers, routes)
            for group in self._split_by_reminder(due)
        ]

    @api.model
    def _automatic_request(self, group, followers, routes):
        """Return the request of one reminder, worded for the highest level in it."""
        lead = max(group, key=lambda item: item.next_level_id._compare_key())
        levels = {}
        for item in group:
            levels[item.id] = item.next_level_id
            for other in followers.get(item.move_id, ()):
                if other._goes_with(item):
                    levels[other.id] = item.next_level_id
        route = routes[lead.id]
        return ReminderRequest(
            company=lead.company_id,
            partner=lead.partner_id,
            currency=lead.currency_id,
            level=lead.next_level_id,
            channel=route.channel,
            item_ids=list(levels),
            step=lead.next_step_id,
            route=route,
            levels=levels,
            to_confirm=lead.automation == "confirm",
        )

    @api.model
    def _silent_companions(self, requests):
        """Return a sentence per call, meeting or SMS that has nobody to reach."""
        return [
            f"{request.partner.display_name}, {channel.name}: {problem}"
            for request in requests
            for channel, problem in request.route.silent.items()
        ]

    @api.model
    def _automatic_batch(self, company):
        """Return the batch of today's automatic reminders of a company."""
        return self.search(
            [
                ("origin", "=", "automatic"),
                ("company_id", "=", company.id),
                ("date", ">=", company._relance_day_start()),
            ],
            limit=1,
        ) or self.with_context(relance_origin="automatic")._new_batch(company)

    @api.model
    def _prepare_batch_vals(self, company):
        vals = super()._prepare_batch_vals(company)
        origin = self.env.context.get("relance_origin")
        return {**vals, "origin": origin} if origin else vals

    @api.model
    def _contact(self, request, recipients):
        """Override: what the cron makes takes its own route."""
        route = request.route
        return super()._contact(request, route.recipients if route else recipients)

    def _prepare_reminder_vals(self, request, claim, contact, day):
        """Override for what the cron makes: its author, and what goes with it."""
        vals = super()._prepare_reminder_vals(request, claim, contact, day)
        if not request.step:
            return vals
        to_confirm = request.to_confirm
        vals |= {
            "origin": "automatic",
            "state": "to_confirm" if to_confirm else "pending",
            "internal_email": claim.items.move_id._relance_internal_address()
            or vals["internal_email"],
        }
        companions = [
            self._prepare_companion_vals(vals, channel, request)
            for channel in request.route.companions
        ]
        return {**vals, "companions": companions}

    def _prepare_companion_vals(self, vals, channel, request):
        """Return the values of a call, meeting or SMS beside another reminder's."""
        contact = channel._delivery()._contact(request.route.recipients)
        return {**vals, "channel_id": channel.id, "contact_id": contact.id}

    def _prepare_claim(self, request, claim):
        """Override: each entry has its own level."""
        claim = super()._prepare_claim(request, claim)
        if not request.step:
            return claim
        firsts = claim.items.filtered(lambda item: item.is_due and item.is_first)
        return claim._replace(
            levels_by_id={id_: request.levels[id_].id for id_ in claim.items._ids},
            first_ids=frozenset(firsts._ids),
        )

    def _author(self, request, plan):
        """Override: whoever follows the customer, the plan or the company's reminders;
        nobody if there is no such person."""
        if not request.step:
            return super()._author(request, plan)
        return (
            request.partner._relance_followed_by(request.company)
            or plan.user_id
            or request.company.relance_user_id
            or self.env["res.users"].browse(SUPERUSER_ID)
        )
