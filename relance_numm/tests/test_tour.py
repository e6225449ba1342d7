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
