from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.exceptions import ValidationError
from odoo.tests import Form, tagged

from odoo.addons.sms.tests.common import SMSCase

from ..tools import sms_plain, sms_size
from .common import RelanceCommon

# What the gateway answers when it is asked to send, and what Odoo makes of it.
REFUSALS = (
    ("credit", "sms_credit", "credits"),
    ("unregistered", "sms_acc", "Register"),
    ("wrong_number_format", "sms_number_format", "phone number"),
    ("country_not_supported", "sms_country_not_supported", "another type"),
    ("server_error", "sms_server", "later"),
    ("jsonrpc_exception", "sms_server", "later"),
    ("registration_needed", "unknown", "registration_needed"),
)
# What the operator reports later.
REPORTS = (
    ("expired", "Expired"),
    ("not_delivered", "Not Delivered"),
    ("invalid_destination", "Invalid Destination"),
    ("not_allowed", "Not Allowed"),
    ("rejected", "Rejected"),
    ("unheard_of", "unheard_of"),
)


@tagged("post_install", "-at_install")
class TestSms(RelanceCommon, SMSCase):
    """SMS through Odoo's queue, what they say and what becomes of them (F2)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sms = cls.env.ref("relance_numm.channel_sms")
        cls.plan.step_ids.channel_ids = cls.sms
        cls.template = cls.env.ref("relance_numm.template_1")
        cls.template.sms_text = False

    def _remind(self, moves):
        """Return the reminders by SMS of these invoices, in Odoo's queue."""
        wizard = self._prepare(moves)
        wizard.action_create()
        reminders = self.env["relance.reminder"].search(
            [("line_ids.move_id", "in", moves.ids), ("state", "!=", "failed")]
        )
        self.assertEqual(set(reminders.mapped("state")), {"outgoing"})
        return reminders

    def _queue(self, **gateway):
        """Let Odoo's queue send what waits, the gateway answering so."""
        with self.mockSMSGateway(sms_allow_unlink=True, **gateway):
            with self.enter_registry_test_mode():
                self.env.ref("sms.ir_cron_sms_scheduler_action").method_direct_trigger()
            self.env.invalidate_all()
            return [sms["body"] for sms in self._sms]

    def _trackers(self, message):
        """Return what the gateway's answers are told to, as Odoo's controller does."""
        return message.sudo().notification_ids.sms_tracker_ids

    def _waiting(self, reminders):
        return self.env["sms.sms"].search(
            [("mail_message_id", "in", reminders.sms_message_id.ids)]
        )

    # Length

    def test_f2_size(self):
        """F2: 160 and 153 characters, 70 and 67 with one of another alphabet."""
        rows = [
            ("", 0, 0, "GSM-7"),
            ("a" * 160, 160, 1, "GSM-7"),
            ("a" * 161, 161, 2, "GSM-7"),
            ("a" * 306, 306, 2, "GSM-7"),
            ("a" * 307, 307, 3, "GSM-7"),
            ("é" * 160, 160, 1, "GSM-7"),
            ("€" * 80, 160, 1, "GSM-7"),
            # The 77th euro does not fit into what is left of the first part.
            ("€" * 153, 306, 3, "GSM-7"),
            ("ê" * 70, 70, 1, "UCS-2"),
            ("ê" * 71, 71, 2, "UCS-2"),
            ("ê" * 134, 134, 2, "UCS-2"),
            ("ê" * 135, 135, 3, "UCS-2"),
            ("😀" * 35, 70, 1, "UCS-2"),
        ]
        for text, length, parts, alphabet in rows:
            with self.subTest(text=text[:1], count=len(text)):
                size = sms_size(text)
                self.assertEqual(
                    (size.length, size.parts, size.alphabet), (length, parts, alphabet)
                )
        self.assertEqual(sms_size("reçu, prêt, reçu").unusual, "çê")

    @settings(deadline=None, max_examples=300)
    @given(st.text(st.sampled_from("aé€^\nê😀 "), max_size=400))
    def test_f2_size_of_any_text(self, text):
        """F2: whatever the text, it is packed as an operator packs it: as long as one
        message holds it, else into the fewest parts, no character cut in two."""
        size = sms_size(text)
        short = not {*text} & {*"ê😀"}
        self.assertEqual(size.alphabet, "GSM-7" if short else "UCS-2")
        if short:
            units = [1 + (char in "€^") for char in text]
        else:
            units = [1 + (char == "😀") for char in text]
        self.assertEqual(size.length, sum(units))
        single, several = (160, 153) if short else (70, 67)
        if size.length <= single:
            self.assertEqual(size.parts, min(size.length, 1))
        else:
            self.assertEqual(size.parts, self._packed(units, several))
        # Another character never makes it less.
        longer = sms_size(text + "a")
        self.assertEqual(longer.length, size.length + 1)
        self.assertIn(longer.parts - size.parts, (0, 1))

    @staticmethod
    def _packed(units, room):
        parts, filled = 1, 0
        for unit in units:
            if filled + unit > room:
                parts, filled = parts + 1, 0
            filled += unit
        return parts

    @settings(deadline=None)
    @given(st.text(max_size=200))
    def test_f2_plain_of_any_text(self, text):
        """F2: plain characters stay plain, and what the short alphabet has is kept."""
        plain = sms_plain(text)
        self.assertEqual(sms_plain(plain), plain)
        if sms_size(text).alphabet == "GSM-7":
            self.assertEqual(plain, text.strip())

    def test_f2_plain(self):
        """F2: what only typography adds does not cost a second SMS."""
        text = sms_plain("L’euro « 1\u202f234,50\u00a0€ » – œuf… ")
        self.assertEqual(text, 'L\'euro " 1 234,50 € " - oeuf...')
        self.assertEqual(sms_size(text).alphabet, "GSM-7")

    def test_f2_live_length(self):
        """F2: the template's form counts while one writes."""
        with Form(self.template) as form:
            self.assertIn("awaits your payment", form.sms_sample)
            form.sms_text = "Pay {{object.total_text}}, {{ object.name }}, thanks"
            self.assertIn("1,234.50", form.sms_sample)
            self.assertNotIn("{{", form.sms_sample)
            self.assertIn("1 SMS (GSM-7)", form.sms_size_text)
            form.sms_text = "Reçu ? " + "a" * 70
            self.assertIn("77 characters, 2 SMS (UCS-2)", form.sms_size_text)
            self.assertIn("ç", form.sms_size_text)

    def test_f2_live_length_evaluates_nothing(self):
        """F2: what is being written is not run: only placeholders are filled in."""
        template = self.template.new({"sms_text": "{{ object.env.user.name }} {{1+1}}"})
        self.assertEqual(template.sms_sample, "... ...")

    # Text

    def test_f2_text_of_the_template(self):
        """F2: the template's text, in the customer's language, in plain characters."""
        self.template.sms_text = "Hello {{object.customer_name}}: {{object.total_text}}"
        self.template.with_context(
            lang="fr_FR"
        ).sms_text = "Bonjour {{object.customer_name}} : {{object.total_text}} dus"
        self._remind(self._invoice(8, 1200))
        [body] = self._queue()
        self.assertIn("Bonjour Librairie Peyrot : $ 1 200,00 dus", body)
        self.assertEqual(sms_size(body).alphabet, "GSM-7")

    def test_f2_usual_text(self):
        """F2: a template without a text of its own says the usual one."""
        self.template.with_context(lang="fr_FR").sms_text = "  "
        reminder = self._remind(self._invoice(8))
        [body] = self._queue()
        self.assertIn(reminder.name, body)
        self.assertIn(self.company.phone, body)

    def test_f2_shipped_texts(self):
        """F2: each template comes with a neutral text that is one SMS."""
        self._invoice(8)
        for name in ("pre", "1", "2", "litigation"):
            template = self.env.ref(f"relance_numm.template_{name}")
            if name == "1":
                template = template.copy({"sms_text": "{{object.name}}"})
            self.assertTrue(template.sms_text, name)
            # A long name of a company would make it two.
            self.assertIn("GSM-7", template.sms_size_text, name)
            self.assertIn(" 1 SMS", template.sms_size_text, name)

    def test_f2_empty_placeholder(self):
        """F2: what a company lacks is left out, and not called “None”."""
        self.company.phone = False
        self.env.user.phone = False
        self.template.with_context(
            lang="fr_FR"
        ).sms_text = "Tel. {{object.sender_phone}}."
        self._remind(self._invoice(8))
        self.assertEqual(self._queue(), ["Tel. ."])

    def test_f2_rich_text_refused(self):
        """Bad input: a table or a placeholder that does not exist is refused, named."""
        with self.assertRaisesRegex(ValidationError, "List of invoices"):
            self.template.sms_text = "{{object.invoice_list}}"
        with self.assertRaisesRegex(ValidationError, "object.nothing"):
            self.template.sms_text = "{{object.nothing}}"

    def test_f2_preview(self):
        """A2: the preview shows the SMS as a real customer would read it."""
        self.template.with_context(
            lang="fr_FR"
        ).sms_text = "{{object.customer_name}} : {{object.total_text}}"
        self._invoice(8, 321)
        preview = self.env["relance.template.preview"].create(
            {"template_id": self.template.id, "partner_id": self.customer.id}
        )
        self.assertIn("Librairie Peyrot : $ 321,00", preview.sms_text)
        self.assertIn("1 SMS (GSM-7)", preview.sms_size_text)
        preview.partner_id = self._create_customer("Owes nothing")
        self.assertFalse(preview.sms_text)

    # What becomes of it

    def test_f2_left(self):
        """F2: it has left once the gateway took it, and its level counts."""
        move = self._invoice(8)
        reminder = self._remind(move)
        self.assertFalse(self._items(move).sent_level_id)
        self._queue(moderated=True)
        self.assertEqual(reminder.state, "outgoing", "the gateway looks at it first")
        self._trackers(reminder.sms_message_id)._action_update_from_sms_state("pending")
        self.assertEqual(reminder.state, "sent")
        self.assertEqual(self._items(move).sent_level_id, self.level_1)

    def test_f2_refused(self):
        """F2: each refusal of the gateway fails the reminder, says why and what to do,
        and gives the level back."""
        for number, (answer, failure, advice) in enumerate(REFUSALS):
            with self.subTest(answer):
                customer = self._create_customer(f"Refused {number}")
                move = self._invoice(8, partner=customer)
                reminder = self._remind(move)
                self._queue(sim_error=answer)
                notification = reminder.sms_message_id.notification_ids
                self.assertEqual(notification.failure_type, failure)
                self.assertEqual(reminder.state, "failed")
                self.assertIn(advice, reminder.error)
                item = self._items(move)
                self.assertFalse(item.sent_level_id)
                self.assertEqual(item.advised_level_id, self.level_1)
                self.assertEqual(item.last_comment, reminder.error)

    def test_f2_reported_later(self):
        """F2, D7: an SMS that the operator gives back after it left gives its level
        back, too."""
        for number, (report, reason) in enumerate(REPORTS):
            with self.subTest(report):
                customer = self._create_customer(f"Reported {number}")
                move = self._invoice(8, partner=customer)
                reminder = self._remind(move)
                self._queue()
                self.assertEqual(reminder.state, "sent")
                tracker = self._trackers(reminder.sms_message_id)
                self.make_jsonrpc_request(
                    "/sms/status",
                    {
                        "message_statuses": [
                            {"uuids": [tracker.sms_uuid], "sms_status": report}
                        ]
                    },
                )
                self.env.invalidate_all()
                self.assertEqual(reminder.state, "failed")
                self.assertIn(reason, reminder.error)
                self.assertFalse(self._items(move).sent_level_id)

    def test_f2_sent_again(self):
        """F2: a failed SMS is sent again; what is told of the first counts no more."""
        reminder = self._remind(self._invoice(8))
        self._queue(sim_error="credit")
        first = reminder.sms_message_id
        reminder.action_send_again()
        self.assertNotEqual(reminder.sms_message_id, first)
        self.assertEqual(len(self._queue()), 1)
        self.assertEqual(reminder.state, "sent")
        self._trackers(first)._action_update_from_provider_error("rejected")
        self.assertEqual(reminder.state, "sent")

    def test_f2_retried_in_the_queue(self):
        """F2, D7: a failed SMS that somebody retries in Odoo's queue leaves, unless a
        later reminder took its place."""
        move = self._invoice(8)
        reminder = self._remind(move)
        self._queue(sim_error="server_error")
        with self.mockSMSGateway(sms_allow_unlink=True):
            self._waiting(reminder).resend_failed()
        self.assertEqual(len(self._sms), 1)
        self.assertEqual(reminder.state, "sent")
        other = self._invoice(8, partner=self._create_customer("Replaced"))
        first = self._remind(other)
        self._queue(sim_error="server_error")
        second = self._remind(other)
        with self.mockSMSGateway(sms_allow_unlink=True):
            self._waiting(first).resend_failed()
            self.assertFalse(self._sms)
        self.assertEqual(first.state, "failed")
        self.assertEqual(second.state, "outgoing")

    def test_f2_other_type_since(self):
        """F2: what is told of an SMS does not count once another type replaced it."""
        self.plan.step_ids.channel_ids |= self.phone
        reminder = self._remind(self._invoice(8))
        self._queue(sim_error="server_error")
        reminder.channel_id = self.phone
        reminder.action_send_again()
        self._trackers(reminder.sms_message_id)._action_update_from_sms_state("sent")
        self.assertEqual(reminder.state, "outgoing")

    def test_f2_someone_elses_sms(self):
        """F2: an SMS that a person writes from the chatter is not the reminder."""
        self.plan.step_ids.channel_ids = self.phone
        reminder = self._remind(self._invoice(8))
        message = reminder._message_sms("Hello", partner_ids=self.customer.ids)
        self._trackers(message)._action_update_from_sms_state("sent")
        self.assertEqual(reminder.state, "outgoing")

    def test_f2_deleted_or_canceled_in_queue(self):
        """F2: an SMS that is canceled or deleted in Odoo's queue did not leave."""
        for number, take_away in enumerate(("action_set_canceled", "unlink")):
            with self.subTest(take_away):
                customer = self._create_customer(f"Taken {number}")
                reminder = self._remind(self._invoice(8, partner=customer))
                getattr(self._waiting(reminder), take_away)()
                self.assertEqual(reminder.state, "failed")
                self.assertFalse(self._queue())

    def test_f2_canceled_reminder(self):
        """F2: a reminder that is canceled takes its SMS out of the queue."""
        reminder = self._remind(self._invoice(8))
        reminder.action_cancel()
        self.assertFalse(self._queue())
        self.assertEqual(reminder.state, "canceled")

    # The last look at the books

    def test_d7_paid_or_blocked_in_the_queue(self):
        """D7: what was paid or blocked right before the SMS leaves is not claimed; the
        reminder says so, and the others leave."""
        blocked, disputed, promised, kept = (
            self._create_customer(n)
            for n in ("Blocked", "Disputed", "Promised", "Kept")
        )
        moves = self._invoice(8)
        for partner in (blocked, disputed, promised, kept):
            moves |= self._invoice(8, partner=partner)
        reminders = {r.partner_id: r for r in self._remind(moves)}
        self._pay(moves[0])
        moves[1].line_ids.no_followup = True
        moves[2]._relance_start_dispute("Broken goods")
        moves[3]._relance_promise(self.today, 100)
        self.assertEqual(len(self._queue()), 1)
        for partner in (self.customer, blocked, disputed, promised):
            self.assertEqual(reminders[partner].state, "canceled")
            self.assertIn("Not sent", reminders[partner].comment)
            self.assertEqual(self._waiting(reminders[partner]).state, "canceled")
        self.assertEqual(reminders[kept].state, "sent")
        self.assertFalse(self._queue())

    def test_d7_partly_paid_in_the_queue(self):
        """D7: an amount that changed goes back, and leaves as it is now."""
        self.template.with_context(
            lang="fr_FR"
        ).sms_text = "Reste {{object.total_text}}"
        move = self._invoice(8, 900)
        reminder = self._remind(move)
        self._pay(move, 500)
        self.assertFalse(self._queue())
        self.assertEqual(reminder.state, "pending")
        reminder._deliver()
        [body] = self._queue()
        self.assertIn("400,00", body)
        self.assertEqual(reminder.state, "sent")

    def test_f2_several_companies(self):
        """F2: the queue sends the SMS of two companies at once."""
        theirs = self._remind(self._invoice(8))
        other = self.env["res.company"].create({"name": "Other"})
        self.customer.with_company(other)._message_sms(
            "Hello", sms_numbers=["+33199001235"], put_in_queue=True
        ).record_company_id = other
        self.assertEqual(len(self._queue()), 2)
        self.assertEqual(theirs.state, "sent")
