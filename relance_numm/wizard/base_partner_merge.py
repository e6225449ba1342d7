from odoo import models
from odoo.tools import SQL


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    """Two customers that become one keep their reminders (B2).

    Odoo moves what refers to a contact, and keeps the destination's values where it has
    some, else the source's, in each company. These methods mend what that loses.
    """

    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys(self, src_partners, dst_partner):
        """Extend: drop what both have before one takes the other's place, for Odoo
        would drop all that the source has, or stop."""
        partners = src_partners | dst_partner
        self._relance_drop_twins(
            "mail_followers",
            "partner_id",
            ("res_model", "res_id"),
            partners,
            dst_partner,
        )
        self._relance_drop_twins(
            "mail_notification",
            "res_partner_id",
            ("mail_message_id",),
            partners,
            dst_partner,
        )
        return super()._update_foreign_keys(src_partners, dst_partner)

    def _update_reference_fields(self, src_partners, dst_partner):
        """Extend: likewise for those who follow both."""
        self._relance_drop_twins(
            "mail_followers",
            "res_id",
            ("partner_id",),
            src_partners | dst_partner,
            dst_partner,
            SQL("twin.res_model = 'res.partner'"),
        )
        return super()._update_reference_fields(src_partners, dst_partner)

    def _relance_drop_twins(
        self, table, column, same, partners, dst_partner, condition=None
    ):
        """Delete the rows that would be there twice once these contacts are one.

        The destination's row stays, else that of the first.

        :param tuple same: columns by which two rows are the same
        :param SQL condition: which rows are concerned, as ``twin``
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM %(table)s WHERE id IN (
                    SELECT id FROM (
                        SELECT twin.id, row_number() OVER (
                               PARTITION BY %(same)s
                               ORDER BY twin.%(column)s <> %(kept)s, twin.id) AS place
                          FROM %(table)s twin
                         WHERE twin.%(column)s = ANY(%(ids)s) AND %(condition)s
                    ) ranked WHERE place > 1)
                """,
                table=SQL.identifier(table),
                column=SQL.identifier(column),
                same=SQL(", ").join(SQL.identifier("twin", name) for name in same),
                kept=dst_partner.id,
                ids=partners.ids,
                condition=condition or SQL("TRUE"),
            )
        )
        self.env.invalidate_all()

    def _update_values(self, src_partners, dst_partner):
        """Extend: keep what is the destination's, or told of the source by a person."""
        kept = self._relance_kept_vals(src_partners, dst_partner)
        result = super()._update_values(src_partners, dst_partner)
        dst_partner.write(kept)
        return result

    def _relance_kept_vals(self, src_partners, dst_partner):
        """Return what is lost or wrong after the values were merged."""
        vals = {}
        email = dst_partner.email_normalized
        if email and email not in src_partners.mapped("email_normalized"):
            # The address that bounced is not the one that stays.
            vals["message_bounce"] = dst_partner.message_bounce
        own = dst_partner.relance_customer_type
        if own and own != dst_partner._relance_default_type():
            # Merging whether it is a company would compute it anew.
            vals["relance_customer_type"] = own
        elif "public" in src_partners.mapped("relance_customer_type"):
            # Only a person can have told so; the other is what any contact starts with.
            vals["relance_customer_type"] = "public"
        return vals
