from datetime import timedelta

import pymupdf

from odoo import fields
from odoo.exceptions import RedirectWarning, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from .post_common import PostCommon


def texts(pdf):
    """Return the text of each page of a PDF."""
    with pymupdf.open(stream=pdf) as document:
        return [page.get_text() for page in document]


@tagged("post_install", "-at_install")
class TestPost(PostCommon):
    """Letters printed with their invoices, posted, and what the post does with them
    (E3, F2)."""

    def setUp(self):
        super().setUp()
        self.enterContext(self.allow_pdf_render())

    def _print(self, letters, with_invoices):
        """Return the PDF of letters as a person prints them."""
        # In tests Odoo makes real PDFs of invoices only on request.
        letters = letters.with_context(force_report_rendering=True)
        action = letters.action_ask_print()
        wizard = letters.env[action["res_model"]].browse(action["res_id"])
        wizard.with_invoices = with_invoices
        return self._render(wizard.action_print())

    def _render(self, action):
        report = self.env["ir.actions.report"].with_context(force_report_rendering=True)
        return report._render_qweb_pdf(
            action["report_name"], action["context"]["active_ids"]
        )[0]

    # Printing

    def test_e3_invoices_behind_each_letter(self):
        """E3: letters by postal code, its own invoices behind each, made once."""
        far = self._create_customer("Far", zip="97400")
        near = self._create_customer("Near", zip="01000")
        first, second = self._invoice(8, partner=far), self._invoice(8, partner=near)
        third = self._invoice(8, partner=near)
        letters = self._create_letters(first | second | third)
        self.assertFalse((first | second | third).invoice_pdf_report_id)
        alone = texts(self._print(letters, with_invoices=False))
        self.assertEqual(len(alone), 2)
        self.assertIn("01000", alone[0])
        self.assertIn("97400", alone[1])
        self.assertFalse((first | second | third).invoice_pdf_report_id)

        pages = texts(self._print(letters, with_invoices=True))
        stored = (first | second | third).invoice_pdf_report_id
        self.assertEqual(len(stored), 3)
        near_pages = [len(texts(m.invoice_pdf_report_id.raw)) for m in second | third]
        self.assertEqual(
            len(pages),
            2 + sum(near_pages) + len(texts(first.invoice_pdf_report_id.raw)),
        )
        self.assertIn("01000", pages[0])
        self.assertIn(second.name, pages[1])
        self.assertIn(third.name, pages[1 + near_pages[0]])
        self.assertIn("97400", pages[1 + sum(near_pages)])
        self.assertIn(first.name, pages[-1])

        self._print(letters, with_invoices=True)
        self.assertEqual((first | second | third).invoice_pdf_report_id, stored)

    def test_e3_unreadable_invoice_is_said(self):
        """E3: an invoice whose file is damaged stops no other, and is named."""
        moves = self._invoice(8) | self._invoice(8)
        moves.with_context(force_report_rendering=True)._relance_make_invoice_pdfs()
        moves[0].invoice_pdf_report_id.raw = b"%PDF damaged"
        letter = self._create_letters(moves)
        action = letter.action_print_with_invoices()
        self.assertEqual(action["tag"], "display_notification")
        self.assertIn(moves[0].name, action["params"]["message"])
        self.assertNotIn(moves[1].name, action["params"]["message"])
        pages = texts(self._render(action["params"]["next"]))
        self.assertIn(moves[1].name, pages[-1])

    def test_e3_unreadable_letter_is_said(self):
        """E3: of several letters to print, the one whose file is damaged is named."""
        other = self._create_customer("Other")
        letters = self._create_letters(
            self._invoice(8) | self._invoice(8, partner=other)
        )
        letters[0].letter_attachment_id.raw = b"%PDF damaged"
        with (
            mute_logger("odoo.addons.base.models.ir_actions_report"),
            self.assertRaises(RedirectWarning) as raised,
        ):
            self._print(letters, with_invoices=False)
        action = raised.exception.args[1]
        self.assertEqual(action["res_id"], letters[0].id)

    def test_e3_changed_letter_is_printed_as_it_is(self):
        """E3: a letter whose file another program turned and saved prints so."""
        other = self._create_customer("Other")
        letters = self._create_letters(
            self._invoice(8) | self._invoice(8, partner=other)
        )
        with pymupdf.open(stream=letters[0].letter_attachment_id.raw) as document:
            document[0].set_rotation(90)
            document.new_page()
            letters[0].letter_attachment_id.raw = document.tobytes()
        pdf = self._print(letters, with_invoices=False)
        with pymupdf.open(stream=pdf) as document:
            self.assertEqual(sorted(page.rotation for page in document), [0, 0, 90])

    def test_e3_reprint_makes_no_second_reminder(self):
        """E3: printed again, before and after it was posted: the same letter, the same
        reminder, the same trace."""
        move = self._invoice(8)
        letter = self._create_letters(move)
        before = self.env["relance.reminder"].search_count([])
        traced = len(move.message_ids)
        pdf = self._print(letter, with_invoices=False)
        attachment = letter.letter_attachment_id
        self.assertEqual(self._print(letter, with_invoices=False), pdf)
        letter.action_done()
        posted_on = letter.date_sent
        self.assertEqual(self._print(letter, with_invoices=False), pdf)
        self.assertEqual(letter.letter_attachment_id, attachment)
        self.assertEqual(letter.date_sent, posted_on)
        self.assertEqual(letter.state, "sent")
        self.assertEqual(self.env["relance.reminder"].search_count([]), before)
        self.assertEqual(len(move.message_ids), traced)
        action = letter.action_ask_print()
        self.assertEqual(
            self.env[action["res_model"]].browse(action["res_id"]).printed_count, 1
        )

    def test_e3_nothing_to_print(self):
        """E3: a reminder without a letter is not printed; it is said."""
        letter = self._create_letters(self._invoice(8))
        letter.action_cancel()
        self.assertEqual(letter.action_ask_print()["tag"], "display_notification")

    # Posting

    def test_f2_posted_in_mass_and_undone(self):
        """F2: posted counts, not posted after all gives the level back."""
        other = self._create_customer("Other")
        moves = self._invoice(8) | self._invoice(8, partner=other)
        letters = self._create_letters(moves)
        letters.action_done()
        self.assertEqual(set(letters.mapped("state")), {"sent"})
        self.assertEqual(self._items(moves).last_level_id, self.level_1)
        letters.action_not_posted()
        self.assertEqual(set(letters.mapped("state")), {"outgoing"})
        self.assertFalse(any(letters.mapped("date_sent")))
        self.assertFalse(self._items(moves).advised_level_id)
        with self.assertRaisesRegex(UserError, "ticked as posted"):
            letters.action_not_posted()
        letters.action_done()
        self.assertEqual(set(letters.mapped("state")), {"sent"})

    def test_f2_posted_stays_once_reminded_again(self):
        """F2: what a later reminder builds on is not undone."""
        move = self._invoice(18)
        letter = self._create_letters(move)
        letter.action_done()
        later = self._already_reminded(move, self.level_2)
        with self.assertRaisesRegex(UserError, f"{letter.name}.*{move.name}"):
            letter.action_not_posted()
        self.assertEqual(letter.state, "sent")
        self.assertEqual(later.state, "sent")

    # Registered letters

    def test_f2_registered_letter_to_its_receipt(self):
        """F2: number, deposit, presentation, receipt; each shows on the reminder."""
        letter = self._create_letters(self._invoice(8), self.registered)
        letter.registered_number = " 1a 001 234 5678 9 "
        self.assertEqual(letter.registered_number, "1A00123456789")
        letter.action_done()
        self.assertEqual(letter.date_deposited, self.today)
        letter.write(
            {
                "date_deposited": self.today - timedelta(4),
                "date_presented": self.today - timedelta(2),
                "date_received": self.today - timedelta(1),
            }
        )
        self.assertEqual(letter.post_outcome, "received")
        self.assertIn("received on", letter.comment)
        letter.date_received = False
        self.assertFalse(letter.post_outcome)
        self.assertIn("posted on", letter.comment)
        letter.post_outcome = "unclaimed"
        self.assertIn("Unclaimed", letter.comment)
        # It counts all the same.
        self.assertEqual(letter.state, "sent")

    def test_f2_registered_dates_are_consistent(self):
        """F2: deposited ≤ presented ≤ received ≤ today; else a sentence says which."""
        letter = self._posted(self.registered)
        day = self.today
        wrong = [
            ({"date_received": day + timedelta(1)}, "Received on.*is in the future"),
            ({"date_deposited": day + timedelta(1)}, "Deposited on.*is in the future"),
            (
                {"date_deposited": day, "date_presented": day - timedelta(1)},
                "First presented on.*cannot be before.*Deposited on",
            ),
            (
                {
                    "date_deposited": day - timedelta(9),
                    "date_presented": day - timedelta(3),
                    "date_received": day - timedelta(5),
                },
                "Received on.*cannot be before.*First presented on",
            ),
            (
                {
                    "date_deposited": day - timedelta(2),
                    "date_received": day - timedelta(3),
                },
                "Received on.*cannot be before.*Deposited on",
            ),
            ({"date_received": day, "post_outcome": "refused"}, "was not.*received"),
        ]
        for vals, sentence in wrong:
            with self.assertRaises(ValidationError) as caught:
                letter.write(vals)
            self.assertRegex(str(caught.exception), f"{letter.name}.*{sentence}")
        letter.write(dict.fromkeys(("date_deposited", "date_presented"), day))
        letter.date_received = day

    def test_f2_what_cannot_be_noted(self):
        """F2: nothing of the post on a plain letter, nor before it was posted, nor what
        is not noted at all."""
        plain = self._posted()
        with self.assertRaisesRegex(UserError, "not a registered letter"):
            plain.registered_number = "1A1"
        letter = self._create_letters(
            self._invoice(8, partner=self._create_customer("Later")), self.registered
        )
        letter.registered_number = "1A2"
        with self.assertRaisesRegex(UserError, "not posted yet"):
            letter.date_received = self.today
        with self.assertRaisesRegex(UserError, "kept as it was made"):
            letter.write({"registered_number": "1A3", "post_status": "received"})
        letter.action_cancel()
        with self.assertRaisesRegex(UserError, "neither under way nor posted"):
            letter.registered_number = "1A4"

    def test_f2_number_of_another_customer(self):
        """F2: two customers do not have one number; one customer's letters may."""
        other = self._create_customer("Other")
        mine = self._posted(self.registered) | self._posted(self.registered)
        theirs = self._posted(self.registered, other)
        mine.registered_number = "1A 77"
        with self.assertRaisesRegex(ValidationError, "1A77.*Librairie Peyrot"):
            theirs.registered_number = "1a77"
        theirs.registered_number = "1A 78"

    def test_f2_unclaimed_for_fifteen_days(self):
        """F2: the filter finds what was presented over 15 days ago, and no more."""
        letters = self.env["relance.reminder"]
        for days in (15, 16, 16, 16):
            letter = self._posted(self.registered)
            letter.write(
                {
                    "date_deposited": self.today - timedelta(20),
                    "date_presented": self.today - timedelta(days),
                }
            )
            letters |= letter
        letters[2].date_received = self.today
        letters[3].post_outcome = "refused"
        view = self.env.ref("relance_numm.relance_reminder_view_search")
        arch = self.env["relance.reminder"].get_view(view.id, "search")["arch"]
        domain = arch.split('name="unclaimed"')[1].split('domain="')[1].split('"')[0]
        domain = eval(domain.replace("&lt;", "<"))  # noqa: S307 our own view
        found = letters.search([*domain, ("id", "in", letters.ids)])
        self.assertEqual(found, letters[1])

    def test_f2_mass_entry_by_an_accountant(self):
        """F2: an accountant without any other right enters numbers and proofs."""
        letters = self._posted(self.registered) | self._posted(self.registered)
        user = new_test_user(
            self.env,
            "relance_post",
            "account.group_account_invoice",
            company_id=self.company.id,
            company_ids=[Command.set(self.company.ids)],
        )
        letters = letters.with_user(user)
        letters.write({"date_deposited": self.today, "date_presented": self.today})
        view = "relance_numm.relance_reminder_view_form"
        with Form(letters[0], view) as form:
            form.registered_number = "2C 123"
            form.date_received = self.today
        self.assertEqual(letters[0].registered_number, "2C123")
        self.assertEqual(letters[0].post_outcome, "received")
        scan = (
            self.env["ir.attachment"]
            .with_user(user)
            .create(
                {
                    "name": "AR.pdf",
                    "raw": b"%PDF",
                    "res_model": "relance.reminder",
                    "res_id": letters[0].id,
                }
            )
        )
        letters[0].registered_scan_ids = scan
        letters[1].post_outcome = "wrong_address"
        self.assertEqual(letters[1].state, "failed")

    def test_f2_today_of_the_company_and_of_the_person(self):
        """F2: around midnight one has another day than the other; both are today."""
        letter = self._posted(self.registered)
        letter.company_id.relance_tz = "Pacific/Kiritimati"
        today = letter.company_id._relance_today()
        late = letter.with_context(tz="Pacific/Honolulu")
        self.assertEqual(today - fields.Date.context_today(late), timedelta(days=1))
        late.date_deposited = today
        with self.assertRaises(ValidationError) as raised:
            late.date_deposited = today + timedelta(days=1)
        self.assertIn("is in the future", str(raised.exception))

    # Not at this address

    def test_d5_no_letter_to_an_address_that_returned_one(self):
        """D5, F2: the level is given back, somebody is told, and « Contrôles » refuses
        letters to this address until it is another."""
        move = self._invoice(8)
        letter = self._create_letters(move)
        letter.action_done()
        letter.action_came_back()
        self.assertEqual(letter.state, "failed")
        self.assertIn("3 rue des Lilas 33000 Bordeaux", letter.error)
        self.assertFalse(self._items(move).last_level_id)
        activity = self.customer.activity_ids
        self.assertEqual(activity.summary, "Letter not at this address")

        wizard = self._prepare(self._invoice(8))
        line = wizard.line_ids
        line.channel_id = self.letter
        self.assertIn("not at this address", line.problem)
        line.street = "4 rue des Lilas"
        self.assertFalse(line.problem)
        self.assertEqual(wizard.problem_count, 0)

        # Sent again, to the address that was mended.
        letter.action_send_again()
        self.assertEqual(letter.state, "outgoing")
        self.assertFalse(letter.post_outcome)
        self.assertEqual(letter.contact_id.street, "4 rue des Lilas")

    def test_d5_address_shared_by_the_contacts(self):
        """D5: an address is not good for another contact of the same customer."""
        contact = self.env["res.partner"].create(
            {
                "name": "Accounts",
                "parent_id": self.customer.id,
                "type": "relance",
                "street": "3  rue des Lilas",
                "zip": "33000",
                "city": "Bordeaux",
            }
        )
        letter = self._posted()
        self.assertEqual(letter.contact_id, contact)
        letter.action_came_back()
        recipients = self.customer._relance_recipients()[self.customer.id]
        self.assertIn("not at this address", recipients.letter_problem)
        self.customer.city = "Pessac"
        recipients = self.customer._relance_recipients()[self.customer.id]
        self.assertFalse(recipients.letter_problem)
        self.assertEqual(recipients.letter_contact, self.customer)

    def test_f2_come_back_by_mistake(self):
        """F2: noted by mistake, it is as before; not once the level was used again."""
        move = self._invoice(8)
        letter = self._create_letters(move)
        letter.action_done()
        posted_on = letter.date_sent
        letter.action_came_back()
        letter.action_not_come_back()
        self.assertEqual(letter.state, "sent")
        self.assertEqual(letter.date_sent, posted_on)
        self.assertEqual(self._items(move).last_level_id, self.level_1)
        self.assertFalse(self.customer.relance_returned_address)
        self.assertFalse(self.customer.activity_ids)
        letter.action_came_back()
        self._already_reminded(move, self.level_1)
        with self.assertRaisesRegex(UserError, "reminded again since"):
            letter.action_not_come_back()

    def test_f2_other_companies_and_portal(self):
        """F2: nobody else notes anything on a letter."""
        letter = self._posted(self.registered)
        stranger = new_test_user(
            self.env,
            "relance_stranger_post",
            "account.group_account_manager",
            company_id=self.env["res.company"].create({"name": "Stranger"}).id,
        )
        auditor = new_test_user(
            self.env,
            "relance_auditor_post",
            "account.group_account_readonly",
            company_id=self.company.id,
            company_ids=[Command.set(self.company.ids)],
        )
        portal = new_test_user(self.env, "relance_portal_post", "base.group_portal")
        for user in (stranger, auditor, portal):
            theirs = letter.with_user(user)
            for call in (
                lambda r: r.write({"registered_number": "1"}),
                lambda r: r.action_came_back(),
                lambda r: r.action_not_posted(),
                lambda r: r.action_post_status(),
            ):
                with self.assertRaises(UserError, msg=user.login):
                    call(theirs)
        self.assertEqual(letter.state, "sent")
