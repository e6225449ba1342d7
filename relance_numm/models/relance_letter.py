import base64
import logging
import re
import textwrap
from collections import defaultdict, deque
from contextlib import ExitStack
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

import psycopg2
from markupsafe import Markup

from odoo import api, models
from odoo.exceptions import UserError

# The module and not its functions: Odoo's tests replace them there.
from odoo.addons.base.models import ir_actions_report

from ..formats import date_text, language, long_date_text, number_text
from . import relance_letter_html as html_tools
from .relance_letter_pdf import (
    MM,
    RULER,
    Document,
    LetterError,
    Mark,
)
from .relance_letter_wkhtmltopdf import (
    MissingProgramError,
    Printing,
    last_row,
)

_logger = logging.getLogger(__name__)

# Letters in one call of wkhtmltopdf, which takes some hundredths of a second to start;
# marks allow no more than 256. While it prints them, others are composed and delivered.
CHUNK_SIZE = 50
# Calls at the same time: each uses one core.
CALLS = 2

# Places on the sheet, in mm from its top left corner. The window is that of a French DL
# envelope: nothing but the address may stand in x 90-200, y 44-90.
WINDOW = {"left": 110, "top": 55.5, "width": 80, "height": 23}
LETTERHEAD = {"top": 12, "width": 66, "height": 76}
OPENING_TOP = 96
# Above the margin, on pages where the table goes on.
CONTINUED_HEAD_HEIGHT = 13
FOOTER = {"top": 272, "height": 15}
PAGE_NUMBER = {"right": 190, "bottom": 6}
FOLD_MARK = {"left": 5, "right": 9, "top": 99}
PAGE_WIDTH = 210
# Characters that fit in the table's columns.
COLUMN_LENGTHS = {"name": 16, "label": 22, "ref": 12}
# Rows of small print at the foot of each page.
FOOTER_ROWS = 5
# Characters of the bottom text that stay on the page of the signature.
CLOSING_LENGTH = 900

# No build renders a CSS millimetre as a millimetre on paper. These factors mend that
# for the patched and the unpatched build that are known; others are measured on the
# first letters they print.
ZOOMS = {True: 0.78125, False: 1.3009}
MEASURED_ZOOMS = {}

FALLBACK_FONTS = Markup(
    "Lato, 'Open Sans', Roboto, 'Liberation Sans', 'DejaVu Sans', sans-serif"
)
RICH_TEXTS = ("letter_top", "letter_bottom", "letter_footer", "signature")
IMAGE_PATH = re.compile(
    r"/web/(?:image|content)/"
    r"(?:(?P<attachment>\d+)|(?P<model>[a-z_][\w.]*)/(?P<id>\d+)/(?P<field>\w+))(?!\w)"
)


class Letter(NamedTuple):
    """A letter to print: its own HTML, and the keys of the parts it shares."""

    id: int
    html: Markup
    title: str
    page_label: str
    company: models.BaseModel
    letterhead: tuple
    continued_head: tuple
    footer: tuple

    @property
    def parts(self):
        return (self.letterhead, self.continued_head, self.footer)


class Call(NamedTuple):
    """Letters that are being printed, and why others could not be composed."""

    letters: list[Letter]
    errors: dict[int, str]
    printing: Printing | None


class RelanceLetter(models.AbstractModel):
    """Reminder letters as PDF, made in bulk (E1, E2, E3).

    All the letters of a chunk are one HTML document and one call of wkhtmltopdf, whose
    pages are then dealt out to the letters. Whatever is the same on many pages
    (letterhead, head of the table, foot) is printed once, on a page of its own, and
    drawn on each of them. Nothing rests on what only the patched build can do.
    """

    _name = "relance.letter"
    _description = "Reminder letter"

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
        chunks = ((chunk, texts) for chunk in self._in_chunks(reminders))
        pdfs, errors = {}, {}
        for printed, failed in self._render_in_turn(chunks):
            pdfs.update(printed)
            errors.update(failed)
        return pdfs, errors

    @api.model
    def _in_chunks(self, reminders):
        """Yield some reminders after the others, as many as one call prints."""
        for start in range(0, len(reminders), CHUNK_SIZE):
            yield reminders[start : start + CHUNK_SIZE]

    @api.model
    def _render_in_turn(self, chunks):
        """Yield what ``_render_letters`` returns for some reminders after the others.

        While whoever takes them deals with some, those after are being printed.

        :param Iterable chunks: reminders and their texts, by id; taken when their turn
            has come
        :raise UserError: where wkhtmltopdf is missing or does not work at all
        """
        parts, calls = {}, deque()
        with ExitStack() as under_way:
            for reminders, texts in chunks:
                letters, errors = self._compose(reminders, texts, parts)
                # One of those under way ends before another starts.
                if len(calls) >= CALLS and calls[-CALLS].printing:
                    calls[-CALLS].printing.wait()
                printing = None
                if letters:
                    printing = self._start_printing(letters, parts)
                    under_way.enter_context(printing)
                calls.append(Call(letters, errors, printing))
                if len(calls) > CALLS:
                    yield self._rendered(calls.popleft(), parts)
            while calls:
                yield self._rendered(calls.popleft(), parts)

    def _rendered(self, call, parts):
        """Return what a call of wkhtmltopdf printed, as ``_render_letters``."""
        if not call.letters:
            return {}, call.errors
        pdfs, errors = self._print_letters(call.letters, parts, call.printing)
        return pdfs, call.errors | errors

    # Composing

    def _compose(self, reminders, texts, parts):
        """Return what to print; add to ``parts`` what it shares.

        :param dict parts: HTML by key
        :return: the letters; why the others have none, by reminder id
        :rtype: tuple[list[Letter], dict[int, str]]
        """
        letters, errors = {}, {}
        for lang, group in reminders.grouped("lang").items():
            composer = self.with_context(lang=lang)
            # Where nothing is inserted, letters have a text alike.
            tidy = cache(composer._tidy)
            for reminder in group.with_context(lang=lang):
                try:
                    text = texts[reminder.id]
                    tidied = {"subject": text["subject"]}
                    tidied |= {name: tidy(text[name]) for name in RICH_TEXTS}
                    letters[reminder.id] = composer._compose_letter(
                        reminder, tidied, parts
                    )
                except psycopg2.Error:
                    # The transaction is over: no other letter could go on.
                    raise
                except Exception as error:
                    _logger.warning("Letter of %s", reminder.name, exc_info=True)
                    errors[reminder.id] = self.env._(
                        "The letter could not be laid out: %(error)s. Correct the "
                        "template or the customer's address, then send again.",
                        error=last_row(str(error)) or type(error).__name__,
                    )
        ordered = [letters[r.id] for r in reminders if r.id in letters]
        return ordered, errors

    def _compose_letter(self, reminder, texts, parts):
        """Return the letter of a reminder; add to ``parts`` what it shares.

        :param dict texts: of the reminder, tidied
        :rtype: Letter
        """
        company, lang = reminder.company_id, self.env.lang
        footer = texts["letter_footer"]
        # A long one is printed once, at the end of the letter.
        repeated = footer if self._fits_foot(footer, company) else Markup("")
        values = self._prepare_letter_values(reminder, texts)
        values["footer"] = "" if repeated else footer
        letter = Letter(
            id=reminder.id,
            html=self._render_part("relance_letter", values),
            title=f"{texts['subject']} – {reminder.name}",
            page_label=self.env._(
                "%(reference)s – Page %(page)s/%(pages)s",
                reference=reminder.name,
                page="{page}",
                pages="{pages}",
            ),
            company=company,
            letterhead=("letterhead", company.id, lang),
            continued_head=("continued_head", company.id, lang, values["labeled"]),
            footer=("footer", company.id, lang, repeated),
        )
        for key in letter.parts:
            if key not in parts:
                prepare = getattr(self, f"_prepare_{key[0]}_values")
                parts[key] = self._render_part(
                    f"relance_letter_{key[0]}", prepare(company, *key[3:])
                )
        return letter

    def _render_part(self, template, values):
        """Return the HTML of one of the letter's templates, in the language set."""
        return self.env["ir.qweb"]._render(
            f"relance_numm.{template}", values, minimal_qcontext=True
        )

    def _prepare_letter_values(self, reminder, texts):
        """Return the values of the letter's own template.

        :param dict texts: of the reminder, tidied
        :rtype: dict
        """
        company = reminder.company_id
        contact = reminder.contact_id or reminder.partner_id
        rows = [self._prepare_row_values(line) for line in reminder._active_lines()]
        bottom, closing = html_tools.split_closing(
            texts["letter_bottom"], CLOSING_LENGTH
        )
        return {
            "reminder": reminder,
            "company": company,
            "address": self._prepare_address_values(contact, company),
            "opening_height": OPENING_TOP - self._paperformat().margin_top,
            "registered": reminder.channel_id.registered,
            "place_and_date": self._place_and_date(company, reminder.date),
            "subject": texts["subject"],
            "top": texts["letter_top"],
            "rows": rows,
            # Odoo mostly has no label of an entry but its number: the column is empty.
            "labeled": any(row["label"] for row in rows),
            "total": self._format_amount(reminder.amount_total, reminder.currency_id),
            "bank": self._prepare_bank_values(company),
            "bottom": bottom,
            "closing": closing,
            "signature": texts["signature"],
        }

    def _prepare_address_values(self, contact, company):
        """Return the address and where it stands, from the corner of the margins."""
        rows, paper = self._address_rows(contact, company), self._paperformat()
        return {
            "rows": rows,
            "left": WINDOW["left"] - paper.margin_left,
            "top": WINDOW["top"] - paper.margin_top,
            "width": WINDOW["width"],
            "size": html_tools.address_size(rows, WINDOW["width"] * MM),
            "leading": min(4.4, WINDOW["height"] / max(len(rows), 1)),
        }

    def _prepare_row_values(self, line):
        """Return what the table says of a pièce, as texts."""
        lang = language(self.env)
        row = {
            "name": line.name or "",
            "label": line.label or "",
            "ref": line.ref or "",
            "date": date_text(self.env, line.date, lang),
            "date_due": date_text(self.env, line.date_due, lang),
            "days_late": line.days_late,
            # Not the line's own, which is computed for each line.
            "amount": self._format_amount(
                line.amount_due, line.reminder_id.currency_id, lang
            ),
        }
        return row | {"wide": html_tools.has_long_words(row, COLUMN_LENGTHS)}

    def _prepare_bank_values(self, company):
        """Return the account to pay to, or None.

        :rtype: dict | None
        """
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
        french = partner.country_id.code in html_tools.FRENCH_POST
        registry = self.env._(
            "%(label)s: %(number)s",
            label="SIRET" if french else partner.company_registry_label,
            number=company.company_registry,
        )
        return {
            "company": company,
            "logo": self._logo(company),
            "tagline": self._tidy(company.report_header),
            "address": self._company_address(company),
            "website": re.sub("^https?://", "", company.website or ""),
            "registry": company.company_registry and registry,
            "size": LETTERHEAD,
        }

    def _prepare_continued_head_values(self, company, labeled):
        return {
            "company": company,
            "height": CONTINUED_HEAD_HEIGHT,
            "labeled": labeled,
        }

    def _prepare_footer_values(self, company, footer):
        """Return the values of the foot of each page.

        :param Markup footer: the footer of the reminder's template
        """
        company_footer = self._tidy(company.report_footer)
        return {
            "company": company,
            "footer": footer,
            "company_footer": company_footer,
            "identity": [company.name, *self._company_address(company)],
            "small": html_tools.small_rows(company_footer) > FOOTER_ROWS,
            "height": FOOTER["height"],
        }

    @staticmethod
    def _company_address(company):
        town = f"{company.zip or ''} {company.city or ''}".strip()
        return list(filter(None, (company.street, company.street2, town)))

    def _fits_foot(self, footer, company):
        """Return whether a template's footer fits at the foot of each page."""
        rows = html_tools.small_rows(footer)
        return rows + html_tools.small_rows(company.report_footer or "") <= FOOTER_ROWS

    def _address_rows(self, contact, company):
        """Return the rows of the address as French post wants them (AFNOR NF Z 10-011).

        From the most particular to the most general, at most six of at most 38
        characters, the town in capitals without punctuation. Abroad, in the format of
        that country, with its French name in capitals below.

        :rtype: list[str]
        """
        rows, last = self._address_lines(contact, company)
        return html_tools.wrapped_address(rows) + last

    def _address_lines(self, contact, company):
        """Return the rows of the address as they are entered, and those below that are
        printed as they are.

        :rtype: tuple[list[str], list[str]]
        """
        person = contact.name or contact.commercial_partner_id.name
        names = dict.fromkeys(filter(None, (contact.commercial_company_name, person)))
        country, home = contact.country_id, company.country_id
        if html_tools.same_post(country.code, home.code):
            town = html_tools.capitals(f"{contact.zip or ''} {contact.city or ''}")
            rows, last = [contact.street2, contact.street, town], []
        else:
            layout, values = contact._prepare_display_address(without_company=True)
            values["country_name"] = ""
            rows = (layout % values).splitlines()
            last = [html_tools.capitals(self._country_name(country, home))]
        return [row.strip() for row in (*names, *rows) if row and row.strip()], last

    def _country_name(self, country, home):
        """Return the name of a country for the post that takes the letter."""
        spoken = "fr"
        if home.code and home.code not in html_tools.FRENCH_POST:
            spoken = language(self.env).code.split("_")[0]
        return html_tools.country_name(country.code, spoken) or country.name

    def _place_and_date(self, company, date):
        """Return « Mérignac, le 24 novembre 2026 » in the context's language."""
        day = long_date_text(self.env, date)
        if language(self.env).code.startswith("fr") and date.day == 1:
            day = day.replace("1", "1er", 1)
        if not company.city:
            return day
        return self.env._("%(city)s, %(date)s", city=company.city, date=day)

    def _format_amount(self, amount, currency, lang=None):
        """Return an amount as its language writes it: 1 500,00 € or €1,500.00."""
        lang = lang or language(self.env)
        number = number_text(self.env, abs(amount), currency.decimal_places, lang)
        sign = "-" if amount < 0 and not currency.is_zero(amount) else ""
        if html_tools.is_symbol_first(lang.code):
            return f"{sign}{currency.symbol}{number}"
        return f"{sign}{number}\N{NO-BREAK SPACE}{currency.symbol}"

    def _tidy(self, text):
        """Return a user's rich text fit for the letter.

        :rtype: Markup
        """
        return html_tools.tidy(text, self._image_uri)

    def _image_uri(self, source):
        """Return an image of this database as a data URI, None for any other.

        As the one who prints may see it: the letter shows nothing that he may not.
        """
        if source.startswith("data:image/"):
            return source
        url = urlsplit(source)
        # The address of this database is no secret.
        base_url = self.env["ir.config_parameter"].sudo().get_param("web.base.url", "")
        match = IMAGE_PATH.match(url.path)
        if not match or url.netloc not in ("", urlsplit(base_url).netloc):
            return None
        field = match["field"] or "raw"
        try:
            record = self.env["ir.binary"]._find_record(
                res_model=match["model"] or "ir.attachment",
                res_id=int(match["attachment"] or match["id"]),
                field=field,
            )
            if field not in record or record._fields[field].type != "binary":
                return None
            content = record.raw if field == "raw" else base64.b64decode(record[field])
        except UserError:
            return None
        return html_tools.data_uri(content)

    def _logo(self, company):
        """Return the company's logo as a data URI; Odoo's own counts for none."""
        if not company.logo or company.uses_default_logo:
            return None
        return html_tools.data_uri(base64.b64decode(company.logo))

    # Printing

    def _print_letters(self, letters, parts, printing=None):
        """Return letters as PDF, all in one call of wkhtmltopdf.

        Where that fails they are printed by halves, until the one that it cannot print
        stands alone.

        :param Printing printing: the call, where it is under way
        :return: PDFs and reasons by reminder id, as ``_render_letters``
        :raise UserError: where wkhtmltopdf is missing or does not work at all
        """
        try:
            return self._print_chunk(letters, parts, printing), {}
        except LetterError as error:
            _logger.warning("%s letters at once: %s", len(letters), error)
            self._check_wkhtmltopdf()
            if len(letters) == 1:
                reason = self.env._(
                    "The letter could not be printed, wkhtmltopdf failed: %(error)s. "
                    "Simplify the texts of its template, images above all, then send "
                    "again.",
                    error=error,
                )
                return {}, {letters[0].id: reason}
        middle = len(letters) // 2
        pdfs, errors = self._print_letters(letters[:middle], parts)
        more_pdfs, more_errors = self._print_letters(letters[middle:], parts)
        return pdfs | more_pdfs, errors | more_errors

    def _print_chunk(self, letters, parts, printing=None):
        """Return letters as PDF by reminder id, from one call of wkhtmltopdf.

        From a second one where the first shows that this build's millimetre is another.

        :raise LetterError: where what came out cannot be used
        """
        for call in (printing, None):
            call = call or self._start_printing(letters, parts)
            document, sheets = self._printed(call)
            scale = sheets[0].scale()
            if abs(scale - 1) < 0.004:
                break
            MEASURED_ZOOMS[ir_actions_report._wkhtml().bin] = call.zoom / scale
        return self._cut(document, sheets, letters, self._part_keys(letters))

    @staticmethod
    def _printed(printing):
        """Return the pages of a call of wkhtmltopdf, once they are there.

        :rtype: tuple[Document, list[Sheet]]
        :raise LetterError: where it failed
        """
        document = Document()
        with printing:
            return document, document.load(printing.content())

    def _start_printing(self, letters, parts):
        """Return a call of wkhtmltopdf that prints letters.

        :rtype: Printing
        :raise UserError: where wkhtmltopdf is missing
        """
        binary = ir_actions_report._wkhtml()
        zoom = MEASURED_ZOOMS.get(binary.bin) or ZOOMS[binary.is_patched_qt]
        return self._start_wkhtmltopdf(self._document_html(letters, parts, zoom), zoom)

    @staticmethod
    def _part_keys(letters):
        """Return the keys of what letters share, each once, in the order of pages."""
        return list(dict.fromkeys(key for letter in letters for key in letter.parts))

    def _document_html(self, letters, parts, zoom):
        """Return all that is to print as one HTML document."""
        companies = self.env["res.company"].union(*(each.company for each in letters))
        return self._render_part(
            "relance_letter_document",
            {
                "zoom": zoom,
                "companies": companies,
                "font_faces": self._font_faces(companies),
                "font_family": html_tools.font_family,
                "fallback_fonts": FALLBACK_FONTS,
                "ink": html_tools.ink,
                "ruler": RULER,
                "ruler_color": Mark("ruler").color,
                "parts": [parts[key] for key in self._part_keys(letters)],
                "letters": [
                    self._marked(letter.html, index)
                    for index, letter in enumerate(letters)
                ],
            },
        )

    @staticmethod
    def _marked(html, index):
        """Return a letter's HTML with the colours of its marks."""
        for kind in ("letter", "items", "end"):
            html = html.replace(f"#mark-{kind}", Mark(kind, index).color)
        return html

    def _font_faces(self, companies):
        """Return the CSS that brings the companies' fonts along.

        The unpatched build would draw such text as shapes, a hundred times slower and
        without text to search or copy: it uses the fonts that the server has.
        """
        if not ir_actions_report._wkhtml().is_patched_qt:
            return Markup("")
        return html_tools.font_faces({company.font or "Lato" for company in companies})

    def _report(self):
        xmlid = "relance_numm.relance_letter_report"
        # Whoever prints a letter need not have a right on reports.
        reports = self.env["ir.actions.report"].sudo()
        # Unlike env.ref, without a query for each letter.
        return reports.browse(self.env["ir.model.data"]._xmlid_to_res_id(xmlid))

    def _paperformat(self):
        return self._report().get_paperformat()

    def _start_wkhtmltopdf(self, html, zoom=1):
        """Return a call of wkhtmltopdf for an HTML document.

        :rtype: Printing
        :raise UserError: where wkhtmltopdf is missing
        """
        binary = ir_actions_report._wkhtml()
        if binary.state in ("install", "broken"):
            raise self._missing_wkhtmltopdf_error()
        arguments = self._report()._build_wkhtmltopdf_args(self._paperformat(), False)
        try:
            return Printing(binary.bin, arguments, html, zoom)
        except MissingProgramError as error:
            raise self._missing_wkhtmltopdf_error() from error

    def _missing_wkhtmltopdf_error(self):
        return UserError(
            self.env._(
                "The letter PDF could not be made: wkhtmltopdf is not installed. "
                "Install it (see the documentation), restart Odoo and click “Send "
                "again”."
            )
        )

    def _check_wkhtmltopdf(self):
        """Check that wkhtmltopdf prints at least a blank page.

        :raise UserError: where it does not
        """
        try:
            self._printed(self._start_wkhtmltopdf("<!DOCTYPE html><p>&#160;</p>"))
        except LetterError as error:
            raise UserError(
                self.env._(
                    "The letter PDF could not be made: wkhtmltopdf does not work on "
                    "this server (%(error)s). Install it again (see the "
                    "documentation), restart Odoo and click “Send again”.",
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
        pages = [
            sheets[start:end] for start, end in zip(starts, starts[1:], strict=False)
        ]
        areas = self._part_areas()
        parts = {
            key: document.part(sheets[1 + index], areas[key[0]])
            for index, key in enumerate(keys)
        }
        labels = [
            self._page_label(letter, page, len(sheets))
            for letter, sheets in zip(letters, pages, strict=True)
            for page in range(len(sheets))
        ]
        labels = document.labels(labels, **PAGE_NUMBER)
        top, pdfs = self._paperformat().margin_top, {}
        for index, letter in enumerate(letters):
            stamps = self._stamps(letter, index, pages[index], parts, labels, top)
            stamped = [
                document.stamped(sheet, *stamp)
                for sheet, stamp in zip(pages[index], stamps, strict=True)
            ]
            pdfs[letter.id] = document.letter(stamped, letter.title)
        return pdfs

    def _starts(self, sheets, letter_count, part_count):
        """Return the first page of each letter, and after the last one their end.

        The ruler and the parts come first, a page each.

        :raise LetterError: where the start of a letter is not found exactly once. They
            are printed one by one then, and the place alone tells.
        """
        places = defaultdict(list)
        for page, sheet in enumerate(sheets):
            for mark in sheet.marks:
                places[mark].append(page)
        first = 1 + part_count
        starts = [first]
        for index in range(1, letter_count):
            starts += places[Mark("letter", index)]
        at_once = first in places[Mark("letter", 0)] and len(starts) == letter_count
        if not at_once or starts != sorted(set(starts)):
            raise LetterError(f"{len(sheets)} pages, not those of the letters")
        return [*starts, len(sheets)]

    def _part_areas(self):
        """Return what is drawn of the page of each kind of part, in mm."""
        paper = self._paperformat()
        left, top = paper.margin_left, paper.margin_top
        width = PAGE_WIDTH - left - paper.margin_right
        return {
            "letterhead": (left, top, LETTERHEAD["width"], LETTERHEAD["height"]),
            "continued_head": (left, top, width, CONTINUED_HEAD_HEIGHT),
            "footer": (left, top, width, FOOTER["height"]),
        }

    def _stamps(self, letter, index, sheets, parts, labels, top):
        """Return what is drawn over each page of a letter.

        :param float top: the pages' margin, in mm
        :return: arguments of ``Document.stamped``
        :rtype: list[tuple]
        """
        first = {Mark("items", index): 0, Mark("end", index): 0}
        for page, sheet in enumerate(sheets):
            first.update(dict.fromkeys(first.keys() & sheet.marks, page))
        table, end = first.values()
        stamps = []
        for page, sheet in enumerate(sheets):
            drawn = [(parts[letter.footer], FOOTER["top"] - top)]
            drawings = [labels[self._page_label(letter, page, len(sheets))]]
            if not page:
                drawn.insert(0, (parts[letter.letterhead], LETTERHEAD["top"] - top))
                drawings.append(sheet.tick(**FOLD_MARK))
            elif table < page <= end:
                drawn.insert(0, (parts[letter.continued_head], -CONTINUED_HEAD_HEIGHT))
            stamps.append((drawn, drawings))
        return stamps

    @staticmethod
    def _page_label(letter, page, pages):
        """Return what is drawn in the corner of a page, as for ``Document.labels``."""
        font = html_tools.font_paths(letter.company.font or "Lato").get("normal")
        label = letter.page_label.format(page=page + 1, pages=pages)
        return font, label, f"{page + 1}/{pages}"
