from odoo import models

from ..client_actions import CLOSE_DIALOG, SOFT_RELOAD, notification


class RelanceReminderConfirm(models.Model):
    """What a person reads once he has confirmed reminders (G3)."""

    _inherit = "relance.reminder"

    def _confirmed_notification(self):
        """Return the notification of what became of these confirmed reminders."""
        self.invalidate_recordset(["state"])
        stopped = self.filtered(lambda r: r.state in ("failed", "canceled"))
        return notification(
            " ".join(self._confirmed_sentences()),
            "warning" if stopped else "success",
            self._after_confirmation(),
        )

    def _after_confirmation(self):
        """Return what follows the notification: the screen is read again, or the dialog
        that asked is closed, which reads it again as well."""
        if self.env.context.get("relance_in_dialog"):
            return CLOSE_DIALOG
        return SOFT_RELOAD

    def _confirmed_sentences(self):
        """Return a sentence for each thing that became of these reminders.

        :rtype: list[str]
        """
        counts = {
            outcome: len(reminders)
            for outcome, reminders in self.grouped(type(self)._outcome).items()
        }
        return [
            one if counts[outcome] == 1 else several % counts[outcome]
            for outcome, (one, several) in self._outcome_sentences().items()
            if outcome in counts
        ]

    def _outcome_sentences(self):
        """Return, by outcome, the sentence for one reminder and that for several."""
        return {
            "leaves": (
                self.env._("1 reminder leaves."),
                self.env._("%s reminders leave."),
            ),
            "letter": (
                self.env._("1 letter is ready: see “Letters to print”."),
                self.env._("%s letters are ready: see “Letters to print”."),
            ),
            "background": (
                self.env._("1 reminder leaves within a minute, in the background."),
                self.env._(
                    "%s reminders leave within some minutes, in the background."
                ),
            ),
            "canceled": (
                self.env._("1 was canceled: nothing is owed any longer."),
                self.env._("%s were canceled: nothing is owed any longer."),
            ),
            "failed": (
                self.env._("1 could not leave: open it to see why."),
                self.env._("%s could not leave: open them to see why."),
            ),
        }

    def _outcome(self):
        """Return what became of this reminder after its confirmation."""
        if self.state == "pending":
            return "background"
        if self.state in ("failed", "canceled"):
            return self.state
        return "letter" if self.channel_kind == "letter" else "leaves"
