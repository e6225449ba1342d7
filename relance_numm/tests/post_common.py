from odoo.fields import Command

from .common import RelanceCommon

IBAN = "FR76 3000 1007 9412 3456 7890 185"


class PostCommon(RelanceCommon):
    """Letters of all types, of a company that has what a mise en demeure needs."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registered = cls.env.ref("relance_numm.channel_letter_rar")
        cls.company.company_registry = "80012345600017"
        cls.bank_account = cls.env["res.partner.bank"].create(
            {"acc_number": IBAN, "partner_id": cls.company.partner_id.id}
        )
        cls.plan.step_ids.channel_ids = [
            Command.set((cls.letter | cls.registered | cls.formal_notice).ids)
        ]

    @classmethod
    def _create_letters(cls, moves, channel=None):
        """Return the letters made of these moves as a person makes them."""
        wizard = cls._prepare(moves)
        wizard.line_ids.channel_id = channel or cls.letter
        wizard.action_create()
        return cls.env["relance.reminder"].search(
            [("line_ids.move_id", "in", moves.ids)]
        )

    @classmethod
    def _posted(cls, channel=None, partner=None, days_late=8):
        """Return a letter to a customer, ticked as posted."""
        letter = cls._create_letters(cls._invoice(days_late, partner=partner), channel)
        letter.action_done()
        return letter
