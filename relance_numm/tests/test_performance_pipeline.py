from unittest.mock import patch

from odoo import fields
from odoo.tests import new_test_user, tagged

from ..models import relance_batch_automatic
from .automatic_common import AutomaticCommon

# What Odoo takes to write one SMS.
SMS_QUERIES = 11


@tagged("post_install", "-at_install")
class TestPerformancePipeline(AutomaticCommon):
    """H8: what a portion costs in queries is not a matter of how many it has.

    Of each path 10 and then 40 reminders are made, of two entries each.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customers = [cls._create_customer(f"Many {n}") for n in range(50)]
        # One that everything is copied from: posting is not what is measured here.
        original = cls._invoice(8, partner=cls.customers[0])
        cls.moves = original
        for customer in cls.customers:
            for _number in range(1 if customer == cls.customers[0] else 2):
                cls.moves |= original.copy(
                    {
                        "partner_id": customer.id,
                        "invoice_date": original.invoice_date,
                        "invoice_date_due": original.invoice_date_due,
                        "invoice_payment_term_id": False,
                    }
                )
        (cls.moves - original).action_post()
        cls.few, cls.many = cls.moves[:20], cls.moves[20:]

    def _channels(self, channel):
        self.company.relance_on = "item"
        self.plan.step_ids.channel_ids = channel

    def _wizard(self, moves):
        return self.env["relance.prepare"]._create_for_items(self._items(moves))

    def _made(self, moves):
        """Return the reminders of invoices, made and not delivered."""
        batch = self.env["relance.batch"]._new_batch(self.company)
        lines = self._wizard(moves).line_ids
        batch._fill([line._reminder_request() for line in lines])
        # As the cron takes them, and not as the field of a batch that is read again.
        return self.env["relance.reminder"].browse(batch.reminder_ids.ids)

    def _deliver(self, channel, warm):
        """Return how many queries it takes to deliver 10 reminders, then 40."""
        self._channels(channel)
        few, many = self._made(self.few), self._made(self.many)
        self.assertEqual((len(few), len(many)), (10, 40))
        # What the first one alone does: templates compiled, types read.
        few[:warm]._deliver_or_fail()
        counts = [
            self._query_count(reminders._deliver_or_fail)
            for reminders in (few[warm:], many)
        ]
        left = (few | many).filtered(lambda r: r.state == "outgoing")
        self.assertEqual(left, few | many, left.mapped("error"))
        return counts

    def test_prepare(self):
        """D1: the dialog."""
        self._channels(self.email)
        self._wizard(self.few[:2])
        few = self._query_count(self._wizard, self.few)
        many = self._query_count(self._wizard, self.many)
        self.assertLessEqual(many, few)

    def test_create(self):
        """D6: a portion of a batch; at most one query per customer of the 40."""
        self._channels(self.email)
        self._made(self.few[:2])
        few = self._query_count(self._made, self.few[2:])
        many = self._query_count(self._made, self.many)
        self.assertLessEqual(many, few + 5)

    def test_create_again(self):
        """D6: the same where each entry was reminded before."""
        self._channels(self.email)
        for moves in (self.few, self.many):
            self._made(moves).sudo()._set_state("sent")
        self.env["relance.reminder"].search(
            []
        ).sudo().date_sent = fields.Datetime.subtract(fields.Datetime.now(), days=20)
        few = self._query_count(self._made, self.few)
        many = self._query_count(self._made, self.many)
        self.assertLessEqual(many, few + 5)

    def test_deliver_mails(self):
        """F1: a portion of mails."""
        few, many = self._deliver(self.email, 1)
        self.assertLessEqual(many, few + 2)

    def test_deliver_letters(self):
        """E3: a portion of letters, their internal copy included."""
        few, many = self._deliver(self.letter, 1)
        self.assertLessEqual(many, few + 2)

    def test_deliver_calls(self):
        """F2: a portion of calls. Of each, Odoo itself tells whoever is to do it."""
        few, many = self._deliver(self.phone, 1)
        self.assertLessEqual(many, few + 2)

    def test_deliver_sms(self):
        """F2: a portion of SMS. Odoo writes each of them, its message and its
        notification one by one; nothing of ours comes to that."""
        few, many = self._deliver(self.env.ref("relance_numm.channel_sms"), 1)
        self.assertLessEqual(many - few, SMS_QUERIES * 31)

    def test_cron(self):
        """G3: a portion of the cron, made and then delivered."""
        self.plan.step_ids.channel_ids = self.email
        batches = self.env["relance.batch"].with_env(
            self.company._relance_in_own_time().env
        )
        due = self.company._relance_in_own_time()._relance_due_items()
        self.assertEqual(len(due), 100)
        batches._remind_due(due[:2])
        few = self._query_count(batches._remind_due, due[2:20])
        many = self._query_count(batches._remind_due, due[20:])
        self.assertLessEqual(many, few + 5)
        reminders = self.env["relance.reminder"].search([("state", "=", "pending")])
        self.assertEqual(len(reminders), 100)
        # Odoo's own way of making invoices' PDFs is another matter.
        self.moves._relance_make_invoice_pdfs()
        reminders[:2]._deliver()
        few = self._query_count(reminders[2:12]._deliver)
        many = self._query_count(reminders[12:40]._deliver)
        self.assertLessEqual(many, few + 2)

    def test_due_pages(self):
        """G3: what is due is read a page at a time, each row once, in order; a
        customer's invoices stay together where they go into one reminder (G4)."""
        company = self.company
        everything = company._relance_in_own_time()._relance_due_items()
        self.patch(relance_batch_automatic, "DUE_SIZE", 7)
        batches = self.env["relance.batch"]
        seen, last, pages = [], None, 0
        while pages == 0 or last:
            chunks, last = batches._due_page(company, last)
            self.assertEqual(batches._due_count(company, chunks, last) > 7, bool(last))
            seen += [item.id for chunk in chunks for item in chunk]
            pages += 1
        self.assertEqual(seen, everything.ids)
        self.assertEqual(pages, 15)
        company.relance_per_customer = True
        chunks, last = batches._due_page(company)
        page = everything.browse(item.id for chunk in chunks for item in chunk)
        self.assertEqual(last, (everything[6].date_due, everything[6].id))
        together = everything.filtered(lambda i: i.partner_id in page.partner_id)
        self.assertEqual(page.sorted("id"), together.sorted("id"))

    def test_inserted_as_refreshed(self):
        """H8: what goes from the work list into lines by itself is what a reminder that
        leaves takes of it, row by row."""
        self._channels(self.email)
        moves = self.few[:4]
        moves[0].ref = "Their order"
        moves[1].line_ids.filtered("date_maturity").name = "A label of its own"
        items = self._items(moves)
        values = {
            item.move_id: self.env["relance.reminder.line"]._prepare_item_vals(item)
            for item in items
        }
        lines = self._made(moves).line_ids
        self.assertEqual(lines.move_id, moves)
        self.env.invalidate_all()
        for line in lines:
            [stored] = line.read([*values[line.move_id]], load=False)
            stored.pop("id")
            self.assertEqual(stored, values[line.move_id])

    def test_followers_as_subscribed(self):
        """H8: who follows without a record of each does so as Odoo has him."""
        self._channels(self.email)
        person = new_test_user(self.env, "follower", "account.group_account_invoice")
        portal = new_test_user(self.env, "outside", "base.group_portal")
        gone = new_test_user(self.env, "gone", "base.group_user")
        gone.active = gone.partner_id.active = False
        readers = (person | portal | gone).partner_id
        ours, odoo = self._made(self.few[:2]), self._made(self.few[2:4])
        (ours | odoo).sudo().message_follower_ids.unlink()
        ours.sudo()._subscribe_all(readers)
        odoo.sudo().message_subscribe(readers.ids)
        follows = [
            {f.partner_id: f.subtype_ids for f in reminder.sudo().message_follower_ids}
            for reminder in (ours, odoo)
        ]
        self.assertEqual(len(follows[0]), 2)
        self.assertEqual(*follows)

    def test_create_of_another_addon(self):
        """H8: an addon that extends how reminders are created is called."""
        self._channels(self.email)
        reminders = type(self.env["relance.reminder"])
        create, made = reminders.create, []

        def extended(self, vals_list):
            made.extend(vals_list)
            return create(self, vals_list)

        extended.__module__ = "odoo.addons.base_automation.models.base_automation"
        self.assertFalse(self.env["relance.reminder"]._is_for_create([{"name": "A"}]))
        # As an automation rule does.
        with patch.object(reminders, "create", extended):
            mine = self._made(self.few[:4])
        self.assertEqual(len(made), 2)
        self.assertEqual(mine.mapped("amount_total"), [200.0, 200.0])
        self.assertRecordValues(mine[0].line_ids, [{"is_last": True}] * 2)

    def test_create_with_more_than_columns(self):
        """H8: an addon that gives a reminder more than its columns has the ORM make
        it."""
        reminders = self.env["relance.reminder"]
        self.assertTrue(reminders._is_for_create([{"name": "A", "companion_ids": []}]))

    def test_a_later_reminder_stays_the_last(self):
        """H8: an entry whose last reminder is of a later day keeps it, as where one was
        taken over with its date."""
        self._channels(self.email)
        move = self.few[0]
        reminder = self._already_reminded(move, self.level_pre, state="failed")
        reminder.sudo().date = fields.Date.add(self.today, days=1)
        mine = self._made(move)
        self.assertFalse(mine.line_ids.is_last)
        self.assertTrue(reminder.line_ids.is_last)

    def test_inserted_as_computed(self):
        """H8: what is inserted without the ORM is what the ORM would compute."""
        self.plan.step_ids.channel_ids = self.email | self.phone
        batches = self.env["relance.batch"].with_env(
            self.company._relance_in_own_time().env
        )
        due = self.company._relance_in_own_time()._relance_due_items()
        batches._remind_due(due[:6])
        reminders = self.env["relance.reminder"].sudo().search([])
        self.assertEqual(len(reminders), 12, "A call with each mail")
        self.assertEqual(len(reminders.companion_ids), 6)
        for records in (reminders, reminders.line_ids):
            computed = [
                field
                for field in records._fields.values()
                if field.store and field.compute and field.column_type
            ]
            names = [field.name for field in computed]
            self.env.invalidate_all()
            inserted = records.read(names, load=False)
            for field in computed:
                self.env.add_to_compute(field, records)
            self.env.flush_all()
            self.env.invalidate_all()
            self.assertEqual(inserted, records.read(names, load=False))
        mains = reminders - reminders.companion_ids
        self.assertTrue(all(mains.line_ids.mapped("is_last")))
        self.assertTrue(all(mains.line_ids.mapped("is_first")))
        self.assertFalse(any(reminders.companion_ids.line_ids.mapped("is_last")))
        self.assertFalse(any(reminders.line_ids.mapped("is_last_sent")))
        self.assertEqual(set(mains.mapped("amount_total")), {100.0})
