from odoo import models
from odoo.tools.mail import email_normalize_all


class ResPartnerBounce(models.Model):
    """Whom reminders go to once a mail came back (D5, F1)."""

    _inherit = "res.partner"

    def write(self, vals):
        """Override: another address has not bounced yet."""
        mended = self.browse()
        if "email" in vals and "message_bounce" not in vals:
            mended = self.filtered(
                lambda p: p.message_bounce and (p.email or "") != (vals["email"] or "")
            )
        result = super().write(vals)
        if mended:
            mended.message_bounce = 0
        return result

    def _relance_by_mail(self, chain, blacklisted):
        """Override: where the mails to all contacts of a kind came back, the next kind
        gets them: the invoice contact, then the customer itself (F1).

        An address that is missing or malformed is left for a person to mend (D5).
        """
        found = super()._relance_by_mail(chain, blacklisted)
        if not found["mail_problem"]:
            return found
        for position, kind in enumerate(chain[:-1], 1):
            mailed = kind.filtered("email")
            if mailed and not mailed._relance_came_back(blacklisted):
                break
            if mailed:
                rest = (*[self.browse()] * position, *chain[position:])
                after = super()._relance_by_mail(rest, blacklisted)
                if after["emails"]:
                    return {
                        **after,
                        "mail_advice": self.env._(
                            "%s: the next contact gets the mail.",
                            found["mail_problem"],
                        ),
                    }
        return found

    def _relance_came_back(self, blacklisted):
        """Return whether a mail to these contacts came back, and none of the others can
        be mailed either."""
        return any(c.message_bounce for c in self) and all(
            c.message_bounce or blacklisted.intersection(email_normalize_all(c.email))
            for c in self
        )

    def _relance_emails_to_mend(self):
        """Return the address of each customer that reminders are mailed to first,
        usable or not: the one to mend.

        :rtype: dict[int, str | bool]
        """
        return {
            id_: next((c.email for kind in chain for c in kind if c.email), False)
            for id_, chain in self._relance_contact_chains().items()
        }
