from datetime import timedelta
from unittest.mock import patch

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.orm.model_classes import add_to_registry
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models import relance_reminder_post
from ..models.relance_post_provider import PostReport
from .post_common import PostCommon

POST = relance_reminder_post._logger.name


class Service:
    """The service on the web, as the fake provider sees it."""

    def __init__(self):
        self.letters = {}
        self.reports = {}
        self.registered = True
        self.down = False

    def call(self):
        if self.down:
            raise ConnectionError("the post office is closed")


class ProviderCommon(PostCommon):
    """A provider that prints and posts letters, as an addon makes one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.service = service = Service()

        class FakePost(models.AbstractModel):
            _module = None
            _name = "relance.post.provider.fake"
            _inherit = ["relance.post.provider"]
            _description = "Fake post"

            @api.model
            def _posts_registered(self):
                return service.registered

            @api.model
            def _problem(self, recipients, channel):
                return recipients.letter_contact.zip == "20000" and "Too far"

            @api.model
            def _send(self, reminders):
                service.call()
                reports = {}
                for reminder in reminders:
                    if reminder.partner_id.name == "Raises":
                        raise ConnectionError("the line is cut")
                    service.letters[reminder._post_key()] = (
                        reminder.letter_attachment_id.raw,
                        reminder.contact_id.zip,
                    )
                    if reminder.partner_id.name == "Refused":
                        reports[reminder.id] = PostReport("error", reason="no credit.")
                    elif reminder.partner_id.name != "Silent":
                        reports[reminder.id] = PostReport(
                            "accepted", reference=f"F-{reminder._post_key()}"
                        )
                return reports

            @api.model
            def _status(self, reminders):
                service.call()
                return {
                    r.id: service.reports[r.post_reference]
                    for r in reminders
                    if r.post_reference in service.reports
                }

            @api.model
            def _document(self, reminder):
                return [(f"{reminder.post_status}.pdf", b"%PDF-1.4")]

            @api.model
            def _recall(self, reminders):
                printed = reminders.filtered(lambda r: r.post_status != "accepted")
                if printed:
                    return super()._recall(printed)
                for reminder in reminders:
                    service.letters.pop(reminder._post_key())
                return None

        add_to_registry(cls.registry, FakePost)
        cls.registry._setup_models__(cls.cr, [])
        cls.addClassCleanup(cls.registry.models.pop, FakePost._name)
        field = cls.env["relance.channel"]._fields["provider"]
        selection = [*field.selection, ("fake", "The Fake Post")]
        cls.startClassPatcher(patch.object(field, "selection", selection))
        cls.startClassPatcher(patch.object(field, "_selection", dict(selection)))
        (cls.letter | cls.registered).provider = "fake"

    def setUp(self):
        super().setUp()
        self.service.__init__()

    def _report(self, letter, status, **values):
        self.service.reports[letter.post_reference] = PostReport(status, **values)

    def _handed(self, channel=None, partner=None):
        return self._create_letters(self._invoice(8, partner=partner), channel)


@tagged("post_install", "-at_install")
class TestPostProvider(ProviderCommon):
    """Letters that somebody else prints and posts: every status, every error (F2)."""

    def setUp(self):
        super().setUp()
        self.enterContext(self.allow_pdf_render())

    def test_handed_over(self):
        """The very letter is handed over, once; it is not printed here, nor ticked."""
        letter = self._handed()
        self.assertEqual(
            self.service.letters,
            {letter._post_key(): (letter.letter_attachment_id.raw, "33000")},
        )
        self.assertRecordValues(
            letter,
            [
                {
                    "state": "outgoing",
                    "post_provider": "fake",
                    "post_status": "accepted",
                    "post_reference": f"F-{letter._post_key()}",
                    "comment": "Plain letter to Librairie Peyrot: Accepted by the "
                    "provider",
                }
            ],
        )
        self.assertEqual(letter.action_ask_print()["tag"], "display_notification")
        with self.assertRaisesRegex(UserError, "the provider posts these letters"):
            letter.action_done()

    def test_every_status(self):
        """Each status brings the reminder where the letter is, with its day."""
        day = self.today - timedelta(3)
        table = [
            # status, state, field of its day, outcome
            ("printed", "outgoing", None, False),
            ("deposited", "sent", "date_deposited", False),
            ("presented", "sent", "date_presented", False),
            ("received", "sent", "date_received", "received"),
            ("unclaimed", "sent", None, "unclaimed"),
            ("refused", "sent", None, "refused"),
            ("wrong_address", "failed", None, "wrong_address"),
            ("error", "failed", None, False),
        ]
        for status, state, date_field, outcome in table:
            with self.subTest(status):
                customer = self._create_customer(f"Customer {status}")
                letter = self._handed(self.registered, customer)
                self._report(
                    letter,
                    status,
                    date=day,
                    number=f"1a {status}",
                    reason="torn to pieces",
                )
                letter.action_post_status()
                self.assertEqual(letter.post_status, status)
                self.assertEqual(letter.state, state)
                self.assertEqual(letter.post_outcome, outcome)
                self.assertEqual(letter.registered_number, f"1A{status}".upper())
                if date_field:
                    self.assertEqual(letter[date_field], day)
                self.assertEqual(letter.line_ids.is_last_sent, state == "sent")
        failed = letter
        self.assertIn("torn to pieces", failed.error)

    def test_the_way_of_a_letter(self):
        """Reports out of order change nothing; proofs are kept once."""
        letter = self._handed(self.registered)
        day = self.today - timedelta(5)
        self._report(letter, "deposited", date=day)
        letter.action_post_status()
        letter.action_post_status()
        self.assertEqual(letter.registered_scan_ids.mapped("name"), ["deposited.pdf"])
        self._report(letter, "printed")
        letter.action_post_status()
        self.assertEqual(letter.post_status, "deposited")
        self._report(letter, "received", date=day + timedelta(2))
        letter.action_post_status()
        self._report(letter, "presented", date=day + timedelta(1))
        letter.action_post_status()
        self.assertEqual(letter.post_status, "received")
        self.assertEqual(letter.date_received, day + timedelta(2))
        self.assertEqual(
            set(letter.registered_scan_ids.mapped("name")),
            {"deposited.pdf", "received.pdf"},
        )

    def test_errors_come_back_as_failures(self):
        """What the provider refuses, forgets or stumbles over fails with a sentence,
        and does not stop the others."""
        names = ("Refused", "Silent", "Raises", "Fine")
        customers = {name: self._create_customer(name) for name in names}
        moves = self.env["account.move"].union(
            *(self._invoice(8, partner=customer) for customer in customers.values())
        )
        letters = self._create_letters(moves).grouped(lambda r: r.partner_id.name)
        self.assertEqual(letters["Fine"].state, "outgoing")
        for name, reason in (
            ("Refused", "no credit."),
            ("Silent", "no answer."),
            ("Raises", "the line is cut."),
        ):
            self.assertEqual(letters[name].state, "failed", name)
            self.assertIn(f"did not post the letter: {reason}", letters[name].error)
        # Sent again it is another letter for the provider.
        customers["Refused"].name = "Better now"
        letters["Refused"].action_send_again()
        self.assertEqual(letters["Refused"].state, "outgoing")
        self.assertEqual(letters["Refused"].post_status, "accepted")
        keys = [
            k for k in self.service.letters if k.startswith(letters["Refused"].name)
        ]
        self.assertEqual(len(keys), 2)

    def test_sent_again_by_another_way(self):
        """A letter that its provider refused can be printed here."""
        letter = self._handed(partner=self._create_customer("Refused"))
        self.registered.provider = "here"
        letter.channel_id = self.registered
        letter.action_send_again()
        self.assertFalse(letter.post_provider)
        self.assertFalse(letter.post_status)
        self.assertEqual(letter.state, "outgoing")
        self.assertEqual(letter.action_ask_print()["res_model"], "relance.letter.print")

    def test_canceled(self):
        """What it has not printed yet is taken back there; else it stays."""
        letter = self._handed()
        letter.action_cancel()
        self.assertEqual(letter.state, "canceled")
        self.assertFalse(self.service.letters)
        other = self._handed(partner=self._create_customer("Other"))
        self._report(other, "printed")
        other.action_post_status()
        with self.assertRaisesRegex(UserError, "can no longer be stopped"):
            other.action_cancel()
        self.assertEqual(other.state, "outgoing")

    def test_posted_by_it_stays_posted(self):
        """Nobody unticks what the provider has posted."""
        letter = self._handed()
        self._report(letter, "deposited")
        letter.action_post_status()
        with self.assertRaisesRegex(UserError, "was posted by The Fake Post"):
            letter.action_not_posted()

    def test_a_report_that_cannot_be_noted(self):
        """Dates that contradict each other are said on the reminder; others go on."""
        wrong = self._handed(self.registered)
        right = self._handed(self.registered, self._create_customer("Right"))
        self._report(wrong, "deposited", date=self.today + timedelta(3))
        self._report(right, "deposited", date=self.today)
        (wrong | right).action_post_status()
        wrong.action_post_status()
        self.assertEqual(right.state, "sent")
        self.assertEqual(wrong.state, "outgoing")
        told = wrong.message_ids.filtered(lambda m: "is in the future" in m.body)
        self.assertEqual(len(told), 1)

    def test_whom_it_cannot_reach(self):
        """« Contrôles » says whom the provider cannot reach."""
        far = self._create_customer("Far", zip="20000")
        wizard = self._prepare(self._invoice(8, partner=far))
        wizard.line_ids.channel_id = self.letter
        self.assertEqual(wizard.line_ids.problem, "Too far")

    def test_types_that_have_a_provider(self):
        """A type that is no letter has none; one that is registered needs one that
        posts such letters."""
        with self.assertRaisesRegex(ValidationError, "is not a letter"):
            self.email.provider = "fake"
        self.service.registered = False
        with self.assertRaisesRegex(ValidationError, "posts no registered letters"):
            self.formal_notice.provider = "fake"

    def test_an_addon_that_is_gone(self):
        """Without its addon, a type's letters are printed here again."""
        with patch.object(
            type(self.env["relance.post.provider"]), "_of", lambda self, name: None
        ):
            letter = self._handed()
            self.assertEqual(letter.state, "outgoing")
            self.assertFalse(letter.post_provider)
            letter.action_done()
        self.assertEqual(letter.state, "sent")


@tagged("post_install", "-at_install")
class TestPostProviderCron(ProviderCommon):
    """The cron that asks providers about the letters that they have (F2)."""

    def test_cron(self):
        """The cron asks about what is under way, and only about that."""
        with self.allow_pdf_render():
            letter = self._handed()
            done = self._handed(self.registered, self._create_customer("Done"))
        self._report(done, "received")
        done.action_post_status()
        asked_before = done.post_checked
        self._report(letter, "deposited")
        cron = self.env.ref("relance_numm.ir_cron_post_status")
        with self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.assertEqual(letter.state, "sent")
        self.assertEqual(done.post_checked, asked_before)
        asked = letter.post_checked
        self._report(letter, "presented")
        with self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.assertEqual(letter.post_checked, asked, "Asked a moment ago")
        followed = self.env["relance.reminder"].search(letter._post_followed_domain())
        self.assertFalse(followed & (letter | done))

    def test_cron_with_a_service_that_is_down(self):
        """A service that is down loses nothing: it is asked again later."""
        with self.allow_pdf_render():
            letter = self._handed()
        self.service.down = True
        with self.assertRaisesRegex(ConnectionError, "closed"):
            letter.action_post_status()
        cron = self.env.ref("relance_numm.ir_cron_post_status")
        with self.enter_registry_test_mode(), mute_logger(POST):
            cron.method_direct_trigger()
        self.assertEqual(letter.state, "outgoing")
        self.assertTrue(letter.post_checked)
        self.service.down = False
        self._report(letter, "deposited")
        with self.enter_registry_test_mode():
            letter.sudo().post_checked -= timedelta(hours=6)
            cron.method_direct_trigger()
        self.assertEqual(letter.state, "sent")

    def test_each_has_its_turn(self):
        """Those that were not asked about for the longest time come first."""
        with self.allow_pdf_render():
            letters = self._handed() | self._handed(partner=self._create_customer("B"))
        first, second = letters.sorted("id").sudo()
        second.post_checked = fields.Datetime.now() - timedelta(days=2)
        first.post_checked = fields.Datetime.now() - timedelta(days=1)
        take = first._take_followed
        self.assertEqual(take([("id", "in", letters.ids)]).ids, [second.id, first.id])
