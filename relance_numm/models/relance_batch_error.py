from collections import defaultdict
from typing import NamedTuple

from markupsafe import Markup

from odoo import api, models
from odoo.exceptions import UserError

# Invoices that a batch names per reason; of more it says how many.
MAX_NAMED = 10


class Failures(NamedTuple):
    """What could not be made of a portion: a reason, and the invoices it is for.

    ``fault`` is what is raised at the end of the run, where it is not the invoices'.
    """

    reasons: list
    fault: Exception | None = None


class RelanceBatchError(models.Model):
    """Automatic reminders that could not be made: whose fault it is, who reads it."""

    _inherit = "relance.batch"

    @api.model
    def _report_failures(self, items, failures):
        """Say on the invoices why their reminders could not be made (G2).

        :param relance.item items: the portion
        :param list failures: the rows of each reminder that failed, and its exception
        :rtype: Failures
        """
        machine = self._is_machine_fault(items, failures)
        reasons = []
        for rows, error in failures:
            moves = rows.move_id
            reasons.append((moves._relance_error_text(error), moves))
            if not machine:
                rows._report_error(error)
        if not machine:
            return Failures(reasons)
        for text, moves in self._by_reason(reasons).items():
            moves._relance_note_error(text)
        return Failures(reasons, failures[-1][1])

    @api.model
    def _is_machine_fault(self, items, failures):
        """Return whether a portion failed through no fault of its invoices: a full
        disk, a broken plan, a fault in the code.

        That is so where none of it could be made, it is for several customers, and all
        failed by the same class of exception. What a rule refuses has to be refused
        with the same sentence as well: it names what is wrong. A single invoice or
        customer cannot be told from the machine, and is taken for the culprit, so that
        a person looks at it.

        :param relance.item items: the portion
        :param list failures: the rows of each reminder that failed, and its exception
        """
        if not failures or len(failures) < len(self._split_by_reminder(items)):
            return False
        kinds = {
            (type(error), str(error) if isinstance(error, UserError) else "")
            for _rows, error in failures
        }
        return len(kinds) == 1 and len(items.partner_id) > 1

    @api.model
    def _by_reason(self, reasons):
        """Return the invoices of each reason.

        :rtype: dict[str, account.move]
        """
        by_reason = defaultdict(self.env["account.move"].browse)
        for text, moves in reasons:
            by_reason[text] |= moves
        return by_reason

    @api.model
    def _note_failures(self, reasons):
        """Say in today's batch of the active company what a run could not make: once,
        however many they are, and not again while it is the same."""
        batch = self._automatic_batch(self.env.company)
        items = Markup("").join(
            Markup("<li>%s</li>") % self._reason_text(text, moves)
            for text, moves in self._by_reason(reasons).items()
        )
        body = Markup("%s<ul>%s</ul>") % (
            self.env._("Reminders that could not be made:"),
            items,
        )
        if batch.message_ids[:1].body != body:
            batch._message_log(body=body)

    @api.model
    def _reason_text(self, text, moves):
        """Return the sentence that says why these invoices could not be reminded."""
        names = ", ".join(moves[:MAX_NAMED].mapped("name"))
        others = len(moves) - MAX_NAMED
        if others <= 0:
            return f"{names}: {text}"
        return self.env._(
            "%(names)s and %(count)s others: %(reason)s",
            names=names,
            count=others,
            reason=text,
        )
