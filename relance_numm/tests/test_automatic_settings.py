from datetime import timedelta

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from .automatic_common import AutomaticCommon


@tagged("post_install", "-at_install")
class TestAutomaticSettings(AutomaticCommon):
    """What a company's settings of automatic reminders keep, refuse and tidy up."""

    # The time zone

    def _company(self, name="Somewhere", **vals):
        # A person's own zone is not what is tested.
        companies = self.env["res.company"].with_context(tz=False)
        company = companies.create({"name": name, **vals})
        company.partner_id.tz = False
        return company

    def test_g3_zone_follows_the_address(self):
        """G3: a zone that nobody chose is that of the address, wherever it goes."""
        company = self._company(country_id=self.env.ref("base.re").id)
        self.assertEqual(company.relance_tz, "Indian/Reunion")
        company.country_id = self.env.ref("base.fr")
        self.assertEqual(company.relance_tz, "Europe/Paris")
        company.partner_id.tz = "Europe/Lisbon"
        self.assertEqual(company.relance_tz, "Europe/Lisbon")

    def test_g3_zone_chosen(self):
        """G3: a zone that a person chose stays, whatever becomes of the address."""
        company = self._company(country_id=self.env.ref("base.re").id)
        company.relance_tz = "Indian/Mauritius"
        company.country_id = self.env.ref("base.fr")
        company.partner_id.tz = "Europe/Lisbon"
        self.assertEqual(company.relance_tz, "Indian/Mauritius")
        company.relance_tz = "Europe/Lisbon"
        company.partner_id.tz = False
        self.assertEqual(company.relance_tz, "Europe/Paris", "it follows again")

    def test_g3_zone_chosen_at_creation(self):
        """G3: a zone given when the company is made stays as well."""
        company = self._company(relance_tz="Indian/Mauritius")
        self.assertEqual(company.relance_tz, "Indian/Mauritius")
        company.country_id = self.env.ref("base.fr")
        self.assertEqual(company.relance_tz, "Indian/Mauritius")

    def test_g3_zone_of_a_settings_page(self):
        """G3: saving the settings, which send what they show, chooses no zone."""
        settings = self.env["res.config.settings"].create({"relance_bank_days": 9})
        settings.execute()
        self.assertFalse(self.company.relance_own_tz)
        self.company.partner_id.tz = False
        self.company.country_id = self.env.ref("base.re")
        self.assertEqual(self.company.relance_tz, "Indian/Reunion")

    def test_g3_zone_of_a_branch(self):
        """G3: a branch without country has its entity's zone, a change of it too."""
        entity = self._company(country_id=self.env.ref("base.re").id)
        branch = self._company("Branch", parent_id=entity.id)
        branch.country_id = False
        self.assertEqual(branch.relance_tz, "Indian/Reunion")
        entity.relance_tz = "Indian/Mauritius"
        self.assertEqual(branch.relance_tz, "Indian/Mauritius")
        branch.country_id = self.env.ref("base.fr")
        self.assertEqual(branch.relance_tz, "Europe/Paris")

    # The sending hours

    def test_g3_hours_in_use(self):
        """G3: sending hours in use are not deleted: the sentence says whose."""
        hours, other = self.env["resource.calendar"].create(
            [{"name": "Office hours"}, {"name": "Other hours"}]
        )
        self.company.relance_calendar_id = hours
        with self.assertRaisesRegex(UserError, f"Office hours.*{self.company.name}"):
            (hours | other).unlink()
        self.assertTrue(hours.exists() and other.exists())
        self.company.relance_calendar_id = False
        (hours | other).unlink()

    # The bank's activity

    def _late_bank(self):
        journal = self.company_data["default_journal_bank"]
        self.env["account.bank.statement.line"].create(
            {
                "journal_id": journal.id,
                "date": self.today - timedelta(30),
                "payment_ref": "Card fees",
                "amount": -1,
            }
        )
        self._invoice(8)
        return journal

    def test_g3_bank_by_hand_again(self):
        """G3: back to reminders by hand, nobody is asked for the bank any longer."""
        journal = self._late_bank()
        self._run()
        self.assertEqual(len(journal.activity_ids), 1)
        self.company.relance_on = "item"
        self.assertFalse(journal.activity_ids)

    def test_g3_bank_told_to_somebody_who_can(self):
        """G3: who cannot open the journal is not asked; one who can is."""
        journal = self._late_bank()
        stranger = new_test_user(
            self.env,
            "relance_stranger",
            "account.group_account_manager",
            company_id=self.env["res.company"].create({"name": "Elsewhere"}).id,
        )
        employee = new_test_user(
            self.env,
            "relance_employee",
            "base.group_user",
            company_id=self.company.id,
            company_ids=[Command.set(self.company.ids)],
        )
        for user in (stranger, employee):
            self.company.relance_user_id = user
            self._run()
            told = journal.activity_ids.user_id
            self.assertEqual(len(told), 1)
            self.assertNotEqual(told, user)
            self.assertTrue(journal.with_user(told).has_access("read"))
            journal.activity_ids.unlink()
        accountant = new_test_user(
            self.env,
            "relance_bank",
            "account.group_account_invoice",
            company_id=self.company.id,
            company_ids=[Command.set(self.company.ids)],
        )
        self.company.relance_user_id = accountant
        self._run()
        self.assertEqual(journal.activity_ids.user_id, accountant)

    # Who reads what

    def test_reminders_of_an_invoice(self):
        """G1: an invoice's reminders are accounting's."""
        move = self._invoice(8)
        self._run()
        employee = new_test_user(self.env, "relance_reader", "base.group_user")
        with self.assertRaises(AccessError):
            move.with_user(employee).sudo(False).read(["relance_line_ids"])
        fields = self.env["account.move"].with_user(employee).fields_get()
        self.assertNotIn("relance_line_ids", fields)
