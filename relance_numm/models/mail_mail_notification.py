from odoo import models

from ..tools import well_formed_emails


class MailMailNotification(models.Model):
    """The envelope of a reminder's message in the chatter: Odoo's own notifications of
    who got it, and to whom it failed (F1)."""

    _inherit = "mail.mail"

    def _relance_notify_recipients(self, recipients):
        """Note to whom these reminders' mails go, as Odoo does for its own messages.

        :param recipients: who receives each reminder, by its id
        """
        vals_list = []
        # At once: each mail looks at its own contacts below.
        contacts = self.env["res.partner"].union(
            *(recipients[mail.relance_reminder_id.id].mail_contacts for mail in self)
        )
        users = {contact.id: contact.user_ids for contact in contacts}
        for vals, mail in zip(self._get_notification_values(), self, strict=True):
            mine = recipients[mail.relance_reminder_id.id]
            partners = {}
            # A notification opens the message to a user: a customer's portal user is
            # to find in Odoo nothing of what was mailed to him.
            for contact in mine.mail_contacts.filtered(lambda c: not users[c.id]):
                for address in well_formed_emails(contact.email):
                    # One notification for each person, as Odoo demands.
                    if address in mine.emails and contact not in partners.values():
                        partners.setdefault(address, contact)
            vals_list += [
                {
                    **vals,
                    "mail_email_address": address,
                    "res_partner_id": address in partners and partners[address].id,
                }
                for address in mine.emails
            ]
        self.env["mail.notification"].create(vals_list)

    def write(self, vals):
        """Override of `mail`: a mail that is canceled has not failed any longer."""
        result = super().write(vals)
        if vals.get("state") == "cancel":
            self.sudo().relance_reminder_id._settle_notifications()
        return result
