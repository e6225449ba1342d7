from datetime import timedelta

from odoo.tests import tagged

from .common import RelanceCommon


class AutomaticCommon(RelanceCommon):
    """A company that reminds by invoice, and its cron."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Mails only: a letter waits to be posted.
        cls.plan.step_ids.channel_ids = cls.email
        cls.company.relance_on = "invoice"

    def _run(self):
        """Run the cron, as Odoo does."""
        with self.enter_registry_test_mode():
            self.env.ref("relance_numm.ir_cron_remind").method_direct_trigger()
        self.env.invalidate_all()

    def _leave(self):
        """Let what is in the mail queue leave."""
        for reminder in self._reminders().filtered(lambda r: r.state == "outgoing"):
            reminder._left_or_failed(False)

    def _reminders(self, moves=None):
        domain = [("line_ids.move_id", "in", moves.ids)] if moves else []
        return (
            self.env["relance.reminder"]
            .sudo()
            .search([("company_id", "=", self.company.id), *domain], order="id")
        )


@tagged("post_install", "-at_install")
class TestAutomatic(AutomaticCommon):
    """What the cron reminds, with what, and what it leaves alone (G1–G3)."""

    def test_g2_step_that_is_due(self):
        """G2: a late invoice gets one reminder at the step that is due, by mail, with
        its PDF; level and next date follow."""
        move = self._invoice(8)
        self.assertEqual(move.relance_next_date, self.today - timedelta(3))
        self._run()
        reminder = self._reminders(move)
        self.assertRecordValues(
            reminder,
            [
                {
                    "level_id": self.level_1.id,
                    "channel_id": self.email.id,
                    "state": "outgoing",
                    "origin": "automatic",
                    "amount_total": 100,
                }
            ],
        )
        mail = self.env["mail.mail"].search([("relance_reminder_id", "=", reminder.id)])
        self.assertEqual(mail.email_to, '"Librairie Peyrot" <peyrot@example.com>')
        self.assertEqual(mail.email_cc, "recovery@example.com")
        self.assertIn(move.invoice_pdf_report_id, mail.attachment_ids)
        self.assertFalse(move.relance_next_date, "Under way: nothing is planned")
        self._leave()
        self.env.invalidate_all()
        self.assertEqual(move.relance_level_id, self.level_1)
        self.assertEqual(move.relance_next_date, self.today + timedelta(15 - 8))

    def test_g3_once(self):
        """G3: run again and again, the same day and later, nothing is sent twice."""
        move = self._invoice(8)
        for _run in range(3):
            self._run()
        self._leave()
        self._run()
        self.assertEqual(len(self._reminders(move)), 1)
