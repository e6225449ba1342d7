from odoo import api, models


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"

    @api.model_create_multi
    def create(self, vals_list):
        """Override of `account`: calls about what was just paid are looked at within a
        minute (F2)."""
        partials = super().create(vals_list)
        # Whoever books a payment need not be able to see reminders.
        called = self.env["relance.reminder.line"].sudo()
        if called.search_count(
            [
                ("move_line_id", "in", partials.debit_move_id.ids),
                ("state", "=", "outgoing"),
                ("reminder_id.channel_id.kind", "=", "activity"),
            ],
            limit=1,
        ):
            self.env.ref("relance_numm.ir_cron_deliver")._trigger()
        return partials
