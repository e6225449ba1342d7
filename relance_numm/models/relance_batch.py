from collections import defaultdict
from functools import cache
from itertools import chain
from typing import NamedTuple

from markupsafe import Markup
from psycopg2.errors import UniqueViolation

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..tools import all_or_each
from .relance_reminder import IN_FLIGHT, REMINDER_ORIGINS
from .relance_step import Route

# Up to so many reminders are created while the user waits.
CREATE_SIZE = 200
# More, in the background, so many in one transaction: after each, progress shows.
PORTION_SIZE = 1000


class ReminderRequest(NamedTuple):
    """A reminder somebody asks for: what the batch checks and creates.

    The cron's has the ``step`` it follows, the ``route`` it takes and the level of each
    item in ``levels``, and whether a person confirms it first; a person's level and
    type are checked against the plan. With a ``contact``, « Contrôles » have said that
    it reaches him as it is: both are looked at again when it leaves.
    """

    company: models.Model
    partner: models.Model
    currency: models.Model
    level: models.Model
    channel: models.Model
    item_ids: list
    note: str | bool = False
    step: models.Model | None = None
    route: Route | None = None
    levels: dict | None = None
    to_confirm: bool = False
    contact: models.Model | None = None

    @property
    def key(self):
        """Return what all rows of the work list that it is for share."""
        return self.company.id, self.partner.id, self.currency.id


class FormalNoticeDraft(NamedTuple):
    """A mise en demeure that is not created yet."""

    company: models.Model
    partner: models.Model
    contact: models.Model
    template: models.Model


class RelanceBatch(models.Model):
    """The reminders created together, by a person or by the cron (lot)."""

    _name = "relance.batch"
    _description = "Reminder batch"
    _inherit = ["mail.thread"]
    _order = "id desc"
    _mail_post_access = "read"

    name = fields.Char(string="Number", readonly=True, required=True)
    company_id = fields.Many2one(
        "res.company", string="Branch", required=True, readonly=True, index=True
    )
    user_id = fields.Many2one("res.users", string="Author", readonly=True)
    date = fields.Datetime(readonly=True)
    origin = fields.Selection(
        REMINDER_ORIGINS, required=True, readonly=True, default="manual"
    )
    reminder_ids = fields.One2many("relance.reminder", "batch_id", string="Reminders")
    left_out = fields.Html(
        readonly=True, help="Entries that were not reminded, and why."
    )
    left_out_count = fields.Integer(string="Entries left out", readonly=True)
    reminder_count = fields.Integer(
        string="Number of reminders", compute="_compute_counts"
    )
    to_confirm_count = fields.Integer(string="To confirm", compute="_compute_counts")
    pending_count = fields.Integer(string="To send", compute="_compute_counts")
    outgoing_count = fields.Integer(string="Under way", compute="_compute_counts")
    sent_count = fields.Integer(string="Reminders sent", compute="_compute_counts")
    failed_count = fields.Integer(string="Reminders failed", compute="_compute_counts")
    letter_count = fields.Integer(string="Letters", compute="_compute_counts")
    waiting_count = fields.Integer(string="To create", compute="_compute_counts")
    progress = fields.Float(compute="_compute_counts", help="In percent.")

    def _compute_counts(self):
        # What still waits is the author's own; how much of it is everybody's to see.
        waiting = dict(
            self.env["relance.prepare.line"]
            .sudo()
            ._read_group([("batch_id", "in", self.ids)], ["batch_id"], ["__count"])
        )
        by_state = defaultdict(int)
        letters, totals = defaultdict(int), defaultdict(int)
        for batch, state, main, kind, count in self.env["relance.reminder"]._read_group(
            [("batch_id", "in", self.ids)],
            ["batch_id", "state", "main_reminder_id.state", "channel_kind"],
            ["__count"],
        ):
            # Nothing in the background sends what waits for one that failed.
            if (state, main) != ("pending", "failed"):
                by_state[batch.id, state] += count
            letters[batch.id] += count * (kind == "letter")
            totals[batch.id] += count
        for batch in self:
            total = totals[batch.id]
            batch.reminder_count = total
            for state in (*IN_FLIGHT, "sent", "failed"):
                batch[f"{state}_count"] = by_state[batch.id, state]
            batch.letter_count = letters[batch.id]
            batch.waiting_count = waiting.get(batch, 0)
            # Half of the way is to be created, the other half to be delivered.
            steps = 2 * (total + batch.waiting_count)
            done = 2 * total - batch.pending_count
            batch.progress = 100.0 * done / steps if steps else 100.0

    @api.ondelete(at_uninstall=False)
    def _unlink_except_with_reminders(self):
        if self.reminder_ids or any(self.mapped("waiting_count")):
            raise UserError(
                self.env._("A batch that has reminders is kept as their history.")
            )

    @api.model
    def _create_reminders(self, requests):
        """Create one reminder per request, checked against the books (D6, D7).

        What is paid, blocked or being reminded by someone else since it was prepared
        is left out, with a sentence on the batch; the rest goes on. The reminders are
        delivered at once where they are few, else in the background (D8).

        :param list[ReminderRequest] requests: what a person or the cron asks for
        :return: the batches, one per company
        """
        by_company = defaultdict(list)
        for request in requests:
            by_company[request.company].append(request)
        batches = self.browse()
        for company, company_requests in by_company.items():
            batch = self._new_batch(company)
            batch._fill(company_requests)
            batches |= batch
        batches.reminder_ids._start()
        return batches

    @api.model
    def _create_for_lines(self, lines):
        """Create the reminders of a preparation: now, or in the background if they
        are many (D8).

        :param relance.prepare.line lines: what a person prepared
        :return: the batches, one per company
        """
        if len(lines) <= CREATE_SIZE:
            return self._create_reminders([line._reminder_request() for line in lines])
        batches = self.browse()
        by_company = lines._read_group(
            [("id", "in", lines.ids)], ["company_id"], ["id:recordset"]
        )
        for company, company_lines in by_company:
            batch = self._new_batch(company)
            company_lines._set_column("batch_id", batch.id)
            batches |= batch
        self.env.ref("relance_numm.ir_cron_deliver")._trigger()
        # At once: who helps need not be called by the first one.
        self.env["relance.reminder"]._call_helpers(len(lines), PORTION_SIZE)
        return batches

    @api.model
    def _take_waiting(self):
        """Return some lines of one batch that wait to be created, locked."""
        line = self.env["relance.prepare.line"].search(
            [("batch_id", "!=", False)], limit=1, order="id"
        )
        # Other workers hold the first ones.
        lines = line.search(
            [("batch_id", "=", line.batch_id.id)], limit=PORTION_SIZE * 20, order="id"
        )
        return lines.try_lock_for_update(limit=PORTION_SIZE) if line else line

    @api.model
    def _create_all_waiting(self):
        """Create the reminders of all the lines that wait, some at a time.

        :return: whether there is time left
        """
        reminders = self.env["relance.reminder"]
        return reminders._work_off(self._take_waiting, self._create_waiting)

    @api.model
    def _create_waiting(self, lines):
        """Create the reminders of waiting lines, as their author would."""
        all_or_each(lines, type(lines)._fill_batch, type(lines)._leave_out)
        # Others deliver them while the next are created.
        self.env["relance.reminder"]._call_helpers(len(lines))
        lines.unlink()

    @api.model
    def _new_batch(self, company):
        """Return a new batch; only this pipeline creates one, whoever reminds."""
        return self.sudo().create(self._prepare_batch_vals(company)).sudo(self.env.su)

    @api.model
    def _prepare_batch_vals(self, company):
        return {
            # Anyone who reminds takes the next number.
            "name": self.env["ir.sequence"].sudo().next_by_code("relance.batch"),
            "company_id": company.id,
            "user_id": self.env.uid,
            "date": fields.Datetime.now(),
        }

    def _fill(self, requests):
        """Create the reminders of a batch out of what may still be reminded."""
        item_ids = [item_id for request in requests for item_id in request.item_ids]
        free, left_out = self._lock_items(item_ids)
        self._create_claimed(requests, free, left_out)

    def _create_claimed(self, requests, item_ids, left_out, advised=True):
        """Create the reminders of items that this transaction has locked (D7).

        :param item_ids: their ids
        :param list left_out: a sentence for each of those that are left out already
        :param bool advised: leave out what is not advised to a person, too
        :return: the reminders
        """
        free = {*item_ids}
        while True:
            prepared, refused = self._prepare_reminders_vals(requests, free, advised)
            try:
                with self.env.cr.savepoint():
                    reminders = self._insert_reminders(prepared)
                break
            except UniqueViolation:
                taken = self._taken_meanwhile(free)
                if not taken:
                    raise
                free.difference_update(taken)
                items = self.env["relance.item"].browse(taken)
                left_out += [self._taken_text(item) for item in items]
        self._add_left_out(left_out + refused)
        return reminders

    def _add_left_out(self, sentences):
        """Say which entries were not reminded, and why."""
        if sentences:
            items = Markup("").join(Markup("<li>%s</li>") % s for s in sentences)
            # What was left out is a fact that people cannot write.
            batch = self.sudo()
            batch.left_out = (batch.left_out or Markup()) + (
                Markup("<ul>%s</ul>") % items
            )
            batch.left_out_count += len(sentences)

    @api.model
    def _lock_items(self, item_ids):
        """Lock the items against everybody else (D7).

        :return: the ids of those that nobody else holds, and a sentence for each other
        :rtype: tuple[list[int], list[str]]
        """
        move_lines = self.env["account.move.line"].browse(item_ids)
        locked = move_lines.try_lock_for_update(allow_referencing=True)
        taken = {*move_lines._ids}.difference(locked._ids)
        # What does not exist any more cannot be locked either.
        taken = move_lines.browse(id_ for id_ in item_ids if id_ in taken).exists()
        return locked.ids, [self._taken_text(line) for line in taken]

    @api.model
    def _taken_text(self, item):
        return self.env._(
            "%s: being reminded or paid by someone else at this very moment",
            item.display_name if item._name == "relance.item" else item.move_name,
        )

    @api.model
    def _taken_meanwhile(self, item_ids):
        """Return those of these items that another transaction has just reminded.

        This transaction's snapshot is older than the other's commit and cannot see
        it, hence a cursor of its own. Whatever became of that reminder since: these
        items are no longer as they were prepared.

        :rtype: list[int]
        """
        query = SQL(
            """
            SELECT move_line_id, id FROM relance_reminder_line
             WHERE move_line_id = ANY(%s) AND is_last
            """,
            list(item_ids),
        )
        mine = dict(self.env.execute_query(query))
        with self.env.registry.cursor() as cr:
            cr.execute(query)
            theirs = dict(cr.fetchall())
        return [id_ for id_ in item_ids if theirs.get(id_) != mine.get(id_)]

    def _prepare_reminders_vals(self, requests, free, advised):
        """Return the values of the reminders, each with what it claims, and a sentence
        for each entry or request that is refused.

        :param set free: the ids of the items that may be claimed
        :param bool advised: refuse what is not advised to a person
        :rtype: tuple[list[tuple[dict, Claim]], list[str]]
        """
        customers = self.env["res.partner"].union(
            # The contact of the others is known.
            *(r.partner for r in requests if not (r.contact or r.route))
        )
        recipients = customers._relance_recipients()
        claimed, refused = self._claimed_rows(requests, free, advised)
        claims = self.env["relance.item"]._claims([mine for _request, mine in claimed])
        asked = [
            (request, claim, recipients.get(request.partner.id))
            for (request, _rows), claim in zip(claimed, claims, strict=True)
        ]
        problems = self._request_problems(asked)
        refused += filter(None, problems)
        today = fields.Date.context_today(self)
        prepared = [
            (
                self._prepare_reminder_vals(
                    request, claim, self._contact(request, mine), today
                ),
                self._prepare_claim(request, claim),
            )
            for (request, claim, mine), problem in zip(asked, problems, strict=True)
            if not problem
        ]
        self._number([vals for vals, _claim in prepared])
        return prepared, refused

    @api.model
    def _claimed_rows(self, requests, free, advised):
        """Return the requests with the rows that each of them may claim, where there
        are any, as the books are now (D7), and a sentence for each row that it may not.

        :param set free: the ids of the items that may be claimed
        :param bool advised: refuse what is not advised to a person
        :rtype: tuple[list[tuple[ReminderRequest, ClaimRows]], list[str]]
        """
        groups = [[i for i in request.item_ids if i in free] for request in requests]
        rows = self.env["relance.item"]._claim_rows(groups, advised)
        claimed, idle, others = [], [], []
        for mine in rows:
            request = requests[mine.position]
            if not mine.is_advised:
                idle += mine.item_ids
            elif mine.key != request.key:
                others += mine.item_ids
            else:
                claimed.append((request, mine))
        gone = {*chain.from_iterable(groups)}.difference(
            *(mine.item_ids for mine in rows)
        )
        return claimed, self._refused_texts(idle, others, gone)

    @api.model
    def _refused_texts(self, idle, others, gone):
        """Return a sentence for each entry that may not be claimed.

        :param idle: the ids of those that are not advised
        :param others: the ids of those of another customer or currency
        :param gone: the ids of those that are no longer open
        :rtype: list[str]
        """
        items = self.env["relance.item"]
        texts = [item._left_out_text() for item in idle and items._read_again(idle)]
        texts += [
            self.env._(
                "%s: no longer open (paid, reconciled or set back to draft)",
                line.move_name,
            )
            for line in self.env["account.move.line"].browse(gone)
        ]
        return texts + [
            self.env._("%s: its customer or currency was changed", item.name)
            for item in items.browse(others)
        ]

    def _prepare_claim(self, request, claim):
        """Return what a reminder's lines are made of: see
        `relance.reminder.line._claim_columns`.

        :rtype: Claim
        """
        return claim

    def _number(self, vals_list):
        """Give reminders, and those that accompany them, their numbers (D6)."""
        companions = [
            companion for vals in vals_list for companion in vals.get("companions", ())
        ]
        numbered = vals_list + companions
        numbers = self.company_id._relance_next_numbers(len(numbered))
        for vals, number in zip(numbered, numbers, strict=True):
            vals["name"] = number

    @api.model
    def _request_problems(self, asked):
        """Return why each of these is not allowed, or False (D2, D3).

        :param list asked: of each a request, what it claims, and the customer's
            recipients, None where whom it reaches is known
        """
        # There are few types that are allowed, for however many customers.
        allowed_channels = cache(lambda step: step._allowed_channels(without_mail=True))
        return [
            self._request_problem(request, claim, allowed_channels)
            for request, claim, _recipients in asked
        ]

    @api.model
    def _request_problem(self, request, claim, allowed_channels):
        """Return why the level or type asked for is not allowed, or False (D2, D3).

        :param Claim claim: what the reminder would claim
        :param allowed_channels: returns the types that a step allows
        """
        if request.step:
            # The cron follows the plan as this transaction has just read it.
            return False
        if request.level not in claim.levels:
            return self.env._(
                "%(customer)s: the level “%(level)s” is not allowed for these entries. "
                "Allowed: %(levels)s.",
                customer=request.partner.display_name,
                level=request.level.name,
                levels=", ".join(claim.levels.mapped("name")),
            )
        channels = allowed_channels(claim.step_at(request.level))
        if request.channel not in channels:
            return self.env._(
                "%(customer)s: the type “%(type)s” is not one of the level "
                "“%(level)s”. Allowed: %(types)s.",
                customer=request.partner.display_name,
                type=request.channel.name,
                level=request.level.name,
                types=", ".join(channels.mapped("name")),
            )
        return False

    @api.model
    def _contact(self, request, recipients):
        """Return whom a reminder is addressed to.

        :param Recipients recipients: who receives the customer's reminders, None where
            that is known
        """
        return request.contact or request.channel._delivery()._contact(recipients)

    def _prepare_reminder_vals(self, request, claim, contact, day):
        """Return the values of a reminder, without its lines.

        :param res.partner contact: whom it is addressed to
        :param datetime.date day: on which it is made
        """
        plan, step = claim.plan, claim.step_at(request.level)
        author = self._author(request, plan)
        return {
            "batch_id": self.id,
            "company_id": request.company.id,
            "currency_id": request.currency.id,
            "partner_id": request.partner.id,
            "contact_id": contact.id,
            "user_id": author.id,
            "date": day,
            "plan_id": plan.id,
            "level_id": request.level.id,
            "template_id": step.template_id.id,
            "channel_id": request.channel.id,
            "internal_email": self._internal_address(request.company, author),
            "note": request.note,
        }

    def _author(self, request, plan):
        """Return who signs a reminder: who asks for it.

        :rtype: res.users
        """
        return self.user_id

    @api.model
    def _internal_address(self, company, author):
        """Return where the internal copy goes: the entity's address, else the author's,
        if he is a person (A1)."""
        theirs = not author._is_superuser() and author.email_normalized
        return company.relance_internal_email or theirs

    def _insert_reminders(self, prepared):
        """Create reminders with their lines, and their followers.

        :param list prepared: of each its values, and its `Claim`
        """
        vals_list, claims = zip(*prepared, strict=True) if prepared else ((), ())
        # Only this pipeline creates reminders. Nothing to say in the chatter yet:
        # what happens is posted when it does.
        reminders = (
            self.env["relance.reminder"]
            .sudo()
            .with_context(tracking_disable=True, mail_create_nosubscribe=True)
            ._create_with_lines(vals_list, claims)
        )
        # The customer's reply reaches whoever wrote and whoever follows him up.
        responsible = reminders._responsibles()
        by_readers = reminders.grouped(lambda r: r.user_id | responsible[r])
        for readers, theirs in by_readers.items():
            people = readers.filtered(lambda user: not user._is_superuser())
            theirs._subscribe_all(people.partner_id)
        self.env.flush_all()
        return reminders

    def action_open_reminders(self):
        """Open the reminders of these batches."""
        return self.reminder_ids._action_list([("batch_id", "in", self.ids)])

    def action_open_failed(self):
        """Open the reminders of these batches that failed."""
        return self.reminder_ids._action_list(
            [("batch_id", "in", self.ids), ("state", "=", "failed")]
        )

    def action_print(self):
        """Open all the letters of the batch as one PDF, by postal code (E3)."""
        letters = self.reminder_ids.filtered(lambda r: r.channel_kind == "letter")
        return letters.action_print()
