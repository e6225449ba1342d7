from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..models.relance_item_automatic import MAX_CREATION_ERRORS
from .automatic_common import AutomaticCommon

CRON = "odoo.addons.base.models.ir_cron"


@tagged("post_install", "-at_install")
class TestAutomaticError(AutomaticCommon):
    """Automatic reminders that cannot be made: the invoice's fault or not (G2)."""

    def _all_raising(self, error=OSError, text="No space left on device"):
        """Return a context in which no reminder can be made, as on a full disk."""

        def raising(batch, request, claim):
            raise error(text)

        batches = type(self.env["relance.batch"])
        return patch.object(batches, "_prepare_claim", raising)

    def _raising_until_limit(self, bad):
        """Run the cron until an invoice that cannot be made waits for a person."""
        with self._raising(bad):
            for _run in range(MAX_CREATION_ERRORS):
                self._run()
                bad.relance_error_date -= timedelta(hours=1)
        self.assertEqual(bad.relance_error_count, MAX_CREATION_ERRORS)

    def _hour_later(self, moves):
        moves.relance_error_date = moves[0].relance_error_date - timedelta(hours=1)

    def _asked(self, move):
        return move.activity_ids.filtered(
            lambda a: (
                a.activity_type_id == self.env.ref("relance_numm.mail_activity_error")
            )
        )

    def _notes(self):
        """Return the notes of the batches that say what could not be made."""
        batches = self.env["relance.batch"].search(
            [("company_id", "=", self.company.id), ("origin", "=", "automatic")]
        )
        return batches.message_ids.filtered(
            lambda m: "could not be made" in (m.body or "")
        )

    def test_machine_at_fault(self):
        """G2: where nothing at all can be made, run after run, no invoice is blamed;
        the error is raised for the log, and mended all are made by themselves."""
        moves = self._invoice(8)
        for name in ("Un", "Deux"):
            moves |= self._invoice(8, partner=self._create_customer(name))
        cron = self.env.ref("relance_numm.ir_cron_remind")
        for _run in range(MAX_CREATION_ERRORS + 2):
            with self._all_raising(), self.assertLogs(CRON, "ERROR") as logs:
                self._run()
            self.assertIn("No space left on device", logs.output[0])
            self.assertEqual(set(moves.mapped("relance_error_count")), {0})
            self._hour_later(moves)
        self.assertEqual(cron.failure_count, 0, "Odoo must not archive the cron")
        self.assertFalse(self._asked(moves))
        self.assertIn("No space left on device", moves[0].relance_error)
        self._run()
        self.assertEqual(len(self._reminders(moves)), 3)
        self.assertFalse(any(moves.mapped("relance_error")))

    def test_machine_at_fault_says_why(self):
        """G2: the invoices say why nothing was made, and wait for the next run."""
        moves = self._invoice(8)
        moves |= self._invoice(8, partner=self._create_customer("Un"))
        with self._all_raising(), mute_logger(CRON):
            self._run()
        self.assertIn("No space left on device", moves[0].relance_status)
        self.assertNotIn("could not be made", moves[0].message_ids[:1].body or "")

    def test_batch_says_it_once(self):
        """G2: what could not be made shows in the day's batch, in one sentence for all
        and one note a run; none again while nothing is new."""
        moves = self._invoice(8)
        for number in range(12):
            customer = self._create_customer(f"Client {number}")
            moves |= self._invoice(8, partner=customer)
        for _run in range(2):
            with self._all_raising(), mute_logger(CRON):
                self._run()
            self._hour_later(moves)
        note = self._notes()
        self.assertEqual(len(note), 1)
        self.assertEqual(note.body.count("No space left on device"), 1)
        self.assertIn("and 3 others", note.body)
        self._run()
        self.assertEqual(self._reminders().batch_id.message_ids & note, note)

    def test_batch_names_the_culprit(self):
        """G2: the batch says which of several could not be made, and why."""
        bad = self._invoice(8, partner=self._create_customer("Casse"))
        self._invoice(9)
        with self._raising(bad):
            self._run()
        self.assertIn(f"{bad.name}: This one is broken", self._notes().body)
        self.assertEqual(bad.relance_error_count, 1)

    def test_one_customer_is_blamed(self):
        """G2: several invoices of one customer are counted: it may be his fault."""
        moves = self._invoice(8) | self._invoice(9)
        with self._all_raising():
            self._run()
        self.assertEqual(moves.mapped("relance_error_count"), [1, 1])

    def test_different_refusals_are_counted(self):
        """G2: rules that refuse each invoice for a reason of its own do not point to
        the machine."""
        moves = self._invoice(8)
        moves |= self._invoice(8, partner=self._create_customer("Un"))

        def refusing(batch, request, claim):
            raise UserError(claim.items[0].name)

        batches = type(self.env["relance.batch"])
        with patch.object(batches, "_prepare_claim", refusing):
            self._run()
        self.assertEqual(moves.mapped("relance_error_count"), [1, 1])

    def test_other_portions_go_on(self):
        """G2: a portion that fails as a whole does not lose the others' work."""
        bad = self._invoice(30) | self._invoice(30, partner=self._create_customer("Un"))
        good = self._invoice(8, partner=self._create_customer("Deux"))
        batches = type(self.env["relance.batch"])
        prepare = batches._prepare_claim

        def raising(batch, request, claim):
            if claim.items.move_id & bad:
                raise OSError("No space left on device")
            return prepare(batch, request, claim)

        module = "odoo.addons.relance_numm.models.relance_batch_automatic"
        with (
            patch(f"{module}.REMIND_SIZE", 2),
            patch.object(batches, "_prepare_claim", raising),
            self.assertLogs(CRON, "ERROR"),
        ):
            self._run()
        self.assertEqual(self._reminders(good).state, "outgoing")
        self.assertEqual(bad.mapped("relance_error_count"), [0, 0])

    def test_person_is_asked_once(self):
        """G2: an invoice that waits for a person asks whoever follows the customer,
        once, and no more as soon as its reminder is made."""
        user = new_test_user(
            self.env,
            "follower",
            "account.group_account_invoice",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        bad = self._invoice(8)
        self.customer.with_company(self.company).relance_user_id = user
        self._raising_until_limit(bad)
        self._run()
        activity = self._asked(bad)
        self.assertEqual(len(activity), 1)
        self.assertEqual(activity.user_id, user)
        self.assertIn("This one is broken", activity.note)
        bad.with_user(user).action_relance_try_again()
        self.assertFalse(self._asked(bad))
        self._run()
        self.assertEqual(self._reminders(bad).state, "outgoing")

    def test_asked_no_more(self):
        """G2: nor is anybody asked once the plan decides again."""
        bad = self._invoice(8)
        self._raising_until_limit(bad)
        self.assertTrue(self._asked(bad))
        bad.action_relance_follow_plan()
        self.assertFalse(self._asked(bad))

    def test_try_again_keeps_the_date(self):
        """G1, G2: trying again clears the error of all that are selected, and keeps a
        date set by hand."""
        bad, good = self._invoice(8), self._invoice(9)
        bad.relance_next_date = self.today
        self._raising_until_limit(bad)
        (bad | good).action_relance_try_again()
        self.assertFalse(bad.relance_error)
        self.assertEqual(bad.relance_error_count, 0)
        self.assertTrue(bad.relance_by_hand)
        self.assertEqual(bad.relance_next_date, self.today)
        with self.assertRaisesRegex(UserError, "could not be made"):
            (bad | good).action_relance_try_again()

    def test_try_again_from_the_dry_run(self):
        """G5: the same from the dry run's rows."""
        bad = self._invoice(8)
        self._raising_until_limit(bad)
        self._items(bad).action_relance_try_again()
        self.assertFalse(bad.relance_error)
