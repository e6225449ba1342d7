import random
from unittest.mock import patch

from markupsafe import Markup

from odoo.tests import tagged
from odoo.tools import format_date, formatLang
from odoo.tools.mail import html_sanitize

from ..formats import amount_text, date_text, number_text
from ..models.mail_message import sanitized_plain
from .common import RelanceCommon

# What a note may hold of names and numbers, and what a sanitizer looks at.
PARTS = (
    *("A", "é", "€", "7", " ", "  ", "-", "--", "- ", "&", "<", ">", "'", '"', ";"),
    *("\N{NO-BREAK SPACE}", "\N{SOFT HYPHEN}", "\N{GRINNING FACE}", "\n", "\t", "\r"),
    *("\x85", "\x0b", "\ufeff", "\u2028", "&amp;", "&nbsp;", "&#39;", "<b>", "<!--"),
    *("-->", "<o:p>", "encoding='x'", "https://a.example/?b=c&d=e", "> quoted", "</p>"),
)


@tagged("post_install", "-at_install")
class TestNotes(RelanceCommon):
    """F3: the notes of many reminders, written together, are those that the ORM writes
    one by one."""

    def _messages(self, records, bodies, together):
        context = {"relance_notes": True} if together else {}
        messages = records.with_context(**context)._message_log_batch(
            bodies, author_id=self.env.user.partner_id.id
        )
        self.env.flush_all()
        self.env.invalidate_all()
        return messages

    def _rows(self, messages):
        """Return the columns of messages, but for what no two have alike."""
        self.env.cr.execute(
            "SELECT * FROM mail_message WHERE id = ANY(%s) ORDER BY id", [messages.ids]
        )
        own = ("id", "message_id", "create_date", "write_date", "date")
        return [
            {name: value for name, value in row.items() if name not in own}
            for row in self.env.cr.dictfetchall()
        ]

    def test_f3_same_rows(self):
        """F3: the same columns, in the order given, whatever the bodies."""
        moves = self._invoice(8) | self._invoice(9) | self._invoice(10)
        bodies = dict(
            zip(
                moves.ids,
                (
                    Markup("Reminder %s<br/>of %s") % ("<1>", "L'Été & Fils"),
                    Markup("<p>More <b>than</b> text</p><script>x</script>"),
                    "Plain < text",
                ),
                strict=True,
            )
        )
        moves = moves.browse(reversed(moves.ids))
        one_by_one = self._messages(moves, bodies, False)
        together = self._messages(moves, bodies, True)
        self.assertEqual(self._rows(together), self._rows(one_by_one))
        self.assertEqual(together.mapped("res_id"), moves.ids)
        self.assertEqual(together.mapped("message_id")[0][:1], "<")
        self.assertEqual(together.mapped("author_id"), self.env.user.partner_id)

    def test_f3_many_at_once(self):
        """F3: a statement for all of them, however many."""
        customers = self.env["res.partner"].create(
            [{"name": f"Many {number}"} for number in range(250)]
        )
        bodies = {customer.id: f"To {customer.name}" for customer in customers}
        count = self._query_count(self._messages, customers, bodies, True)
        self.assertLess(count, 12)
        self.assertEqual(
            customers.mapped(lambda c: c.message_ids[0].body),
            [f"<span>To {customer.name}</span>" for customer in customers],
        )

    def test_f3_chatter_that_was_read_before(self):
        """F3: a chatter in the cache has the note afterwards."""
        move = self._invoice(8)
        before = move.message_ids
        message = move.with_context(relance_notes=True)._message_log_batch(
            {move.id: "Noted"}
        )
        self.assertEqual(move.message_ids, message | before)
        self.assertIn(message, move.website_message_ids | move.message_ids)

    def test_f3_what_other_addons_make_of_messages(self):
        """F3: what extends messages sees each note, before it is there and after."""
        seen = []
        messages = type(self.env["mail.message"])
        created = messages.create

        def create(records, vals_list):
            vals_list = [{**vals, "subject": "Extended"} for vals in vals_list]
            result = created(records, vals_list)
            seen.extend(result.mapped(lambda m: (m.model, m.res_id, m.subject)))
            return result

        move = self._invoice(8)
        with patch.object(messages, "create", create), self.allow_pdf_render():
            self._prepare(move).action_create()
        for record in (move, self.customer):
            self.assertIn((record._name, record.id, "Extended"), seen)
            self.assertEqual(record.message_ids[0].subject, "Extended")

    def test_f3_more_than_a_note(self):
        """Bad input: a message with recipients is the ORM's own to make."""
        vals = {
            "model": "res.partner",
            "res_id": self.customer.id,
            "body": "Dear",
            "partner_ids": [(4, self.customer.id)],
        }
        messages = self.env["mail.message"].with_context(relance_notes=True)
        message = messages.create([vals])
        self.env.invalidate_all()
        self.assertEqual(message.partner_ids, self.customer)

    def test_f3_plain_bodies(self):
        """F3: what is taken for sanitized is what Odoo's sanitizer returns."""
        source, plain = random.Random(7), 0
        field = self.env["mail.message"]._fields["body"]
        for _turn in range(3000):
            texts = [
                "".join(source.choices(PARTS, k=source.randint(1, 6)))
                for _row in range(source.randint(1, 3))
            ]
            texts[0] = source.choice(("", "R-2611-0001")) + texts[0]
            body = Markup("<br/>").join(texts)
            if source.random() < 0.1:
                body = Markup("".join(texts))  # noqa: S704 what nobody may trust
            sanitized = sanitized_plain(body)
            if sanitized is not None:
                plain += 1
                expected = field.convert_to_column_insert(body, self.env.user, {})
                self.assertEqual(sanitized, expected, repr(body))
        self.assertGreater(plain, 500)
        self.assertEqual(sanitized_plain("a<br/>b"), html_sanitize("a<br/>b"))
        for body in ("", None, "<b>a</b>", "a<br/><script>b</script>", "--", "a\nb"):
            self.assertIsNone(sanitized_plain(body))


@tagged("post_install", "-at_install")
class TestFormats(RelanceCommon):
    """E1: dates and amounts of letters are as Odoo writes them, in each language."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for code in ("de_CH", "hi_IN", "ja_JP"):
            cls.env["res.lang"]._activate_lang(code)
        cls.langs = ("fr_FR", "en_US", "de_CH", "hi_IN", "ja_JP", None, "xx_XX")
        cls.amounts = (
            *(0.0, -0.0, 0.004, -0.004, 0.005, 2.675, 1.0, -12.5, 999.995, 1000.0),
            *(-1234567.891, 98765432109.87),
        )

    def test_e1_dates(self):
        for lang in self.langs:
            env = self.env(context={**self.env.context, "lang": lang})
            self.assertEqual(date_text(env, self.today), format_date(env, self.today))
            self.assertEqual(date_text(env, False), "")

    def test_e1_date_format_changed(self):
        """E1: a format that is changed is used at once."""
        env = self.env(context={**self.env.context, "lang": "fr_FR"})
        date_text(env, self.today)
        self.env["res.lang"]._lang_get("fr_FR").date_format = "%Y-%m-%d"
        self.assertEqual(date_text(env, self.today), self.today.isoformat())

    def test_e1_numbers(self):
        for lang in self.langs:
            env = self.env(context={**self.env.context, "lang": lang})
            for digits in (0, 2, 3):
                for amount in self.amounts:
                    self.assertEqual(
                        number_text(env, amount, digits),
                        formatLang(env, amount, digits=digits),
                        (lang, amount, digits),
                    )

    def test_e1_amounts(self):
        currencies = self.env["res.currency"].create(
            [
                {"name": "AAA", "symbol": "a", "position": "before", "rounding": 0.001},
                {"name": "BBB", "symbol": "b", "position": "after", "rounding": 1},
            ]
        )
        for currency in (*currencies, self.env.ref("base.EUR")):
            for amount in self.amounts:
                self.assertEqual(
                    amount_text(self.env, amount, currency),
                    formatLang(self.env, amount, currency_obj=currency),
                )
