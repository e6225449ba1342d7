from odoo import models


class RelanceBatchTogether(models.Model):
    """What waits for a reminder that failed does not keep its batch from being done."""

    _inherit = "relance.batch"

    def _compute_counts(self):
        """Override: nothing in the background sends what waits for a failed one."""
        result = super()._compute_counts()
        waiting = dict(
            self.env["relance.reminder"]._read_group(
                [
                    ("batch_id", "in", self.ids),
                    ("state", "=", "pending"),
                    ("main_reminder_id.state", "=", "failed"),
                ],
                ["batch_id"],
                ["__count"],
            )
        )
        for batch in self:
            count = waiting.get(batch, 0)
            if count:
                batch.pending_count -= count
                steps = 2 * (batch.reminder_count + batch.waiting_count)
                batch.progress += 100.0 * count / steps
        return result
