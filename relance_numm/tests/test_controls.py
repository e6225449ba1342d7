from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, Form, tagged

from ..models.relance_letter_html import wrapped_address
from ..tools_address import address_fit, phone_kind, postal_code_meant
from .common import RelanceCommon

MOBILE_NUMBER = "06 12 34 56 78"
FIXED_NUMBER = "05 56 00 00 00"

POSTAL_CODES = [
    # country, as entered, as meant
    ("FR", "33000", "33000"),
    ("FR", " 33000 ", "33000"),
    ("FR", "33 000", "33000"),
    ("FR", "F-33000", "33000"),
    ("FR", "FR 33000", "33000"),
    ("FR", "01000", "01000"),
    ("FR", "20200", "20200"),
    ("FR", "97400", "97400"),
    ("RE", "97400", "97400"),
    ("MC", "98000", "98000"),
    ("FR", "1000", None),
    ("FR", "330000", None),
    ("FR", "00100", None),
    ("FR", "96000", None),
    ("FR", "99100", None),
    ("FR", "3300O", None),
    ("FR", "33000 BORDEAUX", None),
    ("GP", "9711", None),
    ("BE", "1000", "1000"),
    ("GB", "SW1A 1AA", "SW1A 1AA"),
    (False, "whatever", "whatever"),
]
PHONES = [
    ("FR", MOBILE_NUMBER, "mobile"),
    ("FR", "+33 7 56 78 90 12", "mobile"),
    ("FR", "0033612345678", "mobile"),
    ("FR", FIXED_NUMBER, "fixed"),
    ("FR", "09 70 00 00 00", "fixed"),
    ("FR", "08 00 00 00 00", "fixed"),
    ("FR", "3631", None),
    ("FR", "06 12 34", None),
    ("FR", "none yet", None),
    ("RE", "0692 12 34 56", "mobile"),
    ("BE", "0470 12 34 56", "mobile"),
    ("US", "212 555 0123", "mobile"),
    (False, MOBILE_NUMBER, None),
    (False, "+33 6 12 34 56 78", "mobile"),
]
rows_of_an_address = st.lists(
    st.text("abcdefghij XYZ0123", min_size=1, max_size=90).map(
        lambda text: " ".join(text.split())
    ),
    max_size=8,
)


class TestControlTools(BaseCase):
    """The pure rules behind « Contrôles »."""

    def test_d5_postal_codes(self):
        """D5: French postal codes have five digits; others are as they are."""
        for country, entered, meant in POSTAL_CODES:
            with self.subTest(country=country, entered=entered):
                self.assertEqual(postal_code_meant(entered, country), meant)

    @given(st.integers(1000, 95999))
    def test_d5_postal_code_however_it_is_spaced(self, number):
        """D5: spaces do not matter to a code, and what is meant is meant again."""
        code = f"{number:05}"
        self.assertEqual(postal_code_meant(f"{code[:2]} {code[2:]}", "FR"), code)
        self.assertEqual(postal_code_meant(code, "FR"), code)

    @given(st.text(max_size=12), st.sampled_from(["FR", "GP", "MC", "BE", False]))
    def test_d5_any_postal_code(self, text, country):
        """Bad input: whatever is entered is a code or none, and raises nothing."""
        meant = postal_code_meant(text, country)
        if country in ("FR", "GP", "MC") and meant is not None:
            self.assertRegex(meant, r"^\d{5}$")

    def test_d5_phone_kinds(self):
        """D5: a number is a mobile's, another's or none."""
        for country, number, kind in PHONES:
            with self.subTest(country=country, number=number):
                self.assertEqual(phone_kind(number, country), kind)

    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(rows_of_an_address)
    def test_d5_fit_says_what_the_letter_does(self, rows):
        """D5: what is said to fit is printed on at most six rows of 38 characters; and
        nothing is said of an address that is printed as it is entered."""
        rows = [row for row in rows if row]
        fit = address_fit(rows)
        printed = wrapped_address(rows)
        if fit.fits:
            self.assertLessEqual(len(printed), 6)
            self.assertLessEqual(max(map(len, printed), default=0), 38)
            self.assertEqual(len(printed), fit.row_count)
        else:
            self.assertEqual(printed, rows)
        if not fit.long_rows and fit.fits:
            self.assertEqual(printed, rows)


@tagged("post_install", "-at_install")
class TestControls(RelanceCommon):
    """What cannot be sent, what had better be mended, and mending it (D5)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sms = cls.env.ref("relance_numm.channel_sms")
        cls.plan.step_ids.channel_ids |= cls.sms

    def _contact(self, kind="relance", **vals):
        return self.env["res.partner"].create(
            {"name": kind, "type": kind, "parent_id": self.customer.id, **vals}
        )

    def _recipients(self):
        return self.customer._relance_recipients()[self.customer.id]

    def _line(self, channel):
        line = self._prepare(self._invoice(8)).line_ids
        line.channel_id = channel
        return line

    def test_d5_postal_address_problems(self):
        """D5: what is missing or malformed keeps the letter; the sentence says what."""
        for vals, said in (
            ({"street": False}, "Incomplete postal address: Street missing"),
            ({"zip": False, "city": False}, "Zip, City missing"),
            ({"zip": "3300"}, "Malformed postal code “3300”: France has 5 digits"),
            ({"street": False, "street2": "BP 12"}, False),
            ({"zip": "33 000"}, False),
            ({"country_id": self.env.ref("base.be").id, "zip": "1000"}, False),
            ({"country_id": self.env.ref("base.hk").id, "zip": False}, False),
            ({"country_id": self.env.ref("base.be").id, "zip": False}, "Zip missing"),
        ):
            with self.subTest(vals=vals):
                before = {name: self.customer[name] for name in vals}
                self.customer.write(vals)
                problem = self._recipients().letter_problem
                if said:
                    self.assertIn(said, problem)
                else:
                    self.assertFalse(problem)
                self.customer.write(before)

    def test_d5_country_is_the_companys_by_default(self):
        """D5: an address without country is in the company's."""
        self.customer.write({"country_id": False, "zip": "330"})
        self.assertIn("France has 5 digits", self._recipients().letter_problem)
        self.customer.write({"zip": "33000", "phone": MOBILE_NUMBER})
        self.assertFalse(self._recipients().letter_problem)
        self.assertFalse(self._recipients().sms_problem)

    def test_d5_problem_says_whose(self):
        """D5: where it is not the customer's own, a sentence says whose address."""
        self._contact(email="nonsense", name="Accounting")
        self.assertEqual(
            self._recipients().mail_problem,
            "Accounting: Malformed email address: nonsense",
        )
        unnamed = self._contact("invoice", name=False, street="1 rue A", city="Paris")
        self.customer.write({"street": False, "zip": False, "city": False})
        self.assertEqual(self._recipients().letter_contact, unnamed)
        self.assertIn("Invoice", self._recipients().letter_problem)

    def test_d5_long_row_is_an_advice(self):
        """D5: a row of 39 characters can be printed: which, how long, what happens."""
        self.customer.street = "12 rue du Général de Gaulle prolongé 00"
        self.assertEqual(len(self.customer.street), 39)
        line = self._line(self.letter)
        self.assertFalse(line.problem)
        self.assertIn("Row 2 of the address (“12 rue du Général", line.advice)
        self.assertIn("has 39 characters, 38 at most", line.advice)
        self.assertIn("two rows", line.advice)
        self.assertIn(line.advice, line.remark)
        line.channel_id = self.email
        self.assertFalse(line.advice, "a mail has no window")
        self.customer.street = "12 rue du Général de Gaulle prolongé 0"
        line.channel_id = self.letter
        self.assertFalse(line.advice, "38 characters fit")

    def test_d5_too_many_rows_is_an_advice(self):
        """D5: an address of more than six rows is printed smaller, and said so."""
        self.customer.write(
            {
                "name": "Syndicat intercommunal de la vallée de la Leyre et du Teich",
                "street": "Bâtiment des Grands Moulins, escalier B, quatrième étage",
                "street2": "Zone artisanale des Petits Chênes, 12 allée des Noyers",
            }
        )
        line = self._line(self.letter)
        self.assertFalse(line.problem)
        self.assertIn("takes 7 rows of 38 characters", line.advice)
        self._contact(
            name="Service de la comptabilité générale et des relances",
            street=self.customer.street,
            street2=self.customer.street2,
            zip="33000",
            city="Bordeaux",
        )
        line = self._line(self.letter)
        self.assertFalse(line.problem)
        self.assertIn("takes 9 rows of 38 characters", line.advice)

    def test_d5_spaced_postal_code_is_an_advice(self):
        """D5: a code that can be told is an advice."""
        self.customer.zip = "33 000"
        self.assertIn(
            "Write the postal code “33 000” as 33000", self._line(self.letter).advice
        )

    def test_d5_sms_needs_a_mobile(self):
        """D5: a number that is no mobile's is said; a contact's mobile goes first."""
        self.customer.phone = FIXED_NUMBER
        line = self._line(self.sms)
        self.assertEqual(
            line.problem, f"No SMS reaches {FIXED_NUMBER}: it is no mobile number"
        )
        line.channel_id = self.phone
        self.assertFalse(line.problem, "one can call it")
        mobile = self._contact("invoice", phone=MOBILE_NUMBER)
        self.assertEqual(self._recipients().sms_contact, mobile)
        self.assertFalse(self._recipients().sms_problem)
        fixed = self._contact("relance", phone=FIXED_NUMBER)
        self.assertEqual(self._recipients().sms_contact, mobile)
        self.assertEqual(self._recipients().phone_contact, fixed)

    def test_d5_sms_goes_to_the_mobile(self):
        """F2: the SMS leaves to the contact whose number is a mobile's."""
        self.customer.phone = FIXED_NUMBER
        mobile = self._contact("invoice", phone=MOBILE_NUMBER)
        line = self._line(self.sms)
        self.assertEqual(line.phone, MOBILE_NUMBER)
        line.prepare_id.action_create()
        reminder = self.env["relance.reminder"].search(
            [("partner_id", "=", self.customer.id)], limit=1
        )
        self.assertEqual(reminder.state, "outgoing")
        self.assertEqual(reminder.contact_id, mobile)
        sms = self.env["sms.sms"].search([("partner_id", "=", mobile.id)])
        self.assertEqual(sms.number, "+33612345678")

    def test_d5_number_to_call_is_an_advice(self):
        """D5: a person calls whatever is written, and is told that it looks wrong."""
        self.customer.phone = "ask for Ann, 12"
        line = self._line(self.phone)
        self.assertFalse(line.problem)
        self.assertIn("Malformed phone number", line.advice)

    def test_d5_automatic_reminders_follow_the_same_rule(self):
        """G2: the automatic route says what « Contrôles » say."""
        self.customer.write({"phone": FIXED_NUMBER, "zip": "330", "email": False})
        recipients = self._recipients()
        step = self.plan.step_ids[1]
        route = step._automatic_route(recipients, by_letter=False)
        self.assertEqual(route.channel, self.letter)
        self.assertEqual(route.problem, recipients.letter_problem)
        self.assertIn("330", route.problem)
        self.assertIn(FIXED_NUMBER, route.silent[self.sms])

    def test_d5_some_of_several_addresses(self):
        """D5: one address of several that gets nothing is said, and keeps nothing."""
        self._contact(name="First", email="first@example.com, second@@example")
        self._contact(name="Bounced", email="third@example.com", message_bounce=2)
        line = self._line(self.email)
        self.assertFalse(line.problem)
        self.assertIn("First: “second@@example” is no email address", line.advice)
        self.assertIn("Bounced: The last mail to third@example.com", line.advice)

    def test_d5_dialog_lists_problems_and_advice_apart(self):
        """D5: what blocks and what had better be mended are two lists."""
        blocked = self._create_customer("Blocked", email=False)
        long = self._create_customer(
            "Long", street="1 rue des Très Longues Allées Cavalières prolongées"
        )
        moves = self._invoice(8, partner=blocked) | self._invoice(8, partner=long)
        wizard = self._prepare(moves | self._invoice(8))
        lines = {line.partner_id: line for line in wizard.line_ids}
        lines[long].channel_id = self.letter
        wizard.action_controls()
        self.assertEqual(wizard.problem_line_ids, lines[blocked])
        self.assertEqual(wizard.advice_line_ids, lines[long])
        self.assertEqual((wizard.problem_count, wizard.advice_count), (1, 1))
        with (
            Form(
                wizard, view="relance_numm.relance_prepare_view_form_controls"
            ) as form,
            form.advice_line_ids.edit(0) as edited,
        ):
            edited.street = "1 rue des Allées"
        self.assertFalse(lines[long].advice)
        contact = long.child_ids
        self.assertEqual(contact.type, "relance")
        self.assertEqual(contact.street, "1 rue des Allées")

    # Mending

    def test_d5_mending_keeps_the_rest_of_the_address(self):
        """D5: a « Relance » contact that has a mail only gets the whole address."""
        contact = self._contact(email="ann@example.com")
        self.customer.write({"zip": "3300", "street2": "Bât. B"})
        line = self._line(self.letter)
        self.assertEqual(line.street, "3 rue des Lilas", "the address in use is shown")
        line.zip = "33000"
        self.assertFalse(line.problem)
        self.assertEqual(
            (contact.street, contact.street2, contact.zip, contact.city),
            ("3 rue des Lilas", "Bât. B", "33000", "Bordeaux"),
        )
        self.assertEqual(contact.email, "ann@example.com")
        self.assertEqual(self.customer.zip, "3300", "the customer's stays as it was")

    def test_d5_mending_goes_to_the_contact_in_use(self):
        """D5: of several « Relance » contacts, the one whose address is wrong."""
        first = self._contact(name="First", street="1 rue A")
        second = self._contact(name="Second", email="second@@example", phone="12")
        self.customer.write({"street": False, "zip": False, "phone": False})
        line = self._line(self.email)
        line.write({"email": "second@example.com", "phone": MOBILE_NUMBER})
        self.assertEqual(second.email, "second@example.com")
        self.assertEqual(second.phone, MOBILE_NUMBER)
        line.write({"zip": "75001", "city": "Paris", "street2": "Étage 2"})
        self.assertEqual((first.zip, first.street2), ("75001", "Étage 2"))
        self.assertFalse(first.email)
        self.assertFalse(second.zip)

    def test_d5_mending_a_number(self):
        """D5: a number mended there goes to the « Relance » contact."""
        self.customer.phone = FIXED_NUMBER
        line = self._line(self.sms)
        self.assertTrue(line.problem)
        line.phone = MOBILE_NUMBER
        self.assertFalse(line.problem)
        contact = self.customer.child_ids
        self.assertEqual((contact.type, contact.phone), ("relance", MOBILE_NUMBER))
        self.assertEqual(contact.city, "Bordeaux")
        self.assertEqual(self.customer.phone, FIXED_NUMBER)

    def test_d5_controls_do_not_grow(self):
        """D5: checking 12 customers takes the queries of 4, advice included."""
        customers = [
            self._create_customer(
                f"Many {number}", zip="33 000", email=f"m{number}@example.com, x@@y"
            )
            for number in range(12)
        ]
        wizard = self._prepare(
            self.env["account.move"].union(
                *(self._invoice(8, partner=customer) for customer in customers)
            )
        )
        wizard.line_ids.channel_id = self.letter

        def count(lines):
            lines.write({"advice": False})
            self.env.flush_all()
            self.env.invalidate_all()
            # Their cache is what told which to fetch at once.
            lines = lines.browse(lines.ids)
            before = self.cr.sql_log_count
            lines._refresh_problems()
            self.env.flush_all()
            self.assertTrue(all(lines.mapped("advice")))
            return self.cr.sql_log_count - before

        count(wizard.line_ids[:1])
        self.assertLessEqual(count(wizard.line_ids), count(wizard.line_ids[:4]) + 1)
