from collections import defaultdict
from contextlib import closing
from functools import partial

from markupsafe import Markup

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from ..formats import amount_text
from ..tools import all_or_each
from .relance_template import LETTER_TEXT_FIELDS

# Reminders delivered in one transaction.
DELIVERY_SIZE = 250
# Up to so many are delivered while the user waits; more go to the background.
IMMEDIATE_SIZE = 10
# Times that work is taken anew where another transaction was in the way.
MAX_CONFLICTS = 5


class RelanceReminderDelivery(models.Model):
    """How a reminder leaves, or comes back: made once, delivered once (D7, D8)."""

    _inherit = "relance.reminder"

    # Handing over

    def _deliver(self):
        """Hand pending reminders to their types, after a last look at the books (D7).

        What is paid or blocked by now is left out; a reminder left empty is canceled
        and says so. Reminders that another worker has taken are left to it.
        """
        # What was sent is a fact that people cannot write, see `write`.
        pending = self.sudo().try_lock_for_update()._filter_pending()
        for reminders in pending._by_author():
            reminders._deliver_locked()

    def _by_author(self):
        """Yield these reminders in groups, each in its author's language and company:
        what is written on them is for him to read, also where the cron writes it."""
        groups = self.grouped(lambda r: (r.user_id, r.company_id))
        for (user, company), reminders in groups.items():
            lang = company._relance_lang(user)
            reminders = reminders.with_company(company)
            yield reminders.with_context(lang=lang, tz=company.relance_tz or "UTC")

    def _deliver_locked(self):
        self._refresh_lines()
        self._filter_pending()._address()
        for kind, reminders in self._filter_pending().grouped("channel_kind").items():
            self.channel_id._delivery_of(kind)._deliver(reminders)
        self._trace_left()

    def _filter_pending(self):
        return self.filtered(lambda r: r.state == "pending")

    def _refresh_lines(self):
        """Read the books again: leave out what is no longer owed, update amounts (D7).

        :return: the reminders whose claim changed
        """
        lines = self._active_lines()
        lines -= lines._unchanged()
        # The books of the reminder's company, whichever companies are active.
        items = self.env["relance.item"].sudo()._read_again(lines.move_line_id.ids)
        by_id = {item.id: item for item in items}
        changed, left_out = self.browse(), defaultdict(dict)
        for line in lines:
            item = by_id.get(line.move_line_id.id, items.browse())
            problem = line._no_longer_owed_text(item)
            if problem:
                left_out[line.reminder_id][line] = problem
            else:
                amounts = line.amount_due, item.amount_due
                if amounts[0] != amounts[1] and line.currency_id.compare_amounts(
                    *amounts
                ):
                    changed |= line.reminder_id
                line._update_changed(line._prepare_item_vals(item))
        for reminder, problems in left_out.items():
            reminder._leave_out(problems)
        return changed.union(*left_out)

    def _leave_out(self, problems):
        """Take pièces out of a reminder; cancel it where none is left (D7).

        :param problems: the sentence that says why, by line
        """
        self.line_ids.browse(line.id for line in problems).dropped = True
        self._log_left_out(problems.values())
        if not self._active_lines():
            self._cancel(self.env._("Not sent. %s", "; ".join(problems.values())))

    def _log_left_out(self, texts):
        """Say on the reminder which pièces were left out before it left, and why."""
        items = Markup("").join(Markup("<li>%s</li>") % text for text in texts)
        self._message_log(
            body=Markup("%s<ul>%s</ul>")
            % (self.env._("Left out before it was sent:"), items)
        )

    def _address(self):
        """Set the contact of each reminder; fail those that reach nobody (B1, D5)."""
        recipients = self._recipients()
        self._reroute(recipients)
        problems = {}
        for reminder in self:
            delivery = reminder.channel_id._delivery()
            mine = recipients[reminder.id]
            contact = delivery._contact(mine)
            # Written only where it changes: most were addressed when they were made.
            if reminder.contact_id != contact:
                reminder.contact_id = contact
            problem = delivery._problem(mine, reminder.channel_id)
            if problem:
                problems[reminder.id] = problem
        self._fail_each(problems)

    def _recipients(self):
        """Return who receives each reminder: whom its invoices name, else the
        customer's contacts.

        :rtype: dict[int, Recipients]
        """
        customers = self.partner_id._relance_recipients()
        # At once: each reminder looks at its own invoices below.
        moves = self._active_lines().move_id
        moves.fetch(["name", "move_type", "relance_own_emails", "relance_own_mode"])
        moves.mapped("relance_mode")
        return {
            reminder.id: reminder._active_lines().move_id._relance_own_recipients(
                customers[reminder.partner_id.id]
            )
            for reminder in self
        }

    def _invoice_pdfs(self):
        """Return the invoices' PDFs to attach to each reminder (F1); fail those of
        which one cannot be made.

        :rtype: dict[int, ir.attachment]
        """
        with_invoices = self._with_invoices()
        # A miscellaneous entry has no document to attach.
        moves = with_invoices._active_lines().move_id.filtered(
            lambda move: move.is_sale_document()
        )
        missing = moves._relance_make_invoice_pdfs()
        # Nor does an empty file leave, should the disk have lost one.
        missing |= moves.filtered(lambda move: not move.invoice_pdf_report_id.raw)
        with_invoices._fail_without_pdf(missing)
        return {
            reminder.id: (reminder & with_invoices)
            ._active_lines()
            .move_id.invoice_pdf_report_id
            for reminder in self
        }

    def _fail_without_pdf(self, missing):
        """Fail the reminders that claim one of the invoices whose PDF is missing."""
        for reminder in self:
            lacking = reminder._active_lines().move_id & missing
            if lacking:
                reminder._fail(
                    self.env._(
                        "The PDF of %s could not be made: open the invoice, print it, "
                        "then send the reminder again.",
                        ", ".join(lacking.mapped("name")),
                    )
                )

    def _with_invoices(self):
        """Return those of these reminders whose mail has the invoices attached."""
        return self.filtered(
            lambda r: r.origin == "automatic" or r.template_id.attach_invoices
        )

    def _make_letters(self, names=LETTER_TEXT_FIELDS):
        """Make the PDF of each reminder's letter, all in one run (E3).

        Those that cannot be made are failed with the reason.

        :param names: the template's texts to render, the letter's among them
        :return: the texts of the others, by id
        :rtype: dict[int, dict[str, str]]
        """
        texts = {}
        with closing(self._letters_in_turn(names)) as letters:
            for _reminders, made in letters:
                texts.update(made)
        return texts

    def _letters_in_turn(self, names=LETTER_TEXT_FIELDS):
        """Make the PDF of each reminder's letter (E3); yield those that have one, some
        after the others, and their texts by id. While whoever takes them delivers some,
        those after are being printed; what is under way ends when this is closed.

        Those that cannot be made are failed with the reason.

        :param names: the template's texts to render, the letter's among them
        """
        letters, texts, left = self.env["relance.letter"], {}, set(self.ids)

        def chunks():
            for chunk in letters._in_chunks(self):
                texts.update(chunk._render_texts(names))
                left.difference_update(set(chunk.ids) - set(texts))
                yield chunk.filtered(lambda r: r.id in texts), texts

        try:
            with closing(letters._render_in_turn(chunks())) as rendered:
                for pdfs, errors in rendered:
                    left.difference_update(errors)
                    self._fail_each(errors)
                    made = self.filtered(lambda r, pdfs=pdfs: r.id in pdfs)
                    made._store_letters(pdfs)
                    left.difference_update(pdfs)
                    yield made, {id_: texts[id_] for id_ in made.ids}
        except UserError as error:
            self._fail_each(dict.fromkeys(left, str(error)))

    def _store_letters(self, pdfs):
        """Keep the very letters that are sent, as attachments of the reminders.

        One that was made before and never left is replaced.
        """
        self.filtered(lambda r: not r.date_sent).letter_attachment_id.unlink()
        attachments = self.env["ir.attachment"].create(
            [self._prepare_letter_vals(r, pdfs[r.id]) for r in self]
        )
        # A fact of each, which is not tracked: nothing to compare before and after.
        reminders = self.with_context(tracking_disable=True)
        for reminder, attachment in zip(reminders, attachments, strict=True):
            reminder.letter_attachment_id = attachment

    @api.model
    def _prepare_letter_vals(self, reminder, pdf):
        return {
            "name": f"{reminder.name.replace('/', '-')}.pdf",
            "raw": pdf,
            "mimetype": "application/pdf",
            "res_model": reminder._name,
            "res_id": reminder.id,
        }

    # Coming back

    def _recall_stale(self):
        """Take back the mails whose claim changed since they were queued (D7).

        They are made again without what was paid or blocked. A reminder that failed,
        was replaced by a later one and is tried again from the mail queue is not.

        :return: the reminders whose mail must not leave now
        """
        stale = self.filtered(lambda r: r.state == "canceled")
        waiting = self.filtered(lambda r: r.state in ("outgoing", "failed"))
        for reminders in waiting._by_author():
            replaced = reminders.filtered(
                lambda r: (
                    not all(r._active_lines().mapped("is_last"))
                    and not r.main_reminder_id
                )
            )
            changed = (reminders - replaced)._refresh_lines()
            (changed | replaced)._recall()
            again = changed.filtered(lambda r: r.state != "canceled")
            again._set_state("pending")
            if again:
                self.env.ref("relance_numm.ir_cron_deliver")._trigger()
            stale |= changed | replaced
        return stale

    def _recall(self):
        """Take back what waits to leave, of whatever type: it may have been changed
        since the first try."""
        recalled = self.with_context(relance_recall=True)
        for kind, _label in self._fields["channel_kind"]._description_selection(
            self.env
        ):
            self.channel_id._delivery_of(kind)._recall(recalled)

    def _left_or_failed(self, failure):
        """Note that the mail or SMS left, or why it did not (F1, F2).

        :param failure: a sentence, or False
        """
        waiting = self.filtered(lambda r: r.state in ("outgoing", "failed"))
        if failure:
            waiting._fail(failure)
        else:
            waiting._set_state("sent")

    def _hold(self):
        """Wait for whoever is writing on this reminder, then keep it from others until
        the transaction, of which this is the beginning, ends."""
        query = SQL(
            "SELECT FROM relance_reminder WHERE id = %s FOR NO KEY UPDATE", self.id
        )
        for _conflict in range(MAX_CONFLICTS):
            try:
                return self.env.cr.execute(query)
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                # He has changed it meanwhile.
                self.env.cr.rollback()
        return self.env.cr.execute(query)

    def _canceled_in_queue(self):
        """Note that the mail or SMS was canceled by hand in Odoo's queue."""
        if not self.env.context.get("relance_recall"):
            waiting = self.filtered(lambda r: r.state == "outgoing")
            for reminders in waiting._by_author():
                reminders._fail(
                    reminders.env._("Its message was canceled in the queue")
                )

    def _message_receive_bounce(self, email, partner):
        """Override of `mail`: a mail that came back to all its addresses gives its
        level back (D7)."""
        result = super()._message_receive_bounce(email, partner)
        # A bounce comes from outside, with nobody's rights.
        mailed = self.sudo().filtered(
            lambda r: r.channel_kind == "mail" and r.state in ("outgoing", "sent")
        )
        for reminder in mailed._by_author():
            for one in reminder:
                one._note_bounce(email)
        return result

    def _note_bounce(self, email):
        bounced = {*(self.bounced_emails or "").split(), email}
        self.bounced_emails = " ".join(sorted(bounced))
        sentence = self._bounce_text(email)
        if bounced.issuperset((self.email_to or "").split(", ")):
            self._fail(sentence)
        else:
            self._message_log(body=sentence)

    def _bounce_text(self, email):
        """Return the sentence that says that a mail came back, and why if it says."""
        diagnostic = self.env.context.get("relance_diagnostic")
        if diagnostic:
            return self.env._(
                "The mail to %(email)s bounced: %(reason)s",
                email=email,
                reason=diagnostic,
            )
        return self.env._("The mail to %s bounced", email)

    def _ready_again(self):
        """Make reminders that failed ready for another try (F1).

        :return: those that are, without what a later reminder claims already
        """
        self._recall()
        self._leave_out_replaced()
        again = self.filtered(lambda r: r.state == "failed")
        again.write({"date": fields.Date.context_today(self), "bounced_emails": False})
        again._set_state("pending")
        return again

    def _leave_out_replaced(self):
        """Leave out the entries that a later reminder claims already."""
        for reminder in self.filtered(lambda r: not r.main_reminder_id):
            replaced = reminder._active_lines().filtered(lambda li: not li.is_last)
            if replaced:
                reminder._leave_out(
                    {
                        line: self.env._(
                            "%s: reminded again in the meantime", line.name
                        )
                        for line in replaced
                    }
                )

    def _check_letters(self):
        """Read the books again for letters that have not been posted yet (D7)."""
        letters = self.filtered(
            lambda r: r.channel_kind == "letter" and r.state == "outgoing"
        )
        for reminders in letters._by_author():
            changed = reminders._refresh_lines()
            changed.filtered(lambda r: r.state == "outgoing")._make_letters()

    # Trace

    def _trace_left(self):
        """Leave the trace of those of these reminders that have left."""
        self.filtered(lambda r: r.state in ("outgoing", "sent"))._trace()

    def _trace(self):
        """Post each reminder to the chatter of its invoices and its customer (F3)."""
        untraced = self.filtered(lambda r: not r.is_traced)
        shared = {reminder.id: reminder._trace_rows() for reminder in untraced}
        untraced._post_trace(lambda r, lines: r._trace_body(lines, shared[r.id]))
        untraced.is_traced = True

    def _post_trace(self, body):
        """Post a note on the invoices and the customers of these reminders.

        :param body: what returns the note, of a reminder and its lines
        """
        on_moves, on_partners = defaultdict(list), defaultdict(list)
        for reminder in self:
            lines = reminder._active_lines()
            # An entry that was deleted has no chatter left.
            with_move = lines.filtered("move_id")
            for move, move_lines in with_move.grouped("move_id").items():
                on_moves[move.id].append(body(reminder, move_lines))
            on_partners[reminder.partner_id.id].append(body(reminder, lines))
        # An accountant who may remind may leave the trace, also where he has no
        # right to write on the customer.
        for model, bodies in (("account.move", on_moves), ("res.partner", on_partners)):
            records = self.env[model].sudo().with_context(relance_notes=True)
            records.browse(bodies)._message_log_batch(
                {id_: Markup("<br/>").join(texts) for id_, texts in bodies.items()},
                author_id=self._trace_author().partner_id.id,
            )

    def _trace_author(self):
        """Return who signs the trace: who acts, or whom the cron acts for."""
        return self.user_id[:1] if self.env.uid == SUPERUSER_ID else self.env.user

    def _trace_body(self, lines, shared):
        """Return the note: invoice, customer, amount, mode, level, internal address.

        :param Markup shared: as returned by ``_trace_rows``
        """
        amount = amount_text(
            self.env, sum(lines.mapped("amount_due")), self.currency_id
        )
        rows = [
            self.env._(
                "Reminder %(name)s of %(numbers)s for the customer %(customer)s.",
                name=self.name,
                numbers=", ".join(filter(None, lines.mapped("name"))),
                customer=self.partner_id.display_name,
            ),
            self.env._("Amount reminded: %s.", amount),
            shared,
        ]
        return Markup("<br/>").join(rows)

    def _trace_rows(self):
        """Return what all the notes of a reminder say.

        :rtype: Markup
        """
        rows = [
            self.env._("Type of reminder: %s.", self.channel_id.name),
            self.env._("Level of the reminder: %s.", self.level_id.name),
            self.env._("Internal address: %s.", self.internal_email or "-"),
        ]
        return Markup("<br/>").join(rows)

    # Background

    def _start(self):
        """Deliver now if they are few, else in the background (D8)."""
        if len(self) <= IMMEDIATE_SIZE:
            self._deliver_or_fail()
        else:
            self.env.ref("relance_numm.ir_cron_deliver")._trigger()

    @api.model
    def _cron_deliver(self):
        """Create what waits to be, then deliver what is pending, some at a time, each
        time in a transaction of its own (D8)."""
        if not self._do_what_waits():
            self._go_on_soon()

    @api.model
    def _do_what_waits(self):
        """Create and deliver what waits.

        :return: whether there is time left
        """
        self._refresh_index_late()
        batches = self.env["relance.batch"]
        waiting = self.env["relance.prepare.line"].search_count(
            [("batch_id", "!=", False)]
        )
        may_leave = self._may_leave_domain()
        pending = self.search_count(may_leave)
        self._call_helpers(waiting + pending)
        self.env["ir.cron"]._commit_progress(remaining=2 * waiting + pending)
        left = (
            self._work_off(self._take_cut_off, type(self)._cut_off)
            and batches._create_all_waiting()
            and self._deliver_all(may_leave)
        )
        if left:
            self._drop_settled_calls()
        return left

    @api.model
    def _refresh_index_late(self):
        """Refresh what other transactions kept from being so when reminders left; what
        they keep from it again waits for the next run."""
        try:
            self.env["relance.item"]._refresh_late()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            self.env.cr.rollback()

    @api.model
    def _deliver_all(self, may_leave):
        """Deliver the pending reminders of a domain, some at a time.

        :return: whether there is time left
        """
        return self._work_off(
            partial(self._take_pending, may_leave), type(self)._deliver_or_fail
        )

    @api.model
    def _may_leave_domain(self, let_leave=None):
        """Return the domain of the pending reminders that may leave now: what nobody
        asked for waits while its company lets nothing leave by itself (G3).

        :param res.company let_leave: companies that are known to let them leave
        """
        pending = [("state", "=", "pending"), ("origin", "=", "automatic")]
        companies = self.env["res.company"].browse(
            company.id for (company,) in self._read_group(pending, ["company_id"])
        )
        companies |= companies._relance_automatic_companies()
        if let_leave:
            # The banks' journals are long to look at: once a run.
            companies -= let_leave
        held = companies.filtered(lambda company: company._relance_hold())
        return Domain("state", "=", "pending") & (
            Domain("origin", "!=", "automatic")
            | Domain("confirmed_by_id", "!=", False)
            | Domain("company_id", "not in", held.ids)
        )

    @api.model
    def _work_off(self, take, work):
        """Take work and do it until there is none, or no time; commit each time.

        Where another transaction was in the way, the work is taken anew. What is still
        there once it was done waits for another run.

        :return: whether there is time left
        """
        conflicts, done = 0, None
        while True:
            try:
                records = take()
                if not records or records == done:
                    return True
                work(records)
                left = self.env["ir.cron"]._commit_progress(len(records))
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                conflicts += 1
                if conflicts > MAX_CONFLICTS:
                    raise
                self.env.cr.rollback()
                continue
            if not left:
                return False
            conflicts, done = 0, records

    @api.model
    def _go_on_soon(self):
        """Have the scheduled action that ran out of time go on as soon as the others
        had their turn (D8).

        To Odoo this run is done. If it were not, Odoo would start it nine times more
        for a portion each, and its workers would look for the rest of it when they next
        wake up, which takes up to 70 seconds. One that a person runs by hand, and
        whose row he holds meanwhile, does wait for that; one that is archived nobody
        would start again.
        """
        cron = self.env["ir.cron"].sudo().browse(self.env.context.get("cron_id"))
        if cron.active:
            cron._trigger()
            cron._commit_progress(remaining=0)

    @api.model
    def _take_pending(self, may_leave, limit=DELIVERY_SIZE):
        """Return the next pending reminders of a domain, locked; those of other workers
        are not."""
        return self.search(may_leave, order="id", limit=limit * 20).try_lock_for_update(
            limit=limit
        )

    def _deliver_or_fail(self):
        """Deliver; should one raise, deliver the others and say so on that one."""
        all_or_each(self, type(self)._deliver, type(self)._fail_unforeseen)

    def _fail_unforeseen(self, error):
        for reminder in self.sudo()._by_author():
            reminder._fail(str(error) or type(error).__name__)
