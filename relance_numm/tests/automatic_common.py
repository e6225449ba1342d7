from contextlib import contextmanager
from unittest.mock import patch

from odoo import fields
from odoo.fields import Command
from odoo.tests import freeze_time

from .common import RelanceCommon


class AutomaticCommon(RelanceCommon):
    """A company that reminds by invoice, and its cron."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Mails only: a letter waits to be posted.
        cls.plan.step_ids.channel_ids = cls.email
        cls.company.relance_on = "invoice"
        cls.sms = cls.env.ref("relance_numm.channel_sms")
        cls.meeting = cls.env.ref("relance_numm.channel_meeting")

    def _run(self):
        """Run the cron, as Odoo does."""
        with self.enter_registry_test_mode():
            self.env.ref("relance_numm.ir_cron_remind").method_direct_trigger()
        self.env.invalidate_all()

    @contextmanager
    def _frozen(self, moment):
        """Work at another moment, in UTC."""
        with freeze_time(moment):
            self.env.invalidate_all()
            yield
        self.env.invalidate_all()

    def _raising(self, bad):
        """Return a context in which no reminder of an invoice can be made."""
        batches = type(self.env["relance.batch"])
        prepare = batches._prepare_claim

        def raising(batch, request, claim):
            if bad in claim.items.move_id:
                raise ValueError("This one is broken")
            return prepare(batch, request, claim)

        return patch.object(batches, "_prepare_claim", raising)

    def _leave(self):
        """Let what waits leave: the mails of the queue, the letters to post."""
        waiting = self._reminders().filtered(lambda r: r.state == "outgoing")
        waiting._set_state("sent")
        self.env.invalidate_all()

    def _reminders(self, moves=None):
        """Return the reminders of the company, or of these invoices, oldest first."""
        domain = [("line_ids.move_id", "in", moves.ids)] if moves else []
        return (
            self.env["relance.reminder"]
            .sudo()
            .search([("company_id", "=", self.company.id), *domain], order="id")
        )

    def _mails(self, reminders):
        return self.env["mail.mail"].search(
            [("relance_reminder_id", "in", reminders.ids), ("state", "=", "outgoing")]
        )

    @classmethod
    def _invoice_due(cls, date_due, amount=100.0, partner=None):
        """Return a posted invoice that is due on a day."""
        days_late = (cls.today - fields.Date.to_date(date_due)).days
        return cls._invoice(days_late, amount, partner)

    @classmethod
    def _instalments(cls, *days, partner=None):
        """Return a posted invoice of 100 per instalment, due so many days ago."""
        oldest = max(days)
        terms = cls.env["account.payment.term"].create(
            {
                "name": "Instalments",
                "line_ids": [
                    Command.create(
                        {
                            "value": "fixed" if number < len(days) else "percent",
                            "value_amount": 100,
                            "nb_days": oldest - days_late,
                            "delay_type": "days_after",
                        }
                    )
                    for number, days_late in enumerate(days, 1)
                ],
            }
        )
        return cls._invoice(
            oldest,
            100.0 * len(days),
            partner,
            invoice_date=fields.Date.subtract(cls.today, days=oldest),
            invoice_date_due=False,
            invoice_payment_term_id=terms.id,
        )
