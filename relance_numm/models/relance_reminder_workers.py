from math import ceil

from odoo import api, models

from . import relance_reminder_delivery

HELPERS = (
    "relance_numm.ir_cron_help_1",
    "relance_numm.ir_cron_help_2",
    "relance_numm.ir_cron_help_3",
)


class RelanceReminderWorkers(models.Model):
    """Several of Odoo's own workers at once (H9).

    Odoo lets only one of them run a scheduled action at a time. So there are others,
    which do the same and are called where there is more than one portion; each takes
    what no other has locked.
    """

    _inherit = "relance.reminder"

    @api.model
    def _call_helpers(self, count, portion_size=None):
        """Have other workers help with so many reminders, as many as find a portion.

        :param int portion_size: of how many reminders; as many as are delivered at once
        """
        portion_size = portion_size or relance_reminder_delivery.DELIVERY_SIZE
        portions = ceil(count / portion_size)
        for xmlid in HELPERS[: max(portions - 1, 0)]:
            # A person may have deleted it.
            helper = self.env.ref(xmlid, raise_if_not_found=False)
            if helper:
                helper._trigger()

    @api.model
    def _cron_help(self):
        """Create and deliver what waits, beside the worker that called (D8)."""
        may_leave = self._may_leave_domain()
        self.env["ir.cron"]._commit_progress(remaining=self.search_count(may_leave))
        batches = self.env["relance.batch"]
        if batches._create_all_waiting() and self._deliver_all(may_leave):
            # What the others delivered is not to be done any more.
            self.env["ir.cron"]._commit_progress(remaining=0)
        else:
            self._go_on_soon()
