import logging
from datetime import timedelta
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import html2plaintext

from ..tools import all_or_each
from .relance_post_provider import FINAL_STATUSES, POST_STATUSES, PostReport

_logger = logging.getLogger(__name__)

RANKS = {
    status: len(POST_STATUSES) if status in FINAL_STATUSES else rank
    for rank, (status, _label) in enumerate(POST_STATUSES)
}
# The field that keeps the day of a status.
STATUS_DATES = {
    "deposited": "date_deposited",
    "presented": "date_presented",
    "received": "date_received",
}
# With these comes a proof.
PROVED = {"deposited", *FINAL_STATUSES} - {"error"}
# Letters that a provider is asked about in one transaction.
STATUS_SIZE = 100
# A run that continues an earlier one does not ask again about its letters.
ASKED_LATELY = timedelta(hours=3)
# After so many days nothing more is to come.
FOLLOWED_DAYS = 120
POST_FIELDS = ("post_provider", "post_reference", "post_status", "post_checked")


class RelanceReminderPost(models.Model):
    """Letters that a provider prints and posts: handed over, followed, proved (F2)."""

    _inherit = "relance.reminder"

    post_provider = fields.Selection(
        selection=lambda self: self._post_provider_selection(),
        string="Posted by",
        readonly=True,
        copy=False,
        help="To whom the letter was handed. Empty: it is printed here.",
    )
    post_reference = fields.Char(
        string="Provider's reference",
        readonly=True,
        copy=False,
    )
    post_status = fields.Selection(
        POST_STATUSES, string="Post", readonly=True, copy=False, tracking=True
    )
    post_checked = fields.Datetime(
        string="Provider asked on", readonly=True, copy=False
    )

    post_try = fields.Integer(
        string="Handed over before", readonly=True, copy=False, aggregator=None
    )

    # The cron asks about the next letters, by their order: see `_take_followed`.
    _post_followed_idx = models.Index("(id) WHERE post_provider IS NOT NULL")

    def _post_provider_selection(self):
        return (
            self.env["relance.channel"]
            ._fields["provider"]
            ._description_selection(self.env)
        )

    @api.depends("post_status", "post_provider")
    def _compute_comment(self):
        """Extend: what the provider says is what happened to the letter."""
        return super()._compute_comment()

    def _post_key(self):
        """Return what tells a provider one letter from another: the same when it is
        handed over twice, another when it is sent again on purpose."""
        self.ensure_one()
        return f"{self.name}-{self.post_try}"

    def _by_provider(self):
        """Yield the providers that are still there, each with the letters it has."""
        for name, reminders in (
            self.filtered("post_provider").grouped("post_provider").items()
        ):
            provider = self.env["relance.post.provider"]._of(name)
            if provider is not None:
                yield provider, reminders

    # Handing over

    def _hand_over(self):
        """Hand pending letters to the providers of their types: afterwards each is
        outgoing, sent or failed."""
        for channel, reminders in self.grouped("channel_id").items():
            all_or_each(
                reminders,
                partial(self._send_by, channel),
                partial(self._fail_to_send, channel),
            )

    @api.model
    def _send_by(self, channel, reminders):
        reminders.post_provider = channel.provider
        reports = channel._post_provider()._send(reminders)
        for reminder in reminders:
            reminder._note_post_report(
                reports.get(reminder.id)
                or PostReport("error", reason=self.env._("no answer"))
            )

    @api.model
    def _fail_to_send(self, channel, reminder, error):
        reminder._fail(self._post_error_text(channel._provider_name(), error))

    @api.model
    def _post_error_text(self, provider, reason):
        return self.env._(
            "%(provider)s did not post the letter: %(reason)s. Correct that and send "
            "it again, or choose another type.",
            provider=provider,
            reason=str(reason).strip().rstrip(".") or "?",
        )

    # What becomes of them

    def _note_post_report(self, report):
        """Bring a reminder where its provider says the letter is; what is known
        already, or older, changes nothing.

        :param PostReport report: what the provider says
        """
        self.ensure_one()
        known = RANKS.get(self.post_status, -1)
        if RANKS[report.status] <= known:
            return
        vals = {"post_status": report.status}
        if report.reference:
            vals["post_reference"] = report.reference
        if report.number:
            vals["registered_number"] = report.number
        if report.status == "printed":
            vals["date_printed"] = fields.Datetime.now()
        self.write(vals)
        if report.status == "error":
            self._fail(
                self._post_error_text(self._post_provider_name(), report.reason or "?")
            )
        elif report.status in ("accepted", "printed"):
            if self.state == "pending":
                self._set_state("outgoing")
        else:
            self._note_posted(report)

    def _note_posted(self, report):
        """Note that the letter has left, and what the post did with it since."""
        if self.state in ("pending", "outgoing"):
            self._set_state("sent")
        day = report.date or fields.Date.context_today(self)
        if report.status in STATUS_DATES:
            self[STATUS_DATES[report.status]] = day
        else:
            self.post_outcome = report.status

    def _post_provider_name(self):
        return dict(self._post_provider_selection()).get(
            self.post_provider, self.post_provider
        )

    def _ready_again(self):
        """Extend: what is sent again is another letter, maybe by another provider."""
        again = super()._ready_again()
        # One whose handing over raised is not: the provider may have it, and tells by
        # the same key.
        handed = again.filtered("post_provider")
        for reminder in handed:
            reminder.post_try += 1
        handed.write(dict.fromkeys(POST_FIELDS, False))
        return again

    # Asking

    @api.model
    def _post_followed_domain(self):
        """Return the domain of the letters of which a provider may have news."""
        followed = Domain("post_status", "in", ("accepted", "printed", "presented"))
        # Of a plain letter nothing is known once the post has it.
        followed |= Domain("post_status", "=", "deposited") & Domain(
            "channel_id.registered", "=", True
        )
        oldest = fields.Date.context_today(self) - timedelta(FOLLOWED_DAYS)
        return (
            followed
            & Domain("post_provider", "!=", False)
            & Domain("state", "in", ("outgoing", "sent"))
            & Domain("date", ">=", oldest)
        )

    @api.model
    def _cron_post_status(self):
        """Ask the providers what became of the letters that they have, of which they
        were not asked lately (F2)."""
        lately = fields.Datetime.now() - ASKED_LATELY
        domain = self._post_followed_domain() & (
            Domain("post_checked", "=", False) | Domain("post_checked", "<", lately)
        )
        self.env["ir.cron"]._commit_progress(remaining=self.search_count(domain))
        take = partial(self._take_followed, domain)
        if not self._work_off(take, type(self)._ask_providers_quietly):
            self._go_on_soon()

    @api.model
    def _take_followed(self, domain):
        """Return the next letters to ask about, locked; those of other workers are
        not."""
        # However many there are, each has its turn.
        order = "post_checked asc nulls first, id"
        followed = self.search(domain, order=order, limit=STATUS_SIZE)
        return followed.try_lock_for_update()

    def _ask_providers_quietly(self):
        """Ask the providers; one that does not answer is asked again at the next run,
        and keeps nobody from asking the others."""
        self.post_checked = fields.Datetime.now()
        for provider, reminders in self._by_provider():
            try:
                with self.env.cr.savepoint():
                    reports = provider._status(reminders)
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                raise
            except Exception:  # noqa: BLE001 whatever the service stumbles over
                _logger.warning("%s gives no status", provider._name, exc_info=True)
                continue
            reminders._note_post_reports(reports)

    def _note_post_reports(self, reports):
        """Note what providers say, and fetch the proofs; what cannot be noted is said
        on its reminder and never stops the others."""
        for reminders in self.filtered(lambda r: r.id in reports)._by_author():
            for reminder in reminders:
                before = reminder.post_status
                all_or_each(
                    reminder,
                    lambda r: r._note_post_report(reports[r.id]),
                    type(self)._log_unnoted,
                )
                if reminder.post_status != before and reminder.post_status in PROVED:
                    all_or_each(
                        reminder, type(self)._fetch_proofs, type(self)._log_no_proof
                    )

    def _log_unnoted(self, error):
        sentence = self.env._("What the provider says could not be noted: %s", error)
        # Once, however often it is asked.
        if sentence not in html2plaintext(self.message_ids[:1].body or ""):
            self._message_log(body=sentence)

    def _log_no_proof(self, error):
        self._message_log(
            body=self.env._(
                "The proof could not be fetched (%s): click “Ask the provider” later.",
                error,
            )
        )

    def _fetch_proofs(self):
        """Keep the proofs of deposit and receipt that the provider has by now."""
        for provider, reminders in self._by_provider():
            for reminder in reminders:
                known = set(reminder.registered_scan_ids.mapped("name"))
                reminder.registered_scan_ids |= self.env["ir.attachment"].create(
                    [
                        self._prepare_proof_vals(reminder, name, content)
                        for name, content in provider._document(reminder)
                        if name not in known
                    ]
                )

    @api.model
    def _prepare_proof_vals(self, reminder, name, content):
        return {
            "name": name,
            "raw": content,
            "res_model": reminder._name,
            "res_id": reminder.id,
        }

    # Actions

    def action_post_status(self):
        """Ask the providers what became of these letters, and fetch their proofs.

        :raise UserError: where none of them was handed to a provider; whatever the
            provider says where it does not answer
        """
        self.check_access("write")
        # What became of a letter is a fact that only code writes.
        handed = self.sudo().filtered(
            lambda r: r.post_provider and r.state in ("outgoing", "sent", "failed")
        )
        if not handed:
            raise UserError(
                self.env._("None of these letters was handed to a provider.")
            )
        handed.post_checked = fields.Datetime.now()
        for provider, reminders in handed._by_provider():
            reminders._note_post_reports(provider._status(reminders))
            for reminder in reminders.filtered(lambda r: r.post_status in PROVED):
                reminder._fetch_proofs()

    def _printed_here(self):
        """Return the reminders without the letters that a provider prints."""
        return self.filtered(lambda r: not r.post_provider)

    def _to_print(self):
        """Override: what a provider prints is not printed here as well."""
        return super()._to_print()._printed_here()

    def _check_letters(self):
        """Extend: the letter that a provider has is the one that is kept."""
        return super(RelanceReminderPost, self._printed_here())._check_letters()

    def action_done(self):
        """Extend: what a provider posts, it says itself."""
        here = self._printed_here()
        if self and not here:
            raise UserError(
                self.env._(
                    "%s: the provider posts these letters and says when. Click “Ask "
                    "the provider” for news.",
                    ", ".join(self.mapped("name")),
                )
            )
        return super(RelanceReminderPost, here).action_done()

    def _not_posted_problem(self):
        problem = super()._not_posted_problem()
        if not problem and self.post_provider:
            return self.env._(
                "%(reminder)s was posted by %(provider)s, so it stays posted.",
                reminder=self.name,
                provider=self._post_provider_name(),
            )
        return problem
