from psycopg2.errors import UniqueViolation

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import PLAN_DAYS, RelanceCommon


@tagged("post_install", "-at_install")
class TestPlan(RelanceCommon):
    """Plans and steps (A3–A6)."""

    def _applied(self, partner, company=None):
        company = company or self.company
        return self.env["relance.plan"]._plans_of(partner, company)[partner.id]

    def test_a4_steps_rise_together(self):
        """A4: numbers, levels and days rise together; the two steps are named."""
        first, second = self.plan.step_ids[:2]
        for vals, word in (
            ({"number": 1}, "same number"),
            ({"days": -50}, "later"),
            ({"days": -60}, "later"),
            ({"level_id": self.level_pre.id}, "higher level"),
        ):
            with self.subTest(vals=vals), self.assertRaises(ValidationError) as raised:
                with self.cr.savepoint():
                    second.write(vals)
            self.assertIn(word, str(raised.exception))
            self.assertIn(self.plan.name, str(raised.exception))
            self.assertIn(f"step {first.number}", str(raised.exception))

    def test_a4_shift_all_steps_at_once(self):
        """A4: moving all the steps in one form is not refused half-way."""
        self.plan.write(
            {
                "step_ids": [
                    Command.update(step.id, {"days": step.days + 30})
                    for step in self.plan.step_ids
                ]
            }
        )
        self.assertEqual(
            self.plan.step_ids.mapped("days"), [days + 30 for days in PLAN_DAYS]
        )

    def test_a4_level_order_is_checked_too(self):
        """A4: reordering the levels cannot put a plan upside down."""
        with self.assertRaises(ValidationError):
            self.level_1.sequence = 35

    def test_a4_step_without_type(self):
        """A4: a step has at least one type."""
        with self.assertRaises(ValidationError) as raised:
            self.plan.step_ids[0].channel_ids = False
        self.assertIn("at least one type", str(raised.exception))

    def test_a3_one_default(self):
        """A3: one default per company and customer type; the other one is named."""
        with (
            self.assertRaises(UniqueViolation) as raised,
            mute_logger("odoo.sql_db"),
            self.cr.savepoint(),
        ):
            self.plan.is_default = True
            self.env.flush_all()
        message = self.env["relance.plan"]._sql_error_to_message(raised.exception)
        self.assertIn("already a default plan", message)
        self.env.invalidate_all()
        copy = self.env.ref("relance_numm.plan_private").copy()
        self.assertFalse(copy.is_default)
        self.assertEqual(len(copy.step_ids), 4)

    def test_a3_deleting_a_used_plan(self):
        """Bad input: a plan in use is not deleted but archived."""
        with self.assertRaises(UserError) as raised:
            self._already_reminded(self._invoice(8), self.level_1)
            self.plan.unlink()
        self.assertIn("Archive it", str(raised.exception))
        unused = self._create_plan("Unused", PLAN_DAYS)
        unused.unlink()
        self.assertFalse(unused.exists())

    def test_a3_levels_and_types_in_use_stay(self):
        """Bad input: a level or type that a step needs is not archived or deleted."""
        with self.assertRaises(ValidationError) as raised:
            self.level_1.active = False
        self.assertIn(self.level_1.name, str(raised.exception))
        with self.assertRaises(ValidationError):
            self.level_1.unlink()
        self.formal_notice.active = True
        with self.assertRaises(ValidationError) as raised:
            self.formal_notice.active = False
        self.assertIn("at least one type", str(raised.exception))
        self.phone.active = False

    def test_a3_levels_somebody_was_reminded_at_stay(self):
        """Bad input: the level of an entry is history, whether or not a reminder as a
        whole has it, or a step."""
        level = self.env["relance.level"].create({"name": "Last word", "sequence": 99})
        reminder = self._already_reminded(self._invoice(8), self.level_1).sudo()
        reminder.line_ids.level_id = level
        with self.assertRaises(ValidationError) as raised:
            level.unlink()
        self.assertIn("“Last word”: archive it", str(raised.exception))
        level.active = False
        reminder.line_ids.level_id = self.level_1
        level.unlink()
        self.assertFalse(level.exists())

    def test_a3_default_plan_with_roles_serves_all(self):
        """A5: a default plan is the default also when it names roles."""
        tag = self.env["res.partner.category"].create({"name": "Key account"})
        default = self.env.ref("relance_numm.plan_private")
        default.category_ids = tag
        self.plan.active = False
        customer = self._create_customer("Untagged", relance_plan_id=False)
        self.assertEqual(self._applied(customer), default)

    def test_a3_new_plan_asks_type(self):
        """A3: creating a plan first asks the customer type."""
        wizard = self.env["relance.plan.new"].create({"customer_type": "public"})
        action = wizard.action_continue()
        self.assertEqual(action["context"]["default_customer_type"], "public")
        self.assertEqual(action["res_model"], "relance.plan")

    def test_a5_best_plan(self):
        """A5: own plan, else type and role, else entity, else the default."""
        default = self.env.ref("relance_numm.plan_private")
        customer = self._create_customer("Best", relance_plan_id=False)
        self.plan.company_id = False
        self.assertEqual(self._applied(customer), default)
        entity = self._create_plan("Entity", PLAN_DAYS, company_id=self.company.id)
        self.assertEqual(self._applied(customer), entity)
        tag = self.env["res.partner.category"].create({"name": "Key account"})
        role = self._create_plan("Role", PLAN_DAYS, category_ids=[Command.set(tag.ids)])
        self.assertEqual(self._applied(customer), entity)
        customer.category_id = tag
        self.assertEqual(self._applied(customer), role)
        customer.relance_plan_id = self.plan
        self.assertEqual(self._applied(customer), self.plan)
        self.plan.active = False
        self.assertEqual(self._applied(customer), role)
        customer.relance_customer_type = "public"
        self.assertEqual(
            self._applied(customer), self.env.ref("relance_numm.plan_public")
        )

    def test_a5_branch_takes_its_entitys_plan(self):
        """A5: a branch uses the plan of its entity; another company does not."""
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        customer = self._create_customer("Branched", relance_plan_id=False)
        entity = self._create_plan("Entity", PLAN_DAYS, company_id=self.company.id)
        self.assertEqual(self._applied(customer, branch), entity)
        stranger = self.env["res.company"].create({"name": "Stranger"})
        self.assertEqual(
            self._applied(customer, stranger), self.env.ref("relance_numm.plan_private")
        )
        nearest = self._create_plan("Nearest", PLAN_DAYS, company_id=branch.id)
        self.assertEqual(self._applied(customer, branch), nearest)
        customer.with_company(self.company).relance_plan_id = self.plan
        self.assertEqual(self._applied(customer, branch), self.plan)

    def test_a6_ready_on_install(self):
        """A6: levels, types, modèles and plans are there, in French too."""
        plan = self.env.ref("relance_numm.plan_private")
        self.assertEqual(plan.step_ids.mapped("days"), [-7, 5, 15, 30])
        self.assertEqual(
            self.env["relance.channel"].search_count([]), 7, "the manual's seven types"
        )
        french = self.levels.with_context(lang="fr_FR")
        self.assertEqual(
            french.mapped("name"),
            ["Pré relance", "Niveau 1", "Niveau 2", "Contentieux"],
        )
        for plan in ("public", "private", "individual"):
            steps = self.env.ref(f"relance_numm.plan_{plan}").step_ids
            self.assertEqual(len(steps), 4)
            self.assertTrue(all(steps.mapped("template_id.body_html")))
            # What is made of itself where reminders are by invoice stays modest.
            self.assertEqual(steps[0].channel_ids, self.email)
            self.assertEqual(steps[1].channel_ids, self.email | self.letter)
            self.assertIn(self.phone, steps[2].channel_ids)
            # A formal notice does not leave without a person.
            self.assertEqual(
                steps.mapped("automation"), ["automatic"] * 3 + ["confirm"]
            )
        template = self.env.ref("relance_numm.template_1").with_context(lang="fr_FR")
        self.assertIn("Cher Client", template.letter_top)
