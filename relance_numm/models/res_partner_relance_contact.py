from typing import NamedTuple

from odoo import models

from ..tools import all_or_each


class ContactProposal(NamedTuple):
    """The « Relance » contact that a customer would get.

    ``source`` is whose it starts from: the invoice contact, else the customer itself;
    ``vals`` are its values; ``skipped`` says why there is none to create, or is False.
    """

    customer: models.Model
    source: models.Model
    vals: dict
    skipped: str | bool


class ResPartnerRelanceContact(models.Model):
    """« Relance » contacts of many customers at once (B1)."""

    _inherit = "res.partner"

    def action_relance_create_contacts(self):
        """Open the dialog that says which « Relance » contacts would be created.

        :raise UserError: where none of these is a customer one may see
        """
        return self.env["relance.contact.create"]._action_for(self)

    def _relance_customers(self):
        """Return the customers that these are or belong to.

        A contact that is a company of its own, such as a shared accounting centre, is
        not a customer where it receives another's reminders.
        """
        return self.browse().union(
            *(
                partner.parent_id.commercial_partner_id
                if partner.type == "relance" and partner.parent_id
                else partner.commercial_partner_id
                for partner in self
            )
        )

    def _relance_propose_contacts(self):
        """Return what « Relance » contact each of these customers would get (B1).

        It is reached as the customer is until now: by the same mails, letter and phone.

        :rtype: list[ContactProposal]
        """
        chains = self._relance_contact_chains()
        recipients = self._relance_recipients()
        return [
            customer._relance_propose_contact(
                chains[customer.id], recipients[customer.id]
            )
            for customer in self
        ]

    def _relance_propose_contact(self, chain, recipients):
        relance, invoice, _customer = chain
        source = invoice[:1] or self
        vals = self._prepare_relance_proposal_vals(source, chain, recipients)
        skipped = False
        if relance:
            skipped = self.env._(
                "Has a reminder contact already: %s",
                ", ".join(relance.mapped("display_name")),
            )
        elif not vals["email"] and not vals["phone"] and recipients.letter_problem:
            skipped = self.env._(
                "Has no address to copy: no email, no phone, no complete postal address"
            )
        return ContactProposal(self, source, vals, skipped)

    def _prepare_relance_proposal_vals(self, source, chain, recipients):
        """Return the values of the « Relance » contact proposed."""
        everyone = self.browse().union(*chain)
        mailed = recipients.mail_contacts or everyone.filtered("email")[:1]
        return self._prepare_relance_contact_vals(
            recipients,
            {
                "name": source != self and source.name,
                "lang": source.lang,
                "email": ", ".join(dict.fromkeys(mailed.mapped("email"))) or False,
                # Whoever has not been reached is not reached by a copy.
                "message_bounce": max(mailed.mapped("message_bounce"), default=0),
            },
        )

    def _relance_create_contacts(self):
        """Create the « Relance » contacts proposed for these customers.

        :return: the contacts, and the proposals as they are now
        :rtype: tuple[res.partner, list[ContactProposal]]
        """
        proposals = self._relance_propose_contacts()
        # An accountant says where reminders go without the right to manage contacts.
        contacts = self.sudo().create(
            [proposal.vals for proposal in proposals if not proposal.skipped]
        )
        return contacts.with_env(self.env), proposals

    def _relance_undo_contacts(self):
        """Take « Relance » contacts back: delete them, or archive those that something
        refers to or somebody changed since.

        :return: those that are archived
        """
        # They were created without the right to manage contacts, too.
        contacts = self.sudo().exists()
        kept = contacts.filtered(lambda c: c.write_date != c.create_date)

        def keep(contact, _error):
            nonlocal kept
            kept |= contact

        all_or_each(contacts - kept, type(contacts).unlink, keep)
        kept.active = False
        return kept.with_env(self.env)

    def get_import_templates(self):
        """Extend: a file to fill in with « Relance » contacts (B1)."""
        return super().get_import_templates() + [
            {
                "label": self.env._("Import Template for Reminder Contacts"),
                "template": "/relance_numm/static/xls/"
                "reminder_contacts_import_template.xlsx",
            }
        ]
