from odoo import fields, models


class RelancePrepareLineAdvice(models.TransientModel):
    """What « Contrôles » say of a line that can be sent all the same (D5)."""

    _inherit = "relance.prepare.line"

    advice = fields.Char(readonly=True)

    def _refresh_advice(self, recipients):
        """Say on each line what may keep its reminder from arriving.

        :param dict[int, Recipients] recipients: by customer
        """
        for line in self:
            channel = line.channel_id
            delivery = channel._delivery()
            mine = recipients[line.partner_id.id]
            # What keeps it from being sent at all is said by the line's problem.
            advice = not delivery._problem(mine, channel) and delivery._advice(
                mine, channel, line.company_id
            )
            # Written only where it changes: most lines have none.
            if line.advice != advice:
                line.advice = advice
