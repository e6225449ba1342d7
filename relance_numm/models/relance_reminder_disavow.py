from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from .relance_reminder import IN_FLIGHT

# Reminders named in a sentence; the others are counted.
NAMED = 5


class RelanceReminderDisavow(models.Model):
    """Taking back a reminder that has left: it happened, and no longer counts.

    Its state stays “sent”, which is what happened; the state of its lines, and so the
    level of its entries, is as if it had failed (D7).
    """

    _inherit = "relance.reminder"

    date_disavowed = fields.Datetime(string="Disavowed on", readonly=True, copy=False)
    disavowed_by_id = fields.Many2one(
        "res.users", string="Disavowed by", readonly=True, copy=False
    )
    disavow_note = fields.Char(
        string="Why disavowed",
        readonly=True,
        copy=False,
        help="The customer does not see it.",
    )

    @api.depends("date_disavowed", "disavow_note")
    def _compute_comment(self):
        """Override to say that the reminder was disavowed."""
        result = super()._compute_comment()
        for reminder in self.filtered("date_disavowed"):
            reminder.comment = self.env._(
                "Disavowed on %(date)s: %(note)s (%(comment)s)",
                date=format_date(self.env, reminder.date_disavowed),
                note=reminder.disavow_note,
                comment=reminder.comment,
            )
        return result

    # What may be disavowed

    def _can_be_disavowed(self):
        """Return those of these reminders that left from here and count still."""
        return self.filtered(
            lambda r: (
                r.state == "sent" and r.origin != "import" and not r.date_disavowed
            )
        )

    def _not_disavowable_text(self):
        """Return the sentence that says why a reminder cannot be disavowed."""
        self.ensure_one()
        if self.date_disavowed:
            return self.env._(
                "%(name)s was disavowed already, by %(user)s",
                name=self.name,
                user=self.disavowed_by_id.name,
            )
        if self.origin == "import":
            return self.env._(
                "%s did not leave from here: undo the take-over on its batch", self.name
            )
        if self.state == "canceled":
            return self.env._("%s was canceled before it left", self.name)
        return self.env._("%s has not left: cancel it instead", self.name)

    def _check_disavowable(self):
        """Return those of these reminders that can be disavowed.

        :raise UserError: where there is none, saying why
        """
        possible = self._can_be_disavowed()
        if not possible:
            raise UserError(
                self.env._(
                    "Only a reminder that has left can be disavowed. %s.",
                    "; ".join(r._not_disavowable_text() for r in self[:NAMED]),
                )
            )
        return possible

    def _named_text(self):
        """Return the numbers and customers of reminders; beyond some, how many."""
        names = [
            f"{reminder.name} ({reminder.partner_id.display_name})"
            for reminder in self[:NAMED]
        ]
        if len(self) > NAMED:
            names.append(self.env._("and %s others", len(self) - NAMED))
        return ", ".join(names)

    # Disavowing

    def action_disavow(self):
        """Open « Désavouer » on these reminders."""
        return self.env["relance.disavow"]._create_for(self)._action_open()

    def _disavow(self, note, apologies=None):
        """Take back reminders that have left: their level no longer counts, and they,
        their invoices and their customers say so.

        Their entries are not reminded of the same step by themselves again. Calls,
        meetings and SMS that accompany them go with them.

        :param str note: why, for colleagues to read
        :param apologies: the apology to mail for each, by id, see ``_apology_texts``;
            one that is missing is not mailed
        :return: those that were disavowed now
        :raise UserError: where there is none, or the note is missing
        """
        self.check_access("write")
        note = (note or "").strip()
        if not note:
            raise UserError(
                self.env._(
                    "Say why the reminders are disavowed: your colleagues read it on "
                    "the reminder, the invoice and the customer."
                )
            )
        # What became of a reminder is a fact that people cannot write. Locked: two
        # people at once apologize once.
        locked = self.sudo().try_lock_for_update()
        disavowed = (locked or self.sudo())._check_disavowable() & locked
        if not disavowed:
            raise UserError(
                self.env._(
                    "Somebody else is working on these reminders at this very moment: "
                    "try again."
                )
            )
        disavowed._mark_disavowed(note)
        disavowed._apologize(apologies or {})
        return disavowed.sudo(self.env.su)

    def _mark_disavowed(self, note):
        companions = self.companion_ids - self
        unsent = companions.filtered(lambda r: r.state in (*IN_FLIGHT, "failed"))
        taken_back = self | companions._can_be_disavowed()
        # What was reminded again since goes on from there.
        last_lines = self._active_lines().filtered("is_last")
        taken_back.write(
            {
                "date_disavowed": fields.Datetime.now(),
                "disavowed_by_id": self.env.uid,
                "disavow_note": note,
            }
        )
        self.env["relance.reminder.line"]._mark_last(taken_back.line_ids.move_line_id)
        taken_back._say(
            self.env._("Disavowed: %s. Its level no longer counts.", note.rstrip("."))
        )
        if unsent:
            unsent._recall()
            unsent._cancel(self.env._("Canceled: what it accompanies was disavowed"))
        # An apology is not followed by the same reminder.
        last_lines.filtered(lambda line: not line.is_companion)._skip()

    # What comes afterwards

    def _set_state(self, state, error=False):
        """Override: what was disavowed did leave and is over, whatever the post or the
        operator says later."""
        return super(RelanceReminderDisavow, self._not_disavowed())._set_state(
            state, error
        )

    def _fail(self, reason):
        """Override: the same; the reason is only noted."""
        going_on = self._not_disavowed()
        over = self - going_on
        over._message_log_batch(dict.fromkeys(over.ids, reason))
        return super(RelanceReminderDisavow, going_on)._fail(reason)

    def _not_disavowed(self):
        return self.filtered(lambda r: not r.date_disavowed)

    def _note_bounce(self, email):
        """Override: what was disavowed did leave and is not tried again; that its mail,
        or the apology, came back is only noted."""
        if not self.date_disavowed:
            return super()._note_bounce(email)
        return self._message_log(body=self._bounce_text(email))
