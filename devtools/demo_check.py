"""The demo's main job, done without a person: run by `./dev demo --check`.

As the accountant: compare the work list with the manual's, prepare reminders for all
that is advised, let letters replace mails without an address, create, deliver, and
check what became of each reminder. The customers that nothing can be sent to are
expected to fail, and nobody else is. Then, for the entity that reminds by invoice: read
the dry run, let the scheduled job remind, let it run again, which must make nothing
more, and confirm what waits for a person.

`env` is at hand as in `odoo shell`. RELANCE_URL says where Odoo answers, RELANCE_MAILS
where the mails are caught, RELANCE_CHECK_DIR where to put the letters and mails (by
default a new temporary folder).
"""

import os
import shutil
import tempfile
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from odoo import fields
from odoo.tools import email_normalize, email_split
from odoo.tools.pdf import PdfFileReader

env = globals()["env"]

#: The manual's three screens: customer, N° de pièce, days late, level of the last
#: reminder and how many days ago it was sent, « Conseillée ».
MANUAL = (
    ("vaubrun", "2015001006", 32, None, None, "litigation"),
    ("vaubrun", "2015001007", 18, None, None, "2"),
    ("vaubrun", "2015001005", 8, None, None, "1"),
    ("vaubrun", "2015001008", 5, None, None, "1"),
    ("vaubrun", "2015010058", 3, "2", 3, "litigation"),
    ("palombe", "2015001007", 22, None, None, "litigation"),
    ("palombe", "2015001005", 12, None, None, "1"),
    ("palombe", "2015001008", 9, "pre", 0, "1"),
    ("palombe", "2015010058", 7, "2", 14, "litigation"),
    ("palombe", "2015001009", -7, "pre", 0, "1"),
    ("lormeau", "2015070007", 58, "2", 5, "litigation"),
    ("lormeau", "2015070011", 38, None, None, "2"),
    ("lormeau", "2015070012", 38, None, None, "2"),
    ("lormeau", "2015070008", 29, None, None, "1"),
    ("lormeau", "2015070021", 19, "pre", 5, "1"),
    ("lormeau", "2015070010", 9, "pre", 5, "1"),
)
#: What reminds itself: customer, N° de pièce, level, type, and how it ends.
AUTOMATIC = (
    ("balencielle", "2020010014", "pre", "email", "sent"),
    ("bellevigne", "2020010002", "1", "letter", "outgoing"),
    ("gavebleu", "2020010004", "1", "letter", "outgoing"),
    ("halles", "2020010003", "1", "email", "sent"),
    ("haristoylar", "2020010013", "1", "email", "sent"),
    ("lamotherieu", "2020010005", "litigation", "formal_notice_rar", "to_confirm"),
    ("oceane", "2020010011", "2", "email", "sent"),
    ("oceane", "2020010012", "1", "email", "sent"),
    ("pinsdores", "2020010006", "1", "email", "sent"),
    ("zubialdea", "2020010010", "1", "letter", "failed"),
)
#: What does not, and the code of the reason; without one, it is for later.
NOT_AUTOMATIC = (
    ("cordelain", "2020010025", "last_step"),
    ("etcheverlarre", "2019000090", None),
    ("garonnette", "2020010022", "in_flight"),
    ("halles", "2020010015", None),
    ("harrigorry", "2020010008", "cleared"),
    ("laborderive", "2020010024", "disputed"),
    ("larraldea", "2020010021", "failed"),
    ("mendiberria", "2020010023", None),
    ("pinsdores", "2020010006", "follows"),
    ("portgalant", "2020010009", "below_minimum"),
    ("soubelarre", "2020010007", "blocked"),
    ("vieuxmoulins", "2019000041", "before_start"),
)
#: No address to mail, or a wrong one: a letter takes the mail's place.
WITHOUT_MAIL = ("fournil", "platanes", "gavebleu")
#: Neither mail nor letter reaches them.
UNREACHABLE = ("ormelys", "zubialdea")
#: Customers and invoices that nobody is to be reminded of.
EXCLUDED_CUSTOMERS = ("hautvallon",)
EXCLUDED_MOVES = ("move_belrive_1_demo",)
#: The letters to them are in English.
ENGLISH = ("thornbury", "harborline")
#: So many invoices that the letter needs a second page.
LONG_LETTER = ("gascogne",)

#: By kind of type: the state of a reminder for which all went well; one that somebody
#: has to confirm stays as it was made.
STATES = {
    "mail": "sent",
    "letter": "outgoing",
    "activity": "outgoing",
    "sms": "outgoing",
}


def demo_record(name):
    """Return a record of the demo data."""
    return env.ref(f"relance_numm.{name}")


def customers(names):
    """Return the demo's customers of these names."""
    records = env["res.partner"]
    return records.union(*(demo_record(f"partner_{name}_demo") for name in names))


def accountant_env():
    """Return the environment of the demo's accountant, in all his companies."""
    user = demo_record("user_comptable_demo")
    companies = {"allowed_company_ids": user.company_ids.ids}
    context = user.with_user(user).context_get()
    return env(user=user, context={**context, **companies})


def read_mail(path: Path) -> EmailMessage:
    """Return the mail in a file."""
    return message_from_bytes(path.read_bytes(), policy=policy.default)


def addresses(text: str | None) -> set[str]:
    """Return the addresses in a header or a field."""
    return {email_normalize(address) for address in email_split(text or "")}


class Check:
    """One run, with what went wrong in it."""

    def __init__(self):
        self.env = accountant_env()
        self.problems: list[str] = []
        # The demo data are dated from the day they were loaded on.
        self.is_fresh = self._item_age() == 0
        folder = os.environ.get("RELANCE_CHECK_DIR")
        self.folder = Path(folder or tempfile.mkdtemp(prefix="relance-check-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        mails = os.environ.get("RELANCE_MAILS")
        self.mails = Path(mails) if mails else None

    def expect(self, condition: object, sentence: str) -> bool:
        """Note the sentence as a problem unless the condition holds."""
        if not condition:
            self.problems.append(sentence)
        return bool(condition)

    # === THE WORK LIST === #

    def compare_with_manual(self):
        """Compare the work list with the manual's screens."""
        rows = [self._manual_row(*row) for row in MANUAL]
        names = dict.fromkeys(name for name, *_rest in MANUAL)
        items = self.env["relance.item"].search(
            [("partner_id", "in", customers(names).ids)]
        )
        seen = [self._item_row(item) for item in items]
        if not self.is_fresh:
            print("The demo is not of today: not compared with the manual.")
            return
        for row in rows:
            self.expect(row in seen, f"The work list lacks the manual's row {row}.")
        for row in seen:
            self.expect(row in rows, f"The manual has no such row: {row}.")
        if not self.problems:
            print(f"The work list shows the manual's {len(rows)} rows.")

    def _item_age(self):
        """Return how many days ago the demo data were loaded, by their oldest row."""
        name, number, days_late, *_rest = max(MANUAL, key=lambda row: row[2])
        item = self.env["relance.item"].search(
            [("partner_id", "=", customers([name]).id), ("name", "=", number)]
        )
        return item.days_late - days_late if item else None

    def _manual_row(self, name, number, days_late, last, ago, advised):
        customer = demo_record(f"partner_{name}_demo").name
        return customer, number, days_late, self._level(last), ago, self._level(advised)

    def _level(self, name):
        level = name and demo_record(f"level_{name}").with_env(self.env)
        return level.name if level else None

    def _item_row(self, item):
        today = fields.Date.context_today(item)
        return (
            item.partner_id.name,
            item.name,
            item.days_late,
            item.last_level_id.name or None,
            (today - item.last_date).days if item.last_date else None,
            item.advised_level_id.name or None,
        )

    # === PREPARE, CREATE, SEND === #

    def prepare(self):
        """Return the wizard on all that is advised, letters replacing mails."""
        items = self.env["relance.item"].search(
            [("advised_level_id", "!=", False), ("relance_on", "=", "item")]
        )
        excluded = customers(EXCLUDED_CUSTOMERS).ids
        moves = [demo_record(name).id for name in EXCLUDED_MOVES]
        for item in items:
            self.expect(
                item.partner_id.id not in excluded and item.move_id.id not in moves,
                f"{item.partner_id.name} {item.name} is advised, although marked “do "
                "not remind”.",
            )
        action = items.action_prepare()
        wizard = self.env[action["res_model"]].browse(action["res_id"])
        wizard.replace_missing_mail = True
        unreachable = customers(UNREACHABLE).ids
        for line in wizard.line_ids:
            self.expect(
                bool(line.problem) == (line.partner_id.id in unreachable),
                f"« Contrôles » says of {line.partner_id.name}: "
                f"{line.problem or 'nothing'}.",
            )
        print(f"Prepared: {len(items)} entries in {len(wizard.line_ids)} reminders.")
        return wizard

    def create(self, wizard):
        """Return the reminders that the wizard creates, delivered."""
        batches = self.env["relance.batch"]
        before = batches.search([])
        wizard.action_create()
        env.cr.commit()
        batches = batches.search([("id", "not in", before.ids)])
        for batch in batches.filtered("left_out_count"):
            self.expect(False, f"{batch.name} left out: {batch.left_out}.")
        reminders = batches.reminder_ids.sorted("id")
        self.expect(
            len(reminders) == len(wizard.line_ids),
            f"{len(reminders)} reminders of {len(wizard.line_ids)} were created.",
        )
        if reminders.filtered(lambda r: r.state == "pending"):
            env.ref("relance_numm.ir_cron_deliver").method_direct_trigger()
            # It worked in a transaction of its own, which ours is too old to see.
            env.cr.commit()
        env["mail.mail"].process_email_queue()
        env.cr.commit()
        env.invalidate_all()
        return reminders

    # === REMINDERS BY INVOICE === #

    def compare_dry_run(self):
        """Compare whom the next run is to remind, and whom not, with the tables."""
        items = self.env["relance.item"].search(
            [("relance_on", "=", "invoice"), ("amount_due", ">", 0)]
        )
        due = items.filtered(lambda item: item._is_due())
        print(f"Dry run: {items.get_automatic_summary([('id', 'in', due.ids)])}")
        if not self.is_fresh:
            print("The demo is not of today: automatic reminders are not compared.")
            return
        self._compare(
            [row[:4] for row in map(self._automatic_row, AUTOMATIC)],
            [self._dry_row(item, routes=due._automatic_routes()) for item in due],
            "The dry run",
        )
        self._compare(
            [
                (customers([name]).name, number, code or False)
                for name, number, code in NOT_AUTOMATIC
            ],
            # Several instalments of an invoice wait for the same reason.
            {
                (item.partner_id.name, item.name, item.automatic_code)
                for item in items - due
            },
            "What the dry run leaves alone",
        )

    def _automatic_row(self, row):
        name, number, level, channel, state = row
        type_name = demo_record(f"channel_{channel}").with_env(self.env).name
        return customers([name]).name, number, self._level(level), type_name, state

    def _dry_row(self, item, routes):
        channel = routes[item.id].channel
        return item.partner_id.name, item.name, item.next_level_id.name, channel.name

    def _compare(self, expected, seen, what):
        for row in expected:
            self.expect(row in seen, f"{what} lacks {row}.")
        for row in seen:
            self.expect(row in expected, f"{what} has {row}, which is not expected.")

    def remind(self):
        """Return the reminders that the scheduled job makes, delivered; run it once
        more, which must make nothing."""
        reminders = self._run_job()
        rows = [self._reminder_row(r) for r in reminders if not r.main_reminder_id]
        if self.is_fresh:
            expected = [self._automatic_row(row) for row in AUTOMATIC]
            self._compare(expected, rows, "The scheduled job's work")
        again = self._run_job()
        self.expect(not again, f"A second run made {again.mapped('name')}.")
        print(f"A second run made {len(again)} reminders.")
        for reminder in reminders:
            self.look_at(reminder)
        return reminders

    def _run_job(self):
        """Return what the scheduled job makes, once the mails have left."""
        before = self.env["relance.reminder"].search([])
        env.ref("relance_numm.ir_cron_remind").method_direct_trigger()
        # It worked in a transaction of its own, which ours is too old to see.
        env.cr.commit()
        env["mail.mail"].process_email_queue()
        env.cr.commit()
        env.invalidate_all()
        return before.search([("id", "not in", before.ids)], order="id")

    def _reminder_row(self, reminder):
        return (
            reminder.partner_id.name,
            ", ".join(reminder.line_ids.mapped("name")),
            reminder.level_id.name,
            reminder.channel_id.name,
            reminder.state,
        )

    def confirm(self, reminders):
        """Confirm what waits for a person, who finds a letter to print."""
        waiting = reminders.filtered(lambda r: r.state == "to_confirm")
        if not waiting:
            return
        waiting.action_confirm()
        env.cr.commit()
        for reminder in waiting:
            print(f"Confirmed: {reminder.name}, {reminder.partner_id.name}")
            self.look_at(reminder)

    def print_letters(self, batches):
        """Write the letters of each batch, as its button « Print » gives them."""
        for batch in batches.filtered("letter_count"):
            action = batch.action_print()
            pdf, _type = self.env["ir.actions.report"]._render_qweb_pdf(
                action["report_name"], action["context"]["active_ids"]
            )
            path = self.folder / f"{batch.name.replace('/', '-')}.pdf"
            path.write_bytes(pdf)
            print(f"All letters of {batch.name}, {batch.company_id.name}: {path}")
        env.cr.commit()

    # === WHAT BECAME OF THE REMINDERS === #

    def look_at(self, reminder):
        """Print a line on a reminder, and check it."""
        pdf = self._write_pdf(reminder)
        mail = self._keep_mail(reminder)
        cells = (
            reminder.name,
            reminder.partner_id.name,
            reminder.level_id.name,
            reminder.channel_id.name,
            reminder.state,
            reminder.comment,
            pdf or "no PDF",
            *filter(None, [mail]),
        )
        print(" | ".join(map(str, cells)))
        if reminder.main_reminder_id:
            # A call or the like beside another reminder, which is the one that counts.
            return
        self._check_work_list(reminder)
        if reminder.partner_id.id in customers(UNREACHABLE).ids:
            self.expect(
                reminder.state == "failed" and reminder.error,
                f"{reminder.name}: {reminder.partner_id.name} has no usable address, "
                f"and yet the reminder is “{reminder.state}”.",
            )
            return
        if reminder.state == "to_confirm":
            # Compared with what is expected; made once somebody confirms it.
            return
        self._check_result(reminder)
        if reminder.channel_kind in ("mail", "letter"):
            self._check_letter(reminder, pdf)
        if reminder.channel_kind == "mail":
            self._check_mail(reminder, mail)
        if reminder.origin == "automatic":
            self._check_automatic(reminder)

    def _check_automatic(self, reminder):
        """Check that its invoices tell of it, and what flags its customer."""
        name, customer = reminder.name, reminder.partner_id
        for move in reminder.line_ids.move_id:
            trace = move.message_ids.filtered(lambda m: name in (m.body or ""))
            self.expect(trace, f"{move.name} does not say that it was reminded.")
        flagged = customer.activity_search(["relance_numm.mail_activity_address"])
        self.expect(
            bool(flagged) == (customer.id in customers(WITHOUT_MAIL).ids),
            f"{name}: {customer.name} is{'' if flagged else ' not'} flagged for want "
            "of an address to mail.",
        )

    def _write_pdf(self, reminder) -> Path | None:
        attachment = reminder.letter_attachment_id
        if not attachment:
            return None
        path = self._path(reminder, ".pdf")
        path.write_bytes(attachment.raw)
        return path

    def _path(self, reminder, suffix) -> Path:
        # Each company numbers its own reminders.
        number = reminder.name.replace("/", "-")
        return self.folder / f"{reminder.company_id.id}-{number}{suffix}"

    def _check_work_list(self, reminder):
        items = self.env["relance.item"].search(
            [("id", "in", reminder.line_ids.move_line_id.ids)]
        )
        self.expect(
            items.last_reminder_id == reminder,
            f"{reminder.name} does not show on the work list.",
        )

    def _check_result(self, reminder):
        kind, name = reminder.channel_kind, reminder.partner_id.name
        self.expect(
            reminder.state == STATES[kind],
            f"{reminder.name} to {name} is “{reminder.state}” instead of "
            f"“{STATES[kind]}”: {reminder.error or 'no reason given'}.",
        )
        self.expect(reminder.comment, f"{reminder.name} to {name} has no comment.")
        self.expect(
            kind == "letter"
            or reminder.partner_id.id not in customers(WITHOUT_MAIL).ids,
            f"{reminder.name}: {name} cannot be mailed, and yet the type is "
            f"“{reminder.channel_id.name}”.",
        )
        english = reminder.partner_id.id in customers(ENGLISH).ids
        self.expect(
            (reminder.lang == "en_US") == english,
            f"{reminder.name} to {name} is in the language {reminder.lang}.",
        )

    def _check_letter(self, reminder, pdf):
        if not self.expect(pdf, f"{reminder.name} has no letter."):
            return
        with pdf.open("rb") as file:
            pages = len(PdfFileReader(file).pages)
        is_long = reminder.partner_id.id in customers(LONG_LETTER).ids
        self.expect(
            pages >= (2 if is_long else 1),
            f"{reminder.name}: {pages} page(s) for {len(reminder.line_ids)} entries.",
        )

    # === THE MAILS === #

    def _keep_mail(self, reminder) -> Path | None:
        """Return the reminder's mail beside its letter, if the mail was caught."""
        mails = reminder.message_ids.filtered(
            lambda message: message.message_type == "email_outgoing"
        )
        identifier = mails[:1].message_id
        if not identifier or not self.mails:
            return None
        for caught in self.mails.glob("*.eml"):
            if read_mail(caught)["Message-Id"] == identifier:
                return shutil.copy(caught, self._path(reminder, ".eml"))
        return None

    def _check_mail(self, reminder, path):
        name = reminder.name
        self.expect(
            reminder.email_to and reminder.email_to in reminder.comment,
            f"{name}: the comment does not say to whom it was mailed.",
        )
        if not self.mails or not self.expect(path, f"{name}: no mail was caught."):
            return
        mail = read_mail(path)
        wanted = {"To": reminder.email_to, "Cc": reminder.internal_email}
        for header, text in wanted.items():
            self.expect(
                addresses(mail[header]) == addresses(text),
                f"{name}: the mail has {header} “{mail[header]}” instead of “{text}”.",
            )
        attached = [part.get_filename() for part in mail.iter_attachments()]
        wanted = reminder.letter_attachment_id
        if reminder.origin == "automatic":
            wanted |= reminder.line_ids.move_id.invoice_pdf_report_id
        for file in wanted or [reminder]:
            self.expect(
                file.name in attached,
                f"{name}: “{file.name}” is not among what is attached, {attached}.",
            )


def main():
    """Do the job; end with a failing exit code if anything is not as it should be."""
    if url := os.environ.get("RELANCE_URL"):
        # Where wkhtmltopdf finds the style sheets of the invoices.
        env["ir.config_parameter"].set_param("report.url", url)
    check = Check()
    check.compare_with_manual()
    reminders = check.create(check.prepare())
    for reminder in reminders:
        check.look_at(reminder)
    check.compare_dry_run()
    automatic = check.remind()
    check.confirm(automatic)
    reminders |= automatic
    check.print_letters(reminders.batch_id)
    reminders = reminders.filtered(lambda r: not r.main_reminder_id)
    failed = reminders.filtered(lambda r: r.state == "failed")
    sent = reminders.filtered(lambda r: r.state == "sent")
    waiting = reminders.filtered(lambda r: r.state == "outgoing")
    print(
        f"{len(reminders)} reminders: {len(sent)} sent, {len(waiting)} to post or do, "
        f"{len(failed)} failed ({', '.join(failed.partner_id.mapped('name'))}). "
        f"Letters and mails: {check.folder}"
    )
    if check.problems:
        count = len(check.problems)
        details = "\n".join(f"- {problem}" for problem in check.problems)
        raise SystemExit(
            f"The demo does not do its job, {count} problem(s):\n{details}"
        )


main()
