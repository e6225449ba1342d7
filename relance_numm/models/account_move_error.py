from odoo import api, fields, models
from odoo.exceptions import UserError

from ..client_actions import notification

ACTIVITY = "relance_numm.mail_activity_error"


class AccountMoveError(models.Model):
    """What an invoice says of a reminder that could not be made; who is asked (G2)."""

    _inherit = "account.move"

    @api.model
    def _relance_error_text(self, error):
        return str(error) or type(error).__name__

    def _relance_report_error(self, error):
        """Say on these invoices why their reminder could not be made, and count it."""
        text = self._relance_error_text(error)
        self._relance_note_error(text)
        for move in self:
            move.relance_error_count += 1
        self._message_log_batch(
            dict.fromkeys(
                self.ids, self.env._("The reminder could not be made: %s", text)
            )
        )

    def _relance_note_error(self, text):
        """Note why nothing could be made at this run: the next one tries again."""
        self.write({"relance_error": text, "relance_error_date": fields.Datetime.now()})

    def _relance_ask_responsible(self, plan):
        """Ask a person about invoices whose reminder could not be made so often.

        :param relance.plan plan: the plan that they follow
        """
        for move in self:
            company = move.company_id
            user = (
                move.commercial_partner_id._relance_followed_by(company)
                or plan.user_id
                or company._relance_responsible()
            )
            move = move.with_context(lang=user.lang)
            move.activity_schedule(
                ACTIVITY,
                summary=move.env._(
                    "Its reminder could not be made %s times", move.relance_error_count
                ),
                note=move.env._(
                    "%s. Mend what is wrong, then click “Try again” on the tab "
                    "“Reminders”.",
                    move.relance_error.rstrip("."),
                ),
                user_id=user.id,
            )

    def _relance_forget(self):
        """Override: nobody is asked any longer."""
        result = super()._relance_forget()
        self._relance_ask_no_more()
        return result

    def _relance_forget_error(self):
        """Forget what went wrong; a date set by hand stays."""
        self.write(
            {
                "relance_error": False,
                "relance_error_count": 0,
                "relance_error_date": False,
            }
        )
        self._relance_ask_no_more()

    def _relance_ask_no_more(self):
        # The activity may be somebody else's.
        self.sudo().activity_unlink([ACTIVITY])

    def action_relance_try_again(self):
        """Let the next run make what could not be made; a date set by hand stays."""
        failed = self.filtered("relance_error")
        if not failed:
            raise UserError(
                self.env._(
                    "None of these invoices has a reminder that could not be made."
                )
            )
        failed._relance_forget_error()
        failed._message_log_batch(
            dict.fromkeys(failed.ids, self.env._("Its reminder is tried again."))
        )
        return notification(
            self.env._(
                "Tried again at the next run: %s", ", ".join(failed.mapped("name"))
            )
            if len(failed) <= 10
            else self.env._("%s invoices are tried again.", len(failed))
        )
