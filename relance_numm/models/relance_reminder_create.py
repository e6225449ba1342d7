from odoo import api, models
from odoo.tools import SQL


class RelanceReminderCreate(models.Model):
    """New reminders with their lines, made in bulk (H8)."""

    _name = "relance.reminder"
    _inherit = ["relance.reminder", "relance.bulk.insert"]

    @api.model
    def _create_with_lines(self, vals_list, claims):
        """Create reminders, and those that accompany them, with all their lines.

        :param list vals_list: values of columns, without lines; under ``companions``
            those of the reminders that accompany it
        :param list[Claim] claims: what each of them claims, and those that accompany it
        :return: the reminders, those that accompany them included
        """
        mains = self._make(
            [
                {name: value for name, value in vals.items() if name != "companions"}
                for vals in vals_list
            ],
            claims,
        )
        accompanied = [
            (main, companion_vals, claim)
            for main, vals, claim in zip(mains, vals_list, claims, strict=True)
            for companion_vals in vals.get("companions", ())
        ]
        companions = self._make(
            [
                {**vals, "main_reminder_id": main.id}
                for main, vals, _claim in accompanied
            ],
            [claim for _main, _vals, claim in accompanied],
        )
        reminders = mains + companions
        claims = [*claims, *(claim for _main, _vals, claim in accompanied)]
        self.env["relance.reminder.line"]._insert_claims(
            [*zip(reminders, claims, strict=True)]
        )
        # It was given, see below: nothing to add up again.
        self.env.remove_to_compute(self._fields["amount_total"], reminders)
        return reminders

    @api.model
    def _make(self, vals_list, claims):
        """Return new reminders; an addon, or an automation rule, that wants to know of
        them is called for each."""
        if not vals_list:
            return self.browse()
        computed = [
            self._computed_vals(vals, claim)
            for vals, claim in zip(vals_list, claims, strict=True)
        ]
        vals_list = [
            {**vals, **more} for vals, more in zip(vals_list, computed, strict=True)
        ]
        if not self._is_for_create(vals_list):
            return self._insert_rows(vals_list, computed[0])
        reminders = self.create(vals_list)
        # It was given, and there are no lines to add up yet.
        self.env.remove_to_compute(self._fields["amount_total"], reminders)
        return reminders

    @api.model
    def _computed_vals(self, vals, claim):
        """Return what the ORM would compute of a new reminder, and store.

        :param Claim claim: what it claims
        """
        currency = self.env["res.currency"].browse(vals["currency_id"])
        return {"amount_total": currency.round(claim.amount_due)}

    def _subscribe_all(self, partners):
        """Make people follow these reminders, which nobody follows yet, with the
        subtypes that `message_subscribe` gives them: by two statements instead of a
        record of each.

        No rights are checked: who follows a reminder is for this pipeline to say.
        """
        partners = partners.sudo().filtered("active")
        if not self or not partners:
            return
        subtypes = self.env["mail.message.subtype"].default_subtypes(self._name)
        everything, _internal, external = subtypes
        outside = partners.filtered("partner_share")
        self._insert_followers(outside, external)
        self._insert_followers(partners - outside, everything)
        self.invalidate_recordset(
            ["message_follower_ids", "message_partner_ids"], flush=False
        )

    def _insert_followers(self, partners, subtypes):
        self.env.cr.execute(
            SQL(
                """
                WITH follower AS (
                    INSERT INTO mail_followers (res_model, res_id, partner_id)
                    SELECT %s, reminder_id, partner_id
                      FROM unnest(%s::int[]) reminder_id, unnest(%s::int[]) partner_id
                 RETURNING id
                )
                INSERT INTO mail_followers_mail_message_subtype_rel
                            (mail_followers_id, mail_message_subtype_id)
                SELECT follower.id, subtype_id
                  FROM follower, unnest(%s::int[]) subtype_id
                """,
                self._name,
                self.ids,
                partners.ids,
                subtypes.ids,
            )
        )
