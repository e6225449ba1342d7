from odoo import api, fields, models
from odoo.exceptions import UserError


class RelanceReminderApology(models.Model):
    """The mail that apologizes for a reminder sent by mistake."""

    _inherit = "relance.reminder"

    apology_email_to = fields.Char(string="Apology to", readonly=True, copy=False)

    @api.model
    def _apology_template(self):
        """Return the template offered for an apology: the shipped one, else any; maybe
        none.

        :rtype: mail.template
        """
        templates = self.env["mail.template"]
        shipped = self.env.ref(
            "relance_numm.mail_template_apology", raise_if_not_found=False
        )
        return (
            shipped
            if shipped and shipped.active
            else templates.search([("model", "=", self._name)], limit=1)
        )

    def _apology_emails(self):
        """Return the addresses that the apology of each reminder goes to: those that
        were mailed, else those at which its customer can be mailed now; maybe none.

        :rtype: dict[int, list[str]]
        """
        mailed = {reminder.id: reminder._mailed_addresses() for reminder in self}
        recipients = self.filtered(lambda r: not mailed[r.id])._recipients()
        emails = {
            reminder.id: mailed[reminder.id] or list(recipients[reminder.id].emails)
            for reminder in self
        }
        named = [email for addresses in emails.values() for email in addresses]
        refused = self.env["res.partner"]._relance_blacklisted(named)
        return {
            id_: [email for email in addresses if email not in refused]
            for id_, addresses in emails.items()
        }

    def _mailed_addresses(self):
        """Return the addresses that got the reminder, as far as they did not bounce."""
        if self.channel_kind != "mail" or not self.email_to:
            return []
        bounced = (self.bounced_emails or "").split()
        return [email for email in self.email_to.split(", ") if email not in bounced]

    def _without_companions(self):
        """Return these reminders without those that accompany another of them: the
        customer gets one apology."""
        return self.filtered(lambda r: r.main_reminder_id not in self)

    def _apology_texts(self, template):
        """Return what an apology says to the customer of each reminder, in his
        language: its ``subject`` and its ``body_html``.

        :param mail.template template: of a reminder
        :rtype: dict[int, dict[str, str]]
        :raise UserError: where the template is another document's, or has a mistake
        """
        if template.sudo().model != self._name:
            raise UserError(
                self.env._(
                    "The template “%s” is not for reminders: choose another one.",
                    template.display_name,
                )
            )
        # Odoo says what is wrong in a template that cannot be rendered.
        return template._generate_template(self.ids, ("subject", "body_html"))

    def _apologize(self, apologies):
        """Mail the apologies through Odoo's queue; their chatter shows them, and gets
        the answers.

        :param apologies: the texts by id, see ``_apology_texts``
        :return: those for which one leaves: of which the customer has an address
        """
        emails = self._apology_emails() if apologies else {}
        apologized = self.filtered(lambda r: r.id in apologies and emails[r.id])
        for reminder in apologized:
            reminder.apology_email_to = ", ".join(emails[reminder.id])
            # In the queue, as all mails to customers; what is around the text is in
            # their language, too.
            reminder.with_context(
                mail_notify_force_send=False, lang=reminder.lang
            ).message_post(**reminder._prepare_apology_vals(apologies[reminder.id]))
        return apologized

    def _prepare_apology_vals(self, texts):
        """Return what is posted: a mail to the customer and to nobody else."""
        return {
            "subject": texts["subject"],
            "body": texts["body_html"],
            "email_from": self._email_from(),
            "author_id": self.env.user.partner_id.id,
            "outgoing_email_to": self.apology_email_to,
            "email_layout_xmlid": "mail.mail_notification_light",
            "subtype_xmlid": "mail.mt_note",
        }
