from odoo import api, fields, models
from odoo.exceptions import UserError

from .relance_reminder import IN_FLIGHT


class RelanceBatchCancel(models.Model):
    """« Annuler le lot »: what has not left yet is taken back, the rest stays."""

    _inherit = "relance.batch"

    cancelable_count = fields.Integer(
        string="Not left yet", compute="_compute_cancelable_count"
    )

    def _compute_cancelable_count(self):
        for batch in self:
            batch.cancelable_count = (
                batch.waiting_count
                + batch.failed_count
                + sum(batch[f"{state}_count"] for state in IN_FLIGHT)
            )

    def action_cancel(self):
        """Open « Annuler le lot », which says what has left already."""
        self.ensure_one()
        self.reminder_ids.check_access("write")
        return (
            self.env["relance.batch.cancel"]
            .create({"batch_id": self.id})
            ._action_open()
        )

    def _cancel_unsent(self):
        """Cancel the reminders of this batch that have not left, also those that wait
        to be created. What is leaving at this very moment is left alone.

        :return: the sentence that says what was canceled and what was not
        :raise UserError: where everything has left
        """
        self.ensure_one()
        self.reminder_ids.check_access("write")
        dropped = self._drop_waiting()
        # What became of a reminder is a fact that people cannot write.
        unsent = self.sudo().reminder_ids.filtered(
            lambda r: r.state in (*IN_FLIGHT, "failed")
        )
        canceled = unsent.try_lock_for_update()
        if not (dropped or canceled):
            raise UserError(
                self.env._(
                    "Nothing to cancel in %s: all its reminders have left, are leaving "
                    "at this very moment, or were canceled before.",
                    self.name,
                )
            )
        if canceled:
            canceled.action_cancel()
        text = self._canceled_text(dropped + len(canceled), len(unsent - canceled))
        # The history of a batch is not for people to write.
        self.sudo()._message_log(body=text, author_id=self.env.user.partner_id.id)
        return text

    def _drop_waiting(self):
        """Forget what waits to be created; return how much it was."""
        # It is its author's own; whoever may cancel reminders cancels it too.
        waiting = self.env["relance.prepare.line"].sudo()
        lines = waiting.search([("batch_id", "=", self.id)]).try_lock_for_update()
        count = len(lines)
        lines.unlink()
        return count

    @api.model
    def _canceled_text(self, canceled, leaving):
        texts = [self.env._("Reminders canceled before they left: %s.", canceled)]
        if self.sent_count:
            texts.append(
                self.env._("Left before, and not canceled: %s.", self.sent_count)
            )
        if leaving:
            texts.append(
                self.env._(
                    "Leaving at that very moment, and not canceled: %s.", leaving
                )
            )
        return " ".join(texts)
