import base64
import io
import logging
import math
import os
import re
import tempfile
import textwrap
import zlib
from collections import defaultdict
from typing import NamedTuple
from urllib.parse import urlsplit

import lxml.html
import psycopg2
from babel.core import Locale
from markupsafe import Markup
from PIL import Image
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen import canvas

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import (
    babel_locale_parse,
    format_date,
    formatLang,
    is_html_empty,
    remove_accents,
)
from odoo.tools.misc import file_path, get_lang
from odoo.tools.pdf import IndirectObject, PdfFileReader, merge_pdf

# The module and not its functions: Odoo's tests replace them there.
from odoo.addons.base.models import ir_actions_report

_logger = logging.getLogger(__name__)

# Letters in one call of wkhtmltopdf: to start it costs as much as 150 pages.
CHUNK_SIZE = 200

# Places on the sheet, in mm from its top left corner. The window is that of a French DL
# envelope: nothing but the address may stand in x 90-200, y 44-90.
WINDOW = {"left": 110, "top": 55, "width": 80, "height": 24}
LETTERHEAD = {"top": 12, "width": 66, "height": 76}
OPENING_TOP = 95
TABLE_HEAD_HEIGHT = 9
FOOTER = {"top": 271, "height": 16}
PAGE_NUMBER = {"right": 190, "bottom": 6}
FOLD_MARK = {"left": 5, "top": 99, "width": 4}
RULER = 150
MM = 72 / 25.4

ADDRESS_ROWS = 6
ADDRESS_LENGTH = 38
ADDRESS_SIZES = (10.56, 9.6, 8.64, 7.68)
# Rows of small print at the foot of each page, and characters in a row.
FOOTER_ROWS = 5
FOOTER_LENGTH = 120
# Characters of the bottom text that stay on the page of the signature.
CLOSING_LENGTH = 900

# No build renders a CSS millimetre as a millimetre on paper. These factors mend that for
# the patched and the unpatched build that are known; others are measured on the first
# letters they print.
ZOOMS = {True: 0.78125, False: 1.3009}
MEASURED_ZOOMS = {}

FALLBACK_FONTS = "Lato, 'Open Sans', Roboto, 'Liberation Sans', 'DejaVu Sans', sans-serif"
FONT_FILES = {
    "Lato": (
        "web/static/fonts/lato/Lato-%s-webfont.ttf",
        {"normal": "Reg", "bold": "Bol", "italic": "RegIta"},
    ),
    "other": (
        "web/static/fonts/google/{0}/{0}-%s.ttf",
        {"normal": "Regular", "bold": "Bold", "italic": "Italic"},
    ),
}

# France and the territories that its post serves without a country line.
FRENCH_POST = set("FR GP MQ GF RE YT PM BL MF WF PF NC TF".split())

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# What a user's text may not hold: it would run or fetch.
FORBIDDEN_TAGS = (
    "script", "style", "link", "meta", "base", "title", "iframe", "object", "embed",
    "audio", "video", "source",
)  # fmt: skip
IMAGE_PATH = re.compile(
    r"^/web/(?:image|content)/"
    r"(?:(?P<attachment>\d+)|(?P<model>[a-z_][\w.]*)/(?P<id>\d+)/(?P<field>\w+))(?![\w])"
)


class LetterError(Exception):
    """What wkhtmltopdf made of the letters cannot be used."""


class Letter(NamedTuple):
    """A letter to print: its own HTML, and keys of the parts it shares with others."""

    id: int
    html: Markup
    title: str
    page_label: str
    company: models.BaseModel
    letterhead: tuple
    table_head: tuple
    footer: tuple

    @property
    def parts(self):
        return (self.letterhead, self.table_head, self.footer)


# === PDF: plain classes, no ORM === #

MARK_KINDS = ("ruler", "part", "letter", "table", "table_end")
COLOR = re.compile(rb"(0?\.9\d*) (0?\.[89]\d*|1) (0?\.[89]\d*|1) scn")
MATRIX = rb"(\S+) 0 0 \S+ \S+ \S+ cm"
FIRST_MATRIX = re.compile(MATRIX)
RECTANGLE = re.compile(MATRIX + rb"\s+\S+ \S+ (\S+) \S+ re")
REFERENCE = re.compile(rb"\b(\d+) \d+ R\b")
# Links upwards, which would draw the whole file into each letter.
UPWARD_REFERENCE = re.compile(rb"/P(?:arent)? \d+ \d+ R\b")


def WRITE(value, buffer):
    value.write_to_stream(buffer)


class Mark(NamedTuple):
    """A dot in the letters' HTML, found again in the PDF by its colour.

    This is the one trace of where something was put that both builds of wkhtmltopdf
    leave: the unpatched one writes neither outline nor links. The colours are too pale
    to show on paper.
    """

    kind: str
    index: int = 0

    @property
    def color(self):
        """Return the CSS colour that stands for the mark."""
        high, low = divmod(self.index, 32)
        kind = 0xF0 + MARK_KINDS.index(self.kind)
        return f"#{kind:02x}{0xE0 + high:02x}{0xE0 + low:02x}"

    @classmethod
    def from_color(cls, red, green, blue):
        """Return the mark of a colour (numbers of a PDF, 0 to 1), or None."""
        kind = round(float(red) * 255) - 0xF0
        high = round(float(green) * 255) - 0xE0
        low = round(float(blue) * 255) - 0xE0
        if 0 <= kind < len(MARK_KINDS) and high >= 0 and low >= 0:
            return cls(MARK_KINDS[kind], high * 32 + low)
        return None


class Sheet:
    """A printed page: its PDF object, and what its file's numbers are raised by."""

    def __init__(self, page, offset):
        self.page = page
        self.offset = offset
        content = page["/Contents"]
        self.content = content.getObject().getData()
        self.box = [float(value) for value in page["/MediaBox"]]

    def marks(self):
        """Return the marks on the page.

        :rtype: set[Mark]
        """
        colors = COLOR.findall(self.content)
        return {mark for color in colors if (mark := Mark.from_color(*color))}

    def scale(self):
        """Return how long a millimetre came out, 1 where it is true or unknown."""
        for color in COLOR.finditer(self.content):
            if Mark.from_color(*color.groups()) == Mark("ruler"):
                outer = FIRST_MATRIX.search(self.content)
                inner = RECTANGLE.search(self.content, color.end())
                if outer and inner:
                    points = math.prod(map(float, (*outer.groups(), *inner.groups())))
                    return abs(points) / (RULER * MM)
        return 1


class Document:
    """Pages printed in bulk, to be cut into letters without copying what they share.

    Objects keep the numbers that they have in the printed file, which PDF allows: each is
    read and written once, however many letters use it, where a PDF writer would clone
    the fonts for every letter.
    """

    def __init__(self):
        self._sources = []
        self._size = 1
        self._objects = {}
        self._needs = {}
        self._added = {}

    def load(self, content):
        """Return the pages of a PDF.

        :rtype: list[Sheet]
        :raise LetterError: where it is none
        """
        offset = self._size - 1
        try:
            reader = PdfFileReader(io.BytesIO(content), strict=False)
            self._size += int(reader.trailer["/Size"])
            self._sources.append((offset, reader))
            return [
                Sheet(reader.getPage(number), offset)
                for number in range(reader.getNumPages())
            ]
        except Exception as error:
            # Whatever the PDF library stumbles over: it is no PDF to cut letters from.
            raise LetterError(str(error)) from error

    def part(self, sheet):
        """Return the number of an object that draws a whole page on another."""
        resources, needs = self._write(sheet.page.raw_get("/Resources"), sheet.offset)
        data = zlib.compress(sheet.content)
        header = (
            b"<< /Type /XObject /Subtype /Form /BBox [%g %g %g %g] /Resources %b "
            b"/Filter /FlateDecode /Length %d >>"
        ) % (*sheet.box, resources, len(data))
        return self._add(header + b"\nstream\n" + data + b"\nendstream", needs)

    def stamped(self, sheet, under, over):
        """Return a page with parts drawn under and over it, for ``letter``.

        :param list under: parts and how they are moved, as (number, x, y) in mm from the
            left and from the top.
        :param list over: the same; or bytes, drawing as they stand.
        """
        parts = under + [part for part in over if not isinstance(part, bytes)]
        names = {number: b"/Part%d" % number for number, _x, _y in parts}

        def draw(part):
            if isinstance(part, bytes):
                return part
            number, x, y = part
            move = b"q 1 0 0 1 %.3f %.3f cm" % (x * MM, -y * MM)
            return b"%b %b Do Q" % (move, names[number])

        before = b"\n".join([*map(draw, under), b"q\n"])
        after = b"\n".join([b"\nQ", *map(draw, over)])
        contents, needs = self._write(sheet.page.raw_get("/Contents"), sheet.offset)
        numbers = (self._add_stream(before), contents, self._add_stream(after))
        resources, more_needs = self._resources(sheet, names)
        page = b"<< /Type /Page /MediaBox [%g %g %g %g] /Resources << %b >> %b" % (
            *sheet.box,
            resources,
            b"/Contents [%d 0 R %b %d 0 R]" % numbers,
        )
        needs = needs | more_needs | names.keys() | {numbers[0], numbers[2]}
        if "/Annots" in sheet.page:
            links, more_needs = self._write(sheet.page.raw_get("/Annots"), sheet.offset)
            page += b" /Annots " + links
            needs = needs | more_needs
        return page, needs

    def letter(self, pages, title):
        """Return a PDF of some stamped pages.

        :rtype: bytes
        """
        first = self._size
        numbers = [first + 2 + index for index in range(len(pages))]
        tree = first + 1
        kids = b" ".join(b"%d 0 R" % number for number in numbers)
        objects = {
            first: b"<< /Type /Catalog /Pages %d 0 R >>" % tree,
            tree: b"<< /Type /Pages /Count %d /Kids [%b] >>" % (len(pages), kids),
            first + 2 + len(pages): b"<< /Title <%b> /Creator (Odoo) /Producer (Odoo) >>"
            % (b"\xfe\xff" + title.encode("utf-16-be")).hex().encode(),
        }
        needs = set()
        for number, (page, page_needs) in zip(numbers, pages, strict=True):
            objects[number] = page + b" /Parent %d 0 R >>" % tree
            needs |= page_needs
        for number in self._closure(needs):
            objects[number] = self._objects[number]
        return self._file(objects, root=first, info=first + 2 + len(pages))

    def _resources(self, sheet, names):
        """Return the entries of a page's resources, parts included, and their needs."""
        resources, needs = sheet.page["/Resources"].getObject(), set()

        def entries(dictionary):
            for key in dictionary:
                if key != "/XObject":
                    value, value_needs = self._write(
                        dictionary.raw_get(key), sheet.offset
                    )
                    needs.update(value_needs)
                    yield key.encode() + b" " + value

        images = resources["/XObject"].getObject() if "/XObject" in resources else {}
        drawn = [b"%b %d 0 R" % (name, number) for number, name in names.items()]
        drawn = b" ".join([*drawn, *entries(images)])
        return b" ".join([b"/XObject << %b >>" % drawn, *entries(resources)]), needs

    def _write(self, value, offset):
        """Return a PDF value as bytes, and the numbers of the objects that it needs."""
        buffer = io.BytesIO()
        WRITE(value, buffer)
        # References stand before a stream, never within.
        header, keyword, data = buffer.getvalue().partition(b"stream")
        header = UPWARD_REFERENCE.sub(b"", header)
        if offset:
            header = REFERENCE.sub(
                lambda match: b"%d 0 R" % (int(match[1]) + offset), header
            )
        needs = {int(number) for number in REFERENCE.findall(header)}
        return header + keyword + data, needs

    def _add(self, data, needs=frozenset()):
        number = self._size
        self._size += 1
        self._objects[number], self._needs[number] = data, needs
        return number

    def _add_stream(self, data):
        if data not in self._added:
            stream = b"<< /Length %d >>\nstream\n%b\nendstream" % (len(data), data)
            self._added[data] = self._add(stream)
        return self._added[data]

    def _closure(self, needs):
        """Return the numbers of all the objects that these need, themselves included."""
        found, left = set(), list(needs)
        while left:
            number = left.pop()
            if number not in found:
                found.add(number)
                if number not in self._objects:
                    self._read(number)
                left.extend(self._needs[number])
        return found

    def _read(self, number):
        offset, reader = next(
            source for source in reversed(self._sources) if source[0] < number
        )
        value = IndirectObject(number - offset, 0, reader).getObject()
        self._objects[number], self._needs[number] = self._write(value, offset)

    @staticmethod
    def _file(objects, root, info):
        """Return a PDF file of numbered objects."""
        chunks, places = [b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"], {}
        position = len(chunks[0])
        for number in sorted(objects):
            chunk = b"%d 0 obj\n%b\nendobj\n" % (number, objects[number])
            places[number] = position
            chunks.append(chunk)
            position += len(chunk)
        chunks.append(b"xref\n0 1\n0000000000 65535 f \n")
        for number, place in places.items():
            chunks.append(b"%d 1\n%010d 00000 n \n" % (number, place))
        chunks.append(
            b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n"
            % (max(objects) + 1, root, info, position)
        )
        return b"".join(chunks)


# === The letters === #


class RelanceLetter(models.AbstractModel):
    """Reminder letters as PDF, made in bulk (E1, E2, E3).

    All the letters of a chunk are one HTML document and one call of wkhtmltopdf, whose
    pages are then dealt out to the letters. Whatever is the same on many pages
    (letterhead, head of the table, foot) is printed once, on a page of its own, and
    drawn on each of them. Nothing rests on an option of wkhtmltopdf's patched build.
    """

    _name = "relance.letter"
    _description = "Reminder letter"

    # Entry points

    @api.model
    def _render_letters(self, reminders, texts):
        """Return the PDF of each reminder's letter, in the contact's language.

        :param relance.reminder reminders: what to print; may be new records.
        :param dict texts: rendered texts by reminder id: ``subject``, ``letter_top``,
            ``letter_bottom``, ``letter_footer`` and ``signature``.
        :return: the PDFs by reminder id; for the others, a sentence that says why
        :rtype: tuple[dict[int, bytes], dict[int, str]]
        :raise UserError: where wkhtmltopdf is missing or does not work at all
        """
        letters, parts, errors = self._compose(reminders, texts)
        pdfs = {}
        for start in range(0, len(letters), CHUNK_SIZE):
            printed, failed = self._print_letters(letters[start : start + CHUNK_SIZE], parts)
            pdfs.update(printed)
            errors.update(failed)
        return pdfs, errors

    @api.model
    def _merge_letters(self, pdfs):
        """Return one PDF of several, in their order.

        :param list pdfs: contents of PDF files
        :rtype: bytes
        """
        return merge_pdf(pdfs)

    # Composing: one reminder, one piece of HTML

    def _compose(self, reminders, texts):
        """Return what to print, with what its letters share.

        :return: the letters; the shared parts' HTML by key; why others have no letter
        :rtype: tuple[list[Letter], dict[tuple, Markup], dict[int, str]]
        """
        letters, parts, errors = {}, {}, {}
        for lang, group in reminders.grouped("lang").items():
            composer = self.with_context(lang=lang)
            for reminder in group.with_context(lang=lang):
                try:
                    letters[reminder.id] = composer._compose_letter(
                        reminder, texts[reminder.id], parts
                    )
                except psycopg2.Error:
                    # The transaction is over: nobody's letter can go on.
                    raise
                except Exception as error:
                    _logger.warning("Letter of %s", reminder.name, exc_info=True)
                    errors[reminder.id] = self.env._(
                        "The letter could not be laid out: %(error)s. Correct the "
                        "template or the customer's address, then send again.",
                        error=self._last_row(str(error)) or type(error).__name__,
                    )
        ordered = [letters[r.id] for r in reminders if r.id in letters]
        return ordered, parts, errors

    def _compose_letter(self, reminder, texts, parts):
        """Return the letter of a reminder; add to ``parts`` what it shares.

        :rtype: Letter
        """
        company, lang = reminder.company_id, self.env.lang
        footer = self._tidy(texts["letter_footer"])
        company_footer = self._tidy(company.report_footer)
        fits = self._row_count(footer) + self._row_count(company_footer) <= FOOTER_ROWS
        letter = Letter(
            id=reminder.id,
            html=self._render_part(
                "relance_letter",
                self._prepare_letter_values(
                    reminder, texts, "" if fits else footer
                ),
            ),
            title=f"{texts['subject']} – {reminder.name}",
            page_label=self.env._(
                "%(reference)s – Page %(page)s/%(pages)s",
                reference=reminder.name,
                page="{page}",
                pages="{pages}",
            ),
            company=company,
            letterhead=("letterhead", company.id, lang),
            table_head=("table_head", company.id, lang),
            footer=("footer", company.id, lang, footer if fits else ""),
        )
        for key in letter.parts:
            if key not in parts:
                prepare = getattr(self, f"_prepare_{key[0]}_values")
                parts[key] = self._render_part(
                    f"relance_letter_{key[0]}", prepare(company, *key[3:])
                )
        return letter

    def _render_part(self, template, values):
        """Return the HTML of one of the letter's templates, in the context's language."""
        return self.env["ir.qweb"]._render(
            f"relance_numm.{template}", values, minimal_qcontext=True
        )

    def _prepare_letter_values(self, reminder, texts, footer):
        """Return the values of the letter's own template.

        :param Markup footer: the template's footer where it is too long for each page's.
        :rtype: dict
        """
        company = reminder.company_id
        rows = [self._prepare_row_values(line) for line in reminder._active_lines()]
        bottom, closing = self._split_closing(self._tidy(texts["letter_bottom"]))
        paper = self._paperformat()
        return {
            "reminder": reminder,
            "company": company,
            "address": self._address_rows(reminder.contact_id, company),
            "address_size": self._address_size(
                self._address_rows(reminder.contact_id, company)
            ),
            "window_left": WINDOW["left"] - paper.margin_left,
            "window_top": WINDOW["top"] - paper.margin_top,
            "window": WINDOW,
            "opening_height": OPENING_TOP - paper.margin_top,
            "registered": reminder.channel_id.code in ("letter_rar", "formal_notice_rar"),
            "place_and_date": self._place_and_date(company, reminder.date),
            "subject": texts["subject"],
            "top": self._tidy(texts["letter_top"]),
            "rows": rows,
            "total": self._format_amount(reminder.amount_total, reminder.currency_id),
            "bank": self._prepare_bank_values(reminder),
            "bottom": bottom,
            "closing": closing,
            "signature": self._tidy(texts["signature"]),
            "footer": footer,
        }

    def _prepare_row_values(self, line):
        """Return what the table says of a pièce, as texts."""
        return {
            "name": line.name or "",
            "label": line.label or "",
            "ref": line.ref or "",
            "date": format_date(self.env, line.date),
            "date_due": format_date(self.env, line.date_due),
            "days_late": line.days_late,
            "amount": self._format_amount(line.amount_due, line.currency_id),
        }

    def _prepare_bank_values(self, reminder):
        """Return the account to pay to, or None.

        :rtype: dict | None
        """
        company = reminder.company_id
        bank = company._relance_banks()[company.id]
        if not bank:
            return None
        number = bank.sanitized_acc_number or bank.acc_number
        return {
            "holder": bank.acc_holder_name or company.name,
            "number": " ".join(textwrap.wrap(number, 4)),
            "is_iban": bank.acc_type == "iban",
            "bic": bank.bank_bic,
        }

    def _prepare_letterhead_values(self, company):
        partner = company.partner_id
        return {
            "company": company,
            "logo": self._logo(company),
            "tagline": self._tidy(company.report_header),
            "address": [
                *filter(None, (partner.street, partner.street2)),
                f"{partner.zip or ''} {partner.city or ''}".strip(),
            ],
            "registry_label": partner.company_registry_label,
            "size": LETTERHEAD,
        }

    def _prepare_table_head_values(self, company):
        return {"company": company, "height": TABLE_HEAD_HEIGHT}

    def _prepare_footer_values(self, company, footer):
        """Return the values of the foot of each page.

        :param Markup footer: the footer of the reminder's template
        """
        company_footer = self._tidy(company.report_footer)
        return {
            "company": company,
            "footer": footer,
            "company_footer": company_footer,
            "small": self._row_count(company_footer) > FOOTER_ROWS,
            "height": FOOTER["height"],
        }

    @staticmethod
    def _last_row(message):
        """Return what a traceback or a log ends with."""
        return (message.strip().splitlines() or [""])[-1]

    # Composing: address

    def _address_rows(self, contact, company):
        """Return the rows of the address as French post wants them (AFNOR NF Z 10-011).

        From the most particular to the most general, at most six of at most 38
        characters, the last ones in capitals without punctuation; abroad, the format of
        that country and its French name in capitals.

        :rtype: list[str]
        """
        person = contact.name or contact.commercial_partner_id.name
        names = dict.fromkeys(filter(None, (contact.commercial_company_name, person)))
        country, home = contact.country_id, company.country_id
        domestic = (
            not country
            or country == home
            or {country.code, home.code} <= FRENCH_POST
        )
        if domestic:
            city = f"{contact.zip or ''} {contact.city or ''}"
            rows = [contact.street2, contact.street, self._capitals(city)]
        else:
            layout, values = contact._prepare_display_address(without_company=True)
            values["country_name"] = ""
            rows = (layout % values).splitlines()
        rows = [*names, *filter(None, map(str.strip, filter(None, rows)))]
        wrapped = [part for row in rows for part in textwrap.wrap(row, ADDRESS_LENGTH)]
        if len(wrapped) <= ADDRESS_ROWS:
            rows = wrapped
        if not domestic:
            rows.append(self._capitals(self._country_name(country, home)))
        return rows

    def _address_size(self, rows):
        """Return the largest type, in points, that keeps the address in the window."""
        widths = [
            sum(0.68 if char.isupper() or char.isdigit() else 0.53 for char in row)
            for row in rows
        ]
        room = WINDOW["width"] * MM / max(widths, default=1)
        return next((size for size in ADDRESS_SIZES if size <= room), ADDRESS_SIZES[-1])

    def _country_name(self, country, home):
        """Return the name of a country in the language of the post that takes the letter.

        Whether or not that language is installed.
        """
        locale = Locale("fr")
        if home.code and home.code not in FRENCH_POST:
            lang = self.env.company.partner_id.lang or self.env.lang
            locale = babel_locale_parse(lang)
        return locale.territories.get(country.code, country.name)

    @staticmethod
    def _capitals(text):
        """Return a text in capitals, without accents or punctuation."""
        return " ".join(re.sub(r"[\W_]+", " ", remove_accents(text)).upper().split())

    # Composing: dates and amounts

    def _place_and_date(self, company, date):
        """Return « Mérignac, le 24 novembre 2026 » in the context's language."""
        lang = get_lang(self.env)
        day = format_date(self.env, date, date_format="long")
        if lang.code.startswith("fr") and date.day == 1:
            day = day.replace("1", "1er", 1)
        if not company.city:
            return day
        return self.env._("%(city)s, %(date)s", city=company.city, date=day)

    def _format_amount(self, amount, currency):
        """Return an amount as its language writes it: 1 500,00 € or €1,500.00."""
        number = formatLang(self.env, abs(amount), digits=currency.decimal_places)
        sign = "-" if currency.compare_amounts(amount, 0) < 0 else ""
        locale = babel_locale_parse(get_lang(self.env).code)
        pattern = locale.currency_formats["standard"].pattern
        if pattern.startswith("¤"):
            return f"{sign}{currency.symbol}{number}"
        return f"{sign}{number}\N{NO-BREAK SPACE}{currency.symbol}"

    # Composing: users' rich text and images

    def _tidy(self, html):
        """Return a user's rich text fit for the letter, empty where it says nothing.

        Without headings, which are the letter's own, and without anything that would
        run or be fetched: images of this database are put in, others are left out.

        :rtype: Markup
        """
        if is_html_empty(html):
            return Markup("")
        root = lxml.html.fragment_fromstring(str(html), create_parent="div")
        for element in list(root.iter(*FORBIDDEN_TAGS)):
            element.drop_tree()
        for element in root.iter(*HEADINGS):
            element.tag = "p"
            element.classes.add("strong")
        for element in list(root.iter("img")):
            source = self._image_uri(element.get("src"))
            if source:
                element.set("src", source)
                element.attrib.pop("srcset", None)
            else:
                element.drop_tree()
        for element in root.iter():
            if re.search(r"url\s*\(|position\s*:", element.get("style", "")):
                del element.attrib["style"]
            element.attrib.pop("background", None)
        return Markup(lxml.html.tostring(root, encoding="unicode"))

    def _split_closing(self, html):
        """Return the start of a text, and its end to keep with the signature.

        :rtype: tuple[Markup, Markup]
        """
        if len(html) <= CLOSING_LENGTH:
            return Markup(""), html
        root = lxml.html.fragment_fromstring(html)
        while len(root) == 1 and root[0].tag == "div" and not root.text:
            root = root[0]
        blocks, size = [], 0
        for block in reversed(root):
            size += len(block.text_content())
            if blocks and size > CLOSING_LENGTH:
                break
            blocks.insert(0, block)
        closing = lxml.html.Element("div")
        closing.extend(blocks)
        top = root.getroottree().getroot()
        return tuple(
            Markup(lxml.html.tostring(part, encoding="unicode"))
            for part in (top, closing)
        )

    def _row_count(self, html):
        """Return about how many rows of small print a text takes."""
        blocks = re.split(r"<br[^>]*>|</(?:p|div|li|tr)>", html)
        lengths = [len(Markup(block).striptags()) for block in blocks]
        images = len(re.findall("<img", html))
        return 3 * images + sum(math.ceil(length / FOOTER_LENGTH) for length in lengths)

    def _image_uri(self, source):
        """Return an image of this database as a data URI, or None.

        As the one who prints may see it: the letter shows nothing that he may not.
        """
        if (source or "").startswith("data:image/"):
            return source
        url = urlsplit(source or "")
        base_url = self.env["ir.config_parameter"].sudo().get_param("web.base.url", "")
        match = IMAGE_PATH.match(url.path)
        if not match or url.netloc not in ("", urlsplit(base_url).netloc):
            return None
        binary = self.env["ir.binary"]
        try:
            record = binary._find_record(
                res_model=match["model"] or "ir.attachment",
                res_id=int(match["attachment"] or match["id"]),
                field=match["field"] or "raw",
            )
            content = binary._get_stream_from(record, match["field"] or "raw").read()
        except (UserError, OSError, ValueError):
            return None
        return self._data_uri(content)

    def _logo(self, company):
        """Return the company's logo as a data URI, or None; Odoo's own is none."""
        if not company.logo or company.uses_default_logo:
            return None
        return self._data_uri(base64.b64decode(company.logo))

    @staticmethod
    def _data_uri(content, size=(900, 600)):
        """Return an image as a data URI, no larger than print needs; None if it is none.

        WebP and the like become PNG: the browser inside wkhtmltopdf is older than they.
        """
        kind = "svg+xml"
        if not content.lstrip().startswith(b"<"):
            try:
                image = Image.open(io.BytesIO(content))
                kind = "jpeg" if image.format == "JPEG" else "png"
                if image.format not in ("JPEG", "PNG") or image.width > size[0]:
                    if kind == "png":
                        image = image.convert("RGBA")
                    image.thumbnail(size)
                    buffer = io.BytesIO()
                    image.save(buffer, kind)
                    content = buffer.getvalue()
            except (OSError, ValueError):
                return None
        return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"

    # Printing

    def _print_letters(self, letters, parts):
        """Return letters as PDF, all in one call of wkhtmltopdf.

        Where that fails they are printed by halves, until the one that it cannot print
        stands alone.

        :return: PDFs and reasons by reminder id, as ``_render_letters``
        :raise UserError: where wkhtmltopdf is missing or does not work at all
        """
        try:
            return self._print_chunk(letters, parts), {}
        except LetterError as error:
            _logger.warning("%s letters at once: %s", len(letters), error)
            self._check_wkhtmltopdf()
            if len(letters) == 1:
                reason = self.env._(
                    "The letter could not be printed: wkhtmltopdf stopped on it "
                    "(%(error)s). Simplify the texts of its template, images above all, "
                    "then send again.",
                    error=error,
                )
                return {}, {letters[0].id: reason}
        middle = len(letters) // 2
        pdfs, errors = self._print_letters(letters[:middle], parts)
        more_pdfs, more_errors = self._print_letters(letters[middle:], parts)
        return {**pdfs, **more_pdfs}, {**errors, **more_errors}

    def _print_chunk(self, letters, parts):
        """Return letters as PDF by reminder id, from one call of wkhtmltopdf.

        A second one only if the first shows that this build's millimetre is unknown.

        :raise LetterError: where what came out cannot be used
        """
        keys = list(dict.fromkeys(key for letter in letters for key in letter.parts))
        binary = ir_actions_report._wkhtml()
        for _attempt in range(2):
            zoom = MEASURED_ZOOMS.get(binary.bin) or ZOOMS[binary.is_patched_qt]
            html = self._document_html(letters, keys, parts, zoom)
            document = Document()
            sheets = document.load(self._run_wkhtmltopdf(html))
            scale = sheets[0].scale()
            if abs(scale - 1) < 0.004:
                break
            MEASURED_ZOOMS[binary.bin] = zoom / scale
        return self._cut(document, sheets, letters, keys)

    def _document_html(self, letters, keys, parts, zoom):
        """Return all that is to print as one HTML document."""
        companies = self.env["res.company"].union(*(letter.company for letter in letters))
        return self._render_part(
            "relance_letter_document",
            {
                "zoom": zoom,
                "companies": companies,
                "fonts": self._font_faces(companies),
                "fallback_fonts": FALLBACK_FONTS,
                "ink": self._ink,
                "ruler": RULER,
                "ruler_color": Mark("ruler").color,
                "parts": [
                    (Mark("part", index).color, parts[key])
                    for index, key in enumerate(keys)
                ],
                "letters": [
                    self._marked(letter.html, index)
                    for index, letter in enumerate(letters)
                ],
            },
        )

    @staticmethod
    def _marked(html, index):
        """Return a letter's HTML with the colours of its marks."""
        for kind in ("letter", "table", "table_end"):
            html = html.replace(f"#mark-{kind}", Mark(kind, index).color)
        return html

    def _font_faces(self, companies):
        """Return the CSS that brings the companies' fonts along, or nothing.

        Printing then does not depend on the fonts of the server. The unpatched build
        would draw such text as shapes, a hundred times slower: it uses what is installed.
        """
        if not ir_actions_report._wkhtml().is_patched_qt:
            return Markup("")
        faces = []
        for font in set(companies.mapped(lambda c: c.font or "Lato")):
            for style, path in self._font_paths(font).items():
                with open(path, "rb") as file:
                    data = base64.b64encode(file.read()).decode()
                faces.append(
                    "@font-face {font-family: '%s'; font-weight: %s; font-style: %s; "
                    "src: url(data:font/ttf;base64,%s) format('truetype');}"
                    % (
                        font.replace("_", " "),
                        "bold" if style == "bold" else "normal",
                        "italic" if style == "italic" else "normal",
                        data,
                    )
                )
        return Markup("\n").join(map(Markup, faces))

    @staticmethod
    def _font_paths(font):
        """Return the files of a company's font by style, those that are there."""
        layout, styles = FONT_FILES.get(font) or FONT_FILES["other"]
        paths = {}
        for style, name in styles.items():
            try:
                paths[style] = file_path(layout.format(font) % name)
            except (FileNotFoundError, ValueError):
                continue
        return paths

    @staticmethod
    def _ink(color, default="#22303f"):
        """Return a company's colour if text in it is readable on white."""
        if not re.fullmatch("#[0-9a-fA-F]{6}", color or ""):
            return default
        red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
        return color if 0.3 * red + 0.59 * green + 0.11 * blue < 150 else default

    def _report(self):
        # Whoever prints a letter need not have a right on reports.
        return self.env.ref("relance_numm.relance_letter_report").sudo()

    def _paperformat(self):
        return self._report().get_paperformat()

    def _run_wkhtmltopdf(self, html):
        """Return what wkhtmltopdf makes of an HTML document.

        Without Odoo's second of waiting for scripts and assets: there are none.

        :rtype: bytes
        :raise LetterError: where it fails
        :raise UserError: where it is not there
        """
        report = self._report()
        arguments = report._build_wkhtmltopdf_args(report.get_paperformat(), False)
        arguments += ["--javascript-delay", "0", "--disable-javascript"]
        with tempfile.TemporaryDirectory(prefix="relance.letters.") as folder:
            source = os.path.join(folder, "letters.html")
            target = os.path.join(folder, "letters.pdf")
            with open(source, "w", encoding="utf-8") as file:
                file.write(html)
            if ir_actions_report._wkhtml().state in ("install", "broken"):
                raise self._missing_wkhtmltopdf_error()
            try:
                process = ir_actions_report._run_wkhtmltopdf([*arguments, source, target])
            except OSError as error:
                raise self._missing_wkhtmltopdf_error() from error
            # 1 is a warning, mostly on an image.
            if process.returncode not in (0, 1) or not os.path.exists(target):
                reason = self._last_row(process.stderr or "")
                raise LetterError(f"{reason} (code {process.returncode})")
            with open(target, "rb") as file:
                return file.read()

    def _missing_wkhtmltopdf_error(self):
        return UserError(
            self.env._(
                "The letter PDF could not be made: wkhtmltopdf is not installed. Install "
                "it (see the documentation), restart Odoo and click “Send again”."
            )
        )

    def _check_wkhtmltopdf(self):
        """Raise where wkhtmltopdf cannot even print a blank page.

        :raise UserError:
        """
        try:
            Document().load(self._run_wkhtmltopdf("<!DOCTYPE html><p>&#160;</p>"))
        except LetterError as error:
            raise UserError(
                self.env._(
                    "The letter PDF could not be made: wkhtmltopdf does not work on this "
                    "server (%(error)s). Install it again (see the documentation), "
                    "restart Odoo and click “Send again”.",
                    error=error,
                )
            ) from error

    # Cutting

    def _cut(self, document, sheets, letters, keys):
        """Deal the printed pages out to the letters and draw on them what they share.

        :rtype: dict[int, bytes]
        :raise LetterError: where the pages are not those expected
        """
        starts = self._starts(sheets, len(letters), len(keys))
        pages = {
            letter.id: sheets[start:end]
            for letter, start, end in zip(letters, starts, starts[1:], strict=False)
        }
        drawn = {key: document.part(sheets[1 + i]) for i, key in enumerate(keys)}
        labels = self._page_labels(document, letters, pages)
        return {
            letter.id: document.letter(
                [
                    document.stamped(sheet, *overlay)
                    for sheet, overlay in zip(
                        pages[letter.id],
                        self._overlays(letter, index, pages[letter.id], drawn, labels),
                        strict=True,
                    )
                ],
                letter.title,
            )
            for index, letter in enumerate(letters)
        }

    def _starts(self, sheets, letter_count, part_count):
        """Return the first page of each letter, and the number of pages.

        The ruler and the parts come first, a page each.

        :raise LetterError: where a letter's start is not found exactly once; then they
            are printed one by one, where the place alone tells.
        """
        places = defaultdict(list)
        for page, sheet in enumerate(sheets):
            for mark in sheet.marks():
                places[mark].append(page)
        first = 1 + part_count
        starts = [first]
        for index in range(1, letter_count):
            starts += places[Mark("letter", index)]
        found = (
            all(index + 1 in places[Mark("part", index)] for index in range(part_count))
            and first in places[Mark("letter", 0)]
            and len(starts) == letter_count
            and starts == sorted(set(starts))
        )
        if not found:
            raise LetterError(f"{len(sheets)} pages, not those of the letters")
        return [*starts, len(sheets)]

    def _overlays(self, letter, index, sheets, drawn, labels):
        """Return what to draw under and over each page of a letter."""
        top = self._paperformat().margin_top
        marks = [sheet.marks() for sheet in sheets]
        starts = [i for i, page in enumerate(marks) if Mark("table", index) in page]
        ends = [i for i, page in enumerate(marks) if Mark("table_end", index) in page]
        overlays = []
        for page in range(len(sheets)):
            over = [
                (drawn[letter.footer], 0, FOOTER["top"] - top),
                (labels[self._page_label(letter, page, len(sheets))], 0, 0),
            ]
            under = []
            if not page:
                under.append((drawn[letter.letterhead], 0, LETTERHEAD["top"] - top))
                over.append(self._fold_mark(sheets[page]))
            elif starts and ends and starts[0] < page <= ends[-1]:
                under.append((drawn[letter.table_head], 0, -TABLE_HEAD_HEIGHT))
            overlays.append((under, over))
        return overlays

    @staticmethod
    def _fold_mark(sheet):
        """Return the drawing of the tick at which the sheet is folded."""
        left, right = FOLD_MARK["left"], FOLD_MARK["left"] + FOLD_MARK["width"]
        y = sheet.box[3] - FOLD_MARK["top"] * MM
        return b"q 0.6 G 0.4 w %.2f %.2f m %.2f %.2f l S Q" % (left * MM, y, right * MM, y)

    @staticmethod
    def _page_label(letter, page, pages):
        """Return what is drawn in the corner of a page, with its font."""
        label = letter.page_label.format(page=page + 1, pages=pages)
        return letter.company.font or "Lato", label, f"{page + 1}/{pages}"

    def _page_labels(self, document, letters, pages):
        """Return the drawings of the page numbers, which only the printed pages tell.

        :rtype: dict[tuple, int]
        """
        labels = list(
            dict.fromkeys(
                self._page_label(letter, page, len(pages[letter.id]))
                for letter in letters
                for page in range(len(pages[letter.id]))
            )
        )
        buffer = io.BytesIO()
        drawing = canvas.Canvas(
            buffer, pageCompression=1, initialFontName=self._pdf_font("Lato")
        )
        for font, label, number in labels:
            name = self._pdf_font(font)
            known = pdfmetrics.getFont(name).face.charToGlyph
            drawing.setFont(name, 6.72)
            drawing.setFillGray(0.35)
            drawing.drawRightString(
                PAGE_NUMBER["right"] * MM,
                PAGE_NUMBER["bottom"] * MM,
                label if all(ord(char) in known for char in label) else number,
            )
            drawing.showPage()
        drawing.save()
        sheets = document.load(buffer.getvalue())
        return {
            label: document.part(sheet)
            for label, sheet in zip(labels, sheets, strict=True)
        }

    def _pdf_font(self, font):
        """Return the name under which reportlab knows a company's font.

        reportlab's own Vera where Odoo's files are not there: embedded as well.
        """
        name = f"relance_{font}"
        if name not in pdfmetrics.getRegisteredFontNames():
            path = self._font_paths(font).get("normal", "Vera.ttf")
            try:
                pdfmetrics.registerFont(TTFont(name, path))
            except TTFError:
                pdfmetrics.registerFont(TTFont(name, "Vera.ttf"))
        return name
