import logging
from functools import partial

from odoo import api, models
from odoo.fields import Domain

from ..tools import all_or_each

_logger = logging.getLogger(__name__)

# Invoice PDFs made in one transaction, where each takes a call of wkhtmltopdf.
PDF_SIZE = 10


class RelanceReminderPdf(models.Model):
    """The invoices' PDFs, made before their reminders leave (F1, D8).

    An unpatched wkhtmltopdf makes them one by one. Those of a whole portion of
    reminders would take longer than a process may live, and being killed would lose
    them all, each time. So they are made some at a time, each time in a transaction of
    its own; the delivery finds them. A patched one makes all of a delivery in one call.
    """

    _inherit = "relance.reminder"

    @api.model
    def _deliver_all(self, may_leave):
        """Override: make the invoices' PDFs first.

        :return: whether there is time left
        """
        if not self.env["account.move"]._relance_pdfs_in_one_call():
            take = partial(self._take_without_pdf, may_leave, set())
            if not self._work_off(take, partial(self._make_invoice_pdfs, may_leave)):
                return False
        return super()._deliver_all(may_leave)

    @api.model
    def _take_without_pdf(self, may_leave, tried):
        """Return the next invoices to attach that have no PDF, locked.

        :param set tried: the ids of those that were taken already, which grows
        :rtype: account.move
        """
        lines = self._with_invoices_domain(may_leave)
        moves = self.env["account.move"].search(
            [
                ("relance_line_ids", "any", lines),
                ("move_type", "in", self.env["account.move"].get_sale_types()),
                ("invoice_pdf_report_file", "=", False),
                ("id", "not in", list(tried)),
            ],
            order="id",
            limit=PDF_SIZE * 20,
        )
        moves = moves.try_lock_for_update(allow_referencing=True, limit=PDF_SIZE)
        tried.update(moves.ids)
        return moves

    @api.model
    def _with_invoices_domain(self, may_leave):
        """Return the domain of the lines whose invoices these reminders attach."""
        attached = Domain("origin", "=", "automatic") | Domain(
            "template_id.attach_invoices", "=", True
        )
        mails = may_leave & Domain("channel_kind", "=", "mail") & attached
        return Domain("dropped", "=", False) & Domain("reminder_id", "any", mails)

    @api.model
    def _make_invoice_pdfs(self, may_leave, moves):
        """Make the PDFs of invoices; fail the reminders of which one cannot be made.

        Those of one that raises are delivered at once, which says why on them: they
        would be in the way of the others at each run.
        """
        missing, raising = [], []
        for company, theirs in moves.grouped("company_id").items():
            all_or_each(
                theirs.with_company(company),
                lambda part: missing.extend(part._relance_make_invoice_pdfs().ids),
                lambda part, error: raising.append((part, error)),
            )
        for part, error in raising:
            _logger.info("No PDF of %s before it leaves: %s", part.name, error)
        stuck = self._take_with_invoices(may_leave, missing)
        for reminders in stuck._by_author():
            reminders._fail_without_pdf(moves.browse(missing))
        raising_ids = [id_ for part, _error in raising for id_ in part.ids]
        self._take_with_invoices(may_leave, raising_ids)._deliver_or_fail()

    @api.model
    def _take_with_invoices(self, may_leave, move_ids):
        """Return the reminders that attach some of these invoices, locked."""
        if not move_ids:
            return self.browse()
        lines = self._with_invoices_domain(may_leave) & Domain(
            "move_id", "in", move_ids
        )
        return self.search(Domain("line_ids", "any", lines)).try_lock_for_update()
