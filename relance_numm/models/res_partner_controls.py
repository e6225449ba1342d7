from odoo import models

from ..tools import malformed_email
from ..tools_address import (
    ADDRESS_LENGTH,
    ADDRESS_ROWS,
    FIXED,
    address_fit,
    phone_kind,
    postal_code_meant,
)

# Of a row of the address: enough to find it again.
ROW_SHOWN = 30


class ResPartnerControls(models.Model):
    """What « Contrôles » say of a contact, and mending it there (D5).

    A *problem* keeps a reminder from being sent as it is; an *advice* does not.
    """

    _inherit = "res.partner"

    def _relance_country(self):
        """Return where this contact is: in the company's country unless it says so."""
        return self.country_id or self.env.company.country_id

    def _relance_has_address(self):
        """Return whether anything of a postal address was entered."""
        return any(self[name] for name in ("street", "street2", "zip", "city"))

    def _relance_said_of(self, contact, sentence):
        """Return a sentence about one of the contacts of this customer, which says
        which one where it is not the customer itself."""
        if not sentence or contact == self:
            return sentence
        name = contact.name or dict(
            self._fields["type"]._description_selection(self.env)
        ).get(contact.type)
        return self.env._("%(contact)s: %(problem)s", contact=name, problem=sentence)

    # Postal address

    def _relance_letter_problem(self):
        """Return why no letter reaches this contact, or False (D5)."""
        return self._relance_missing_address() or self._relance_postal_code_problem()

    def _relance_missing_address(self):
        """Return what the postal address lacks for a letter to arrive, or False."""
        country = self._relance_country()
        lacking = {
            "street": not (self.street or self.street2),
            "zip": not self.zip and (country.zip_required or not country),
            "city": not self.city,
        }
        missing = [
            self._fields[name]._description_string(self.env)
            for name, lacks in lacking.items()
            if lacks
        ]
        return bool(missing) and self.env._(
            "Incomplete postal address: %s missing", ", ".join(missing)
        )

    def _relance_postal_code_problem(self):
        """Return why the postal code is none of its country, or False."""
        country = self._relance_country()
        if not self.zip or postal_code_meant(self.zip, country.code):
            return False
        return self.env._(
            "Malformed postal code “%(code)s”: %(country)s has 5 digits, such as 33000",
            code=self.zip,
            country=country.name,
        )

    def _relance_letter_advice(self, company):
        """Return what the post may not read well of this address, or False (D5).

        :param res.company company: who writes the letter
        """
        rows, last = self.env["relance.letter"]._address_lines(self, company)
        fit = address_fit(rows, last)
        advice = [
            self._relance_long_row_advice(row, rows.index(row) + 1, fit.fits)
            for row in fit.long_rows
        ]
        if not fit.fits:
            advice.append(
                self.env._(
                    "The address takes %(count)s rows of %(length)s characters, and "
                    "the window of the envelope shows %(most)s: the letter prints it "
                    "smaller. Shorten it.",
                    count=fit.row_count,
                    length=ADDRESS_LENGTH,
                    most=ADDRESS_ROWS,
                )
            )
        country = self._relance_country()
        meant = self.zip and postal_code_meant(self.zip, country.code)
        if meant and meant != self.zip:
            advice.append(
                self.env._(
                    "Write the postal code “%(code)s” as %(meant)s.",
                    code=self.zip,
                    meant=meant,
                )
            )
        return bool(advice) and " ".join(advice)

    def _relance_long_row_advice(self, row, number, fits):
        shown = row if len(row) <= ROW_SHOWN else f"{row[:ROW_SHOWN].rstrip()}…"
        values = {
            "number": number,
            "row": shown,
            "length": len(row),
            "most": ADDRESS_LENGTH,
        }
        if fits:
            return self.env._(
                "Row %(number)s of the address (“%(row)s”) has %(length)s characters, "
                "%(most)s at most: the letter prints it on two rows or more.",
                **values,
            )
        return self.env._(
            "Row %(number)s of the address (“%(row)s”) has %(length)s characters, "
            "%(most)s at most.",
            **values,
        )

    # Phone

    def _relance_phone_kind(self):
        """Return whether this contact's number is a mobile's, as ``phone_kind``."""
        return phone_kind(self.phone, self._relance_country().code)

    def _relance_phone_problem(self):
        """Return why this contact cannot be called or texted, or False (D5)."""
        if not self.phone:
            return self.env._("No phone number")
        if not self._relance_phone_kind():
            return self.env._("Malformed phone number: %s", self.phone)
        return False

    def _relance_sms_problem(self):
        """Return why no SMS reaches this contact, or False (D5)."""
        problem = self._relance_phone_problem()
        if problem or self._relance_phone_kind() != FIXED:
            return problem
        return self.env._("No SMS reaches %s: it is no mobile number", self.phone)

    # Email

    def _relance_mail_advice(self, contacts, addresses, blacklisted):
        """Return who of those that are to be mailed is not, while others are, or False.

        :param res.partner contacts: those to be mailed
        :param dict addresses: where each can be
        :param set blacklisted: addresses that refuse mails
        """
        advice = []
        for contact in contacts:
            if not addresses[contact]:
                sentence = contact._relance_mail_problem(blacklisted)
                advice.append(self._relance_said_of(contact, f"{sentence}."))
            elif wrong := malformed_email(contact.email):
                advice.append(
                    self._relance_said_of(
                        contact,
                        self.env._(
                            "“%s” is no email address: only the others get the mail.",
                            wrong,
                        ),
                    )
                )
        return bool(advice) and " ".join(advice)

    # Mending

    def _relance_set_contact(self, vals):
        """Write the customer's « Relance » contact, made where there is none (D5).

        What is not mended stays as it was in use until now, wherever it came from.

        :param dict vals: values of the contact
        :return: the contacts that were written
        """
        self.ensure_one()
        # An accountant mends an address without the right to manage contacts.
        customer = self.sudo()
        relance, _invoice, _customer = customer._relance_contact_chains()[self.id]
        recipients = customer._relance_recipients()[self.id]
        if not relance:
            return customer.create(
                customer._prepare_relance_contact_vals(recipients, vals)
            )
        written = self.browse()
        for contact, values in customer._relance_mended(relance, recipients, vals):
            contact.write(values)
            written |= contact
        return written.with_env(self.env)

    def _relance_mended(self, relance, recipients, vals):
        """Return which values go to which « Relance » contact: to the one that is in
        use, else to the first, along with the rest of the address that was in use.

        :rtype: list[tuple[res.partner, dict]]
        """
        mended = []
        address_fields = self._address_fields()
        address = {name: vals[name] for name in address_fields if name in vals}
        if address:
            used = recipients.letter_contact
            if used not in relance:
                address = {
                    **used._convert_fields_to_values(address_fields),
                    **address,
                }
            mended.append(((used & relance or relance)[:1], address))
        if "phone" in vals:
            used = recipients.phone_contact & relance or relance
            mended.append((used[:1], {"phone": vals["phone"]}))
        if "email" in vals:
            used = relance.filtered("email") or relance
            # Another address has not bounced yet.
            mended.append(
                (used[:1], {"email": vals["email"], "message_bounce": 0}),
            )
        others = {
            name: value
            for name, value in vals.items()
            if name not in (*address_fields, "phone", "email")
        }
        if others:
            mended.append((relance[:1], others))
        return mended

    def _prepare_relance_contact_vals(self, recipients, vals):
        """Return the values of a new « Relance » contact, which starts with the postal
        address and the phone number in use until now.

        :param Recipients recipients: who receives this customer's reminders
        :param dict vals: values that it has instead
        """
        used = recipients.letter_contact
        return {
            **used._convert_fields_to_values(self._address_fields()),
            "lang": used.lang,
            "phone": recipients.phone_contact.phone,
            "parent_id": self.id,
            "type": "relance",
            **vals,
        }
