from odoo.fields import Command
from odoo.modules.migration import load_script
from odoo.tests import TransactionCase, tagged
from odoo.tools.misc import file_path

# The types of the shipped steps in 19.0.1.0.0, where they were others.
OLD_CHANNELS = {
    "public_1": "email letter phone",
    "public_2": "email letter phone meeting",
    "private_pre": "email sms phone",
    "private_1": "email letter phone sms meeting",
    "private_2": "email letter letter_rar phone meeting",
    "individual_pre": "email sms",
    "individual_1": "email letter phone sms",
}


@tagged("post_install", "-at_install")
class TestMigration(TransactionCase):
    """What upgrading makes of a database of an earlier version."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.steps = cls.env["relance.step"].search(
            [("plan_id", "in", [cls._ref(f"plan_{p}").id for p in cls._plans()])]
        )
        cls.shipped = cls._values()
        cls.steps.automation = "automatic"
        for name, codes in OLD_CHANNELS.items():
            channels = [cls._ref(f"channel_{code}").id for code in codes.split()]
            cls._ref(f"step_{name}").channel_ids = [Command.set(channels)]

    @classmethod
    def _plans(cls):
        return "public", "private", "individual"

    @classmethod
    def _ref(cls, name):
        return cls.env.ref(f"relance_numm.{name}")

    @classmethod
    def _values(cls):
        """Return what the migration may change of the shipped steps, by step."""
        return {step: (step.automation, step.channel_ids) for step in cls.steps}

    def _upgrade(self):
        path = "relance_numm/migrations/19.0.1.1.0/post-shipped_steps.py"
        script = load_script(file_path(path), "shipped_steps")
        script.migrate(self.env.cr, "19.0.1.0.0")
        self.env.invalidate_all()

    def test_shipped_steps(self):
        """A6: untouched steps become those of a new database."""
        self.assertEqual(len(self.steps), 12)
        self.assertNotEqual(self._values(), self.shipped)
        self._upgrade()
        self.assertEqual(self._values(), self.shipped)
        self._upgrade()
        self.assertEqual(self._values(), self.shipped)

    def test_changed_steps(self):
        """A6: a step that somebody changed in any way stays as it is."""
        self._ref("step_private_pre").days = -8
        self._ref("step_private_1").template_id = self._ref("template_pre")
        self._ref("step_private_2").channel_ids += self._ref("channel_sms")
        self._ref("step_private_litigation").automation = "manual"
        self._ref("step_individual_1").channel_ids -= self._ref("channel_sms")
        self._ref("step_public_1").number = 2
        self._ref("step_individual_litigation").days = 41
        changed = self._ref("plan_private").step_ids
        changed |= self._ref("step_individual_1")
        changed |= self._ref("step_individual_litigation")
        before = self._values()
        self._upgrade()
        after = self._values()
        for step in self.steps:
            expected = before if step in changed else self.shipped
            self.assertEqual(after[step], expected[step], step.display_name)

    def test_missing_step(self):
        """A6: a step or a plan that was deleted is no obstacle."""
        self._ref("plan_individual").unlink()
        self._ref("step_private_litigation").unlink()
        self._upgrade()
        self.assertEqual(self._ref("step_public_litigation").automation, "confirm")
