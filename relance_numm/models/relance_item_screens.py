from odoo import api, models
from odoo.fields import Domain

# What a person has to look at: the cron makes it no more, or not now.
FAILED_CODES = ("failed", "error")


class RelanceItemScreens(models.Model):
    """What the work list and the dry run say above their rows; their buttons (G5)."""

    _inherit = "relance.item"

    @api.model
    def get_automatic_entities(self):
        """Return the names of the active entities that remind by invoice: what they
        have in the work list is reminded by itself.

        :rtype: list[str]
        """
        self.check_access("read")
        automatic = self.env.companies.filtered(lambda c: c.relance_on == "invoice")
        # The name alone, also of an entity of which only a branch is active.
        return automatic.root_id.sudo().mapped("name")

    @api.model
    def get_automatic_failed(self, domain):
        """Return how many rows of a domain wait for a person, after a failure.

        :rtype: int
        """
        return self.search_count(
            Domain(domain) & Domain("automatic_code", "in", FAILED_CODES)
        )

    def action_ask_remind_now(self):
        """Say what would leave, and ask before the cron runs at once.

        :raise UserError: where nothing may leave now, saying why
        """
        self._check_remind_now()
        return self.env["relance.automatic.run"]._action_open()

    def action_start_rehearsed(self):
        """Go back from the rehearsal to the dialog that starts automatic reminders, its
        values as they were."""
        company = self.env["res.company"].browse(
            self.env.context.get("relance_rehearsal")
        )
        starts = self.env["relance.automatic.start"]
        start = starts.browse(self.env.context.get("relance_rehearsal_start")).exists()
        # Odoo clears dialogs away that were left for long.
        action = start._action() if start else starts._action_open(company)
        action["context"] = {**action["context"], "relance_rehearsed": True}
        return action
