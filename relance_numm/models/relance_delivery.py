from odoo import api, models

from .relance_template import LETTER_TEXT_FIELDS


class RelanceDelivery(models.AbstractModel):
    """How a kind of reminder reaches the customer: one model per kind.

    An addon adds a kind by a selection value on ``relance.channel.kind`` and a model
    ``relance.delivery.<kind>`` that inherits this one; the pipeline stays as it is.
    """

    _name = "relance.delivery"
    _description = "Reminder delivery"

    @api.model
    def _contact(self, recipients):
        """Return the contact the reminder is addressed to.

        :param Recipients recipients: who receives the customer's reminders.
        :rtype: res.partner
        """
        return recipients.letter_contact

    @api.model
    def _address_text(self, recipients):
        """Return where a reminder of this kind goes, for people to read."""
        return self._contact(recipients).display_name

    @api.model
    def _problem(self, recipients, channel):
        """Return why a reminder of this type cannot be sent as it is, or False (D5)."""
        return False

    @api.model
    def _deliver(self, reminders):
        """Hand pending reminders over: afterwards each is outgoing, sent or failed.

        State and whatever leaves change in one transaction; one reminder that fails
        is marked by ``_fail`` and never stops the others.
        """
        raise NotImplementedError

    @api.model
    def _preview(self, reminder):
        """Return what a pending reminder would bring to the customer, before it leaves.

        :return: values of ``relance.reminder.preview``; whatever cannot be made fails
            the reminder with the reason
        :rtype: dict
        """
        return reminder._preview_letter(reminder._render_texts(LETTER_TEXT_FIELDS))

    @api.model
    def _comment(self, reminder):
        """Return what happened to the reminder, for the work list (D6)."""
        raise NotImplementedError

    @api.model
    def _needs_internal_copy(self):
        """Return whether the internal address gets a copy beside what leaves (A1)."""
        return True

    @api.model
    def _copy_address(self, reminder):
        """Return whom the reminder reaches, for the internal copy."""
        return reminder.contact_id.display_name

    @api.model
    def _called_address(self, reminder):
        """Return whom the reminder reaches, with the number."""
        contact = reminder.contact_id
        return ", ".join(filter(None, (contact.display_name, contact.phone)))

    @api.model
    def _copy_text(self, reminder):
        """Return what the internal copy says of the reminder, in a line."""
        return reminder.comment

    @api.model
    def _recall(self, reminders):
        """Take outgoing reminders back before they leave."""
