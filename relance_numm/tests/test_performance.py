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
