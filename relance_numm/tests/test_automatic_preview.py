import base64

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .automatic_common import AutomaticCommon


@tagged("post_install", "-at_install")
class TestAutomaticPreview(AutomaticCommon):
    """« À confirmer »: what leaves is seen before, and told after."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plan.step_ids.automation = "confirm"

    def _prepared(self, *moves):
        """Return what waits to be confirmed of these invoices, as a person sees it."""
        self._run()
        reminders = self._reminders().filtered(
            lambda r: r.line_ids.move_id & self.env["account.move"].union(*moves)
        )
        return reminders.sudo(False)

    def _preview(self, reminder):
        with self.enter_registry_test_mode():
            action = reminder.action_preview()
        self.env.invalidate_all()
        return self.env["relance.reminder.preview"].browse(action["res_id"])

    def test_mail(self):
        """G3: the mail is shown as it leaves: to whom, copied to whom, with what."""
        move = self._invoice(8)
        reminder = self._prepared(move)
        before = reminder.read()
        preview = self._preview(reminder)
        self.assertFalse(preview.message)
        self.assertIn("peyrot@example.com", preview.addressee)
        self.assertEqual(preview.email_cc, "recovery@example.com")
        self.assertIn(move.name, preview.attached)
        self.assertTrue(base64.b64decode(preview.letter).startswith(b"%PDF"))
        self.assertEqual(reminder.read(), before, "nothing is kept")
        self.assertFalse(self._mails(reminder))
        preview.action_confirm()
        mail = self._mails(reminder)
        self.assertEqual(preview.subject, mail.subject)
        self.assertEqual(preview.body_html, mail.body_html)
        self.assertEqual(preview.addressee, mail.email_to)
        with self.assertRaisesRegex(UserError, "has left already"):
            reminder.action_preview()

    def test_letter(self):
        """G3: a letter is shown with the address it goes to."""
        self.plan.step_ids.channel_ids = self.letter
        preview = self._preview(self._prepared(self._invoice(8)))
        self.assertTrue(base64.b64decode(preview.letter).startswith(b"%PDF"))
        self.assertIn("3 rue des Lilas", preview.addressee)
        self.assertFalse(preview.subject)

    def test_books_moved(self):
        """D7: the preview, too, is of what is still owed."""
        self.company.relance_per_customer = True
        paid, owed = self._invoice(8), self._invoice(9)
        reminder = self._prepared(paid, owed)
        self._pay(paid)
        preview = self._preview(reminder)
        self.assertEqual(preview.left_out, paid.name)
        self.assertEqual(preview.amount_total, 100)
        self.assertEqual(reminder.amount_total, 200)
        self._pay(owed)
        preview = self._preview(reminder)
        self.assertIn(owed.name, preview.message)
        self.assertFalse(preview.letter)
        self.assertEqual(reminder.state, "to_confirm")

    def test_problem(self):
        """D5: what could not leave says why, and nothing is shown."""
        reminder = self._prepared(self._invoice(8))
        self.customer.write({"email": False, "street": False, "zip": False})
        preview = self._preview(reminder)
        self.assertTrue(preview.message)
        self.assertFalse(preview.letter)

    def test_failed(self):
        """F1: a failed reminder is shown as it would leave at the next attempt."""
        reminder = self._prepared(self._invoice(8))
        self.customer.write({"email": False, "street": False, "zip": False})
        reminder.action_confirm()
        self.assertEqual(reminder.state, "failed")
        self.customer.email = "new@example.com"
        self.assertIn("new@example.com", self._preview(reminder).addressee)
        self.assertEqual((reminder.state, reminder.attempts), ("failed", 1))

    def test_call(self):
        """F2: of a call, what the person who makes it reads; an SMS as it is."""
        self.plan.step_ids.channel_ids |= self.phone | self.sms
        reminders = self._prepared(self._invoice(8))
        call = reminders.filtered(lambda r: r.channel_id == self.phone)
        self.assertIn("+33 6 12 34 56 78", self._preview(call).body_html)
        sms = reminders.filtered(lambda r: r.channel_id == self.sms)
        self.assertEqual(self._preview(sms).addressee, self.customer.phone)
        self.assertIn(sms.name, self._preview(sms).body_html)

    def test_rights(self):
        """An auditor and another company's accountant preview nothing."""
        reminder = self._prepared(self._invoice(8))
        other = self.env["res.company"].create({"name": "Stranger"})
        for login, group, company in (
            ("auditor", "account.group_account_readonly", self.company),
            ("stranger", "account.group_account_invoice", other),
        ):
            user = new_test_user(
                self.env,
                f"relance_preview_{login}",
                group,
                company_id=company.id,
                company_ids=[(6, 0, company.ids)],
            )
            with self.assertRaises(AccessError):
                reminder.with_user(user).action_preview()

    def _said(self, reminders):
        params = reminders.action_confirm()["params"]
        return params["message"], params["type"]

    def test_told_after_confirmation(self):
        """G3: how many leave, are letters to print, or were canceled."""
        letters = self._create_customer("Par Courrier", relance_mode="letter")
        moves = [self._invoice(8), self._invoice(9), self._invoice(7, partner=letters)]
        paid = self._invoice(10)
        self.plan.step_ids.channel_ids |= self.letter
        reminders = self._prepared(*moves, paid)
        self._pay(paid)
        message, kind = self._said(reminders)
        self.assertIn("2 reminders leave.", message)
        self.assertIn("1 letter is ready", message)
        self.assertIn("1 was canceled", message)
        self.assertEqual(kind, "warning")

    def test_told_of_one(self):
        """G3: one that leaves, with the call that goes with it, is one."""
        self.plan.step_ids.channel_ids |= self.phone
        reminders = self._prepared(self._invoice(8))
        main = reminders.filtered(lambda r: not r.main_reminder_id)
        self.assertEqual(self._said(main), ("1 reminder leaves.", "success"))

    def test_told_of_many(self):
        """D8: many leave in the background."""
        reminders = self._prepared(*[self._invoice(8 + n) for n in range(11)])
        message, kind = self._said(reminders)
        self.assertRegex(message, "^11 reminders leave .* in the background.$")
        self.assertEqual(kind, "success")
