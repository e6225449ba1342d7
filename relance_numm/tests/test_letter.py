import base64
import doctest
import io
import os
import re
import stat
import tempfile
import textwrap
from datetime import date, timedelta
from unittest import skipUnless
from unittest.mock import patch

import pymupdf
from markupsafe import Markup
from PIL import Image

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from odoo.addons.base.models import ir_actions_report

from ..models import relance_letter as letter_module
from ..models import relance_letter_html as html_tools
from ..models import relance_letter_pdf as pdf_tools

MM = 25.4 / 72
UNPATCHED = os.environ.get("RELANCE_WKHTMLTOPDF_UNPATCHED")
LOGGER = letter_module._logger.name
IBAN = "FR7630001007941234567890185"


class Page:
    """A page of a letter as one reads it, in mm from its top left corner."""

    def __init__(self, page):
        self.text = " ".join(page.get_text().split())
        self.words = [
            (word[4], *(value * MM for value in word[:4]))
            for word in page.get_text("words")
        ]
        self.images = [
            [value * MM for value in image["bbox"]] for image in page.get_image_info()
        ]
        self.drawings = [
            [value * MM for value in drawing["rect"]] for drawing in page.get_drawings()
        ]

    def within(self, left, right, top, bottom):
        """Return the words that are at least partly in an area."""
        return [
            word
            for word, x0, y0, x1, y1 in self.words
            if x1 > left and x0 < right and y1 > top and y0 < bottom
        ]

    def place(self, text):
        """Return left, top, right and bottom of the first such word."""
        return next(place for word, *place in self.words if word == text)


def pages(pdf):
    with pymupdf.open(stream=pdf) as document:
        return [Page(page) for page in document]


def pictures(pdf):
    """Return what the pages of a PDF look like."""
    with pymupdf.open(stream=pdf) as document:
        return [page.get_pixmap(dpi=60).samples for page in document]


class LetterCase(TransactionCase):
    """Real letters by a real wkhtmltopdf: the one that the server has."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.env["res.lang"]._activate_lang("en_US")
        cls.france = cls.env.ref("base.fr")
        cls.company = cls.env["res.company"].create(
            {
                "name": "Papeterie Garonne",
                "street": "12 allée des Platanes",
                "zip": "33700",
                "city": "Mérignac",
                "country_id": cls.france.id,
                "phone": "05 99 00 20 00",
                "email": "contact@example.com",
                "company_registry": "80012345600017",
                "primary_color": "#0e588c",
                "currency_id": cls.env.ref("base.EUR").id,
                "report_footer": Markup("<p>SAS au capital de 120 000 €</p>"),
            }
        )
        bank = cls.env["res.bank"].create({"name": "Banque", "bic": "BDFEFRPP"})
        cls.env["res.partner.bank"].create(
            {
                "acc_number": IBAN,
                "partner_id": cls.company.partner_id.id,
                "bank_id": bank.id,
            }
        )
        cls.customer = cls.env["res.partner"].create(
            {
                "name": "Établissements Dupont",
                "is_company": True,
                "lang": "fr_FR",
                "street": "1 rue Joule",
                "zip": "13000",
                "city": "Marseille",
                "country_id": cls.france.id,
            }
        )
        cls.contact = cls.env["res.partner"].create(
            {
                "name": "Service comptabilité",
                "parent_id": cls.customer.id,
                "type": "invoice",
                "lang": "fr_FR",
                "street": "12 avenue des Frères-Lumière",
                "street2": "Bâtiment C",
                "zip": "69680",
                "city": "Saint-Étienne-d'Azergues",
                "country_id": cls.france.id,
            }
        )
        cls.foreigner = cls.env["res.partner"].create(
            {
                "name": "Northwind Traders",
                "is_company": True,
                "lang": "en_US",
                "street": "221B Baker Street",
                "zip": "NW1 6XE",
                "city": "London",
                "country_id": cls.env.ref("base.uk").id,
            }
        )

    def setUp(self):
        super().setUp()
        if ir_actions_report._wkhtml().state == "install":
            self.skipTest("wkhtmltopdf is not installed")
        self.use_build()
        self.wkhtmltopdf = self.startPatcher(
            patch.object(letter_module, "Printing", side_effect=letter_module.Printing)
        )

    def use_build(self):
        """Use the build of wkhtmltopdf that the class tests."""

    def use_binary(self, path, patched=None, state="ok"):
        """Use another wkhtmltopdf from now on."""
        info = ir_actions_report._wkhtml()
        info = info._replace(
            bin=path,
            state=state,
            is_patched_qt=info.is_patched_qt if patched is None else patched,
        )
        self.startPatcher(patch.object(ir_actions_report, "_wkhtml", lambda: info))

    def use_script(self, script):
        """Use a shell script in place of wkhtmltopdf; ``$REAL`` is the real one."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "wkhtmltopdf")
        with open(path, "w") as file:
            file.write(f"#!/bin/sh\nREAL={ir_actions_report._wkhtml().bin}\n{script}\n")
        os.chmod(path, stat.S_IRWXU)
        self.use_binary(path)

    def reminder(self, count=1, contact=None, channel="letter", **vals):
        """Return a reminder over some pièces, not stored: a letter asks no more."""
        contact = contact or self.contact
        first = date(2026, 9, 1)
        lines = [
            Command.create(
                {
                    "name": f"FAC/2026/{number:05}",
                    "label": "Maintenance et formation " * (1 + number % 3),
                    "ref": f"BC-{number}",
                    "date": first + timedelta(number),
                    "date_due": first + timedelta(number + 30),
                    "days_late": 55 - number,
                    "amount_due": 1499 + number,
                }
            )
            for number in range(1, count + 1)
        ]
        return self.env["relance.reminder"].new(
            {
                "name": "R-2611-0158",
                "company_id": self.company.id,
                "currency_id": self.company.currency_id.id,
                "partner_id": contact.commercial_partner_id.id,
                "contact_id": contact.id,
                "date": date(2026, 11, 24),
                "channel_id": self.env.ref(f"relance_numm.channel_{channel}").id,
                "line_ids": lines,
                **vals,
            }
        )

    def texts(self, **texts):
        return {
            "subject": "Lettre de relance",
            "letter_top": Markup("<p>Cher client,</p><p>Vos factures sont échues.</p>"),
            "letter_bottom": Markup("<p>Merci de votre règlement.</p>"),
            "letter_footer": Markup("<p>Pénalités : BCE + 10 points.</p>"),
            "signature": Markup("<p>Marie Durand</p>"),
            **texts,
        }

    def render(self, *reminders, texts=None):
        """Return the PDFs and the errors of reminders, in their order."""
        records = self.env["relance.reminder"].union(*reminders)
        texts = texts or [self.texts()] * len(reminders)
        pdfs, errors = self.env["relance.letter"]._render_letters(
            records, {r.id: text for r, text in zip(reminders, texts, strict=True)}
        )
        ids = [reminder.id for reminder in reminders]
        return list(map(pdfs.get, ids)), list(map(errors.get, ids))

    def merged(self, pdfs):
        """Return one PDF of several."""
        streams = [io.BytesIO(pdf) for pdf in pdfs]
        with self.env["ir.actions.report"]._merge_pdfs(streams) as merged:
            return merged.getvalue()

    def letter(self, reminder=None, **texts):
        """Return the pages of one letter."""
        (pdf,), errors = self.render(
            reminder or self.reminder(), texts=[self.texts(**texts)]
        )
        self.assertEqual(errors, [None])
        return pages(pdf)

    def assertPlace(self, place, left=None, top=None, delta=0.6):
        if left is not None:
            self.assertAlmostEqual(place[0], left, delta=delta)
        if top is not None:
            self.assertAlmostEqual(place[1], top, delta=delta)


class LetterChecks:
    """What holds with any build of wkhtmltopdf (E2)."""

    # E1: what the letter shows and where

    def test_e1_address_in_the_window(self):
        (page,) = self.letter()
        self.assertPlace(page.place("Établissements"), left=110)
        lines = {}
        for word, x0, y0, x1, y1 in page.words:
            if x1 > 90 and x0 < 200 and y1 > 44 and y0 < 90:
                lines.setdefault(round(y0), []).append(word)
                self.assertGreater(x0, 109)
                self.assertLess(x1, 190)
                self.assertGreater(y0, 54)
                self.assertLess(y1, 79.5)
        self.assertEqual(
            [" ".join(lines[y]) for y in sorted(lines)],
            [
                "Établissements Dupont",
                "Service comptabilité",
                "Bâtiment C",
                "12 avenue des Frères-Lumière",
                "69680 SAINT ETIENNE D AZERGUES",
            ],
        )

    def test_e1_longest_address_in_the_window(self):
        customer = self.env["res.partner"].create(
            {
                "name": "SOCIÉTÉ MÉTROPOLITAINE DE NETTOYAGE ET SERVICES",
                "is_company": True,
                "street": "1234 boulevard du Général de Gaulle prolongé, entrée B",
                "street2": "ZONE INDUSTRIELLE",
                "zip": "10115",
                "city": "Berlin",
                "country_id": self.env.ref("base.de").id,
                "lang": "fr_FR",
            }
        )
        (page,) = self.letter(self.reminder(contact=customer))
        self.assertIn("ALLEMAGNE", page.within(109, 190, 54, 79.5))
        zone = page.within(90, 200, 44, 90)
        self.assertEqual(page.within(109, 190.5, 54, 79.5), zone)
        self.assertEqual(len(zone), 20)

    def test_e1_everything_that_the_manual_shows(self):
        (page,) = self.letter(self.reminder(2))
        for text in (
            "Papeterie Garonne",
            "12 allée des Platanes",
            "33700 Mérignac",
            "Tél. : 05 99 00 20 00",
            "SIRET : 80012345600017",
            "Mérignac, le 24 novembre 2026",
            "Objet : Lettre de relance",
            "Référence : R-2611-0158",
            "Cher client, Vos factures sont échues.",
            "N° de pièce",
            "Description",
            "Date de pièce",
            "Date d'échéance",
            "Retard (en jours)",
            "Montant à payer",
            "FAC/2026/00001",
            "BC-2",
            "02/09/2026",
            "03/10/2026",
            "Total TTC à payer",
            "Règlement par virement",
            "FR76 3000 1007 9412 3456 7890 185",
            "BDFEFRPP",
            "Merci de votre règlement.",
            "Marie Durand",
            "Pénalités : BCE + 10 points.",
            "SAS au capital de 120 000 €",
            "R-2611-0158 – Page 1/1",
        ):
            self.assertIn(text, page.text)
        amounts = re.sub(r"\s", " ", page.text)
        self.assertIn("1 500,00 €", amounts)
        self.assertIn("3 001,00 €", amounts)
        self.assertNotIn("avec accusé de réception", page.text.lower())

    def test_e1_places(self):
        (page,) = self.letter()
        # Read last, for it is drawn over the page.
        self.assertIn("Papeterie", page.within(19.5, 86, 12, 20))
        self.assertPlace(page.place("Mérignac,"), left=110, top=96)
        self.assertAlmostEqual(page.place("1/1")[2], 190, delta=0.6)
        folds = [d for d in page.drawings if d[2] < 10 and abs(d[1] - 99) < 0.3]
        self.assertTrue(folds)
        # The foot of the page is below the text, and printers print neither margin.
        self.assertGreater(page.place("capital")[1], 272)
        self.assertLess(max(word[4] for word in page.words), 292)

    def test_e1_in_the_language_of_the_contact(self):
        french, english = self.reminder(), self.reminder(contact=self.foreigner)
        (first, second), _errors = self.render(french, english)
        self.assertIn("N° de pièce", pages(first)[0].text)
        (page,) = pages(second)
        for text in (
            "Mérignac, November 24, 2026",
            "Subject:",
            "Document no.",
            "Late (in days)",
            "10/02/2026",
            "€1,500.00",
            "Total incl. VAT to pay",
            "NW1 6XE",
            "ROYAUME UNI",
        ):
            self.assertIn(text, page.text)

    def test_e1_registered_letter_says_so(self):
        for channel in ("letter_rar", "formal_notice_rar"):
            (page,) = self.letter(self.reminder(channel=channel))
            self.assertIn("LETTRE RECOMMANDÉE AVEC ACCUSÉ DE RÉCEPTION", page.text)
            self.assertFalse(page.within(90, 200, 80, 90))

    def test_e1_sixty_items(self):
        sheets = self.letter(self.reminder(60))
        self.assertGreaterEqual(len(sheets), 3)
        for number, page in enumerate(sheets, 1):
            self.assertIn(f"Page {number}/{len(sheets)}", page.text)
            self.assertEqual(page.text.count("Montant à payer"), 1)
            if number > 1:
                self.assertLess(page.place("Montant")[3], 22.5)
        rows = [re.findall(r"FAC/2026/(\d+)", page.text) for page in sheets]
        self.assertEqual([int(row) for page in rows for row in page], [*range(1, 61)])
        # Each row whole on its page, above the foot.
        for page, numbers in zip(sheets, rows, strict=True):
            self.assertEqual(
                len(re.findall(r"\d\d\d,00", page.text)),
                len(numbers) + (page is sheets[-1]),
            )
            for number in numbers:
                label = 3 * (1 + int(number) % 3)
                top = page.place(f"FAC/2026/{number}")[1]
                words = [w for w, _x, y, *_ in page.words if top - 1 < y < top + 17]
                self.assertIn(f"BC-{int(number)}", words)
                self.assertGreaterEqual(len(words), label)
            self.assertFalse(page.within(20, 190, 270.5, 272))

    def test_e1_empty_column_is_narrow(self):
        """References get the room of labels that there are not: fewer sheets."""
        long, short, labeled = map(self.reminder, (40, 12, 40))
        for line in (long | short).line_ids:
            line.label, line.ref = False, f"Commande {line.name[-2:]}"
        pdfs, errors = self.render(long, short, labeled)
        self.assertEqual(errors, [None] * 3)
        long, (only,), labeled = map(pages, pdfs)
        self.assertGreater(len(long), 1)
        # Each reference whole beside its number, which starts its row.
        for page in long:
            for row in re.findall(r"FAC/2026/000(\d\d)", page.text):
                _left, top, _right, bottom = page.place(f"FAC/2026/000{row}")
                words = page.within(20, 190, (top + bottom) / 2, (top + bottom) / 2)
                self.assertEqual(words[1:3], ["Commande", row])
        self.assertEqual(sum(page.text.count("Commande") for page in long), 40)
        narrow = only.place("Commande")[0] - only.place("Description")[0]
        wide = labeled[0].place("BC-1")[0] - labeled[0].place("Description")[0]
        self.assertLess(narrow, 20)
        self.assertGreater(wide, 30)

    def test_e1_no_head_without_rows(self):
        long_text = Markup("<p>Nous restons à votre disposition. </p>" * 60)
        sheets = self.letter(letter_bottom=long_text)
        heads = [page.text.count("Montant à payer") for page in sheets]
        self.assertGreater(len(sheets), 1)
        self.assertEqual(heads, [1] + [0] * (len(sheets) - 1))

    def test_e1_table_that_starts_on_the_second_page(self):
        long_text = Markup("<p>Nous constatons un retard. </p>" * 40)
        sheets = self.letter(self.reminder(50), letter_top=long_text)
        heads = [page.text.count("Montant à payer") for page in sheets]
        self.assertEqual(heads, [0] + [1] * (len(sheets) - 1))

    def test_e1_signature_is_never_alone(self):
        pdfs, _errors = self.render(*map(self.reminder, range(1, 30)))
        for pdf in pdfs:
            last = pages(pdf)[-1]
            self.assertIn("Marie Durand", last.text)
            self.assertIn("Merci de votre règlement.", last.text)

    def test_e1_total_is_never_alone(self):
        pdfs, _errors = self.render(*map(self.reminder, range(1, 30)))
        for pdf in pdfs:
            (page,) = (page for page in pages(pdf) if "Total TTC" in page.text)
            self.assertIn("FAC/2026/", page.text)

    def test_e1_long_texts_lose_nothing(self):
        top = Markup("").join(
            Markup("<p>Premier%s. %s</p>") % (i, "Factures échues. " * 20)
            for i in range(30)
        )
        bottom = Markup("<div>%s</div>") % Markup("").join(
            Markup("<p>Second%s. %s</p>") % (i, "Merci de régler. " * 20)
            for i in range(30)
        )
        text = " ".join(
            page.text for page in self.letter(letter_top=top, letter_bottom=bottom)
        )
        for i in range(30):
            self.assertEqual(text.count(f"Premier{i}."), 1)
            self.assertEqual(text.count(f"Second{i}."), 1)

    def test_e1_long_footer_is_printed_once(self):
        footer = Markup("<p>%s</p>") % ("Clause pénale. " * 80)
        sheets = self.letter(self.reminder(40), letter_footer=footer)
        found = [page.text.count("Clause pénale.") for page in sheets]
        self.assertEqual(found, [0] * (len(sheets) - 1) + [80])

    def test_e1_headings_of_users_are_no_headings(self):
        (page,) = self.letter(letter_top=Markup("<h1>Avis</h1><h2>Rappel</h2><p>X</p>"))
        self.assertIn("Avis Rappel X", page.text)

    def test_e1_text_wider_than_the_page(self):
        wide = Markup("<table style='width:500mm'><tr><td>Large</td></tr></table>")
        reminder = self.reminder(2)
        reminder.line_ids[0].update({"label": "y" * 90, "name": "FAC/" + "0" * 30})
        for top in (wide, Markup("<p>%s</p>") % ("x" * 500)):
            (page,) = self.letter(reminder, letter_top=top)
            self.assertPlace(page.place("Établissements"), left=110)
            self.assertLess(max(word[3] for word in page.words), 191)
            self.assertEqual("".join(page.text.split()).count("y" * 90), 1)

    def test_e1_logo(self):
        buffer = io.BytesIO()
        Image.new("RGB", (1800, 600), "#0e588c").save(buffer, "PNG")
        self.company.logo = base64.b64encode(buffer.getvalue())
        (page,) = self.letter()
        (image,) = page.images
        self.assertPlace(image, left=20, top=12)
        self.assertLess(image[2], 86)
        self.assertGreater(page.place("Papeterie")[1], image[3])

    def test_e1_signature_image_of_this_database(self):
        buffer = io.BytesIO()
        Image.new("RGB", (300, 100), "black").save(buffer, "PNG")
        attachment = self.env["ir.attachment"].create(
            {"name": "signature.png", "raw": buffer.getvalue()}
        )
        image = Markup('<p><img src="/web/image/%s-1/x.png"/></p>') % attachment.id
        (page,) = self.letter(
            signature=image,
            letter_top=Markup('<img src="http://elsewhere.example/x.png"/><p>Z</p>'),
        )
        self.assertEqual(len(page.images), 1)
        self.assertGreater(page.images[0][0], 109)

    def test_e1_nothing_but_dropped_lines(self):
        reminder = self.reminder(2)
        reminder.line_ids[0].dropped = True
        (page,) = self.letter(reminder)
        self.assertNotIn("FAC/2026/00001", page.text)
        self.assertIn("FAC/2026/00002", page.text)
        reminder.line_ids.dropped = True
        (page,) = self.letter(reminder)
        self.assertNotIn("Montant à payer", page.text)

    # E2: the same millimetres from any build

    def test_e2_unknown_build_is_measured(self):
        self.startPatcher(patch.dict(letter_module.ZOOMS, {True: 1, False: 1}))
        self.startPatcher(patch.dict(letter_module.MEASURED_ZOOMS, clear=True))
        (page,) = self.letter()
        self.assertPlace(page.place("Établissements"), left=110)
        self.assertPlace(page.place("Mérignac,"), left=110, top=96)
        self.assertEqual(self.wkhtmltopdf.call_count, 2)
        self.letter()
        self.assertEqual(self.wkhtmltopdf.call_count, 3)

    # E3: in bulk

    def test_e3_letters_of_1_2_and_3_pages_in_one_call(self):
        reminders = [
            self.reminder(count, name=f"R-2611-{count:04}") for count in (1, 25, 60, 2)
        ]
        pdfs, errors = self.render(*reminders)
        self.assertEqual(self.wkhtmltopdf.call_count, 1)
        self.assertEqual(errors, [None] * 4)
        letters = [pages(pdf) for pdf in pdfs]
        self.assertEqual([len(letter) for letter in letters[:2]], [1, 2])
        self.assertGreaterEqual(len(letters[2]), 3)
        for reminder, letter in zip(reminders, letters, strict=True):
            text = " ".join(page.text for page in letter)
            self.assertEqual(set(re.findall(r"R-2611-\d{4}", text)), {reminder.name})
            self.assertEqual(len(re.findall("FAC/2026", text)), len(reminder.line_ids))
            self.assertEqual(text.count("Objet"), 1)

    def test_e3_marks_in_users_texts_mislead_nobody(self):
        fake = (
            Markup('<p style="background: %s">Faux</p>')
            % pdf_tools.Mark("letter", 1).color
        )
        top = Markup("<p>Long</p>" * 60) + fake
        reminders = [self.reminder(name=f"R-2611-000{i}") for i in range(3)]
        texts = [self.texts(letter_top=top), self.texts(), self.texts()]
        with mute_logger(LOGGER):
            pdfs, errors = self.render(*reminders, texts=texts)
        self.assertEqual(errors, [None] * 3)
        for reminder, pdf in zip(reminders, pdfs, strict=True):
            text = " ".join(page.text for page in pages(pdf))
            self.assertEqual(set(re.findall(r"R-2611-\d{4}", text)), {reminder.name})
        counts = [len(pages(pdf)) for pdf in pdfs]
        self.assertGreater(counts[0], 1)
        self.assertEqual(counts[1:], [1, 1])

    def test_e3_merged_in_the_order_given(self):
        reminders = [self.reminder(n, name=f"R-2611-000{n}") for n in (1, 9)]
        pdfs, _errors = self.render(*reminders)
        merged = self.merged([pdfs[1], pdfs[0], pdfs[1]])
        found = [
            re.search(r"R-2611-\d{4}", page.text)[0]
            for page in pages(merged)
            if "Objet" in page.text
        ]
        self.assertEqual(found, ["R-2611-0009", "R-2611-0001", "R-2611-0009"])
        # What the letters share is there once.
        self.assertLess(len(merged), sum(map(len, pdfs)))

    def test_e3_merged_as_printed(self):
        """A letter read as we wrote it becomes what a PDF library makes of it."""
        top = Markup('<p>Voir <a href="https://example.com/a">la page</a></p>')
        pdfs, _errors = self.render(
            self.reminder(1), self.reminder(30), texts=[self.texts(letter_top=top)] * 2
        )
        merged = self.merged(pdfs)
        with patch.object(pdf_tools.OwnFile, "parse", return_value=None):
            by_library = self.merged(pdfs)
        self.assertEqual(pictures(merged), pictures(by_library))
        self.assertEqual(pictures(merged), [p for pdf in pdfs for p in pictures(pdf)])
        with pymupdf.open(stream=merged) as document:
            links = [link["uri"] for page in document for link in page.get_links()]
        self.assertEqual(links, ["https://example.com/a"] * 2)

    def test_e3_files_of_others_are_not_read_as_ours(self):
        (pdf,), _errors = self.render(self.reminder())
        self.assertTrue(pdf_tools.OwnFile.parse(pdf))
        with pymupdf.open(stream=pdf) as document:
            rewritten = document.tobytes()
        start = pdf.rindex(b"startxref")
        shifted = pdf[:100] + b" " + pdf[100:]
        for other in (
            rewritten,
            # As a program that signs does.
            pdf + b"5 0 obj\n<< >>\nendobj\nxref\n0 0\n" + pdf[start:],
            pdf[:-100],
            shifted,
            b"%PDF-1.4\n",
            b"",
        ):
            self.assertIsNone(pdf_tools.OwnFile.parse(other))
        merged = self.merged([pdf, rewritten])
        self.assertEqual(pictures(merged), pictures(pdf) * 2)

    def test_e3_merge_of_merges(self):
        pdfs, _errors = self.render(self.reminder(1), self.reminder(30))
        twice = self.merged([self.merged(pdfs), pdfs[0]])
        self.assertEqual(
            pictures(twice), [p for pdf in (*pdfs, pdfs[0]) for p in pictures(pdf)]
        )

    def test_e3_nothing_is_left_of_a_call(self):
        """Where the work around it raises, wkhtmltopdf ends and its folder is gone."""
        self.use_script("exec sleep 60")
        letters = self.env["relance.letter"]
        with (
            self.assertRaises(ZeroDivisionError),
            letters._start_wkhtmltopdf("<p>A</p>") as call,
        ):
            self.assertIsNone(call._process.poll())
            raise ZeroDivisionError
        self.assertIsNotNone(call._process.returncode)
        self.assertFalse(os.path.exists(call._folder.name))

    def test_e3_one_letter_that_crashes_wkhtmltopdf(self):
        crash = 'case "$x" in *.html) grep -q PLANTE "$x" && exit 139; esac'
        self.use_script(f'for x in "$@"; do {crash}; done; exec $REAL "$@"')
        reminders = [self.reminder(name=f"R-2611-000{i}") for i in range(5)]
        texts = [self.texts() for _reminder in reminders]
        texts[3]["letter_top"] = Markup("<p>PLANTE</p>")
        with mute_logger(LOGGER):
            pdfs, errors = self.render(*reminders, texts=texts)
        self.assertIn("wkhtmltopdf", errors[3])
        self.assertFalse(pdfs[3])
        for i in (0, 1, 2, 4):
            self.assertIn(reminders[i].name, pages(pdfs[i])[0].text)

    def test_e3_one_letter_that_cannot_be_composed(self):
        reminders = [self.reminder(name=f"R-2611-000{i}") for i in range(3)]
        texts = [self.texts(), {}, self.texts()]
        with mute_logger(LOGGER):
            pdfs, errors = self.render(*reminders, texts=texts)
        self.assertEqual([bool(pdf) for pdf in pdfs], [True, False, True])
        self.assertIn("subject", errors[1])


@tagged("post_install", "-at_install")
class TestLetter(LetterChecks, LetterCase):
    """The letter by the server's own wkhtmltopdf."""

    allow_inherited_tests_method = True

    def test_e3_chunks(self):
        self.startPatcher(patch.object(letter_module, "CHUNK_SIZE", 2))
        reminders = [self.reminder(name=f"R-2611-000{i}") for i in range(5)]
        pdfs, errors = self.render(*reminders)
        self.assertEqual(errors, [None] * 5)
        self.assertEqual(self.wkhtmltopdf.call_count, 3)
        for reminder, pdf in zip(reminders, pdfs, strict=True):
            self.assertIn(reminder.name, pages(pdf)[0].text)

    def test_e3_several_companies(self):
        other = self.env["res.company"].create(
            {"name": "Autre Entité", "font": "Montserrat", "country_id": self.france.id}
        )
        pdfs, _errors = self.render(self.reminder(), self.reminder(company_id=other.id))
        texts = [pages(pdf)[0].text for pdf in pdfs]
        self.assertEqual(self.wkhtmltopdf.call_count, 1)
        self.assertIn("Papeterie Garonne", texts[0])
        self.assertNotIn("Autre Entité", texts[0])
        self.assertIn("Autre Entité", texts[1])
        # Without an account to pay to: no empty box.
        self.assertNotIn("Règlement par virement", texts[1])

    def test_e3_missing_wkhtmltopdf_is_said(self):
        self.use_binary("wkhtmltopdf", state="install")
        with self.assertRaisesRegex(UserError, "wkhtmltopdf is not installed. Install"):
            self.render(self.reminder())

    def test_e3_removed_wkhtmltopdf_is_said(self):
        self.use_binary("/nonexistent/wkhtmltopdf")
        with self.assertRaisesRegex(UserError, "wkhtmltopdf is not installed. Install"):
            self.render(self.reminder())

    def test_e3_broken_wkhtmltopdf_is_said(self):
        output = 'for x in "$@"; do :; done; echo junk > "$x"'
        for script in ("exit 139", "exit 0", output, "echo oops >&2; exit 2"):
            self.use_script(script)
            with (
                mute_logger(LOGGER),
                self.assertRaisesRegex(UserError, "does not work on this server"),
            ):
                self.render(self.reminder(), self.reminder(), self.reminder())
            # Not once for each letter.
            self.assertLess(self.wkhtmltopdf.call_count, 10)

    def test_e3_warning_of_wkhtmltopdf_is_no_failure(self):
        self.use_script('$REAL "$@"; exit 1')
        pdfs, errors = self.render(self.reminder())
        self.assertTrue(pdfs[0])
        self.assertEqual(errors, [None])

    # E1: the pure parts

    def test_e1_fallback_font_is_embedded(self):
        """reportlab's own font has the word "stream" in its name."""
        letters = self.env["relance.letter"]
        document, (sheet,) = letters._printed(letters._start_wkhtmltopdf("<p>A</p>"))
        label = (None, "Page 1/1", "1/1")
        drawing = document.labels([label], 190, 6)[label]
        written = document.letter([document.stamped(sheet, [], [drawing])], "A")
        with pymupdf.open(stream=written) as file:
            fonts = {font[3]: font[0] for font in file[0].get_fonts()}
            (vera,) = (n for name, n in fonts.items() if "BitstreamVera" in name)
            self.assertTrue(file.extract_font(vera)[3])
            self.assertIn("Page 1/1", file[0].get_text())

    def test_e1_examples_of_the_docstrings(self):
        for module in (html_tools, pdf_tools):
            self.assertFalse(doctest.testmod(module).failed)

    def test_e1_no_heading_but_the_subject(self):
        texts = self.texts(letter_top=Markup("<h1>A</h1><h2>B</h2><h6>C</h6>"))
        reminder = self.reminder()
        (letter,), _errors = self.env["relance.letter"]._compose(
            reminder, {reminder.id: texts}, {}
        )
        self.assertEqual(len(re.findall(r"<h[1-6]", letter.html)), 1)

    def test_e1_nothing_is_fetched(self):
        html = html_tools.tidy(
            '<p style="background: url(http://x.example/a)" background="b">A</p>'
            '<script>alert(1)</script><img src="file:///etc/passwd"/>'
            '<iframe src="http://x.example"></iframe><link href="http://x.example"/>'
            '<img src="/ok.png" srcset="http://x.example/b.png 2x"/>B',
            lambda source: "data:image/png;base64,AA" if source == "/ok.png" else None,
        )
        self.assertEqual(
            html, '<div><p>A</p><img src="data:image/png;base64,AA">B</div>'
        )
        letter = self.env["relance.letter"]
        for source in (
            "http://elsewhere.example/web/image/1",
            "file:///etc/passwd",
            "/etc/passwd",
            "/web/image/999999999",
            "/web/image/res.users/1/password",
            "",
        ):
            self.assertIsNone(letter._image_uri(source))

    def test_e1_image_that_the_user_may_not_see(self):
        buffer = io.BytesIO()
        Image.new("RGB", (3, 3)).save(buffer, "PNG")
        hidden = self.env["ir.attachment"].create(
            {
                "name": "hidden.png",
                "raw": buffer.getvalue(),
                "res_model": "ir.config_parameter",
                "res_id": 1,
            }
        )
        user = self.env["res.users"].create({"name": "Reader", "login": "reader"})
        letter = self.env["relance.letter"]
        source = f"/web/image/{hidden.id}"
        self.assertTrue(letter._image_uri(source))
        self.assertIsNone(letter.with_user(user)._image_uri(source))

    def test_e1_images_become_printable(self):
        for kind in ("PNG", "JPEG", "GIF", "BMP"):
            buffer = io.BytesIO()
            Image.new("RGB", (2000, 1000), "red").save(buffer, kind)
            uri = html_tools.data_uri(buffer.getvalue())
            data = base64.b64decode(uri.partition(",")[2])
            image = Image.open(io.BytesIO(data))
            self.assertEqual(image.size, (900, 450))
            self.assertIn(image.format, ("PNG", "JPEG"))
        self.assertIsNone(html_tools.data_uri(b"no image"))
        self.assertIn("svg+xml", html_tools.data_uri(b"<svg/>"))

    def test_e1_address_rows(self):
        letter = self.env["relance.letter"]
        belgium, reunion = self.env.ref("base.be"), self.env.ref("base.re")

        def rows(**vals):
            partner = self.env["res.partner"].new(
                {"country_id": self.france.id, "name": "A", **vals}
            )
            return letter._address_rows(partner, self.company)

        self.assertEqual(
            rows(street="1 rue X", zip="33000", city="L'Haÿ-les-Roses CEDEX 9"),
            ["A", "1 rue X", "33000 L HAY LES ROSES CEDEX 9"],
        )
        self.assertEqual(
            rows(city="Bruxelles", zip="1000", country_id=belgium.id)[-2:],
            ["1000 Bruxelles", "BELGIQUE"],
        )
        # Overseas is no foreign country, and no country is no foreign country.
        self.assertEqual(
            rows(zip="97400", city="Saint-Denis", country_id=reunion.id),
            ["A", "97400 SAINT DENIS"],
        )
        self.assertEqual(rows(city="Lyon", country_id=False), ["A", "LYON"])
        name = "Compagnie générale des eaux et de l'assainissement"
        wrapped = rows(name=name, city="X")
        self.assertEqual(len(wrapped), 3)
        self.assertTrue(all(len(row) <= 38 for row in wrapped))
        # A nameless contact goes by its customer's name, once.
        self.contact.name = False
        self.assertEqual(
            letter._address_rows(self.contact, self.company)[0], self.customer.name
        )
        self.assertEqual(len(letter._address_rows(self.contact, self.company)), 4)

    def test_e1_place_and_date(self):
        letter = self.env["relance.letter"].with_context(lang="fr_FR")
        first, text = date(2026, 12, 1), "1er décembre 2026"
        self.assertEqual(
            letter._place_and_date(self.company, first), f"Mérignac, le {text}"
        )
        self.company.city = False
        self.assertEqual(letter._place_and_date(self.company, first), text)

    def test_e1_amounts(self):
        euro, yen = self.env.ref("base.EUR"), self.env.ref("base.JPY")
        for lang, amount, currency, expected in (
            ("fr_FR", 1234567.5, euro, "1 234 567,50 €"),
            ("fr_FR", -0.5, euro, "-0,50 €"),
            ("en_US", 1500, euro, "€1,500.00"),
            ("en_US", -1500, euro, "-€1,500.00"),
            ("en_US", 1500, yen, "¥1,500"),
            ("fr_FR", -0.001, euro, "0,00 €"),
        ):
            text = (
                self.env["relance.letter"]
                .with_context(lang=lang)
                ._format_amount(amount, currency)
            )
            self.assertEqual(re.sub(r"\s", " ", text), expected)
            # Never parted from its currency at the end of a line.
            self.assertNotIn(" ", text)

    def test_e1_pdf_is_a_sound_file(self):
        (pdf,), _errors = self.render(self.reminder(30))
        with pymupdf.open(stream=pdf) as document:
            self.assertFalse(document.is_repaired)
            self.assertFalse(document.needs_pass)
            title = document.metadata["title"]
            self.assertEqual(title, "Lettre de relance – R-2611-0158")
            for page in document:
                for xref, _ext, _type, name, *_rest in page.get_fonts(full=True):
                    with self.subTest(font=name):
                        self.assertTrue(document.extract_font(xref)[-1], "not embedded")

    def test_e1_closing_stays_with_the_signature(self):
        html = Markup("<div>%s</div>") % Markup("").join(
            Markup("<p>%s</p>") % text for text in ("a" * 500, "b" * 500, "c" * 300)
        )
        bottom, closing = html_tools.split_closing(html, 900)
        self.assertEqual(textwrap.shorten(bottom.striptags(), 600), "a" * 500)
        self.assertEqual(closing.striptags(), "b" * 500 + "c" * 300)


@tagged("post_install", "-at_install")
@skipUnless(UNPATCHED, "RELANCE_WKHTMLTOPDF_UNPATCHED is not set")
class TestLetterUnpatched(LetterChecks, LetterCase):
    """The letter by Debian's wkhtmltopdf, without patched Qt (E2)."""

    allow_inherited_tests_method = True

    def use_build(self):
        self.use_binary(UNPATCHED, patched=False)
