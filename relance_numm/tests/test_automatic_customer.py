from odoo.tests import Form, tagged

from .automatic_common import AutomaticCommon


@tagged("post_install", "-at_install")
class TestAutomaticCustomer(AutomaticCommon):
    """An invoice that gets another customer (G1)."""

    def setUp(self):
        super().setUp()
        self.move = self._invoice(8)
        self.move.relance_mode = "letter"
        self.move.relance_emails = "boss@example.com"
        self.move.relance_internal_email = "me@example.com"
        self.move.button_draft()
        self.other = self._create_customer("Autre", email="autre@example.com")

    def _check_forgotten(self):
        self.assertFalse(self.move.relance_own_mode)
        self.assertFalse(self.move.relance_own_emails)
        self.assertFalse(self.move.relance_own_internal_email)
        self.assertEqual(self.move.relance_mode, "mail")
        self.assertEqual(self.move.relance_emails, "autre@example.com")

    def test_written(self):
        """G1: what was chosen for one customer does not hold for another."""
        self.move.partner_id = self.other
        self._check_forgotten()

    def test_in_the_form(self):
        """G1: the form shows it before it is saved."""
        with Form(self.move) as form:
            form.partner_id = self.other
            self.assertEqual(form.relance_emails, "autre@example.com")
        self._check_forgotten()

    def test_chosen_at_once(self):
        """G1: what is chosen for the new customer at the same time is kept."""
        self.move.write(
            {"partner_id": self.other.id, "relance_emails": "new@example.com"}
        )
        self.assertEqual(self.move.relance_own_emails, "new@example.com")
        self.assertFalse(self.move.relance_own_mode)

    def test_contact_of_the_same(self):
        """G1: another contact of the same customer changes nothing."""
        contact = self._create_contact(self.customer)
        self.move.partner_id = contact
        self.assertEqual(self.move.relance_own_emails, "boss@example.com")
        self.assertEqual(self.move.relance_own_mode, "letter")

    def _create_contact(self, customer):
        return self.env["res.partner"].create(
            {"name": "Chef", "parent_id": customer.id, "type": "invoice"}
        )
