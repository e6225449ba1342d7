from unittest.mock import patch

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged

from ..models import relance_batch
from .common import RelanceCommon


@tagged("post_install", "-at_install")
class TestPrepare(RelanceCommon):
    """Préparer, contrôler (D1–D5)."""

    def test_d1_one_line_per_customer_currency_company(self):
        """D1: one line per customer, currency and company, with its pièces as links."""
        dollar = self.env.ref("base.USD")
        dollar.active = True
        other = self._create_customer("Other")
        moves = (
            self._invoice(8, 100.0)
            | self._invoice(18, 50.0)
            | self._invoice(8, 70.0, currency_id=dollar.id)
            | self._invoice(8, 30.0, partner=other)
        )
        lines = self._prepare(moves).line_ids
        self.assertEqual(
            sorted(
                lines.mapped(
                    lambda r: (r.partner_id.name, r.currency_id.name, r.amount_due)
                )
            ),
            [
                ("Librairie Peyrot", self.company.currency_id.name, 150.0),
                ("Librairie Peyrot", "USD", 70.0),
                ("Other", self.company.currency_id.name, 30.0),
            ]
            if self.company.currency_id != dollar
            else [
                ("Librairie Peyrot", "USD", 220.0),
                ("Other", "USD", 30.0),
            ],
        )
        for move in moves[:2]:
            self.assertIn(f'/odoo/account.move/{move.id}"', lines[0].item_links)

    def test_d1_rows_not_advised_are_left_out(self):
        """D1: what cannot be reminded is left out and named, the rest goes on."""
        good, blocked = self._invoice(8), self._invoice(18)
        blocked.no_followup = True
        wizard = self._prepare(good | blocked)
        self.assertEqual(wizard.line_ids.move_line_ids.move_id, good)
        self.assertEqual(wizard.left_out_count, 1)
        self.assertIn(blocked.name, wizard.left_out)
        with self.assertRaises(UserError) as raised:
            self._prepare(blocked)
        self.assertIn(blocked.name, str(raised.exception))

    def test_d1_rows_paid_meanwhile_are_left_out(self):
        """D1, D7: what was paid since the list was shown is left out and named, also
        where it is the only one."""
        good, paid = self._invoice(8), self._invoice(18)
        items = self._items(good | paid)
        alone = self._items(paid)
        self._pay(paid)
        wizard = self.env["relance.prepare"].browse(items.action_prepare()["res_id"])
        self.assertEqual(wizard.line_ids.move_line_ids.move_id, good)
        self.assertEqual(wizard.left_out_count, 1)
        self.assertIn(f"{paid.name}: no longer open", wizard.left_out)
        with self.assertRaises(UserError) as raised:
            alone.action_prepare()
        self.assertIn(paid.name, str(raised.exception))

    def test_d1_amounts_are_rounded(self):
        """D1: what is left to pay is an amount of its currency, not a float's sum."""
        wizard = self._prepare(self._invoice(8, 0.1) | self._invoice(8, 0.2))
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT amount_due::text FROM relance_prepare_line WHERE id = %s",
            wizard.line_ids.ids,
        )
        self.assertEqual(self.env.cr.fetchone()[0].rstrip("0"), "0.3")

    def test_d5_contact_found_by_the_controls(self):
        """D5, H8: whom the controls found is taken over when the reminder is created;
        where he was deleted since, he is looked for again."""
        first, second = (
            self.env["res.partner"].create(
                {
                    "name": name,
                    "parent_id": self.customer.id,
                    "type": "relance",
                    "email": f"{name}@example.com",
                    **self.customer._convert_fields_to_values(
                        self.customer._address_fields()
                    ),
                }
            )
            for name in ("first", "second")
        )
        kept, searched = (self._prepare(self._invoice(days)) for days in (8, 9))
        lines = kept.line_ids | searched.line_ids
        lines.channel_id = self.letter
        self.assertEqual(lines.contact_id, first)
        requests = [line._reminder_request() for line in lines]
        recipients = type(self.env["res.partner"])._relance_recipients
        with patch.object(
            type(self.env["res.partner"]), "_relance_recipients", autospec=True
        ) as asked:
            asked.side_effect = recipients
            batch = self.env["relance.batch"]._new_batch(self.company)
            batch._fill(requests[:1])
            self.assertFalse(asked.call_args.args[0])
            self.assertEqual(batch.reminder_ids.contact_id, first)
            batch.reminder_ids.sudo()._set_state("canceled")
            batch.reminder_ids.sudo().contact_id = False
            first.unlink()
            batch._fill([searched.line_ids._reminder_request()])
            self.assertEqual(asked.call_args.args[0], self.customer)
        self.assertEqual(batch.reminder_ids.sorted("id")[-1].contact_id, second)

    def test_d1_in_the_order_of_the_selection(self):
        """D1: customers, and the entries of each, are as the person saw them."""
        other = self._create_customer("Other")
        moves = [self._invoice(8), self._invoice(9, partner=other), self._invoice(10)]
        items = self.env["relance.item"].union(*map(self._items, moves))
        for selection in (items, items[::-1]):
            action = selection.action_prepare()
            lines = self.env["relance.prepare"].browse(action["res_id"]).line_ids
            customers = dict.fromkeys(item.partner_id for item in selection)
            self.assertEqual([line.partner_id for line in lines], [*customers])
            for line in lines:
                mine = selection.filtered(
                    lambda i, c=line.partner_id: i.partner_id == c
                )
                self.assertEqual(line.item_ids, mine.ids)

    def test_d7_entry_deleted_meanwhile(self):
        """D7: an entry that no longer exists keeps nothing from being created."""
        move = self._invoice(8)
        wizard = self._prepare(move)
        wizard.line_ids.item_ids = [*wizard.line_ids.item_ids, 2**31 - 1]
        self.assertEqual(wizard.line_ids.move_line_ids.move_id, move)
        wizard.action_create()
        lines = self.env["relance.reminder.line"].search([("move_id", "=", move.id)])
        self.assertEqual(len(lines.reminder_id.line_ids), 1)

    def test_d2_levels(self):
        """D2: from the highest level sent up to the highest advised, by default it."""
        first, second = self._invoice(8), self._invoice(18)
        line = self._prepare(first | second).line_ids
        self.assertEqual(line.level_id, self.level_2)
        self.assertEqual(
            line.allowed_level_ids, self.level_pre | self.level_1 | self.level_2
        )
        self._already_reminded(first, self.level_1)
        line = self._prepare(first | second).line_ids
        self.assertEqual(line.allowed_level_ids, self.level_1 | self.level_2)

    def test_d2_manual_several_items(self):
        """D2: the manual's screen: N2 sent on one, N1 advised on the other."""
        other_plan = self._create_plan("Other", (-50, 5, 30, 60))
        self.customer.relance_plan_id = other_plan
        first, second = self._invoice(58, 300.0), self._invoice(29, 1200.0)
        self._already_reminded(first, self.level_2)
        line = self._prepare(first | second).line_ids
        self.assertEqual(line.level_id, self.litigation)
        self.assertEqual(line.allowed_level_ids, self.level_2 | self.litigation)
        self.assertEqual(line.amount_due, 1500.0)

    def test_d2_d3_checked_on_the_server(self):
        """D2, D3: a level or type that is not offered is refused, with the choices."""
        wizard = self._prepare(self._invoice(8))
        wizard.line_ids.level_id = self.litigation
        with self.assertRaises(ValidationError) as raised:
            wizard.action_create()
        self.assertIn("Pre-reminder, Level 1", str(raised.exception))
        wizard.line_ids.level_id = self.level_1
        wizard.line_ids.channel_id = self.formal_notice
        with self.assertRaises(ValidationError) as raised:
            wizard.action_create()
        self.assertIn("Email, Phone call, Plain letter", str(raised.exception))

    def test_d2_d3_checked_by_the_batch_too(self):
        """D2, D3: what calls the batch without the wizard is checked as well."""
        move = self._invoice(8)
        for level, channel, word in (
            (self.litigation, self.email, "level"),
            (self.level_1, self.formal_notice, "type"),
        ):
            request = self._request(move, level, channel)
            batch = self.env["relance.batch"]._create_reminders([request])
            self.assertFalse(batch.reminder_ids)
            self.assertIn(word, batch.left_out)

    def test_d3_type_follows_level(self):
        """D3: only the step's types, the first by default; it follows the level."""
        self.plan.step_ids[2].channel_ids = [
            Command.set((self.phone | self.formal_notice).ids)
        ]
        wizard = self._prepare(self._invoice(18))
        with Form(wizard) as form, form.line_ids.edit(0) as line:
            self.assertEqual(line.channel_id, self.phone)
            line.level_id = self.level_1
            self.assertEqual(line.channel_id, self.email)
            self.assertEqual(
                line.allowed_channel_ids[:], self.email | self.phone | self.letter
            )

    def test_b2_customer_reminded_by_letter(self):
        """B2: a customer « Courrier » gets the step's letter by default."""
        self.customer.relance_mode = "letter"
        self.assertEqual(
            self._prepare(self._invoice(8)).line_ids.channel_id, self.letter
        )

    def test_d4_replace_missing_mail(self):
        """D4: lines without address to mail become letters, and back."""
        nobody = self._create_customer("Nobody", email=False)
        wizard = self._prepare(self._invoice(8) | self._invoice(8, partner=nobody))
        without, with_mail = wizard.line_ids.sorted(lambda r: r.partner_id != nobody)
        self.assertEqual(wizard.problem_count, 1)
        wizard.replace_missing_mail = True
        self.assertEqual(without.channel_id, self.letter)
        self.assertEqual(with_mail.channel_id, self.email)
        self.assertFalse(wizard.line_ids.filtered("problem"))
        wizard.replace_missing_mail = False
        self.assertEqual(without.channel_id, self.email)
        self.assertTrue(without.problem)

    def test_d4_stays_a_letter_at_another_level(self):
        """D4: a line that became a letter stays one when its level changes."""
        nobody = self._create_customer("Nobody", email=False)
        wizard = self._prepare(self._invoice(18, partner=nobody))
        wizard.replace_missing_mail = True
        wizard.line_ids.level_id = self.level_1
        self.assertEqual(wizard.line_ids.channel_id, self.letter)

    def test_d4_asked_where_the_step_offers_mails(self):
        """D4, H8: whether a mail would reach is asked at the levels that send some."""
        nobody = self._create_customer("Nobody", email=False)
        self.plan.step_ids[1].channel_ids = self.letter
        line = self._prepare(self._invoice(8, partner=nobody)).line_ids
        self.assertRecordValues(
            line, [{"channel_id": self.letter.id, "without_mail": False}]
        )
        self.assertEqual(line.allowed_channel_ids, self.letter)
        line.level_id = self.level_pre
        self.assertRecordValues(
            line, [{"channel_id": self.email.id, "without_mail": True}]
        )
        self.assertEqual(line.problem, "No email address")

    def test_d5_mend_bounced(self):
        """D5: mending an address that bounced clears the bounce."""
        self.customer.message_bounce = 3
        wizard = self._prepare(self._invoice(8))
        self.assertIn("bounced", wizard.line_ids.problem)
        wizard.line_ids.write({"email": "new@example.com"})
        self.assertFalse(wizard.line_ids.problem)
        contact = self.customer.child_ids.filtered(lambda c: c.type == "relance")
        contact.message_bounce = 1
        wizard.line_ids.write({"email": "newer@example.com"})
        self.assertFalse(wizard.line_ids.problem)

    def test_d4_letter_although_the_step_has_none(self):
        """D4: the letter replaces a mail even where the step has no letter."""
        self.plan.step_ids.channel_ids = self.email
        nobody = self._create_customer("Nobody", email=False)
        wizard = self._prepare(self._invoice(8, partner=nobody))
        wizard.replace_missing_mail = True
        wizard.action_create()
        reminder = self.env["relance.reminder"].search([("partner_id", "=", nobody.id)])
        self.assertEqual(reminder.channel_id, self.letter)

    def test_d5_mend_address(self):
        """D5: an address mended in « Contrôles » goes to the « Relance » contact."""
        nobody = self._create_customer("Nobody", email="nobody(at)example")
        wizard = self._prepare(self._invoice(8, partner=nobody))
        line = wizard.line_ids
        self.assertIn("Malformed", line.problem)
        wizard.action_controls()
        self.assertEqual(wizard.problem_line_ids, line)
        with (
            Form(
                wizard, view="relance_numm.relance_prepare_view_form_controls"
            ) as form,
            form.problem_line_ids.edit(0) as edited,
        ):
            edited.email = "nobody@example.com"
        contact = nobody.child_ids.filtered(lambda c: c.type == "relance")
        self.assertEqual(contact.email, "nobody@example.com")
        self.assertEqual(
            contact.city, "Bordeaux", "its address is that of the customer"
        )
        self.assertEqual(nobody.email, "nobody(at)example")
        self.assertFalse(line.problem)

    def test_d5_mend_postal_address(self):
        """D5: a postal address mended there makes the letter possible."""
        nobody = self._create_customer("Nobody", email=False, zip=False)
        wizard = self._prepare(self._invoice(8, partner=nobody))
        line = wizard.line_ids
        line.channel_id = self.letter
        self.assertIn("postal address", line.problem)
        line.write({"zip": "33700", "city": "Mérignac"})
        self.assertFalse(line.problem)
        contact = nobody.child_ids.filtered(lambda c: c.type == "relance")
        self.assertEqual(contact.zip, "33700")

    def test_d1_not_due_yet(self):
        """D1: an entry that is not due yet, claimed at a late level, is pointed out."""
        late, early = self._invoice(8), self._invoice(-7)
        line = self._prepare(late | early).line_ids
        self.assertEqual(line.warning, f"Not due yet: {early.name}.")
        line.level_id = self.level_pre
        self.assertFalse(line.warning)

    def test_d2_deleted_meanwhile(self):
        """Bad input: what is prepared at a level, or by a plan, goes with it, and the
        rest stays; a preparation is no obstacle to deleting them."""
        level = self.env["relance.level"].create({"name": "Last word", "sequence": 99})
        plan = self._create_plan("Short-lived", (-50, 5, 10, 15))
        plan.step_ids[3].level_id = level
        late, early = (
            self._create_customer(name, relance_plan_id=plan.id)
            for name in ("Late", "Early")
        )
        moves = (
            self._invoice(8)
            | self._invoice(8, partner=early)
            | self._invoice(18, partner=late)
        )
        wizard = self._prepare(moves)
        self.assertEqual(wizard.line_ids[2].level_id, level)
        plan.step_ids[3].unlink()
        level.unlink()
        self.assertEqual(wizard.line_ids.partner_id, self.customer | early)
        (early | late).relance_plan_id = self.plan
        plan.unlink()
        self.assertEqual(wizard.line_ids.partner_id, self.customer)
        self.assertEqual(wizard.left_out_count, 2)
        for number in (moves[1].name, moves[2].name):
            self.assertIn(f"{number}: the plan, level or type", wizard.left_out)
        wizard.action_create()
        self.assertEqual(
            self.env["relance.reminder"].search([]).partner_id, self.customer
        )

    def test_d8_deleted_before_it_is_created(self):
        """D8: the same of what waits to be created is said on the batch, in its
        author's language, and the rest is created together."""
        level = self.env["relance.level"].create({"name": "Last word", "sequence": 99})
        self.plan.step_ids[3].level_id = level
        other = self._create_customer("Other")
        late = self._invoice(99)
        wizard = self._prepare(late | self._invoice(8, partner=other))
        with patch.object(relance_batch, "CREATE_SIZE", 0):
            action = wizard.action_create()
        batch = self.env[action["res_model"]].browse(action["res_id"])
        self.plan.step_ids[3].unlink()
        self.env.user.lang = "fr_FR"
        level.unlink()
        with self.allow_pdf_render():
            self.env.ref("relance_numm.ir_cron_deliver").method_direct_trigger()
        batch.invalidate_recordset()
        self.assertRecordValues(
            batch, [{"reminder_count": 1, "left_out_count": 1, "waiting_count": 0}]
        )
        self.assertIn(f"{late.name} : le plan, le niveau ou le type", batch.left_out)

    def test_d1_all_lines_removed(self):
        """Bad input: nothing to create is said, not done."""
        wizard = self._prepare(self._invoice(8))
        wizard.line_ids.unlink()
        with self.assertRaises(UserError):
            wizard.action_create()
