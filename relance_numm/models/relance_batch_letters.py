from odoo import models


class RelanceBatchLetters(models.Model):
    _inherit = "relance.batch"

    def action_ask_print(self):
        """Ask how to print all the letters of the batch, then print them (E3)."""
        return self.reminder_ids.action_ask_print()
