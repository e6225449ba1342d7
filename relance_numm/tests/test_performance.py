from unittest.mock import patch

from odoo.tests import tagged, warmup

from .common import RelanceCommon


@tagged("post_install", "-at_install")
class TestPerformance(RelanceCommon):
    """Query counts: none of the paths grows a query per row."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customers = [cls._create_customer(f"Many {n}") for n in range(20)]
        cls.moves = cls.env["account.move"].union(
            *(
                cls._invoice(8, partner=customer)
                for customer in cls.customers
                for _n in range(2)
            )
        )

    def _query_count(self, function, *args):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        function(*args)
        self.env.flush_all()
        return self.cr.sql_log_count - before

    @warmup
    def test_work_list(self):
        """C2: the list's page and its count are one query each, whatever the rows, and
        one more of the settings that it is made of."""
        names = ["name", "days_late", "amount_due", "advised_level_id", "last_level_id"]
        domain = [("move_id", "in", self.moves.ids)]
        item = self.env["relance.item"]
        item.search_read(domain, names)
        self.env.invalidate_all()
        with self.assertQueryCount(4):
            # The rows, and the names of levels.
            item.search_fetch(domain, names).mapped("advised_level_id.name")
        with self.assertQueryCount(2):
            item.search_count([*domain, ("advised_level_id", "!=", False)])

    def test_prepare_does_not_grow(self):
        """D1: the preparation of 20 customers takes the queries of that of 10."""
        half = self.moves[:20]
        self._prepare(half)
        few = self._query_count(self._prepare, half)
        many = self._query_count(self._prepare, self.moves)
        self.assertLessEqual(many, few + 5)

    def test_cron_does_not_grow(self):
        """G3: the cron's queries for 20 customers, made and delivered, are about those
        for 10."""
        self.company.relance_on = "invoice"
        self.plan.step_ids.channel_ids = self.email
        batches = self.env["relance.batch"].with_env(
            self.company._relance_in_own_time().env
        )
        due = self.company._relance_in_own_time()._relance_due_items()
        self.assertEqual(len(due), 40)
        batches._remind_due(due[:2])
        few = self._query_count(batches._remind_due, due[2:12])
        many = self._query_count(batches._remind_due, due[12:])
        self.assertLessEqual(many, few + 5)
        reminders = self.env["relance.reminder"].search([("state", "=", "pending")])
        self.assertEqual(len(reminders), 40)
        # Odoo's own way of making invoices' PDFs is another matter.
        self.moves._relance_make_invoice_pdfs()
        reminders[:2]._deliver()
        few = self._query_count(reminders[2:12]._deliver)
        many = self._query_count(reminders[12:]._deliver)
        self.assertLessEqual(many, few + 15)

    def test_invoice_list_does_not_grow(self):
        """G1: the columns of the invoices' list are some queries, whatever the rows."""
        names = [
            "relance_amount_paid",
            "relance_emails",
            "relance_level_id",
            "relance_mode",
            "relance_next_date",
            "relance_status",
        ]
        few = self._query_count(self.moves[:5].read, names)
        many = self._query_count(self.moves.read, names)
        self.assertLessEqual(many, few + 2)

    def test_create_does_not_grow(self):
        """D6: creating 20 customers' reminders takes few more queries than 10."""
        with patch.object(type(self.env["relance.reminder"]), "_start"):
            self._prepare(self.moves[:2]).action_create()
            few = self._query_count(self._prepare(self.moves[2:8]).action_create)
            many = self._query_count(self._prepare(self.moves[8:]).action_create)
        self.assertEqual(len(self.moves[8:].partner_id), 16)
        self.assertLessEqual(many, few + 5)
