import base64
from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged

from .common import RelanceCommon

HEADER = "Facture;Niveau;Date"


@tagged("post_install", "-at_install")
class TestImport(RelanceCommon):
    """Levels and dates reached elsewhere are taken over, and given back (G4)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for level, name in zip(
            cls.levels,
            ("Pré relance", "Niveau 1", "Niveau 2", "Contentieux"),
            strict=True,
        ):
            level.with_context(lang="fr_FR").name = name
        cls.manager = cls._manager("import_manager", cls.company)
        cls.move = cls._invoice(8)

    @classmethod
    def _manager(cls, login, company):
        return new_test_user(
            cls.env,
            login,
            "account.group_account_manager",
            email=f"{login}@example.com",
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
        )

    def _wizard(self, content, encoding="utf-8", user=None):
        """Return the wizard with a file, not read yet."""
        model = self.env["relance.import"].with_user(user or self.manager)
        data = content if isinstance(content, bytes) else content.encode(encoding)
        return model.create({"file": base64.b64encode(data), "filename": "past.csv"})

    def _check(self, *lines, header=HEADER, **kwargs):
        wizard = self._wizard("\n".join([header, *lines]), **kwargs)
        wizard.action_check()
        return wizard

    def _line(self, move, level="Niveau 1", days_ago=3):
        date = self.today - timedelta(days_ago)
        return f"{move.name};{level};{date:%d/%m/%Y}"

    def _import(self, *lines, **kwargs):
        """Return the wizard and the reminders that it took over."""
        wizard = self._check(*lines, **kwargs)
        self.assertFalse(wizard.wrong_count, wizard.line_ids.mapped("problem"))
        wizard.action_import()
        return wizard.batch_ids.reminder_ids.sudo()

    def _assert_problem(self, line, problem):
        wizard = self._check(line)
        self.assertEqual(wizard.line_ids.mapped("problem"), [f"Line 2: {problem}"])
        self.assertFalse(wizard.correct_count)

    # The file

    def test_encodings_separators_names(self):
        """A file is read as spreadsheets save it, whatever its columns are called."""
        number, date = self.move.name, self.today - timedelta(3)
        for text, encoding in (
            (f"Facture;Niveau;Date\n{number};Pré relance;{date:%d/%m/%Y}", "utf-8"),
            (f"Facture;Niveau;Date\n{number};Pré relance;{date:%d/%m/%Y}", "cp1252"),
            (f"Facture;Niveau;Date\r\n{number};PRE-RELANCE;{date}\r\n", "utf-8-sig"),
            (f"Invoice,Level,Date\n{number},Pre-reminder,{date}", "utf-8"),
            (f"INVOICE\tlevel\tdate\n{number}\tpre reminder\t{date}", "utf-8"),
            (
                "Client;N° de pièce;Montant;Date de relance;Niveau\n"
                f"Peyrot;{number};12,50;{date:%d/%m/%Y};Pré Relance;;\n;;;;\n\n",
                "cp1252",
            ),
            (f'Facture,Niveau,Date\n"\xa0{number} ","pré relance",{date}', "utf-8"),
            (f"Facture;Niveau;Date\n{number.lower()};pré relance;{date}", "utf-8"),
        ):
            with self.subTest(text=text, encoding=encoding):
                wizard = self._wizard(text, encoding)
                wizard.action_check()
                self.assertRecordValues(
                    wizard.line_ids,
                    [
                        {
                            "number": 2,
                            "move_id": self.move.id,
                            "partner_id": self.customer.id,
                            "level_id": self.level_pre.id,
                            "date": date,
                            "problem": False,
                        }
                    ],
                )

    def test_dates_of_the_user(self):
        """A file is written one way: the day first where both ways fit, else the one
        that fits most lines, the user's own included."""
        moves = self.move | self._invoice(9) | self._invoice(10)
        year = self.today.year - 1
        self.assertEqual(self.manager.lang, "en_US")
        self.env.ref("base.lang_en").date_format = "%m/%d/%Y"
        for dates, expected in (
            ((f"02/03/{year}", f"02/04/{year}"), ["03-02", "04-02"]),
            ((f"03/25/{year}", f"02/04/{year}"), ["03-25", "02-04"]),
            ((f"25/03/{year}", f"02/04/{year}"), ["03-25", "04-02"]),
            ((f"{year}-03-25", f"02/04/{year}"), ["03-25", "04-02"]),
        ):
            wizard = self._check(
                *(
                    f"{move.name};Niveau 1;{date}"
                    for move, date in zip(moves, dates, strict=False)
                )
            )
            self.assertEqual(
                [f"{date:%m-%d}" for date in wizard.line_ids.mapped("date")], expected
            )

    def test_files_that_cannot_be_read(self):
        """What is not such a file is refused with a sentence that says what to do."""
        for content, sentence in (
            (b"", "There is no file, or it is empty"),
            (b"\n \n", "no column for: Invoice, Level, Date"),
            (b"PK\x03\x04\x00\x00\x81", "This file is not a CSV file"),
            (b"Facture;Niveau;Date\n;;\n", "a header line only"),
            (b"Facture;Date\nINV/1;01/02/2026\n", "no column for: Level. "),
            (b"Invoice,Level\nINV/1,Level 1\n", "no column for: Date. "),
            (b"A;B;C\n1;2;3", "“A;B;C”"),
            (b'Facture;Niveau;Date\n"' + b"x" * 200_000, "from line 2 on"),
            (
                b'Facture;Niveau;Date\n"INV;1;1\nINV;1;1\n',
                "a quotation mark is missing",
            ),
        ):
            with self.subTest(content=content[:40]):
                with self.assertRaisesRegex(UserError, sentence):
                    self._wizard(content).action_check()

    # What is wrong with a line

    def test_problems_of_the_invoice(self):
        """Each line that cannot be taken over says why."""
        name = self.company.name
        date = self.today - timedelta(3)
        self._assert_problem(
            f"INV/1899/1;Niveau 1;{date}", f"no invoice INV/1899/1 in {name}."
        )
        self._assert_problem(f";Niveau 1;{date}", "the invoice number is missing.")
        refund = self.env["account.move"].create(
            {
                "move_type": "out_refund",
                "partner_id": self.customer.id,
                "invoice_date": self.today,
                "invoice_line_ids": [Command.create({"name": "P", "price_unit": 1})],
            }
        )
        refund.action_post()
        self._assert_problem(
            self._line(refund), f"{refund.name} is a credit note: nothing to remind."
        )
        draft = self._invoice(8)
        draft.button_draft()
        self._assert_problem(self._line(draft), f"{draft.name} is not posted.")
        paid = self._invoice(8)
        self._pay(paid)
        self._assert_problem(
            self._line(paid), f"{paid.name} is paid: nothing is left to remind."
        )

    def test_problems_of_level_and_date(self):
        name = self.move.name
        known = "Known levels: Pre-reminder, Level 1, Level 2, Litigation."
        levels = self.env["relance.level"].search([]) - self.levels
        levels.active = False
        self._assert_problem(
            self._line(self.move, "Niveau 7"),
            f"the level “Niveau 7” is unknown. {known}",
        )
        self._assert_problem(
            self._line(self.move, ""), f"the level is missing. {known}"
        )
        self._assert_problem(f"{name};Niveau 1;", "the date is missing.")
        self._assert_problem(f"{name};Niveau 1", "the date is missing.")
        self._assert_problem(
            f"{name};Niveau 1;31/02/2026",
            "“31/02/2026” is not a date. Write it such as 31/12/2025 or 2025-12-31.",
        )
        wizard = self._check(self._line(self.move, days_ago=-1))
        self.assertIn("is in the future", wizard.line_ids.problem)
        self._check(self._line(self.move, days_ago=0))

    def test_problem_several_times(self):
        """An invoice that the file has twice is not taken over: nobody can say which
        of its lines is right."""
        other = self._invoice(9)
        wizard = self._check(
            self._line(self.move), self._line(other), self._line(self.move, "Niveau 2")
        )
        self.assertEqual((wizard.correct_count, wizard.wrong_count), (1, 2))
        self.assertEqual(
            wizard.line_ids[:1].problem,
            f"Line 2: the file has {self.move.name} several times (lines 2, 4): keep "
            "one of them.",
        )

    def test_levels_never_go_down(self):
        """What was made here counts more than what the file says."""
        reminder = self._already_reminded(self.move, self.level_1, days_ago=5)
        for level in ("Pré relance", "Niveau 1"):
            self._assert_problem(
                self._line(self.move, level),
                f"{self.move.name} has reached the level “Level 1” already: only a "
                "higher one can be taken over.",
            )
        wizard = self._check(self._line(self.move, "Niveau 2", days_ago=6))
        self.assertIn("was reminded later than that", wizard.line_ids.problem)
        self.assertIn(reminder.name, wizard.line_ids.problem)
        self._import(self._line(self.move, "Niveau 2"))
        self.assertEqual(self._items(self.move).sent_level_id, self.level_2)

    def test_problem_under_way(self):
        reminder = self._already_reminded(self.move, self.level_1, state="pending")
        self._assert_problem(
            self._line(self.move, "Niveau 2"),
            f"a reminder of {self.move.name} is under way ({reminder.name}): let it "
            "leave, or cancel it first.",
        )

    # What is taken over

    def test_reminder(self):
        """A line becomes a reminder of that day, at that level, that nobody sent."""
        mails = self.env["mail.mail"].search_count([])
        messages = self.move.message_ids | self.customer.message_ids
        reminder = self._import(self._line(self.move))
        self.assertRecordValues(
            reminder,
            [
                {
                    "company_id": self.company.id,
                    "partner_id": self.customer.id,
                    "contact_id": self.customer.id,
                    "currency_id": self.move.currency_id.id,
                    "user_id": self.manager.id,
                    "date": self.today - timedelta(3),
                    "plan_id": self.plan.id,
                    "level_id": self.level_1.id,
                    "template_id": self.env.ref("relance_numm.template_1").id,
                    "channel_id": self.email.id,
                    "state": "sent",
                    "origin": "import",
                    "amount_total": 100,
                    "comment": "Taken over from elsewhere",
                }
            ],
        )
        self.assertRegex(reminder.name, r"^R-\d{4}-\d{4}$")
        self.assertEqual(reminder.date_sent.date(), self.today - timedelta(3))
        self.assertRecordValues(
            reminder.line_ids,
            [{"days_late": 5, "is_last": True, "is_last_sent": True}],
        )
        self.assertRecordValues(
            reminder.batch_id,
            [{"origin": "import", "company_id": self.company.id, "progress": 100}],
        )
        self.assertEqual(self.env["mail.mail"].search_count([]), mails)
        self.assertEqual(self.move.message_ids | self.customer.message_ids, messages)
        with self.enter_registry_test_mode():
            self.env.ref("relance_numm.ir_cron_deliver").method_direct_trigger()
        self.assertEqual(reminder.state, "sent")

    def test_wrong_lines_stay(self):
        """A wrong line never loses the others, and can be checked again."""
        draft = self._invoice(9)
        draft.button_draft()
        wizard = self._check(
            self._line(self.move), self._line(draft), self._line(self._invoice(10))
        )
        self.assertEqual(wizard.summary, "Correct lines: 2. Wrong lines: 1.")
        self.assertEqual(wizard.import_label, "Import the 2 correct lines")
        action = wizard.action_import()
        self.assertEqual(len(wizard.batch_ids.reminder_ids), 2)
        self.assertEqual(wizard.line_ids.move_name, draft.name)
        self.assertEqual(action["params"]["next"]["res_id"], wizard.id)
        with self.assertRaisesRegex(UserError, "No line is correct"):
            wizard.action_import()
        draft.action_post()
        wizard.action_check_again()
        self.assertFalse(wizard.wrong_count)
        action = wizard.action_import()
        self.assertEqual(len(wizard.batch_ids), 2)
        self.assertFalse(wizard.line_ids)
        self.assertEqual(
            action["params"]["next"], {"type": "ir.actions.act_window_close"}
        )

    def test_again(self):
        """The same file again takes nothing over twice."""
        line = self._line(self.move)
        self._import(line)
        wizard = self._check(line)
        self.assertIn(
            "has reached the level “Level 1” already", wizard.line_ids.problem
        )
        wizard.action_restart()
        self.assertFalse(wizard.file or wizard.line_ids)

    def test_books_change_after_the_check(self):
        """D7: what is paid between the check and the import is left out and says so."""
        other = self._invoice(9)
        wizard = self._check(self._line(self.move), self._line(other))
        self._pay(other)
        wizard.action_import()
        self.assertEqual(wizard.batch_ids.reminder_ids.line_ids.move_id, self.move)
        self.assertIn("is paid", wizard.line_ids.problem)

    def test_somebody_else_is_at_it(self):
        """D7: what another transaction holds is left out and says so."""
        other = self._invoice(9)
        wizard = self._check(self._line(self.move), self._line(other))
        batch_model = type(self.env["relance.batch"])
        lock = batch_model._lock_invoices
        with patch.object(
            batch_model, "_lock_invoices", lambda self, moves: lock(self, moves - other)
        ):
            action = wizard.action_import()
        self.assertEqual(action["params"]["type"], "warning")
        self.assertEqual(wizard.batch_ids.reminder_ids.line_ids.move_id, self.move)
        self.assertIn("by someone else at this very moment", wizard.line_ids.problem)
        wizard.action_check_again()
        self.assertEqual(wizard.import_label, "Import the correct line")

    def test_instalments(self):
        """The level is that of the instalments due by then; of the earliest one where
        none was; of none where they are paid."""
        move = self._instalments((20, 8, -10))
        lines = move.line_ids.filtered("date_maturity").sorted("date_maturity")
        lines = lines.filtered(lambda li: li.account_type == "asset_receivable")
        reminders = self._import(self._line(move, days_ago=3))
        self.assertEqual(reminders.line_ids.move_line_id, lines[:2])
        self.assertEqual(
            [item.sent_level_id for item in self._items(move).sorted("date_due")],
            [self.level_1, self.level_1, self.env["relance.level"]],
        )
        early = self._instalments((20, 8, -10))
        reminders = self._import(self._line(early, "Pré relance", days_ago=30))
        self.assertEqual(reminders.line_ids.days_late, -10)
        self.assertEqual(reminders.line_ids.date_due, self.today - timedelta(20))
        started = self._instalments((20, 8, -10))
        self._pay(started, 40)
        wizard = self._check(self._line(started, days_ago=15))
        self.assertIn(f"what was due of {started.name} on", wizard.line_ids.problem)
        self.assertFalse(self._check(self._line(started, days_ago=7)).line_ids.problem)

    def _instalments(self, days_late):
        """Return an invoice of 100 of which a part is due so many days ago each."""
        start = self.today - timedelta(max(days_late))
        term = self.env["account.payment.term"].create(
            {
                "name": "Instalments",
                "line_ids": [
                    Command.create(
                        {
                            "value": "percent",
                            "value_amount": share,
                            "delay_type": "days_after",
                            "nb_days": max(days_late) - late,
                        }
                    )
                    for share, late in zip((40, 30, 30), days_late, strict=True)
                ],
            }
        )
        return self._invoice(
            8,
            invoice_date=start,
            invoice_date_due=False,
            invoice_payment_term_id=term.id,
        )

    def test_levels_that_the_plan_lacks(self):
        """A level that the customer's plan has not is taken over, with the texts of
        the step before; so is that of a customer without plan."""
        special = self.env["relance.level"].create({"name": "Bailiff", "sequence": 35})
        reminder = self._import(self._line(self.move, "bailiff"))
        self.assertEqual(reminder.level_id, special)
        self.assertEqual(reminder.template_id, self.env.ref("relance_numm.template_2"))
        self.assertEqual(self._items(self.move).advised_level_id, self.litigation)
        lowest = self.env["relance.level"].create({"name": "Hint", "sequence": 1})
        first = self._import(self._line(self._invoice(3), "Hint"))
        self.assertEqual(first.level_id, lowest)
        self.assertEqual(first.template_id, self.env.ref("relance_numm.template_pre"))
        self.env["relance.plan"].search([]).active = False
        self.customer.relance_plan_id = False
        without = self._import(self._line(self._invoice(8)))
        self.assertFalse(without.plan_id)
        self.assertEqual(without.template_id, self.env.ref("relance_numm.template_1"))

    # What comes next

    def test_advice(self):
        """C3: the advice goes on from the level taken over."""
        for days_late, level, advised in (
            (3, "Niveau 2", self.litigation),
            (9, "Pré relance", self.level_1),
            (7, "Niveau 2", self.litigation),
            (-7, "Pré relance", self.level_1),
            (32, "Niveau 1", self.litigation),
            (8, "Niveau 1", self.level_2),
        ):
            move = self._invoice(days_late)
            self._import(self._line(move, level))
            row = self._items(move)
            self.assertEqual(row.advised_level_id, advised, (days_late, level))
            self.assertEqual(row.last_date, self.today - timedelta(3))
            self.assertEqual(row.last_comment, "Taken over from elsewhere")

    def test_minimum_gap(self):
        """H4: the date taken over counts for the minimum gap."""
        self.company.relance_min_gap = 7
        self._import(self._line(self.move))
        self.assertEqual(self._items(self.move).reason_code, "min_gap")

    def test_next_automatic_step(self):
        """G2: the cron goes on with the step after, on its day, and does not count the
        invoice among its first reminders."""
        self.company.relance_on = "invoice"
        self.assertEqual(self._items(self.move).next_level_id, self.level_1)
        self._import(self._line(self.move))
        row = self._items(self.move)
        self.assertEqual(row.next_level_id, self.level_2)
        self.assertEqual(row.next_date, self.today + timedelta(15 - 8))
        self.assertFalse(row._is_due())
        self.assertEqual(self.move.relance_level_id, self.level_1)
        late = self._invoice(16)
        self._import(self._line(late, days_ago=10))
        self.assertEqual(self._items(late).next_level_id, self.level_2)
        self.assertTrue(self._items(late)._is_due())
        self.company.relance_first_cap = 1
        self.assertEqual(self.company._relance_first_left(), 1)
        last = self._invoice(40)
        self._import(self._line(last, "Contentieux"))
        self.assertEqual(self._items(last).automatic_code, "last_step")

    # Undo

    def test_undo(self):
        """The take-over is undone as if it had never been."""
        earlier = self._already_reminded(self.move, self.level_pre, days_ago=6)
        other = self._invoice(9)
        reminders = self._import(self._line(self.move), self._line(other))
        batch = reminders.batch_id.with_user(self.manager)
        action = batch.action_undo_import()
        self.assertEqual(action["params"]["type"], "success")
        self.assertFalse(reminders.exists())
        self.assertEqual(self._items(self.move).sent_level_id, self.level_pre)
        self.assertEqual(self._items(self.move).last_reminder_id, earlier)
        self.assertFalse(self._items(other).last_level_id)
        self.assertIn("Reminders deleted: 2.", batch.message_ids[:1].body)
        self.assertEqual(batch.message_ids[:1].author_id, self.manager.partner_id)
        with self.assertRaisesRegex(UserError, "no reminder taken over is left"):
            batch.action_undo_import()

    def test_undo_keeps_what_was_reminded_since(self):
        """What was built upon stays; the rest is undone."""
        other = self._invoice(9)
        reminders = self._import(self._line(self.move), self._line(other))
        batch = reminders.batch_id.with_user(self.manager)
        later = self._already_reminded(self.move, self.level_2)
        kept = reminders.filtered(lambda r: r.line_ids.move_id == self.move)
        action = batch.action_undo_import()
        self.assertIn(kept.name, action["params"]["message"])
        self.assertEqual(reminders.exists(), kept)
        with self.assertRaisesRegex(UserError, "Nothing can be undone"):
            batch.action_undo_import()
        later.sudo()._cancel()
        self.env.invalidate_all()
        batch.action_undo_import()
        self.assertFalse(reminders.exists())

    def test_undo_is_of_take_overs_only(self):
        """Nothing that was made here can be deleted that way."""
        reminder = self._already_reminded(self.move, self.level_1)
        batch = self.env["relance.batch"]._new_batch(self.company)
        reminder.sudo().batch_id = batch
        with self.assertRaisesRegex(UserError, "no reminder taken over"):
            batch.with_user(self.manager).action_undo_import()
        self.assertTrue(reminder.exists())

    # Rights and companies

    def test_rights(self):
        """Only an accounting manager takes over and undoes."""
        batch = self._import(self._line(self.move)).batch_id
        for login, group in (
            ("import_accountant", "account.group_account_invoice"),
            ("import_auditor", "account.group_account_readonly"),
            ("import_portal", "base.group_portal"),
        ):
            user = new_test_user(self.env, login, group, company_id=self.company.id)
            for model in ("relance.import", "relance.import.line"):
                for operation in ("read", "write", "create", "unlink"):
                    self.assertFalse(
                        self.env[model].with_user(user).has_access(operation), login
                    )
            with self.assertRaises(AccessError):
                self._wizard(HEADER, user=user)
            with self.assertRaises(AccessError):
                batch.with_user(user).action_undo_import()
        wizard = self._check(self._line(self._invoice(8)))
        with self.assertRaises(AccessError):
            wizard.with_user(
                self._manager("import_other", self.company)
            ).action_import()

    def test_other_company(self):
        """Another company's user finds none of this one's invoices, nor its batches."""
        stranger_company = self.env["res.company"].create({"name": "Stranger"})
        stranger = self._manager("import_stranger", stranger_company)
        wizard = self._check(self._line(self.move), user=stranger)
        self.assertEqual(
            wizard.line_ids.problem,
            f"Line 2: no invoice {self.move.name} in Stranger.",
        )
        wizard.company_id = self.company
        wizard.action_check_again()
        self.assertFalse(wizard.correct_count)
        batch = self._import(self._line(self.move)).batch_id
        with self.assertRaises(AccessError):
            batch.with_user(stranger).action_undo_import()

    def test_branch(self):
        """The invoices of a branch go into a batch of their own."""
        branch = self._create_company(name="Branch", parent_id=self.company.id)
        self.manager.company_ids |= branch
        own = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "company_id": branch.id,
                "partner_id": self.customer.id,
                "invoice_date": self.today - timedelta(38),
                "invoice_date_due": self.today - timedelta(8),
                "invoice_payment_term_id": False,
                "invoice_line_ids": [
                    Command.create(
                        {"name": "P", "price_unit": 50, "tax_ids": [Command.clear()]}
                    )
                ],
            }
        )
        own.action_post()
        wizard = self._wizard(f"{HEADER}\n{self._line(self.move)}\n{self._line(own)}")
        wizard = wizard.with_context(allowed_company_ids=self.company.ids)
        wizard.action_check()
        wrong = wizard.line_ids.filtered("problem")
        self.assertIn(f"no invoice {own.name}", wrong.problem)
        wizard = wizard.with_context(allowed_company_ids=(self.company | branch).ids)
        wizard.action_check_again()
        wizard.action_import()
        self.assertEqual(wizard.batch_ids.company_id, self.company | branch)
        for batch in wizard.batch_ids:
            self.assertEqual(batch.reminder_ids.company_id, batch.company_id)
        self.assertEqual(self._items(own).sent_level_id, self.level_1)

    def test_form(self):
        """The screen asks for a file, then shows its lines."""
        form = Form(self.env["relance.import"].with_user(self.manager))
        form.file = base64.b64encode(f"{HEADER}\n{self._line(self.move)}".encode())
        wizard = form.save()
        action = wizard.action_check()
        self.assertEqual(action["res_id"], wizard.id)
        self.assertEqual(action["target"], "new")
        self.assertEqual(len(Form(wizard).line_ids), 1)

    # Many lines

    def test_queries_do_not_grow(self):
        """No query is made per line: 20 lines take those of 10."""
        customers = [self._create_customer(f"Many {n}") for n in range(32)]
        lines = [
            self._line(self._invoice(8, partner=customer)) for customer in customers
        ]
        counts = []
        for some in (lines[:2], lines[2:12], lines[12:]):
            wizard = self._wizard("\n".join([HEADER, *some]))
            check = self._query_count(wizard.action_check)
            take_over = self._query_count(wizard.action_import)
            again = self._query_count(
                self._wizard("\n".join([HEADER, *some])).action_check
            )
            undo = self._query_count(wizard.batch_ids.action_undo_import)
            counts.append((check, take_over, again, undo))
        for few, many in zip(*counts[1:], strict=True):
            self.assertLessEqual(many, few + 2, counts)

    def _query_count(self, function):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        function()
        self.env.flush_all()
        return self.cr.sql_log_count - before
