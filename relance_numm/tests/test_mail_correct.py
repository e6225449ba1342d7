from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged

from .common import RelanceCommon


@tagged("post_install", "-at_install")
class TestMailCorrect(RelanceCommon):
    """« À corriger »: what failed, why, and what mends it (D5, D7, F1)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.accountant = new_test_user(
            cls.env, "accountant", "account.group_account_invoice"
        )
        cls.move = cls._invoice(8)
        cls.reminder = cls._already_reminded(cls.move, cls.level_1, state="failed")
        cls.reminder.sudo().error = "The mail to peyrot@example.com bounced"
        cls.mine = cls.reminder.with_user(cls.accountant)

    def _listed(self):
        action = self.env.ref("relance_numm.relance_reminder_action_correct")
        domain = self.env["ir.actions.actions"]._for_xml_id(
            "relance_numm.relance_reminder_action_correct"
        )["domain"]
        self.assertEqual(action.view_ids.mapped("view_mode"), ["list", "form"])
        return self.env["relance.reminder"].search(
            [("state", "=", "failed")] if "failed" in domain else []
        )

    def test_list(self):
        """D7: what failed is listed, with the reason; the work list says it, too."""
        self._already_reminded(self._invoice(18), self.level_1)
        self.assertEqual(self._listed(), self.reminder)
        self.assertRecordValues(
            self.mine,
            [
                {
                    "error": "The mail to peyrot@example.com bounced",
                    "address_used": "peyrot@example.com",
                    "mend_email": "peyrot@example.com",
                    "next_try": "peyrot@example.com",
                    "next_try_problem": False,
                }
            ],
        )
        item = self._items(self.move)
        self.assertEqual(item.last_state, "failed")
        self.assertEqual(item.last_comment, self.reminder.error)
        self.assertFalse(item.sent_level_id)
        self.assertEqual(
            self.env["relance.item"].search([("last_state", "=", "failed")]), item
        )

    def test_mend_email(self):
        """D5: the address corrected in the list is the « Relance » contact's; then the
        same reminder leaves."""
        self.customer.message_bounce = 1
        self.assertTrue(self.mine.next_try_problem)
        self.assertIn("bounced", self.mine.next_try)
        name = self.reminder.name
        self.mine.mend_email = "new@example.com"
        contact = self.customer.child_ids.filtered(lambda c: c.type == "relance")
        self.assertEqual(contact.email, "new@example.com")
        self.assertEqual(self.customer.email, "peyrot@example.com")
        self.assertEqual(self.mine.next_try, "new@example.com")
        with self.allow_pdf_render():
            self.mine.action_send_again()
        self.assertRecordValues(
            self.reminder,
            [{"state": "outgoing", "email_to": "new@example.com", "name": name}],
        )
        self.mine.invalidate_recordset()
        with self.assertRaises(UserError, msg="no longer to correct"):
            self.mine.mend_email = "other@example.com"

    def test_mend_what_is_no_address(self):
        """Bad input: what is no address is refused, and the good one kept."""
        for text, sentence in (
            ("", "another type"),
            ("nonsense", "“nonsense” is not an email address"),
            ("a@example.com, b@", "“b@” is not an email address"),
        ):
            with self.assertRaisesRegex(ValidationError, sentence):
                self.mine.mend_email = text
        self.assertEqual(self.customer.email, "peyrot@example.com")
        self.mine.mend_email = "a@example.com, b@example.com"
        self.assertEqual(self.mine.next_try, "a@example.com, b@example.com")

    def test_types_of_the_step(self):
        """D3: only a type that the step offers, or the letter that replaces a mail."""
        self.assertEqual(
            self.mine.allowed_channel_ids, self.email | self.letter | self.phone
        )
        with (
            self.assertRaisesRegex(ValidationError, "choose one of the types"),
            self.env.cr.savepoint(),
        ):
            self.mine.channel_id = self.formal_notice
        self.plan.step_ids.channel_ids = self.email
        self.mine.invalidate_recordset()
        self.assertEqual(self.mine.allowed_channel_ids, self.email | self.letter)
        self.mine.channel_id = self.letter
        self.assertEqual(self.mine.address_used, "3 rue des Lilas, 33000 Bordeaux")

    def test_step_lost_since(self):
        """Bad input: the plan has lost the step since: any type may be chosen."""
        self.plan.step_ids.filtered(lambda s: s.level_id == self.level_1).unlink()
        self.mine.invalidate_recordset()
        self.assertIn(self.formal_notice, self.mine.allowed_channel_ids)
        self.mine.channel_id = self.formal_notice

    def test_change_many(self):
        """F1: many at once; those whose step does not offer the type stay."""
        other = self._already_reminded(self._invoice(18), self.level_2, state="failed")
        self.plan.step_ids.filtered(
            lambda s: s.level_id == self.level_1
        ).channel_ids = self.email | self.phone
        self.plan.step_ids.filtered(
            lambda s: s.level_id == self.level_2
        ).channel_ids = self.letter
        both = (self.reminder | other).with_user(self.accountant)
        both.invalidate_recordset()
        action = both.action_change_type()
        wizard = Form(
            self.env[action["res_model"]]
            .with_user(self.accountant)
            .with_context(**action["context"])
        )
        wizard.channel_id = self.phone
        self.assertEqual((wizard.offered_count, wizard.reminder_count), (1, 2))
        record = wizard.save()
        record.action_change_and_send()
        self.assertRecordValues(
            self.reminder | other,
            [
                {"channel_id": self.phone.id, "state": "outgoing"},
                {"channel_id": self.email.id, "state": "failed"},
            ],
        )
        with self.assertRaisesRegex(UserError, "can be of this type"):
            record.action_change()
        with self.assertRaisesRegex(UserError, "that failed"):
            self.mine.action_change_type()

    def test_who_may(self):
        """Rights: who only reads corrects nothing; nor does a portal user; a dialog is
        its author's."""
        reader = new_test_user(self.env, "reader", "account.group_account_readonly")
        self.assertTrue(self.reminder.with_user(reader).next_try)
        with self.assertRaises(AccessError):
            self.reminder.with_user(reader).mend_email = "x@example.com"
        with self.assertRaises(AccessError):
            self.reminder.with_user(reader).action_send_on()
        portal = new_test_user(self.env, "portal", "base.group_portal")
        model = self.env["relance.reminder.retype"]
        vals = {"reminder_ids": [Command.set(self.reminder.ids)]}
        with self.assertRaises(AccessError):
            model.with_user(portal).create(vals)
        mine = model.with_user(self.accountant).create(vals)
        colleague = new_test_user(
            self.env, "colleague", "account.group_account_invoice"
        )
        self.assertFalse(model.with_user(colleague).search([("id", "=", mine.id)]))

    def test_entry_without_document(self):
        """F1: a miscellaneous entry has no PDF to attach, which stops nothing."""
        self.env.ref("relance_numm.template_1").attach_invoices = True
        entry = self.env["account.move"].create(
            {
                "move_type": "entry",
                "date": self.today,
                "line_ids": [
                    Command.create(
                        {
                            "account_id": self.company_data[
                                "default_account_receivable"
                            ].id,
                            "partner_id": self.customer.id,
                            "debit": 50.0,
                            "no_followup": False,
                            "date_maturity": self.move.invoice_date_due,
                        }
                    ),
                    Command.create(
                        {
                            "account_id": self.company_data[
                                "default_account_revenue"
                            ].id,
                            "credit": 50.0,
                        }
                    ),
                ],
            }
        )
        entry.action_post()
        with self.allow_pdf_render():
            self._prepare(entry).action_create()
        reminder = self.env["relance.reminder"].search(
            [("line_ids.move_id", "=", entry.id)]
        )
        self.assertEqual(reminder.state, "outgoing", reminder.error)
