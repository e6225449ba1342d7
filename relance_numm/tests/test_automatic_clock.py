from datetime import date, datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo import fields
from odoo.tests import tagged

from .automatic_common import AutomaticCommon

# Due date; moment, in UTC; the company's clock; days of the steps; the level expected.
CLOCK = [
    # Due today, due yesterday, to the day.
    ("2026-06-10", "2026-06-10 10:00", "Europe/Paris", (0, 1, 15, 20), "pre"),
    ("2026-06-09", "2026-06-10 10:00", "Europe/Paris", (0, 1, 15, 20), "1"),
    ("2026-06-10", "2026-06-09 10:00", "Europe/Paris", (0, 1, 15, 20), None),
    ("2026-06-10", "2026-06-14 10:00", "Europe/Paris", (-50, 5, 15, 20), "pre"),
    ("2026-06-10", "2026-06-15 10:00", "Europe/Paris", (-50, 5, 15, 20), "1"),
    ("2026-06-10", "2026-06-25 10:00", "Europe/Paris", (-50, 5, 15, 20), "2"),
    # Before the due date.
    ("2026-06-10", "2026-04-20 10:00", "Europe/Paris", (-50, 5, 15, 20), None),
    ("2026-06-10", "2026-04-21 10:00", "Europe/Paris", (-50, 5, 15, 20), "pre"),
    # The company's midnight, not that of Greenwich.
    ("2026-06-10", "2026-06-14 22:30", "Europe/Paris", (0, 5, 15, 20), "1"),
    ("2026-06-10", "2026-06-14 22:30", "UTC", (0, 5, 15, 20), "pre"),
    ("2026-06-10", "2026-06-15 05:00", "America/Martinique", (0, 5, 15, 20), "1"),
    ("2026-06-10", "2026-06-15 03:00", "America/Martinique", (0, 5, 15, 20), "pre"),
    ("2026-06-10", "2026-06-14 13:30", "Pacific/Noumea", (0, 5, 15, 20), "1"),
    # 29 February, and the years that have none.
    ("2028-02-29", "2028-02-29 10:00", "Europe/Paris", (0, 1, 15, 20), "pre"),
    ("2028-02-28", "2028-02-29 10:00", "Europe/Paris", (0, 1, 15, 20), "1"),
    ("2028-02-29", "2028-03-01 10:00", "Europe/Paris", (0, 1, 15, 20), "1"),
    ("2027-02-28", "2027-03-01 10:00", "Europe/Paris", (0, 1, 15, 20), "1"),
    ("2028-02-24", "2028-02-29 10:00", "Europe/Paris", (0, 5, 15, 20), "1"),
    # Ends of months and of the year.
    ("2026-01-31", "2026-02-28 10:00", "Europe/Paris", (0, 28, 30, 40), "1"),
    ("2026-01-31", "2026-03-01 10:00", "Europe/Paris", (0, 28, 30, 40), "1"),
    ("2026-01-31", "2026-03-02 10:00", "Europe/Paris", (0, 28, 30, 40), "2"),
    ("2026-12-31", "2027-01-01 10:00", "Europe/Paris", (0, 1, 15, 20), "1"),
    # The nights the clock changes: 29 March at 1:00, 25 October at 1:00, in UTC.
    ("2026-03-28", "2026-03-28 22:59", "Europe/Paris", (0, 1, 15, 20), "pre"),
    ("2026-03-28", "2026-03-28 23:01", "Europe/Paris", (0, 1, 15, 20), "1"),
    ("2026-03-28", "2026-03-29 00:59", "Europe/Paris", (0, 1, 15, 20), "1"),
    ("2026-03-28", "2026-03-29 01:01", "Europe/Paris", (0, 1, 15, 20), "1"),
    ("2026-03-28", "2026-03-29 21:59", "Europe/Paris", (0, 1, 2, 20), "1"),
    ("2026-03-28", "2026-03-29 22:01", "Europe/Paris", (0, 1, 2, 20), "2"),
    ("2026-10-24", "2026-10-24 22:01", "Europe/Paris", (0, 1, 2, 20), "1"),
    ("2026-10-24", "2026-10-25 00:30", "Europe/Paris", (0, 1, 2, 20), "1"),
    ("2026-10-24", "2026-10-25 01:30", "Europe/Paris", (0, 1, 2, 20), "1"),
    ("2026-10-24", "2026-10-25 22:59", "Europe/Paris", (0, 1, 2, 20), "1"),
    ("2026-10-24", "2026-10-25 23:01", "Europe/Paris", (0, 1, 2, 20), "2"),
]

DAY_ONE = date(2026, 1, 5)

# What happens to the invoices from one day to the next.
EVENTS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 40)),
    st.tuples(st.just("leave"), st.booleans()),
    st.tuples(st.just("pay"), st.sampled_from([30.0, 100.0])),
    st.tuples(st.just("block"), st.booleans()),
    st.tuples(st.just("plan"), st.lists(st.integers(-30, 60), min_size=4, max_size=4)),
    st.tuples(st.just("by hand"), st.integers(-5, 30)),
    st.tuples(st.just("empty"), st.none()),
    st.tuples(st.just("cancel"), st.none()),
    st.tuples(st.just("fail"), st.none()),
)


@tagged("post_install", "-at_install")
class TestAutomaticClock(AutomaticCommon):
    """Days, time zones, and years of what may happen (G3)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Calls: real reminders, without the time it takes to print letters.
        cls.plan.step_ids.channel_ids = cls.phone

    def _set_days(self, days):
        steps = self.plan.step_ids.sorted("number")
        self.plan.step_ids = [
            (1, step.id, {"days": value})
            for step, value in zip(steps, days, strict=True)
        ]

    def test_g3_clock(self):
        """G3: which step is due on which day, by the company's clock."""
        levels = dict(zip(("pre", "1", "2", "litigation"), self.levels, strict=True))
        for due, moment, zone, days, level in CLOCK:
            with self.subTest(due=due, moment=moment, zone=zone):
                self._set_days(days)
                self.company.relance_tz = zone
                move = self._invoice_due(due)
                with self._frozen(moment):
                    self._run()
                reminder = self._reminders(move)
                self.assertEqual(reminder.level_id, levels.get(level, self.levels[:0]))
                if reminder:
                    local = datetime.fromisoformat(moment)
                    self.assertLessEqual(abs(reminder.date - local.date()).days, 1)
                reminder._cancel()
                move.button_draft()

    def test_g3_plan_changed_the_same_day(self):
        """G3: a plan changed after the run of the day sends no step twice, and no
        second one on the same day."""
        move = self._invoice(8)
        morning = fields.Datetime.to_datetime(self.today) + timedelta(hours=8)
        for hours, days, count in (
            (0, (-50, 5, 15, 20), 1),
            (2, (-50, 1, 7, 20), 1),
            (24, (-50, 1, 7, 20), 2),
            (26, (-50, 6, 8, 20), 2),
            (48, (-50, 6, 8, 20), 2),
        ):
            self._set_days(days)
            with self._frozen(morning + timedelta(hours=hours)):
                self._run()
                self._leave()
            self.assertEqual(len(self._reminders(move)), count)
        self.assertEqual(
            self._reminders(move).mapped("level_id"), self.level_1 | self.level_2
        )

    @settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        days=st.lists(st.integers(-30, 60), min_size=4, max_size=4, unique=True),
        dues=st.lists(st.integers(-20, 40), min_size=1, max_size=3),
        events=st.lists(EVENTS, min_size=3, max_size=12),
    )
    def test_g3_whatever_happens(self, days, dues, events):
        """G3: over random plans, dates, payments and stops: never two reminders of one
        step, levels never go down, none when nothing is owed."""
        with self.env.cr.savepoint() as savepoint:
            self._live(sorted(days), dues, events)
            savepoint.rollback()
        self.env.invalidate_all()

    def _live(self, days, dues, events):
        self._set_days(days)
        moves = self.env["account.move"].union(
            *(self._invoice_due(DAY_ONE + timedelta(due)) for due in dues)
        )
        today = DAY_ONE
        for event, value in events:
            if event == "wait":
                today += timedelta(value)
            moment = datetime.combine(today, datetime.min.time()) + timedelta(hours=9)
            with self._frozen(moment):
                self._happen(moves, event, value, today)
                before = self._reminders(moves)
                owed = {
                    move.id
                    for move in moves
                    if move.amount_residual and not move.no_followup
                }
                self._run()
                made = self._reminders(moves) - before
                self.assertLessEqual(set(made.line_ids.move_id.ids), owed)
                self._check_history(moves)

    def _happen(self, moves, event, value, today):
        """Let something happen to the first invoices."""
        move = moves[:1]
        waiting = self._reminders(moves).filtered(lambda r: r.state == "outgoing")
        if event == "leave":
            (waiting if value else waiting[:1])._set_state("sent")
        elif event == "pay" and move.amount_residual:
            self._pay(move, min(value, move.amount_residual))
        elif event == "block":
            move.no_followup = value
        elif event == "plan" and len(set(value)) == 4:
            self._set_days(sorted(value))
        elif event == "by hand" and self._items(move).automatic_code in (
            False,
            "cleared",
        ):
            move.relance_next_date = today + timedelta(value)
        elif event == "empty":
            move.relance_next_date = False
        elif event == "cancel" and waiting:
            waiting[:1].sudo(False).action_cancel()
        elif event == "fail" and waiting:
            waiting[:1]._fail("Nobody answered")
        self.env.invalidate_all()

    def _check_history(self, moves):
        for move in moves:
            lines = move.relance_line_ids.sudo().filtered(
                lambda line: line.state != "canceled" and not line.is_companion
            )
            levels = [line.level_id for line in lines.sorted("id")]
            self.assertEqual(len(levels), len(set(levels)), "Two of one step")
            for lower, higher in pairwise(levels):
                self.assertLess(lower._compare_key(), higher._compare_key())
