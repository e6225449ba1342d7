"""What goes into a letter's HTML: plain functions, no ORM."""

import base64
import io
import math
import re
import textwrap
from functools import cache, lru_cache

import lxml.html
from babel.core import Locale
from markupsafe import Markup
from PIL import Image

from odoo.tools import babel_locale_parse, is_html_empty, remove_accents
from odoo.tools.misc import file_path

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# What a user's text may not hold: it would run or fetch.
FORBIDDEN_TAGS = (
    "script", "style", "link", "meta", "base", "title", "iframe", "object", "embed",
    "audio", "video", "source",
)  # fmt: skip
FORBIDDEN_STYLE = re.compile(r"url\s*\(|position\s*:", re.IGNORECASE)
# What cannot grow wider than the page, but by a word longer than the rows.
PLAIN_TAGS = set("div p br b strong i em u span font small a ul ol li img".split())
WIDE_STYLE = re.compile(r"width|white-space|margin|padding|text-indent")
LONG_WORD = re.compile(r"\S{60,}")
# More than print needs.
IMAGE_SIZE = (900, 600)
# Characters in a row of small print.
SMALL_ROW_LENGTH = 125

ADDRESS_ROWS = 6
ADDRESS_LENGTH = 38
ADDRESS_SIZES = (10.56, 9.6, 8.64, 7.68)
# France and the territories that its post serves without a country line.
FRENCH_POST = set("FR GP MQ GF RE YT PM BL MF WF PF NC TF".split())

FONT_STYLES = {
    "normal": "font-weight: normal; font-style: normal",
    "bold": "font-weight: bold; font-style: normal",
    "italic": "font-weight: normal; font-style: italic",
}
LATO_FILES = (
    "web/static/fonts/lato/Lato-%s-webfont.ttf",
    {"normal": "Reg", "bold": "Bol", "italic": "RegIta"},
)
GOOGLE_FILES = (
    "web/static/fonts/google/{0}/{0}-%s.ttf",
    {"normal": "Regular", "bold": "Bold", "italic": "Italic"},
)


# === Users' rich text === #


def tidy(html, image_uri):
    """Return a user's rich text fit for the letter, empty where it says nothing.

    Without headings, which are the letter's own, and without anything that would run or
    be fetched.

    :param image_uri: function that returns the data URI of an image's ``src``, or None
        where the image is left out.
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
        source = image_uri(element.get("src") or "")
        if source:
            element.set("src", source)
            element.attrib.pop("srcset", None)
        else:
            element.drop_tree()
    for element in root.iter("*"):
        if FORBIDDEN_STYLE.search(element.get("style", "")):
            del element.attrib["style"]
        element.attrib.pop("background", None)
    if _may_be_wide(root):
        root.classes.add("wide")
    return _markup(root)


def _may_be_wide(root):
    """Return whether a text may be wider than the page.

    It is cut then, for in the unpatched build it would shrink all the letters. To ask
    for that in every text would make printing slower by a fifth.
    """
    return LONG_WORD.search(root.text_content()) or any(
        element.tag not in PLAIN_TAGS or WIDE_STYLE.search(element.get("style", ""))
        for element in root.iter("*")
    )


def split_closing(html, length):
    """Return the start of a text, and about its last characters in whole paragraphs.

    :rtype: tuple[Markup, Markup]
    """
    if len(html) <= length:
        return Markup(""), html
    top = root = lxml.html.fragment_fromstring(html)
    while len(root) == 1 and root[0].tag == "div" and not (root.text or "").strip():
        root = root[0]
    closing, size = [], 0
    for block in reversed(root):
        size += len(block.text_content())
        if closing and size > length:
            break
        closing.insert(0, block)
    end = lxml.html.Element("div")
    end.extend(closing)
    return _markup(top), _markup(end)


def has_long_words(row, lengths):
    """Return whether words of a row are too long for their columns.

    >>> has_long_words({"name": "FAC/2026/00001"}, {"name": 16})
    False
    """
    return any(
        len(word) > length
        for name, length in lengths.items()
        for word in row[name].split()
    )


def small_rows(html):
    """Return about how many rows of small print a text takes.

    >>> small_rows("<p>One</p><p>Two<br/>Three</p>")
    3
    """
    blocks = re.split(r"<br[^>]*>|</(?:p|div|li|tr)>", html)
    rows = (
        math.ceil(len(Markup(block).striptags()) / SMALL_ROW_LENGTH) for block in blocks
    )
    return sum(rows) + 3 * html.count("<img")


def data_uri(content):
    """Return an image as a data URI, or None where it is none.

    WebP and the like become PNG: the browser inside wkhtmltopdf is older than they are.
    """
    kind, content = "svg+xml", content or b""
    if not content.lstrip().startswith(b"<"):
        try:
            kind, content = _printable_image(content)
        except (OSError, ValueError, Image.DecompressionBombError):
            return None
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _printable_image(content):
    """Return the kind and the content of an image as PNG or JPEG, not too large."""
    image = Image.open(io.BytesIO(content))
    kind = "jpeg" if image.format == "JPEG" else "png"
    large = image.width > IMAGE_SIZE[0] or image.height > IMAGE_SIZE[1]
    if large or image.format not in ("JPEG", "PNG"):
        image = image.convert("RGB" if kind == "jpeg" else "RGBA")
        image.thumbnail(IMAGE_SIZE)
        buffer = io.BytesIO()
        image.save(buffer, kind)
        content = buffer.getvalue()
    return kind, content


def _markup(element):
    return Markup(lxml.html.tostring(element, encoding="unicode"))


# === Address === #


# Customers share their towns.
@lru_cache(maxsize=8192)
def capitals(text):
    """Return a text in capitals, without accents or punctuation.

    >>> capitals("33127 Saint-Jean-d'Illac")
    '33127 SAINT JEAN D ILLAC'
    """
    return " ".join(re.sub(r"[\W_]+", " ", remove_accents(text)).upper().split())


def wrapped_address(rows):
    """Return the rows of an address wrapped to 38 characters, if six rows hold them."""
    wrapped = cut_address(rows)
    return wrapped if len(wrapped) <= ADDRESS_ROWS else rows


def cut_address(rows):
    """Return the rows of an address, those of more than 38 characters cut at a word."""
    return [part for row in rows for part in textwrap.wrap(row, ADDRESS_LENGTH)]


def address_size(rows, width):
    """Return the largest type that keeps the rows within a width, both in points."""
    widths = [
        sum(0.68 if char.isupper() or char.isdigit() else 0.53 for char in row)
        for row in rows
    ]
    room = width / max(widths, default=1)
    return next((size for size in ADDRESS_SIZES if size <= room), ADDRESS_SIZES[-1])


def same_post(code, home_code):
    """Return whether a letter from one country to another needs no country line."""
    return not code or code == home_code or {code, home_code} <= FRENCH_POST


def country_name(code, language):
    """Return the name of a country in a language, installed or not, or None."""
    return Locale(language).territories.get(code)


# === Amounts === #


@cache
def is_symbol_first(lang):
    """Return whether a language writes the currency before the amount.

    >>> is_symbol_first("fr_FR"), is_symbol_first("en_US")
    (False, True)
    """
    locale = babel_locale_parse(lang)
    return locale.currency_formats["standard"].pattern.startswith("¤")


# === Fonts and colours === #


def font_family(font):
    """Return the CSS name of one of Odoo's document fonts."""
    return font.replace("_", " ")


@cache
def font_paths(font):
    """Return the files of one of Odoo's document fonts by style, those that are there.

    :rtype: dict[str, str]
    """
    layout, styles = LATO_FILES if font == "Lato" else GOOGLE_FILES
    paths = {}
    for style, name in styles.items():
        try:
            paths[style] = file_path(layout.format(font) % name)
        except (FileNotFoundError, ValueError):
            continue
    return paths


def font_faces(fonts):
    """Return the CSS that brings fonts along, so that the server need not have them.

    :rtype: Markup
    """
    faces = []
    for font in fonts:
        for style, path in font_paths(font).items():
            with open(path, "rb") as file:
                data = base64.b64encode(file.read()).decode()
            faces.append(
                f"@font-face {{font-family: '{font_family(font)}'; "
                f"{FONT_STYLES[style]}; "
                f"src: url(data:font/ttf;base64,{data}) format('truetype');}}"
            )
    return Markup("\n".join(faces))


def ink(color, default="#22303f"):
    """Return a company's colour if text in it is readable on white.

    >>> ink("#0e588c"), ink("#ffe680")
    ('#0e588c', '#22303f')
    """
    if not re.fullmatch("#[0-9a-fA-F]{6}", color or ""):
        return default
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return color if 0.3 * red + 0.59 * green + 0.11 * blue < 150 else default
