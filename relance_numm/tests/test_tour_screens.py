from odoo.tests import new_test_user, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingHttpCommon

from .common import RelanceCommon


@tagged("post_install", "-at_install")
class TestScreensTour(RelanceCommon, AccountTestInvoicingHttpCommon):
    """Before automatic reminders leave, in a real browser, in French."""

    browser_size = "1366x768"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.administrator = new_test_user(
            cls.env,
            "relance_screens",
            "account.group_account_manager,base.group_system",
            lang="fr_FR",
            email="relance.screens@example.com",
            company_id=cls.company.id,
            company_ids=[(6, 0, cls.company.ids)],
        )
        cls.plan.step_ids.channel_ids = cls.email
        cls.move = cls._invoice(8, partner=cls._create_customer("Librairie Auto"))

    def test_rehearsal(self):
        """G5: from the settings to the rehearsal, back to the dialog, and started."""
        self.start_tour(
            "/odoo/action-account.action_account_config",
            "relance_automatic_rehearsal",
            login=self.administrator.login,
        )
        self.assertEqual(self.company.relance_on, "invoice")
        self.assertTrue(self.company.relance_per_customer)

    def test_to_confirm(self):
        """G3: the preview of a mail that waits, and its confirmation."""
        self.company.relance_on = "invoice"
        self.plan.step_ids.automation = "confirm"
        with self.enter_registry_test_mode():
            self.env.ref("relance_numm.ir_cron_remind").method_direct_trigger()
        self.start_tour(
            "/odoo/relances-a-confirmer",
            "relance_to_confirm",
            login=self.administrator.login,
        )
        reminder = self.env["relance.reminder"].search(
            [("line_ids.move_id", "=", self.move.id)]
        )
        self.assertEqual(reminder.state, "outgoing")
        self.assertEqual(reminder.confirmed_by_id, self.administrator)
