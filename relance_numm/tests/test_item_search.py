from datetime import date, timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo.tests import new_test_user, tagged
from odoo.tools import SQL

from ..models import relance_item_search
from .common import RelanceCommon

DAYS_LATE = (-9, -6, 0, 3, 5, 8, 8, 15, 17, 30, 45, 61, 61, 90)
ORDERS = (
    "days_late desc, id",
    "days_late, id desc",
    "days_late desc",
    "date_due",
    "date_due desc, id desc",
    "days_late, id",
    "amount_due desc, id",
    "name",
)


@tagged("post_install", "-at_install")
class TestItemSearch(RelanceCommon):
    """A page finds what a look at all rows finds, with less (H8)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.person = cls._create_customer("Dupontel", is_company=False)
        cls.blocked = cls._create_customer("Brassac", relance_excluded=True)
        partners = (cls.customer, cls.person, cls.blocked)
        cls.moves = cls.env["account.move"]
        for position, days in enumerate(DAYS_LATE):
            for partner in partners[: 2 + (position % 4 == 0)]:
                move = cls._invoice(days, partner=partner)
                cls.moves |= move
                if position % 3 == 0 and days > 0:
                    level = (cls.level_1, cls.level_2)[position % 2]
                    cls._already_reminded(move, level, days_ago=1)
        cls._make_odd(partners)
        cls.items = cls.env["relance.item"].with_context(lang="fr_FR")

    @classmethod
    def _make_odd(cls, partners):
        """One each of what keeps a row from being advised, or has another plan."""
        cls.company.relance_min_gap = 2
        promised, disputed, under_way, failed, blocked, gap = cls.moves[:6].browse(
            cls._invoice(20, partner=cls.person).id for _number in range(6)
        )
        promised.relance_promise_date = cls.today + timedelta(1)
        disputed.relance_dispute = "Broken"
        blocked.no_followup = True
        cls._already_reminded(under_way, cls.level_1, state="outgoing")
        cls._already_reminded(failed, cls.level_1, days_ago=3)
        cls._already_reminded(failed, cls.level_2, state="failed")
        cls._already_reminded(gap, cls.level_pre, days_ago=2)
        nil = cls._create_customer("Avoirs", is_company=False, relance_plan_id=False)
        cls._invoice(20, 100, partner=nil)
        cls._invoice(10, 150, partner=nil, move_type="out_refund")
        owing = cls._create_customer("Débits", relance_plan_id=False)
        cls._invoice(20, 100, partner=owing)
        cls._invoice(10, 30, partner=owing, move_type="out_refund")
        archived = cls._create_plan("Archived", (1, 2, 3, 4))
        former = cls._create_customer("Ancien", relance_plan_id=archived.id)
        cls._invoice(20, partner=former)
        archived.active = False
        default = cls._create_plan("Own", (-50, 1, 2, 3))
        own = cls._create_customer("Particularité", relance_plan_id=default.id)
        cls.moves |= cls._invoice(2, partner=own)

    def _domains(self):
        levels = self.env["relance.level"].search([])
        return [
            [],
            *([("advised_level_id", "=", level.id)] for level in levels),
            *([("last_level_id", "=", level.id)] for level in levels),
            [("advised_level_id", "in", levels[:2].ids)],
            [("advised_level_id", "!=", False)],
            [("advised_level_id", "=", False)],
            [("advised_level_id", "!=", levels[0].id)],
            [("partner_id", "=", self.person.id), ("advised_level_id", "!=", False)],
            [
                ("partner_id", "=", self.person.id),
                ("currency_id", "=", self.company.currency_id.id),
                ("company_id", "=", self.company.id),
            ],
            [("partner_id.name", "ilike", "dup")],
            [("days_late", ">=", 5), ("days_late", "<=", 61)],
            [("days_late", ">", 5), ("days_late", "<", 61)],
            [("days_late", "=", 8)],
            [("date_due", "<", date.today() - timedelta(days=8))],
            [("move_id", "in", self.moves[:3].ids)],
            [("id", "in", self._line_ids())],
            [("id", "in", self._line_ids()), ("advised_level_id", "!=", False)],
            [("move_line_id", "in", self._line_ids()), ("days_late", ">", 5)],
            ["|", ("id", "in", self._line_ids()), ("days_late", ">", 40)],
            ["!", ("id", "in", self._line_ids())],
            [("reason_code", "=", "customer_excluded")],
            ["|", ("days_late", ">", 40), ("partner_id", "=", self.person.id)],
            ["!", ("advised_level_id", "=", levels[1].id)],
            [("is_due", "=", True)],
            [("is_due", "=", False)],
            [("next_date", "!=", False)],
            [("next_level_id", "in", levels.ids)],
            [("last_level_id", "=", False)],
            *(
                [("advised_level_id", "!=", False), ("last_level_id", "=", level.id)]
                for level in levels
            ),
            [("advised_level_id", "in", levels[1:3].ids), ("days_late", ">", 15)],
            [("advised_level_id", "!=", False), ("days_late", "<=", 20)],
            [
                ("advised_level_id", "=", levels[3].id),
                ("date_due", ">=", self.today - timedelta(61)),
            ],
            [
                ("advised_level_id", "!=", False),
                ("company_id", "=", self.company.id),
            ],
            [("advised_level_id", "!=", False), ("company_id", "=", 0)],
        ]

    def _line_ids(self):
        return self._items(self.moves[:6]).ids

    def _all(self, domain, order, items=None):
        """Return the ids of all rows of a domain, without looking at a part first."""
        with (
            patch.object(type(self.items), "_walked_ids", lambda *args: None),
            patch.object(type(self.items), "_line_conditions", lambda *args, **kw: []),
            patch.object(type(self.items), "_lines_named", lambda *args: False),
            patch.object(type(self.items), "_names_ids", lambda *args: False),
            patch.object(type(self.items), "_indexed_query", lambda *args: None),
        ):
            return (
                (self.items if items is None else items).search(domain, order=order).ids
            )

    def test_h8_same_rows(self):
        """Whatever is searched, sorted and paged: the same rows, in the same order."""
        # Some entries have the same due date, which leaves their order open.
        strict = [order for order in ORDERS if ", id" in order]
        pages = ((0, 3), (2, 4), (0, 1000), (7, None))
        for number, domain in enumerate(self._domains()):
            for turn, order in enumerate(strict, number):
                expected = self._all(domain, order)
                # By turns: each domain, and each order, meets all of them.
                for offset, limit in pages[turn % 2 :: 2]:
                    with (
                        self.subTest(domain=domain, order=order, limit=limit),
                        patch.object(relance_item_search, "MIN_WALK", 2),
                        patch.object(relance_item_search, "WALKS", (1, 2, 3)),
                        patch.object(relance_item_search, "MAX_NAMED", 5 * offset),
                    ):
                        found = self.items.search(
                            domain, offset=offset, limit=limit, order=order
                        )
                        end = offset + limit if limit else None
                        self.assertEqual(found.ids, expected[offset:end])
            self.assertEqual(self.items.search_count(domain), len(expected))
            for limit in (1, 5, 1000):
                self.assertEqual(
                    self.items.search_count(domain, limit=limit),
                    min(limit, len(expected)),
                )

    def test_h8_same_rows_for_a_person(self):
        """The same for whoever has record rules, and where it is two days at once."""
        person = new_test_user(
            self.env,
            "searcher",
            "account.group_account_invoice",
            company_id=self.company.id,
        )
        other = self.setup_other_company()["company"]
        other.relance_tz = "Pacific/Auckland"
        self.company.relance_tz = "Pacific/Honolulu"
        mine = self.items.with_user(person)
        both = self.items.with_context(allowed_company_ids=[self.company.id, other.id])
        with freeze_time(f"{self.today} 12:00:00"):
            for items in (mine.with_context(allowed_company_ids=None), both):
                for domain in self._domains():
                    with self.subTest(domain=domain, companies=items.env.companies):
                        expected = self._all(domain, "id", items)
                        found = items.search(domain, order="id", limit=1000)
                        self.assertEqual(found.ids, expected)
                        self.assertEqual(items.search_count(domain), len(expected))

    def test_h8_sorted_by_due_date(self):
        """Rows of one due date may come in any order, their dates in this one."""
        for order in ORDERS:
            found = self.items.search([], order=order, limit=20)
            name, *way = order.split(",")[0].split()
            values = found.mapped(name)
            self.assertEqual(values, sorted(values, reverse=way == ["desc"]), order)

    def test_h8_groups(self):
        """A group has the rows that its own search finds."""
        groups = self.items._read_group(
            [], ["advised_level_id"], ["__count", "amount_due_company:sum"]
        )
        self.assertGreater(len(groups), 3)
        for level, count, amount in groups:
            rows = self.items.search([("advised_level_id", "=", level.id)])
            self.assertEqual(len(rows), count)
            self.assertAlmostEqual(sum(rows.mapped("amount_due_company")), amount)

    def test_h8_steps_changed(self):
        """What a page takes for granted of the plans is read each time."""
        domain = [("advised_level_id", "=", self.level_1.id)]
        before = self.items.search(domain, limit=100)
        self.assertTrue(before)
        step = self.env["relance.step"].search(
            [
                ("level_id", "=", self.level_2.id),
                ("plan_id", "in", before.plan_id.ids),
            ]
        )
        step.days += 3
        after = self.items.search(domain, limit=100)
        self.assertGreater(len(after), len(before))
        self.assertEqual(set(after.ids), set(self._all(domain, "id")))

    def test_h8_credits_not_written_yet(self):
        """A credit that is still to be written counts: what is read before the query
        is written out as well."""
        customer = self._create_customer("Avoiron")
        invoice = self._invoice(20, partner=customer)
        refund = self._invoice(20, partner=customer, move_type="out_refund")
        nil = [("reason_code", "=", "net_nil")]
        self.assertIn(invoice, self.items.search(nil).move_id)
        line = refund.line_ids.filtered(
            lambda li: li.account_id.account_type == "asset_receivable"
        )
        line.amount_residual_currency = -60
        self.assertNotIn(invoice, self.items.search(nil).move_id)
        line.amount_residual_currency = -100
        self.assertIn(invoice, self.items.search(nil).move_id)

    def test_h8_public_bodies(self):
        """The plan of public bodies counts once there is one."""
        self.customer.relance_plan_id = self.person.relance_plan_id = False
        self.blocked.relance_plan_id = False
        public = self._create_customer(
            "Mairie", relance_customer_type="public", relance_plan_id=False
        )
        plan = self.env["relance.plan"].search([("customer_type", "=", "public")])[:1]
        step = plan.step_ids.sorted("number")[1]
        move = self._invoice(plan.step_ids.sorted("number")[2].days - 1, partner=public)
        found = self.items.search(
            [
                ("advised_level_id", "=", step.level_id.id),
                ("days_late", ">", 0),
            ],
            limit=500,
            order="days_late desc, id",
        )
        self.assertIn(move, found.move_id)

    def test_h8_zones(self):
        """Where companies are on two days, the days late sort by each one's own."""
        other = self.setup_other_company()["company"]
        other.relance_tz = "Pacific/Auckland"
        self.company.relance_tz = "Pacific/Honolulu"
        items = self.items.with_context(allowed_company_ids=[self.company.id, other.id])
        with freeze_time("2026-03-10 12:00:00"):
            self.assertEqual(len(items._todays()), 2)
            found = items.search([], limit=12, order="days_late desc, id")
            late = found.mapped("days_late")
            self.assertEqual(late, sorted(late, reverse=True))

    def test_h8_queries_of_a_page(self):
        """A page with its count asks as many queries whatever it shows."""
        names = ["name", "partner_id", "days_late", "advised_level_id", "reason"]
        specification = {name: {} for name in names}
        domain = [("advised_level_id", "!=", False)]

        def read(limit):
            self.env.invalidate_all()
            return self.items.web_search_read(
                domain, specification, limit=limit, count_limit=10001
            )

        for limit in (2, 10):
            # Once for what Odoo keeps beyond a transaction.
            read(limit)
            with self.assertQueryCount(9):
                page = read(limit)
            self.assertEqual(len(page["records"]), limit)

    def test_h8_joins_as_needed(self):
        """A count by customer needs no reminder, a list by level does."""
        by_customer = self.items._search([("partner_id", "!=", False)]).select().code
        self.assertNotIn("relance_reminder", by_customer)
        self.assertNotIn("account_payment", by_customer)
        by_level = self.items._search([("advised_level_id", "!=", False)])
        by_level = by_level.select(SQL.identifier("relance_item", "amount_due")).code
        self.assertIn("relance_reminder_line", by_level)
        self.assertNotIn("automatic_steps", by_level)
