from odoo import api, models


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"

    @api.model_create_multi
    def create(self, vals_list):
        """Override of `account`: calls about what was just paid are looked at within a
        minute (F2)."""
        partials = super().create(vals_list)
        if partials.debit_move_id._relance_has_calls():
            self.env.ref("relance_numm.ir_cron_deliver")._trigger()
        return partials
