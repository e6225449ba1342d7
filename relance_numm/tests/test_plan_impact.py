from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import SQL

from .common import PLAN_DAYS, RelanceCommon

AS_NOW = "as now"


@tagged("post_install", "-at_install")
class TestPlanImpact(RelanceCommon):
    """What a plan's form says before it is saved."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_customer = cls._create_customer("Garage Lanes")
        # Advised: Level 1 twice, Level 2, Litigation; the last one is not late.
        for days_late in (8, 6, 16, 30):
            cls._invoice(days_late)
        cls._invoice(-3, partner=cls.other_customer)

    def _form(self, plan=None, **context):
        """Return a plan's form, as a person opens it."""
        plan = self.plan if plan is None else plan
        return Form(plan.with_context(**context))

    def _edit(self, edit, plan=None, **context):
        """Return what the form of a plan says once it is edited, and why not."""
        with self.enter_registry_test_mode():
            form = self._form(plan, **context)
            edit(form)
            return form.impact, form.impact_problem

    def _assert_says(self, edit, invoices, customers, difference=AS_NOW, **options):
        self.assertEqual(
            self._edit(edit, **options),
            (f"If you save: {invoices}; {customers} ({difference}).", False),
        )

    def _set_step(self, position, **vals):
        def edit(form):
            with form.step_ids.edit(position) as step:
                for name, value in vals.items():
                    step[name] = value

        return edit

    def _by_invoice(self):
        self.company.relance_on = "invoice"

    # By hand

    def test_days_by_hand(self):
        """The invoices that are advised at another level are counted, and the
        customers that are advised."""
        self._assert_says(
            self._set_step(1, days=7),
            "1 invoice changes step",
            "2 customers would be reminded next",
        )
        self._assert_says(
            self._set_step(1, days=9),
            "2 invoices change step",
            "2 customers would be reminded next",
        )

    def test_fewer_customers(self):
        """A customer of whom nothing is advised any longer is told."""
        self._assert_says(
            self._set_step(0, days=0),
            "1 invoice changes step",
            "1 customer would be reminded next",
            "1 fewer than now",
        )

    def test_more_customers(self):
        self.plan.step_ids[0].days = 0
        self._assert_says(
            self._set_step(0, days=-3),
            "1 invoice changes step",
            "2 customers would be reminded next",
            "1 more than now",
        )

    def test_no_customer_left(self):
        def edit(form):
            for position, days in ((3, 60), (2, 50), (1, 45), (0, 40)):
                self._set_step(position, days=days)(form)

        self._assert_says(
            edit,
            "5 invoices change step",
            "no customer would be reminded next",
            "2 fewer than now",
        )

    def test_step_removed(self):
        """An invoice whose step is removed falls back to the one before."""
        self._assert_says(
            lambda form: form.step_ids.remove(3),
            "1 invoice changes step",
            "2 customers would be reminded next",
        )

    def test_step_added(self):
        """While a new step is not filled in, nothing is said; then all of it is."""
        level = self.env["relance.level"].create({"name": "Last", "sequence": 99})

        def edit(form):
            with form.step_ids.new() as step:
                step.level_id = level
                step.days = 25
                step.template_id = self.env.ref("relance_numm.template_litigation")
                step.channel_ids.add(self.letter)
            with form.step_ids.edit(4) as step:
                self.assertEqual(step.number, 5, "Numbered by itself")

        self._assert_says(
            edit,
            "1 invoice changes step",
            "2 customers would be reminded next",
        )

    def test_not_filled_in(self):
        """A step that is not filled in yet is waited for."""
        plan = self.plan.new(origin=self.plan)
        plan.step_ids = [Command.create({"number": 5, "days": 25})]
        self.assertEqual(plan._impact(), (False, False))

    def test_instalments_count_once(self):
        """Entries of one invoice are one invoice."""
        term = self.env["account.payment.term"].create(
            {
                "name": "Two instalments",
                "line_ids": [
                    Command.create({"value_amount": 50, "nb_days": days})
                    for days in (20, 21)
                ],
            }
        )
        # Due 36 and 37 days ago.
        self._invoice(27, invoice_payment_term_id=term.id)
        self._assert_says(
            self._set_step(3, days=40),
            "2 invoices change step",
            "2 customers would be reminded next",
        )

    def test_not_owed_is_not_counted(self):
        """What is blocked, paid or a credit has no step to change."""
        self._invoice(8).line_ids.no_followup = True
        self._pay(self._invoice(8))
        self._assert_says(
            self._set_step(1, days=7),
            "1 invoice changes step",
            "2 customers would be reminded next",
        )

    # By invoice

    def test_days_by_invoice(self):
        """The next step and the customers of the next run are counted."""
        self._by_invoice()
        self._assert_says(
            self._set_step(1, days=9),
            "2 invoices change step",
            "2 customers would be reminded next",
        )
        # Its next step stays the first, and is not due yet.
        self._assert_says(
            self._set_step(0, days=0),
            "no invoice changes step",
            "1 customer would be reminded next",
            "1 fewer than now",
        )

    def test_automation_to_manual(self):
        """A step that is left to a person is passed by the cron."""
        self._by_invoice()
        self._assert_says(
            self._set_step(1, automation="manual"),
            "2 invoices change step",
            "2 customers would be reminded next",
        )
        self._assert_says(
            self._set_step(0, automation="manual"),
            "1 invoice changes step",
            "1 customer would be reminded next",
            "1 fewer than now",
        )

    def test_reminded_already(self):
        """What a customer got already counts for the step that follows."""
        self._by_invoice()
        move = self._invoice(8, partner=self.other_customer)
        self._already_reminded(move, self.level_1, days_ago=2)
        # With the invoice that is 16 days late.
        self._assert_says(
            lambda form: form.step_ids.remove(2),
            "2 invoices change step",
            "2 customers would be reminded next",
        )

    def test_own_day_of_a_company(self):
        """What is due is due by the company's own time zone."""
        days = []
        for zone in ("Pacific/Pago_Pago", "Pacific/Kiritimati"):
            self.company.relance_tz = zone
            today = self.company._relance_today_sql(SQL("%s", self.company.id))
            days += self.env.execute_query(SQL("SELECT %s", today))
        self.assertLess(*days, "25 hours apart")

    # Which plan

    def test_every_field_of_the_plan(self):
        """Type, entity, roles and archiving decide which plan a customer has."""
        stray = self._create_customer("Stray", relance_plan_id=False)
        self._invoice(8, partner=stray)
        plan = self._create_plan("Entity", PLAN_DAYS, company_id=self.company.id)
        stranger = self.env["res.company"].create({"name": "Stranger"})
        self.env.user.company_ids |= stranger
        tag = self.env["res.partner.category"].create({"name": "Key account"})

        def set_type(form):
            form.customer_type = "public"

        def set_entity(form):
            form.company_id = stranger

        def set_role(form):
            form.category_ids.add(tag)

        def archive(form):
            form.active = False

        for edit in (set_type, set_entity, set_role, archive):
            with self.subTest(edit=edit.__name__):
                self._assert_says(
                    edit,
                    "1 invoice changes step",
                    "3 customers would be reminded next",
                    plan=plan,
                )

    def test_default_unticked(self):
        """Customers that only had the default plan get another, or none."""
        stray = self._create_customer("Stray", relance_plan_id=False)
        self._invoice(8, partner=stray)
        default = self.env.ref("relance_numm.plan_private")
        default.category_ids = self.env["res.partner.category"].create({"name": "Key"})

        def untick(form):
            form.is_default = False

        self._assert_says(
            untick,
            "1 invoice changes step",
            "3 customers would be reminded next",
            plan=default,
        )
        # The manual's plan fits nobody but those who name it.
        self.plan.customer_type = "individual"
        self._assert_says(
            untick,
            "1 invoice changes step",
            "2 customers would be reminded next",
            "1 fewer than now",
            plan=default,
        )

    def test_new_plan(self):
        """A plan that is not saved yet says whom it takes over, once it has steps."""
        stray = self._create_customer("Stray", relance_plan_id=False)
        self._invoice(2, partner=stray)

        def edit(form):
            self.assertFalse(form.impact)
            form.company_id = self.company
            self.assertFalse(form.impact)
            with form.step_ids.new() as step:
                step.level_id = self.level_2
                step.days = 1
                step.template_id = self.env.ref("relance_numm.template_2")
                step.channel_ids.add(self.letter)

        self._assert_says(
            edit,
            "1 invoice changes step",
            "3 customers would be reminded next",
            plan=self.env["relance.plan"],
            default_customer_type="private",
        )

    def test_other_companies(self):
        """Only the rows of the active companies are counted."""
        journal = self.setup_other_company()["default_journal_sale"]
        other = journal.company_id
        self.env.user.company_ids |= other
        self.customer.with_company(other).relance_plan_id = self.plan
        self._invoice(6, journal_id=journal.id)
        edit = self._set_step(1, days=7)
        customers = "2 customers would be reminded next"
        for companies, invoices in (
            (self.company, "1 invoice changes step"),
            (self.company | other, "2 invoices change step"),
        ):
            self._assert_says(
                edit, invoices, customers, allowed_company_ids=companies.ids
            )

    # What cannot be saved

    def test_refused(self):
        """What saving refuses is said in the same sentence, without any error."""
        impact, problem = self._edit(self._set_step(1, days=15))
        self.assertFalse(impact)
        self.assertEqual(
            problem,
            "Plan “Manual”: step 3 (Level 2, 15 days) must come later than "
            "step 2 (Level 1, 15 days).",
        )

    def test_refused_by_the_database(self):
        """A second default plan is refused with its sentence, and nothing is logged."""

        def tick(form):
            form.is_default = True

        with self.assertNoLogs("odoo.sql_db"):
            impact, problem = self._edit(tick)
        self.assertFalse(impact)
        self.assertIn("already a default plan", problem)

    def test_refused_without_default(self):
        """Reminding by invoice needs a default plan."""
        self._by_invoice()

        def untick(form):
            form.is_default = False

        for plan in self.env["relance.plan"].search([("is_default", "=", True)])[1:]:
            plan.is_default = False
        default = self.env["relance.plan"].search([("is_default", "=", True)])
        impact, problem = self._edit(untick, plan=default)
        self.assertFalse(impact)
        self.assertIn("default plan", problem)

    # Nothing is kept, nothing is waited for

    def test_nothing_saved(self):
        """Nothing is written until the form is saved; what is undone is not said."""
        messages = self.plan.message_ids
        written = self.plan.write_date
        with self.enter_registry_test_mode():
            form = self._form()
            self._set_step(1, days=7)(form)
            form.step_ids.remove(3)
            self.assertIn("2 invoices change step", form.impact)
            self.assertEqual(self.plan.step_ids.mapped("days"), list(PLAN_DAYS))
            self.env.invalidate_all()
            self.assertEqual(self.plan.step_ids.mapped("days"), list(PLAN_DAYS))
            self.assertEqual(self.plan.message_ids, messages)
            self.assertEqual(self.plan.write_date, written)
            form.save()
            self.assertFalse(form.impact, "Nothing is left to save")
        self.assertEqual(self.plan.step_ids.mapped("days"), [-50, 7, 15])

    def test_undone(self):
        """Edited back to what is saved: nothing is said."""

        def edit(form):
            self._set_step(1, days=7)(form)
            self._set_step(1, days=5)(form)

        self.assertEqual(self._edit(edit), (False, False))

    def test_renamed(self):
        """A name changes no invoice: nothing is read."""

        def rename(form):
            form.name = "Renamed"

        with patch.object(type(self.plan), "_try_out") as try_out:
            self.assertEqual(self._edit(rename), (False, False))
        try_out.assert_not_called()

    def test_somebody_else_is_writing(self):
        """A plan that another transaction holds is not waited for."""
        plan = self.env.ref("relance_numm.plan_private")
        # This test's transaction is the other one: the form's own cursor is real.
        plan.lock_for_update()
        with self.assertNoLogs("odoo.sql_db"):
            form = self._form(plan)
            form.customer_type = "public"
            self._set_step(1, days=7)(form)
        self.assertEqual((form.impact, form.impact_problem), (False, False))

    def test_queries(self):
        """An edit reads the work list twice, whatever the number of rows."""
        effect = type(self.plan)._effect
        calls = []

        def counted(plan):
            calls.append(plan)
            return effect(plan)

        def count():
            with (
                self.enter_registry_test_mode(),
                patch.object(type(self.plan), "_effect", counted),
            ):
                form = self._form()
                self._set_step(1, days=7)(form)
                calls.clear()
                before = self.cr.sql_log_count
                form.customer_type = "public"
                self.assertEqual(len(calls), 2)
                return self.cr.sql_log_count - before

        count()  # warm up
        few = count()
        for number in range(5):
            self._invoice(6, partner=self._create_customer(f"Many {number}"))
        self.assertEqual(count(), few)
