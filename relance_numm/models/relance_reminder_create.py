from odoo import api, models


class RelanceReminderCreate(models.Model):
    """New reminders with their lines, made in bulk (H8)."""

    _inherit = "relance.reminder"

    @api.model
    def _create_with_lines(self, vals_list, claims):
        """Create reminders, and those that accompany them, with all their lines.

        :param list vals_list: as for ``create``, without lines
        :param list[Claim] claims: what each of them claims, and those that accompany it
        :return: the reminders, those that accompany them included
        """
        vals_list = [
            self._with_total(vals, claim)
            for vals, claim in zip(vals_list, claims, strict=True)
        ]
        mains = self.create(vals_list)
        companions = [
            # In the order in which they were created.
            (companion, claim)
            for main, claim in zip(mains, claims, strict=True)
            for companion in main.companion_ids.sorted("id")
        ]
        made = [*zip(mains, claims, strict=True), *companions]
        reminders = self.browse(reminder.id for reminder, _claim in made)
        # It was given, see below: nothing to add up, neither before there are lines nor
        # because there are.
        total = self._fields["amount_total"]
        self.env.remove_to_compute(total, reminders)
        self.env["relance.reminder.line"]._insert_claims(made)
        self.env.remove_to_compute(total, reminders)
        return reminders

    @api.model
    def _with_total(self, vals, claim):
        """Return a reminder's values with the total of what it claims, and those of the
        reminders that accompany it."""
        currency = self.env["res.currency"].browse(vals["currency_id"])
        total = {"amount_total": currency.round(claim.amount_due)}
        result = vals | total
        if companions := vals.get("companion_ids"):
            result["companion_ids"] = [
                (*command[:2], command[2] | total) for command in companions
            ]
        return result
