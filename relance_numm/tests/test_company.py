from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .common import RelanceCommon


@tagged("post_install", "-at_install")
class TestCompany(RelanceCommon):
    """The entity's settings (A1)."""

    def test_a1_invoice_mode_needs_a_default_plan(self):
        """A1, A3: « Facture » without default plan is refused, and says what to do."""
        self.company.relance_on = "invoice"
        self.company.relance_on = "item"
        self.env["relance.plan"].search([]).is_default = False
        with self.assertRaises(ValidationError) as raised:
            self.company.relance_on = "invoice"
        self.assertIn("Plans", str(raised.exception))

    def test_a1_last_default_plan_is_kept_in_invoice_mode(self):
        """Bad input: the last default plan cannot go while « Facture » needs it."""
        self.company.relance_on = "invoice"
        with self.assertRaises(ValidationError):
            self.env["relance.plan"].search([]).is_default = False
        with self.assertRaises(ValidationError):
            self.env["relance.plan"].search([("is_default", "=", True)]).unlink()

    def test_a1_settings_are_the_entitys(self):
        """A1: a branch has its entity's settings."""
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        self.assertEqual(branch.relance_internal_email, "recovery@example.com")
        settings = self.env["res.config.settings"].create({})
        settings.relance_internal_email = "new@example.com"
        settings.execute()
        self.assertEqual(branch.relance_internal_email, "new@example.com")

    def test_d6_numbers(self):
        """D6: R-YYMM-NNNN, per company, in one query."""
        numbers = self.company._relance_next_numbers(3)
        stamp = self.today.strftime("%y%m")
        self.assertEqual(numbers, [f"R-{stamp}-000{n}" for n in (1, 2, 3)])
        other = (
            self.company_data_2["company"]
            if hasattr(self, "company_data_2")
            else (self.env["res.company"].create({"name": "Other"}))
        )
        self.assertEqual(other._relance_next_numbers(1), [f"R-{stamp}-0001"])
        sequence = self.company._relance_sequence()
        sequence.implementation = "no_gap"
        self.assertEqual(len(set(self.company._relance_next_numbers(2))), 2)
