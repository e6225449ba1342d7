from odoo import models
from odoo.tools import SQL

# What is chosen for a customer, each where the company does.
OWN_SETTINGS = ("relance_plan_id", "relance_user_id", "relance_excluded")


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    """Two customers that become one keep their reminders (B2).

    Odoo moves what refers to a contact, and keeps the destination's values where it has
    some. These methods mend what that loses.
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
        """Extend: the destination's own settings, else the source's, by company."""
        kept = self._relance_kept_vals(src_partners, dst_partner)
        result = super()._update_values(src_partners, dst_partner)
        dst_partner.write(kept)
        self._relance_keep_settings(src_partners, dst_partner)
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

    def _relance_keep_settings(self, src_partners, dst_partner):
        """Write the source's settings where the destination has none, in each company.

        Odoo takes one that was emptied for a value, though not in the current company.
        A customer that was excluded stays so, whichever of the two it was.
        """
        for company in self._relance_companies_of(src_partners):
            # Also in companies that whoever merges has no access to.
            mine = dst_partner.sudo().with_company(company)
            theirs = src_partners.sudo().with_company(company)
            vals = {
                name: next(filter(None, theirs.mapped(name)), False)
                for name in OWN_SETTINGS
                if not mine[name]
            }
            vals = {name: value for name, value in vals.items() if value}
            if vals:
                mine.write(mine._convert_to_write(vals))

    def _relance_companies_of(self, partners):
        """Return the companies in which these contacts have settings."""
        partners.flush_recordset(OWN_SETTINGS)
        settings = SQL(" || ").join(
            SQL("COALESCE(%s, '{}')", SQL.identifier(name)) for name in OWN_SETTINGS
        )
        ids = self.env.execute_query(
            SQL(
                "SELECT DISTINCT jsonb_object_keys(%s)::int FROM res_partner "
                "WHERE id = ANY(%s)",
                settings,
                partners.ids,
            )
        )
        return self.env["res.company"].browse(id_ for (id_,) in ids).exists()
