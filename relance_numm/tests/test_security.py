from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from .common import RelanceCommon

MODELS = (
    "relance.level",
    "relance.channel",
    "relance.template",
    "relance.plan",
    "relance.step",
    "relance.item",
    "relance.reminder",
    "relance.reminder.line",
    "relance.batch",
)
CONFIGURATION = MODELS[:5]
PER_COMPANY = MODELS[5:]
WIZARDS = (
    "relance.automatic.run",
    "relance.batch.cancel",
    "relance.disavow",
    "relance.import",
    "relance.import.line",
    "relance.outcome",
    "relance.letter.print",
    "relance.prepare",
    "relance.prepare.line",
    "relance.plan.new",
    "relance.reminder.preview",
    "relance.template.preview",
)


@tagged("post_install", "-at_install")
class TestSecurity(RelanceCommon):
    """Who may see and do what."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_company = cls.env["res.company"].create({"name": "Stranger"})
        cls.accountant = cls._user("accountant", "account.group_account_invoice")
        cls.auditor = cls._user("auditor", "account.group_account_readonly")
        cls.manager = cls._user("manager", "account.group_account_manager")
        cls.stranger = cls._user(
            "stranger", "account.group_account_manager", cls.other_company
        )
        cls.portal = new_test_user(
            cls.env, "relance_portal", "base.group_portal", company_id=cls.company.id
        )
        cls.internal = cls._user("internal", "base.group_user")
        cls.move = cls._invoice(8)
        batch = cls.env["relance.batch"]._new_batch(cls.company)
        cls.reminder = cls._already_reminded(cls._invoice(18), cls.level_1)
        cls.reminder.sudo().batch_id = batch

    @classmethod
    def _user(cls, login, group, company=None):
        company = company or cls.company
        return new_test_user(
            cls.env,
            f"relance_{login}",
            group,
            email=f"{login}@example.com",
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
        )

    def test_portal_and_plain_users_get_nothing(self):
        """Portal users and users without accounting see none of it."""
        for user in (self.portal, self.internal):
            for name in MODELS + WIZARDS:
                for operation in ("read", "write", "create", "unlink"):
                    self.assertFalse(
                        self.env[name].with_user(user).has_access(operation),
                        f"{user.login} {operation} {name}",
                    )
            with self.assertRaises(AccessError):
                self.env["relance.item"].with_user(user).get_bank_status()

    def test_other_company_gets_nothing(self):
        """Another company's user sees no item, reminder nor batch."""
        for name in PER_COMPANY:
            mine = self.env[name].with_user(self.accountant).search_count([])
            theirs = self.env[name].with_user(self.stranger).search_count([])
            self.assertTrue(mine, name)
            self.assertFalse(theirs, name)
        with self.assertRaises(AccessError):
            self.reminder.with_user(self.stranger).read(["name"])

    def test_other_company_configuration(self):
        """An entity's plans and modèles are its own; shared ones are everybody's."""
        self.plan.company_id = self.company
        template = self.env.ref("relance_numm.template_1").copy(
            {"company_id": self.company.id}
        )
        for record in (self.plan, self.plan.step_ids[:1], template):
            model = record.with_user(self.stranger).browse()
            self.assertFalse(model.search([("id", "=", record.id)]), record._name)
            model = record.with_user(self.accountant).browse()
            self.assertTrue(model.search([("id", "=", record.id)]), record._name)

    def test_auditor_sees_only(self):
        """A read-only auditor sees all and changes nothing."""
        for name in MODELS:
            model = self.env[name].with_user(self.auditor)
            self.assertTrue(model.has_access("read"), name)
            for operation in ("write", "create", "unlink"):
                self.assertFalse(model.has_access(operation), f"{operation} {name}")
        with self.assertRaises(AccessError):
            self._items(self.move).with_user(self.auditor).action_prepare()

    def test_accountant_works_manager_configures(self):
        """An accountant reminds; only an accounting manager configures."""
        for name in CONFIGURATION:
            self.assertFalse(
                self.env[name].with_user(self.accountant).has_access("write"), name
            )
            self.assertTrue(
                self.env[name].with_user(self.manager).has_access("write"), name
            )

    def test_accountant_does_the_whole_job(self):
        """An accountant without any other right prepares, mends, creates, prints."""
        nobody = self._create_customer("Nobody", email=False)
        moves = self._invoice(8, partner=nobody) | self.move
        items = self._items(moves).with_user(self.accountant)
        items = items.with_company(self.company)
        wizard = (
            self.env["relance.prepare"]
            .with_user(self.accountant)
            .browse(items.action_prepare()["res_id"])
        )
        line = wizard.line_ids.filtered("problem")
        line.write({"email": "nobody@example.com"})
        self.assertFalse(wizard.line_ids.filtered("problem"))
        with self.allow_pdf_render():
            wizard.action_create()
        reminders = (
            self.env["relance.reminder"]
            .with_user(self.accountant)
            .search([("line_ids.move_id", "in", moves.ids)])
        )
        self.assertEqual(set(reminders.mapped("state")), {"outgoing"})
        self.assertEqual(reminders.user_id, self.accountant)
        self.assertTrue(reminders[0].read())
        self.assertTrue(reminders[0].action_open_pdf())
        reminders.batch_id.read()
        reminders.batch_id.action_print()
        reminders.action_cancel()
        self.assertEqual(set(reminders.mapped("state")), {"canceled"})

    def test_facts_are_not_written_by_hand(self):
        """What was sent, to whom and for how much is not for anybody to rewrite."""
        for user in (self.accountant, self.manager):
            reminder = self.reminder.with_user(user)
            for vals in (
                {"state": "pending"},
                {"amount_total": 1.0},
                {"name": "R-1"},
                {"channel_id": self.letter.id},
            ):
                with self.assertRaises(UserError):
                    reminder.write(vals)
            reminder.note = "Called, was absent"
            for name in ("relance.reminder", "relance.reminder.line", "relance.batch"):
                self.assertFalse(self.env[name].with_user(user).has_access("create"))
            with self.assertRaises(AccessError):
                reminder.line_ids.amount_due = 1.0

    def test_auditor_prints_without_a_trace(self):
        """A read-only auditor opens the letters; nothing is marked as printed."""
        with self.allow_pdf_render():
            self.reminder.sudo()._make_letters()
        self.reminder.with_user(self.auditor).action_print()
        self.assertFalse(self.reminder.date_printed)

    def test_a_call_is_closed_by_whoever_it_was_given_to(self):
        """F2: the responsible need not be an accountant."""
        self.customer.with_company(self.company).relance_user_id = self.internal
        wizard = self._prepare(self.move)
        wizard.line_ids.channel_id = self.phone
        wizard.action_create()
        reminder = self.env["relance.reminder"].search([], limit=1)
        activity = reminder.activity_ids
        self.assertEqual(activity.user_id, self.internal)
        activity.with_user(self.internal)._action_done(feedback="Done")
        self.assertEqual(reminder.state, "sent")

    def test_a_wizard_is_its_authors(self):
        """Nobody opens somebody else's preparation."""
        wizard = self._prepare(self.move)
        with self.assertRaises(AccessError):
            wizard.with_user(self.accountant).read(["line_count"])
