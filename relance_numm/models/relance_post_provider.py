import datetime
from typing import NamedTuple

from odoo import api, models
from odoo.exceptions import UserError

# What becomes of a letter that a provider has, in this order; the last ones are final.
POST_STATUSES = [
    ("accepted", "Accepted by the provider"),
    ("printed", "Printed"),
    ("deposited", "Handed to the post"),
    ("presented", "Presented, notice left"),
    ("received", "Received"),
    ("unclaimed", "Unclaimed"),
    ("refused", "Refused"),
    ("wrong_address", "Not at this address"),
    ("error", "Error"),
]
FINAL_STATUSES = ("received", "unclaimed", "refused", "wrong_address", "error")


class PostReport(NamedTuple):
    """What a provider says of a letter.

    ``status`` is one of ``POST_STATUSES`` and ``date`` its day (today where it is
    unknown); ``reference`` is the provider's own, ``number`` that of the registered
    letter, ``reason`` the sentence that explains an error.
    """

    status: str
    date: datetime.date | None = None
    reference: str | bool = False
    number: str | bool = False
    reason: str | bool = False


class RelancePostProvider(models.AbstractModel):
    """Who prints letters and hands them to the post for us (F2).

    An addon adds one by a selection value on ``relance.channel.provider`` and a model
    ``relance.post.provider.<value>`` that inherits this one. It only talks to the
    service: states, levels, dates and proofs on the reminders are written by
    ``relance.reminder._note_post_report``.
    """

    _name = "relance.post.provider"
    _description = "Post provider"

    @api.model
    def _of(self, name):
        """Return the model of a provider, or None where letters are printed here or
        its addon is gone."""
        return self.env.get(f"{RelancePostProvider._name}.{name}")

    @api.model
    def _posts_registered(self):
        """Return whether it posts registered letters, with a receipt."""
        return False

    @api.model
    def _problem(self, recipients, channel):
        """Return why it cannot post a letter to these recipients, or False (D5)."""
        return False

    @api.model
    def _send(self, reminders):
        """Hand the letters over: ``letter_attachment_id`` to ``contact_id`` of each.

        Should our transaction be rolled back, the same letters are handed over again:
        let the service know a letter that it already has by ``_post_key`` of the
        reminder.

        :return: by reminder id, what became of it: mostly ``accepted`` with the
            provider's reference, or ``error`` with the reason
        :rtype: dict[int, PostReport]
        :raise: whatever goes wrong; the reminders then fail with it as their reason
        """
        raise NotImplementedError

    @api.model
    def _status(self, reminders):
        """Ask what became of letters that were handed over.

        :return: by reminder id; those of which nothing is known may be left out
        :rtype: dict[int, PostReport]
        :raise: whatever goes wrong; they are asked for again later
        """
        raise NotImplementedError

    @api.model
    def _document(self, reminder):
        """Return the proofs there are by now: of deposit, of receipt.

        :return: names and contents of files
        :rtype: list[tuple[str, bytes]]
        """
        return []

    @api.model
    def _recall(self, reminders):
        """Take letters back that the provider has not printed yet.

        :raise UserError: where it cannot
        """
        raise UserError(
            self.env._(
                "%s: the provider has these letters already, they can no longer be "
                "stopped from here.",
                ", ".join(reminders.mapped("name")),
            )
        )
