from odoo import api, models


class RelanceReminderCreate(models.Model):
    """New reminders with their lines, made in bulk (H8)."""

    _inherit = "relance.reminder"

    @api.model
    def _create_with_lines(self, vals_list):
        """Create reminders, and those that accompany them, with all their lines.

        :param list vals_list: as for ``create``; the lines are all new ones
        :return: the reminders, those that accompany them included
        """
        lines, companion_lines = [], []
        mains_vals = []
        for vals in vals_list:
            companions_vals = []
            for command in vals.get("companion_ids", ()):
                companion_vals, commands = self._split_lines(command[2])
                companions_vals.append((*command[:2], companion_vals))
                companion_lines.append(commands)
            main_vals, commands = self._split_lines(vals)
            lines.append(commands)
            if companions_vals:
                main_vals["companion_ids"] = companions_vals
            mains_vals.append(main_vals)
        mains = self.create(mains_vals)
        # In the order in which they were created.
        companions = self.union(*(main.companion_ids.sorted("id") for main in mains))
        reminders = mains | companions
        commands = [*lines, *companion_lines]
        self.env["relance.reminder.line"]._insert_claims(
            dict(zip(reminders, commands, strict=True))
        )
        # It was given, see below: nothing to add up again.
        self.env.remove_to_compute(self._fields["amount_total"], reminders)
        return reminders

    @api.model
    def _split_lines(self, vals):
        """Return a reminder's values without its lines, but with their total, and the
        commands of its lines."""
        commands = vals["line_ids"]
        currency = self.env["res.currency"].browse(vals["currency_id"])
        total = currency.round(sum(line["amount_due"] for _op, _id, line in commands))
        return {name: value for name, value in vals.items() if name != "line_ids"} | {
            "amount_total": total
        }, commands
