"""Cutting what wkhtmltopdf printed into letters: plain classes, no ORM."""

import io
import math
import os
import re
import zlib
from functools import cached_property
from typing import NamedTuple

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen import canvas

from odoo.tools.pdf import IndirectObject, PdfFileReader

MM = 72 / 25.4
# The ruler of the letters' HTML, in mm.
RULER = 150
LABEL_SIZE = 6.72

MARK_KINDS = ("ruler", "letter", "items", "end")
# Their red; green and blue are the index.
MARK_COLOR = 0xF6
COLOR = re.compile(rb"(0\.9\d+) (0\.9\d+|1) (0\.9\d+|1) scn")
MATRIX = rb"(\S+) 0 0 \S+ \S+ \S+ cm"
FIRST_MATRIX = re.compile(MATRIX)
RECTANGLE = re.compile(MATRIX + rb"\s+\S+ \S+ (\S+) \S+ re")
REFERENCE = re.compile(rb"\b(\d+) \d+ R\b")
# Fonts may have the word in their names.
STREAM = re.compile(rb">>\s*stream\r?\n")
# Links upwards, which would draw the whole file into each letter.
UPWARD_REFERENCE = re.compile(rb"/P(?:arent)? \d+ \d+ R\b")

# How `Document` writes a file.
FILE_START = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
TABLE_START = b"xref\n0 1\n0000000000 65535 f \n"
TABLE_ENTRY = re.compile(rb"(\d+) 1\n(\d{10}) 00000 n \n")
OBJECT_END = b"\nendobj\n"
PAGE_END = b" /Parent %d 0 R >>"
TRAILER = re.compile(
    rb"trailer\n<< /Size (\d+) /Root (\d+) 0 R /Info (\d+) 0 R /ID \[<\w+> <\w+>\] >>\n"
    rb"startxref\n(\d+)\n%%EOF\n$"
)
TREE = re.compile(rb"<< /Type /Pages /Count \d+ /Kids \[([^\]]*)\] >>")


class LetterError(Exception):
    """What wkhtmltopdf made of the letters cannot be used."""


class Mark(NamedTuple):
    """A dot in the letters' HTML, found again in the PDF by its colour.

    This is the one trace of where something was put that both builds of wkhtmltopdf
    leave: the unpatched one writes neither outline nor links. The colours are too pale
    to show on paper.

    >>> Mark("items", 35).color
    '#f8f2f3'
    >>> Mark.from_color(0xF8 / 255, 0xF2 / 255, 0xF3 / 255)
    Mark(kind='items', index=35)
    >>> Mark.from_color(1, 1, 1)
    """

    kind: str
    index: int = 0

    @property
    def color(self):
        """Return the CSS colour that stands for the mark."""
        high, low = divmod(self.index, 16)
        kind = MARK_COLOR + MARK_KINDS.index(self.kind)
        return f"#{kind:02x}{0xF0 + high:02x}{0xF0 + low:02x}"

    @classmethod
    def from_color(cls, red, green, blue):
        """Return the mark of a PDF colour (0 to 1), or None where it is another."""
        kind = round(float(red) * 255) - MARK_COLOR
        high = round(float(green) * 255) - 0xF0
        low = round(float(blue) * 255) - 0xF0
        if 0 <= kind < len(MARK_KINDS) and high >= 0 and low >= 0:
            return cls(MARK_KINDS[kind], high * 16 + low)
        return None


class Drawing(NamedTuple):
    """PDF operators, and the fonts that they name: numbers of objects by name."""

    operators: bytes
    fonts: dict = {}


class Sheet:
    """A printed page: its PDF object, and what its file's numbers are raised by."""

    def __init__(self, page, offset):
        self.page = page
        self.offset = offset
        self.box = [float(value) for value in page["/MediaBox"]]

    @cached_property
    def content(self):
        """What draws the page, uncompressed."""
        return self.page["/Contents"].getObject().getData()

    @cached_property
    def marks(self):
        """The marks on the page, as a set."""
        colors = COLOR.findall(self.content)
        return {mark for color in colors if (mark := Mark.from_color(*color))}

    def scale(self):
        """Return how long a millimetre came out: 1 where it is true or unknown."""
        for color in COLOR.finditer(self.content):
            if Mark.from_color(*color.groups()) == Mark("ruler"):
                outer = FIRST_MATRIX.search(self.content)
                inner = RECTANGLE.search(self.content, color.end())
                if outer and inner:
                    points = math.prod(map(float, (*outer.groups(), *inner.groups())))
                    return abs(points) / (RULER * MM)
        return 1

    def tick(self, left, right, top):
        """Return the drawing of a short line at the edge of the page, in mm."""
        y = self.box[3] - top * MM
        place = (left * MM, y, right * MM, y)
        return Drawing(b"q 0.6 G 0.4 w %.2f %.2f m %.2f %.2f l S Q" % place)


class ReadFile(NamedTuple):
    """A file of whatever program, as a PDF library reads it."""

    reader: PdfFileReader

    def body(self, number):
        """Return an object as bytes."""
        return _serialized(IndirectObject(number, 0, self.reader).getObject())


class OwnFile(NamedTuple):
    """A file that ``Document`` wrote, read as it was written.

    A PDF library takes some milliseconds to read a letter: longer than all else that it
    takes to put it into the file of a batch.
    """

    objects: dict[int, bytes]
    pages: list[int]
    tree: int
    size: int

    def body(self, number):
        """Return an object as bytes."""
        return self.objects[number]

    @classmethod
    def parse(cls, content):
        """Return a file of ours, or None where another program wrote or changed it.

        :param bytes content: of a PDF file
        """
        trailer = TRAILER.search(content, max(0, len(content) - 300))
        if not content.startswith(FILE_START) or not trailer:
            return None
        size, root, _info, start = map(int, trailer.groups())
        table = content[start : trailer.start()]
        entries = TABLE_ENTRY.findall(table)
        if table != TABLE_START + b"".join(b"%b 1\n%b 00000 n \n" % e for e in entries):
            return None
        numbers = [int(number) for number, _place in entries]
        places = [*(int(place) for _number, place in entries), start]
        objects = {}
        for index, number in enumerate(numbers):
            head = b"%d 0 obj\n" % number
            body = content[places[index] : places[index + 1]]
            if not body.startswith(head) or not body.endswith(OBJECT_END):
                return None
            objects[number] = body[len(head) : -len(OBJECT_END)]
        # As `Document.letter` numbers them.
        tree = root + 1
        kids = TREE.fullmatch(objects.get(tree, b""))
        pages = [int(number) for number in REFERENCE.findall(kids[1])] if kids else []
        end = PAGE_END % tree
        if not pages or not all(objects.get(n, b"").endswith(end) for n in pages):
            return None
        references = {
            int(number)
            for body in objects.values()
            for number in REFERENCE.findall(_split_stream(body)[0])
        }
        return cls(objects, pages, tree, size) if references <= set(objects) else None


class Document:
    """Printed pages, to be cut into letters and put together without copies.

    Objects keep the numbers that they have in the printed file, which PDF allows: each
    is read and written once, however many letters use it, where a PDF writer would
    clone the fonts for every letter. What several files have alike is kept once.
    """

    def __init__(self):
        self._sources = []
        self._size = 1
        self._objects = {}
        self._needs = {}
        # The number that stands for an object, and for a content.
        self._numbers = {}
        self._known = {}

    def load(self, content):
        """Return the pages of a PDF.

        :rtype: list[Sheet]
        :raise LetterError: where it is none
        """
        if not content.startswith(b"%PDF"):
            raise LetterError("no PDF")
        offset = self._size - 1
        try:
            reader = PdfFileReader(io.BytesIO(content), strict=False)
            self._size += int(reader.trailer["/Size"])
            self._sources.append((offset, ReadFile(reader)))
            pages = range(reader.getNumPages())
            return [Sheet(reader.getPage(number), offset) for number in pages]
        except Exception as error:
            # Whatever the PDF library stumbles over: it is no PDF to cut letters from.
            raise LetterError(str(error) or type(error).__name__) from error

    def pages(self, file):
        """Return the pages of one of our files as they are, for ``letter``.

        :param OwnFile file: what to read
        """
        offset = self._size - 1
        self._size += file.size
        self._sources.append((offset, file))
        end = PAGE_END % file.tree
        return [
            self._renumbered(file.body(number).removesuffix(end), offset)
            for number in file.pages
        ]

    def part(self, sheet, area):
        """Return the number of an object that draws some of a page on another.

        :param tuple area: what is drawn of it: left, top, width and height in mm.
        """
        left, top, width, height = (value * MM for value in area)
        high = sheet.box[3] - top
        resources, needs = self._write(sheet.page.raw_get("/Resources"), sheet.offset)
        data = zlib.compress(sheet.content)
        header = (
            b"<< /Type /XObject /Subtype /Form /BBox [%.2f %.2f %.2f %.2f] "
            b"/Resources %b /Filter /FlateDecode /Length %d >>"
        ) % (left, high - height, left + width, high, resources, len(data))
        return self._add(header + b"\nstream\n" + data + b"\nendstream", needs)

    def labels(self, labels, right, bottom):
        """Return the drawings of texts that end in the lower right corner of a page.

        :param list labels: tuples of a font's file or None, a text, and what to write
            instead where the font lacks a letter of it.
        :param float right: where the texts end, in mm from the left.
        :param float bottom: their base line, in mm from the bottom.
        :rtype: dict[tuple, Drawing]
        """
        fonts = {path: _registered_font(path) for path, _text, _other in labels}
        # A page of reportlab's that is never shown: it embeds what its texts use.
        buffer, operators = io.BytesIO(), {}
        first = next(iter(fonts.values()))
        page = canvas.Canvas(buffer, initialFontName=first.fontName)
        for label in labels:
            path, text, other = label
            known = fonts[path].face.charToGlyph
            text = text if all(ord(char) in known for char in text) else other
            page.setFont(fonts[path].fontName, LABEL_SIZE)
            page.drawString(0, 0, text)
            left = right * MM - fonts[path].stringWidth(text, LABEL_SIZE)
            shown = [
                b"%b %.2f Tf <%b> Tj"
                % (
                    fonts[path].getSubsetInternalName(subset, page._doc).encode(),
                    LABEL_SIZE,
                    codes.hex().encode(),
                )
                for subset, codes in fonts[path].splitString(text, page._doc)
            ]
            place = b"q 0.35 g BT %.2f %.2f Td" % (left, bottom * MM)
            operators[label] = b" ".join([place, *shown, b"ET Q"])
        page.save()
        (sheet,) = self.load(buffer.getvalue())
        embedded = sheet.page["/Resources"].getObject()["/Font"].getObject()
        numbers = {
            name.encode(): self._number(embedded.raw_get(name).idnum + sheet.offset)
            for name in embedded
        }
        return {label: Drawing(drawn, numbers) for label, drawn in operators.items()}

    def stamped(self, sheet, parts, drawings):
        """Return a page with things drawn over it, for ``letter``.

        :param list parts: numbers of parts and how far each is moved down, in mm.
        :param list drawings: of ``Drawing``
        :return: the page without its end, and the numbers of the objects that it needs
        :rtype: tuple[bytes, set[int]]
        """
        contents, needs = self._write(sheet.page.raw_get("/Contents"), sheet.offset)
        names = {b"/Part%d" % number: number for number, _down in parts}
        fonts = {name: n for drawing in drawings for name, n in drawing.fonts.items()}
        over = [b"\nQ", *(drawing.operators for drawing in drawings)]
        for name, (_number, down) in zip(names, parts, strict=True):
            over.append(b"q 1 0 0 1 0 %.3f cm %b Do Q" % (-down * MM, name))
        # The printed page leaves its own scale behind: it is kept within q and Q.
        first, last = self._stream(b"q\n"), self._stream(b"\n".join(over))
        contents = b"[%d 0 R %b %d 0 R]" % (first, contents, last)
        needs |= {first, last}
        resources, more_needs = self._resources(
            sheet, {"/XObject": names, "/Font": fonts}
        )
        needs |= more_needs
        page = b"<< /Type /Page /MediaBox [%g %g %g %g] /Contents %b /Resources %b" % (
            *sheet.box, contents, resources,
        )  # fmt: skip
        if "/Annots" in sheet.page:
            links, more_needs = self._write(sheet.page.raw_get("/Annots"), sheet.offset)
            page += b" /Annots " + links
            needs |= more_needs
        return page, needs

    def letter(self, pages, title):
        """Return a PDF of some stamped pages.

        :param list pages: as returned by ``stamped``
        :rtype: bytes
        """
        root, tree, info = (self._size + place for place in range(3))
        numbers = range(info + 1, info + 1 + len(pages))
        kids = b" ".join(b"%d 0 R" % number for number in numbers)
        text = (b"\xfe\xff" + title.encode("utf-16-be")).hex().encode()
        objects = {
            root: b"<< /Type /Catalog /Pages %d 0 R >>" % tree,
            tree: b"<< /Type /Pages /Count %d /Kids [%b] >>" % (len(pages), kids),
            info: b"<< /Title <%b> /Creator (Odoo) /Producer (Odoo) >>" % text,
        }
        for number, (page, needs) in zip(numbers, pages, strict=True):
            objects[number] = page + PAGE_END % tree
            left = list(needs)
            while left:
                needed = left.pop()
                if needed not in objects:
                    objects[needed] = self._objects[needed]
                    left.extend(self._needs[needed])
        return self._file(objects, root, info)

    def _resources(self, sheet, added):
        """Return a page's resources with some objects added, and what they need.

        :param dict added: by kind of resource, the objects' numbers by name.
        """
        resources, needs = sheet.page["/Resources"].getObject(), set()

        def entries(dictionary, kinds=()):
            for key in dictionary:
                if key not in kinds:
                    raw = dictionary.raw_get(key)
                    value, more_needs = self._write(raw, sheet.offset)
                    needs.update(more_needs)
                    yield key.encode() + b" " + value

        kinds = []
        for kind, numbers in added.items():
            found = resources[kind].getObject() if kind in resources else {}
            drawn = [b"%b %d 0 R" % item for item in numbers.items()]
            drawn = b" ".join([*drawn, *entries(found)])
            kinds.append(b"%b << %b >>" % (kind.encode(), drawn))
            needs.update(numbers.values())
        return b"<< %b >>" % b" ".join([*kinds, *entries(resources, added)]), needs

    def _write(self, value, offset):
        """Return a PDF value as bytes, and the numbers of the objects that it needs."""
        return self._renumbered(_serialized(value), offset)

    def _renumbered(self, content, offset):
        """Return an object of a file with the numbers that its references have here,
        and those numbers.

        :param int offset: what the file's numbers are raised by
        :rtype: tuple[bytes, set[int]]
        """
        needs = set()

        def number(match):
            needed = self._number(int(match[1]) + offset)
            needs.add(needed)
            return b"%d 0 R" % needed

        # References stand before a stream, never within.
        header, data = _split_stream(content)
        header = UPWARD_REFERENCE.sub(b"", header)
        return REFERENCE.sub(number, header) + data, needs

    def _number(self, number):
        """Return the number that stands for an object: of the first one like it."""
        if number not in self._numbers:
            # Already there for objects that refer to it in turn.
            self._numbers[number] = number
            sources = reversed(self._sources)
            offset, file = next(source for source in sources if source[0] < number)
            content, needs = self._renumbered(file.body(number - offset), offset)
            self._numbers[number] = self._known.setdefault(content, number)
            self._objects[number], self._needs[number] = content, needs
        return self._numbers[number]

    def _add(self, content, needs=frozenset()):
        """Return the number of a new object, or of one like it that is there."""
        if content not in self._known:
            self._known[content] = self._size
            self._objects[self._size], self._needs[self._size] = content, needs
            self._size += 1
        return self._known[content]

    def _stream(self, data):
        return self._add(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(data), data))

    @staticmethod
    def _file(objects, root, info):
        """Return a PDF file of numbered objects."""
        chunks, table = [FILE_START], [TABLE_START]
        position = len(chunks[0])
        for number, content in sorted(objects.items()):
            chunk = b"%d 0 obj\n%b\nendobj\n" % (number, content)
            table.append(b"%d 1\n%010d 00000 n \n" % (number, position))
            chunks.append(chunk)
            position += len(chunk)
        # No two files are alike: Odoo names an attachment's file by its content, and
        # refuses that content for ever once a full disk has left half of the file.
        id_ = b"<%b>" % os.urandom(16).hex().encode()
        trailer = b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R /ID [%b %b] >>\n" % (
            max(objects) + 1, root, info, id_, id_,
        )  # fmt: skip
        end = b"startxref\n%d\n%%%%EOF\n" % position
        return b"".join([*chunks, *table, trailer, end])


def _serialized(value):
    """Return a value of the PDF library as bytes."""
    buffer = io.BytesIO()
    try:
        value.write_to_stream(buffer)
    except (AttributeError, TypeError):
        # PyPDF2 1.x, then 2.x, which both ask for an encryption key.
        write = getattr(value, "write_to_stream", None) or value.writeToStream
        write(buffer, None)
    return buffer.getvalue()


def _split_stream(body):
    """Return an object's dictionary, or whatever it is, and its stream, if any."""
    stream = STREAM.search(body)
    start = stream.start() if stream else len(body)
    return body[:start], body[start:]


def _registered_font(path):
    """Return a font for reportlab: its own Vera where there is no such file."""
    name = path or "Vera.ttf"
    if name not in pdfmetrics.getRegisteredFontNames():
        try:
            font = TTFont(name, name)
        except (TTFError, OSError):
            font = TTFont(name, "Vera.ttf")
        pdfmetrics.registerFont(font)
    return pdfmetrics.getFont(name)
