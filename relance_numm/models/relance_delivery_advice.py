from odoo import api, models


class RelanceDelivery(models.AbstractModel):
    """What does not keep a reminder from being sent, but is worth mending (D5)."""

    _inherit = "relance.delivery"

    @api.model
    def _advice(self, recipients, channel, company):
        """Return what may keep a reminder of this type from arriving, or False.

        :param Recipients recipients: who receives the customer's reminders
        :param res.company company: who writes it
        """
        return False


class RelanceDeliveryLetter(models.AbstractModel):
    _inherit = "relance.delivery.letter"

    @api.model
    def _advice(self, recipients, channel, company):
        contact = recipients.letter_contact
        # What is missing is said already.
        if recipients.letter_problem:
            return False
        return contact._relance_letter_advice(company)


class RelanceDeliveryMail(models.AbstractModel):
    _inherit = "relance.delivery.mail"

    @api.model
    def _advice(self, recipients, channel, company):
        return recipients.mail_advice


class RelanceDeliveryActivity(models.AbstractModel):
    _inherit = "relance.delivery.activity"

    @api.model
    def _advice(self, recipients, channel, company):
        # A person reads the number, whether or not a machine can dial it.
        calls = channel.code == "phone" and recipients.phone_contact.phone
        return bool(calls) and recipients.phone_problem
