from odoo.tests import tagged

from .common import RelanceCommon


@tagged("post_install", "-at_install")
class TestPartner(RelanceCommon):
    """The customer and its contacts (B1, B2)."""

    def _contact(self, kind, **vals):
        return self.env["res.partner"].create(
            {"name": kind, "type": kind, "parent_id": self.customer.id, **vals}
        )

    def _recipients(self):
        return self.customer._relance_recipients()[self.customer.id]

    def test_b1_chain(self):
        """B1: the « Relance » contacts, else the invoice contact, else the customer."""
        self.assertEqual(self._recipients().mail_contacts, self.customer)
        invoice = self._contact("invoice", email="invoice@example.com")
        self.assertEqual(self._recipients().mail_contacts, invoice)
        first = self._contact("relance", email="first@example.com")
        second = self._contact("relance", email="second@example.com")
        self.assertEqual(self._recipients().mail_contacts, first | second)
        self.assertEqual(len(self._recipients().emails), 2)

    def test_b1_several_addresses_of_one_contact(self):
        """B1: a contact may have several addresses; all get the mail."""
        self.customer.email = "a@example.com, b@example.com"
        self.assertFalse(self._recipients().mail_problem)
        self.assertEqual(
            list(self._recipients().emails), ["a@example.com", "b@example.com"]
        )

    def test_b2_customer_without_type(self):
        """Bad input: a customer whose type was cleared is what he looks like."""
        self.customer.write({"relance_plan_id": False, "relance_customer_type": False})
        plans = self.env["relance.plan"]._plans_of(self.customer, self.company)
        self.assertEqual(
            plans[self.customer.id], self.env.ref("relance_numm.plan_private")
        )

    def test_b1_contact_that_is_a_company(self):
        """B1: a shared accounting centre may receive the reminders of a customer."""
        centre = self._contact("relance", email="centre@example.com", is_company=True)
        self.assertEqual(self._recipients().mail_contacts, centre)

    def test_b1_one_letter(self):
        """B1: a letter has one contact, the first with a postal address."""
        self._contact("relance", email="first@example.com")
        self.assertEqual(self._recipients().letter_contact, self.customer)
        second = self._contact("relance", street="1 rue A", zip="75001", city="Paris")
        self.assertEqual(self._recipients().letter_contact, second)

    def test_d5_mail_problems(self):
        """D5: no mail, malformed, blacklisted, bounced; one good address is enough."""
        self.assertFalse(self._recipients().mail_problem)
        self.customer.message_bounce = 1
        self.assertIn("bounced", self._recipients().mail_problem)
        self.customer.message_bounce = 0
        self.env["mail.blacklist"]._add("peyrot@example.com")
        self.assertIn("Blacklisted", self._recipients().mail_problem)
        self.customer.email = "peyrot@@example"
        self.assertIn("Malformed", self._recipients().mail_problem)
        self.customer.email = False
        self.assertIn("No email", self._recipients().mail_problem)
        self._contact("relance", email="nonsense")
        good = self._contact("relance", email="good@example.com")
        self.assertFalse(self._recipients().mail_problem)
        self.assertEqual(self._recipients().mail_contacts, good)

    def test_d5_other_problems(self):
        """D5: no postal address for a letter, no number for an SMS."""
        self.customer.write({"zip": False, "phone": "12"})
        self.assertIn("Zip", self._recipients().letter_problem)
        self.assertIn("Malformed", self._recipients().phone_problem)
        self.customer.phone = False
        self.assertIn("No phone", self._recipients().phone_problem)

    def test_b2_customer_type(self):
        """B2: a company is private, a person an individual; a public body stays so."""
        person = self.env["res.partner"].create({"name": "Ann"})
        self.assertEqual(person.relance_customer_type, "individual")
        self.assertEqual(self.customer.relance_customer_type, "private")
        self.customer.relance_customer_type = "public"
        self.customer.vat = "FR23334175221"
        self.assertEqual(self.customer.relance_customer_type, "public")
        child = self._contact("contact")
        self.assertEqual(child.relance_customer_type, "public")

    def test_b2_smart_buttons(self):
        """B2: the buttons count and open the customer's items and reminders."""
        move = self._invoice(8)
        self._already_reminded(move, self.level_1)
        self.assertEqual(self.customer.relance_item_count, 1)
        self.assertEqual(self.customer.relance_reminder_count, 1)
        self.assertEqual(move.relance_reminder_count, 1)
        for action in (
            self.customer.action_view_relance_items(),
            self.customer.action_view_relance_reminders(),
            move.action_view_relance_reminders(),
        ):
            records = self.env[action["res_model"]].search(action["domain"])
            self.assertEqual(records.partner_id, self.customer)

    def test_b2_display_name(self):
        """B1: an unnamed reminder contact is told from the customer."""
        contact = self._contact("relance", name=False)
        self.assertEqual(contact.display_name, "Librairie Peyrot, Reminder")
