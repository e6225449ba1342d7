from odoo.tests import new_test_user, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingHttpCommon

from .common import RelanceCommon


@tagged("post_install", "-at_install")
class TestTour(RelanceCommon, AccountTestInvoicingHttpCommon):
    """The main job in a real browser, in French, from the menu to the mail."""

    # Wide enough for the chatter to stand beside the form.
    browser_size = "1920x1080"

    def test_manual_in_the_browser(self):
        """D1–D6: an accountant's three clicks."""
        accountant = new_test_user(
            self.env,
            "relance_tour",
            "account.group_account_invoice",
            lang="fr_FR",
            email="relance.tour@example.com",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        first = self._create_customer("Librairie Tour")
        second = self._create_customer("Sans Mail Tour", email=False)
        other = self._create_customer("Hors Critère Tour")
        moves = self._invoice(8, partner=first) | self._invoice(9, partner=second)
        self._invoice(40, partner=other)
        self.start_tour("/odoo", "relance_manual", login=accountant.login)
        reminders = self.env["relance.reminder"].search(
            [("line_ids.move_id", "in", moves.ids)], order="partner_id"
        )
        self.assertRecordValues(
            reminders.sorted(lambda r: r.partner_id != first),
            [
                {
                    "partner_id": first.id,
                    "level_id": self.level_pre.id,
                    "user_id": accountant.id,
                    "email_to": "tour@example.com",
                },
                {
                    "partner_id": second.id,
                    "level_id": self.level_1.id,
                    "user_id": accountant.id,
                    "email_to": "sans.mail@example.com",
                },
            ],
        )
        self.assertTrue(all(r.letter_attachment_id for r in reminders))


@tagged("post_install", "-at_install")
class TestAutomaticTour(RelanceCommon, AccountTestInvoicingHttpCommon):
    """Automatic reminders in a real browser, in French."""

    browser_size = "1920x1080"

    def test_automatic_in_the_browser(self):
        """G1–G5: switch an entity to « Facture », run the cron, read the invoice."""
        administrator = new_test_user(
            self.env,
            "relance_tour_admin",
            "account.group_account_manager,base.group_system",
            lang="fr_FR",
            email="relance.admin@example.com",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        self.plan.step_ids.channel_ids = self.email
        self.plan.user_id = False
        move = self._invoice(8, partner=self._create_customer("Librairie Auto"))
        self.start_tour(
            "/odoo/action-account.action_account_config",
            "relance_automatic_start",
            login=administrator.login,
        )
        self.assertEqual(self.company.relance_on, "invoice")
        self.assertFalse(self.company.relance_since)
        self.assertFalse(self.company.relance_calendar_id)
        self.assertEqual(self.company.relance_user_id, administrator)
        self.start_tour("/odoo", "relance_automatic_dry_run", login=administrator.login)
        with self.enter_registry_test_mode():
            self.env.ref("relance_numm.ir_cron_remind").method_direct_trigger()
        reminder = self.env["relance.reminder"].search(
            [("line_ids.move_id", "=", move.id)]
        )
        self.assertEqual(reminder.state, "outgoing")
        reminder.sudo()._left_or_failed(False)
        # Odoo prints no invoice in tests, and the browser shows it beside the form.
        move.invoice_pdf_report_id.raw = reminder.letter_attachment_id.raw
        self.start_tour("/odoo", "relance_automatic_read", login=administrator.login)
        self.assertEqual(len(reminder), 1)
        self.assertFalse(move.relance_by_hand)
