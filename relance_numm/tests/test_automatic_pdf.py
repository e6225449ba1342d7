from unittest.mock import patch

from odoo.tests import tagged

from .automatic_common import AutomaticCommon

CRON = "odoo.addons.base.models.ir_cron"
PDF_SIZE = "odoo.addons.relance_numm.models.relance_reminder_pdf.PDF_SIZE"


@tagged("post_install", "-at_install")
class TestAutomaticPdf(AutomaticCommon):
    """The invoices' PDFs are made before their reminders leave (F1, D8)."""

    def setUp(self):
        super().setUp()
        self.moves = self._invoice(8)
        for number in range(4):
            self.moves |= self._invoice(8 + number)
        self.calls = []
        self.startPatcher(patch(PDF_SIZE, 2))

    def _build(self, patched):
        """Make PDFs as with one of the two builds of wkhtmltopdf."""
        model = self.env.registry["account.move"]
        self.patch(model, "_relance_pdfs_in_one_call", lambda move: patched)

    def _watch(self, failing=None, raising=None):
        """Note which invoices' PDFs are asked for together."""
        model = self.env.registry["account.move"]
        make = model._relance_make_invoice_pdfs

        def watched(moves):
            missing = moves.filtered(lambda m: not m.invoice_pdf_report_id)
            if missing:
                self.calls.append(len(missing))
            if raising and raising in missing:
                raise ValueError("This one is broken")
            if failing and failing in moves:
                return make(moves - failing) | failing
            return make(moves)

        return patch.object(model, "_relance_make_invoice_pdfs", watched)

    def test_made_in_small_groups(self):
        """F1: one by one, they are made some at a time; the delivery makes none."""
        self._build(patched=False)
        with self._watch():
            self._run()
        self.assertEqual(self.calls, [2, 2, 1])
        self.assertEqual(set(self._reminders().mapped("state")), {"outgoing"})

    def test_made_in_one_call(self):
        """F1: where one call makes many, those of a delivery are made in one."""
        self._build(patched=True)
        with self._watch():
            self._run()
        self.assertEqual(self.calls, [5])

    def test_killed(self):
        """D8: stopped, the groups that were made stay; the others are made anew."""
        self._build(patched=False)
        reminders = self.env.registry["relance.reminder"]
        make, groups = reminders._make_invoice_pdfs, []

        def killed(model, may_leave, moves):
            groups.append(len(moves))
            if len(groups) == 2:
                raise MemoryError("Killed")
            return make(model, may_leave, moves)

        with (
            patch.object(reminders, "_make_invoice_pdfs", killed),
            self._watch(),
            self.assertLogs(CRON, "ERROR"),
        ):
            self._run()
        self.assertEqual(groups, [2, 2, 2, 1])
        self.assertEqual(self.calls, [2, 2, 1], "Those of the first group stay")
        self.assertEqual(set(self._reminders().mapped("state")), {"outgoing"})

    def test_one_that_fails(self):
        """F1: one that cannot be made fails its own reminder, once a run."""
        self._build(patched=False)
        bad = self.moves[0]
        with self._watch(failing=bad):
            self._run()
        self.assertEqual(self.calls, [2, 2, 1])
        reminder = self._reminders(bad)
        self.assertEqual((reminder.state, reminder.attempts), ("failed", 1))
        self.assertIn(bad.name, reminder.error)
        self.assertEqual(
            set(self._reminders(self.moves - bad).mapped("state")), {"outgoing"}
        )

    def test_one_that_raises(self):
        """F1: one that raises fails its own reminder with the reason, and stops neither
        its group nor the others."""
        self._build(patched=False)
        bad = self.moves[0]
        with self._watch(raising=bad):
            self._run()
        reminder = self._reminders(bad)
        self.assertEqual(reminder.state, "failed")
        self.assertIn("This one is broken", reminder.error)
        self.assertEqual(
            set(self._reminders(self.moves - bad).mapped("state")), {"outgoing"}
        )

    def test_not_for_letters(self):
        """F1: a letter has no invoice attached, so none is made for it."""
        self._build(patched=False)
        self.customer.relance_mode = "letter"
        with self._watch():
            self._run()
        self.assertFalse(self.calls)
