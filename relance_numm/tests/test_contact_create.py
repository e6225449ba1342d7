from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged
from odoo.tools.misc import file_open

from .common import RelanceCommon

MODELS = ("relance.contact.create", "relance.contact.create.line")


@tagged("post_install", "-at_install")
class TestContactCreate(RelanceCommon):
    """« Relance » contacts of many customers at once: the dialog, and CSV (B1)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.invoiced = cls._create_customer("Invoiced")
        cls.invoice_contact = cls._contact(
            cls.invoiced,
            "invoice",
            name="Accounting",
            email="accounting@example.com",
            street="9 rue B",
            zip="75001",
            city="Paris",
        )
        cls.equipped = cls._create_customer("Equipped")
        cls.reminded = cls._contact(cls.equipped, email="ann@example.com")
        cls.nobody = cls._create_customer(
            "Nobody", email=False, phone=False, street=False
        )
        cls.customers = cls.customer | cls.invoiced | cls.equipped | cls.nobody
        cls.accountant = cls._user("accountant", "account.group_account_invoice")

    @classmethod
    def _user(cls, login, group, company=None):
        company = company or cls.company
        return new_test_user(
            cls.env,
            f"contact_{login}",
            group,
            email=f"{login}@example.com",
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
        )

    @classmethod
    def _contact(cls, customer, kind="relance", **vals):
        return cls.env["res.partner"].create(
            {"type": kind, "parent_id": customer.id, **vals}
        )

    def _open(self, partners, user=None):
        partners = partners.with_user(user or self.accountant)
        action = partners.action_relance_create_contacts()
        self.assertEqual(action["target"], "new")
        model = self.env[action["res_model"]].with_user(user or self.accountant)
        return model.browse(action["res_id"])

    def _relance(self, customer):
        return customer.child_ids.filtered(lambda contact: contact.type == "relance")

    def test_preview(self):
        """The dialog says who gets one, copied from whom, and who does not and why."""
        wizard = self._open(self.customers)
        self.assertEqual((wizard.new_count, wizard.skipped_count), (2, 2))
        lines = {line.partner_id: line for line in wizard.line_ids}
        self.assertEqual(lines[self.customer].source_id, self.customer)
        self.assertEqual(lines[self.customer].email, "peyrot@example.com")
        self.assertEqual(lines[self.customer].address, "3 rue des Lilas 33000 Bordeaux")
        self.assertEqual(lines[self.invoiced].source_id, self.invoice_contact)
        self.assertEqual(lines[self.invoiced].address, "9 rue B 75001 Paris")
        self.assertIn("already: Equipped, Reminder", lines[self.equipped].skipped)
        self.assertIn("no email, no phone", lines[self.nobody].skipped)
        self.assertFalse(self._relance(self.customer), "nothing is created yet")

    def test_creation_changes_nothing_of_who_is_reached(self):
        """Reminders go where they went before, now by the « Relance » contact."""
        self.invoiced.phone = "+33 1 99 00 55 55"
        second = self._contact(self.invoiced, "invoice", email="second@example.com")
        self.customer.message_bounce = 2
        before = self.customers._relance_recipients()
        wizard = self._open(self.customers)
        wizard.action_create_contacts()
        self.assertEqual((wizard.state, wizard.contact_count), ("done", 2))
        self.env.invalidate_all()
        after = self.customers._relance_recipients()
        for customer in self.customer | self.invoiced:
            mine = self._relance(customer)
            self.assertEqual(len(mine), 1)
            self.assertIn(mine, wizard.contact_ids)
            old, new = before[customer.id], after[customer.id]
            self.assertEqual(sorted(new.emails), sorted(old.emails))
            self.assertEqual(bool(new.mail_problem), bool(old.mail_problem))
            self.assertEqual(new.letter_contact, mine)
            for name in ("street", "street2", "zip", "city", "country_id"):
                self.assertEqual(mine[name], old.letter_contact[name])
            self.assertEqual(mine.phone, old.phone_contact.phone)
        contact = self._relance(self.invoiced)
        self.assertEqual(contact.name, "Accounting")
        self.assertEqual(contact.email, f"accounting@example.com, {second.email}")
        self.assertEqual(len(self._relance(self.equipped)), 1)
        self.assertFalse(self._relance(self.nobody))

    def test_created_once(self):
        """A customer that got one meanwhile is skipped, and no click counts twice."""
        wizard, other = self._open(self.customers), self._open(self.customer)
        other.action_create_contacts()
        wizard.action_create_contacts()
        self.assertEqual(wizard.contact_ids, self._relance(self.invoiced))
        self.assertEqual(len(self._relance(self.customer)), 1)
        with self.assertRaisesRegex(UserError, "created already"):
            wizard.action_create_contacts()

    def test_undo(self):
        """What was created is deleted; what is used or was changed is archived."""
        third = self._create_customer("Third")
        wizard = self._open(self.customer | self.invoiced | third)
        wizard.action_create_contacts()
        contacts = wizard.contact_ids
        used, changed = self._relance(self.customer), self._relance(third)
        prepare = self._prepare(self._invoice(8))
        prepare.action_create()
        reminder = self.env["relance.reminder"].search(
            [("partner_id", "=", self.customer.id)]
        )
        self.assertEqual(reminder.contact_id, used)
        changed.email = "changed@example.com"
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE res_partner SET write_date = now() + '1 hour' WHERE id = %s",
            (changed.id,),
        )
        self.env.invalidate_all()
        wizard.action_undo()
        self.assertEqual((wizard.state, wizard.archived_count), ("undone", 2))
        kept = contacts.exists()
        self.assertEqual(kept, used | changed)
        self.assertFalse(any(kept.mapped("active")))
        self.assertEqual(reminder.contact_id, used)
        recipients = self.invoiced._relance_recipients()[self.invoiced.id]
        self.assertEqual(recipients.mail_contacts, self.invoice_contact)
        with self.assertRaisesRegex(UserError, "nothing to undo"):
            wizard.action_undo()

    def test_from_contacts_and_from_the_work_list(self):
        """The action takes contacts for their customer, and rows of the work list."""
        wizard = self._open(self.invoice_contact | self.invoiced | self.reminded)
        self.assertEqual(wizard.line_ids.partner_id, self.invoiced | self.equipped)
        centre = self._contact(
            self.customer, name="Centre", is_company=True, email="c@example.com"
        )
        self.assertEqual(centre._relance_customers(), self.customer)
        moves = self._invoice(8) | self._invoice(9, partner=self.invoiced)
        action = (
            self.env.ref("relance_numm.relance_item_action_relance_contacts")
            .with_user(self.accountant)
            .with_context(
                active_model="relance.item", active_ids=self._items(moves).ids
            )
            .run()
        )
        wizard = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual(wizard.line_ids.partner_id, self.customer | self.invoiced)

    def test_list_of_customers(self):
        """The list of contacts offers the action to accountants only."""
        server_action = self.env.ref("relance_numm.res_partner_action_relance_contacts")
        actions = self.env["ir.actions.actions"]
        for user, offered in (
            (self.accountant, True),
            (self._user("auditor", "account.group_account_readonly"), False),
            (self._user("internal", "base.group_user"), False),
        ):
            bindings = actions.with_user(user).get_bindings("res.partner")["action"]
            ids = [one["id"] for one in bindings]
            self.assertEqual(server_action.id in ids, offered)

    def test_nothing_selected(self):
        """Bad input: without any customer the dialog says what to select."""
        with self.assertRaisesRegex(UserError, "at least one customer"):
            self.env["res.partner"].action_relance_create_contacts()

    def test_access(self):
        """Auditors, portal users and others get nothing; a dialog is its author's."""
        wizard = self._open(self.customer)
        portal = new_test_user(
            self.env, "contact_portal", "base.group_portal", company_id=self.company.id
        )
        for user in (
            portal,
            self._user("auditor", "account.group_account_readonly"),
            self._user("internal", "base.group_user"),
        ):
            for model in MODELS:
                for operation in ("read", "write", "create", "unlink"):
                    self.assertFalse(
                        self.env[model].with_user(user).has_access(operation),
                        f"{user.login} {operation} {model}",
                    )
            with self.assertRaises(AccessError):
                self.customer.with_user(user).action_relance_create_contacts()
        colleague = self._user("colleague", "account.group_account_invoice")
        with self.assertRaises(AccessError):
            wizard.with_user(colleague).action_create_contacts()

    def test_other_company(self):
        """Another company's customers are neither shown nor written."""
        other = self._create_company(name="Stranger")
        stranger = self._user("stranger", "account.group_account_invoice", other)
        self.customer.company_id = self.company
        with self.assertRaises(AccessError):
            self.customer.with_user(stranger).action_relance_create_contacts()
        self.assertFalse(self._relance(self.customer))

    def test_does_not_grow(self):
        """Twenty customers take about the queries of ten."""
        customers = self.env["res.partner"].union(
            *(self._create_customer(f"Many {number}") for number in range(24))
        )

        def count(some):
            self.env.flush_all()
            self.env.invalidate_all()
            some = some.browse(some.ids)
            before = self.cr.sql_log_count
            some._relance_customers()._relance_propose_contacts()
            return self.cr.sql_log_count - before

        count(customers[:2])
        self.assertLessEqual(count(customers[12:]), count(customers[2:12]) + 1)

    # CSV

    def _load(self, fields, rows, lang="en_US"):
        return self.env["res.partner"].with_context(lang=lang).load(fields, rows)

    def test_import(self):
        """Odoo's own import loads « Relance » contacts, of a customer by its name."""
        fields = ["parent_id", "name", "type", "email", "zip"]
        label = dict(
            self.env["res.partner"]
            .with_context(lang="fr_FR")
            ._fields["type"]
            ._description_selection(self.env(context={"lang": "fr_FR"}))
        )["relance"]
        for lang, kind in (
            ("en_US", "Reminder"),
            ("en_US", "relance"),
            ("fr_FR", label),
            ("fr_FR", "Reminder"),
        ):
            with self.subTest(lang=lang, kind=kind):
                email = f"import.{kind.lower()}@example.com"
                result = self._load(
                    fields,
                    [["Librairie Peyrot", "Imported", kind, email, "33000"]],
                    lang,
                )
                self.assertFalse(result["messages"])
                contact = self.env["res.partner"].browse(result["ids"])
                self.assertEqual(contact.type, "relance")
                self.assertEqual(contact.parent_id, self.customer)
                self.assertEqual(contact.zip, "33000")
        recipients = self.customer._relance_recipients()[self.customer.id]
        self.assertIn("import.reminder@example.com", recipients.emails)
        self.assertEqual(label, "Relance")

    def test_import_of_an_unknown_customer(self):
        """Bad input: a customer that is not found is said, and nothing is loaded."""
        result = self._load(
            ["parent_id", "name", "type"], [["No such one", "Imported", "Reminder"]]
        )
        self.assertFalse(result["ids"])
        self.assertIn("No such one", result["messages"][0]["message"])

    def test_import_template(self):
        """The template offered by the import is read by it, column by column."""
        templates = self.env["res.partner"].get_import_templates()
        self.assertEqual(len(templates), 2)
        path = templates[-1]["template"].lstrip("/")
        with file_open(path, "rb") as file:
            content = file.read()
        for name in ("Librairie des Quais", "Papeterie du Parc"):
            self._create_customer(name)
        for lang in ("en_US", "fr_FR"):
            wizard = (
                self.env["base_import.import"]
                .with_context(lang=lang)
                .create(
                    {
                        "res_model": "res.partner",
                        "file": content,
                        "file_name": "template.xlsx",
                        "file_type": "application/vnd.openxmlformats-officedocument."
                        "spreadsheetml.sheet",
                    }
                )
            )
            options = {"has_headers": True, "quoting": '"'}
            preview = wizard.parse_preview(options)
            self.assertNotIn("error", preview)
            matched = [
                preview["matches"][column][0]
                for column in range(len(preview["headers"]))
            ]
            self.assertEqual(
                matched,
                ["parent_id", "name", "type", "email", "phone", "street", "street2",
                 "zip", "city", "country_id", "lang"],
            )  # fmt: skip
            result = wizard.execute_import(matched, preview["headers"], options)
            self.assertFalse(result["messages"])
            contacts = self.env["res.partner"].browse(result["ids"])
            self.assertEqual(set(contacts.mapped("type")), {"relance"})
            self.assertEqual(
                contacts.parent_id.mapped("name"),
                ["Librairie des Quais", "Papeterie du Parc"],
            )
            contacts.unlink()
