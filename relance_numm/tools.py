import re
from functools import lru_cache
from typing import NamedTuple

from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools.mail import email_normalize_all, single_email_re

# What most texts are: a single plain address, which needs no parser.
PLAIN_EMAIL = re.compile(
    r"[a-z0-9_]+(?:[.+-][a-z0-9_]+)*@[a-z0-9]+(?:[.-][a-z0-9]+)*\.[a-z]+",
    re.ASCII | re.IGNORECASE,
)


# Of each customer they are asked for several times.
@lru_cache(maxsize=4096)
def normalized_emails(text):
    """Return the addresses in a text, normalized.

    >>> normalized_emails("Compta@Peyrot.fr"), normalized_emails("a@b.fr, C <c@d.fr>")
    (('compta@peyrot.fr',), ('a@b.fr', 'c@d.fr'))

    :param text: a string, False or None
    :rtype: tuple[str, ...]
    """
    if text and PLAIN_EMAIL.fullmatch(text):
        return (text.lower(),)
    return tuple(email_normalize_all(text))


def well_formed_emails(text):
    """Return the addresses in a text that have the form of one, normalized.

    :rtype: list[str]
    """
    return [email for email in normalized_emails(text) if single_email_re.match(email)]


def malformed_email(text):
    """Return the first part of a list of addresses, separated by commas, that is none;
    None where all are.

    :rtype: str | None
    """
    parts = filter(None, map(str.strip, text.split(",")))
    return next((part for part in parts if not well_formed_emails(part)), None)


def all_or_each(records, work, failed, split=list):
    """Do some work on records at once; should it raise, on each of them, so that one
    that cannot be done never stops the others.

    :param records: a recordset
    :param work: what to do with them; undone where it raises
    :param failed: called with each record that cannot be done, and its exception
    :param split: returns the parts of a recordset that are done on their own
    :raise: what another transaction in the way raises, for the caller to try again
    """
    try:
        with records.env.cr.savepoint():
            work(records)
    except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
        raise
    except Exception as error:  # noqa: BLE001 whatever it is, `failed` says it
        parts = split(records)
        if len(parts) == 1:
            failed(records, error)
            return
        for part in parts:
            all_or_each(part, work, failed, split)


class SmsSize(NamedTuple):
    """What a text takes as an SMS.

    ``length`` is counted in the characters of the alphabet, ``parts`` are the messages
    it is cut into; ``unusual`` are the characters that the short alphabet lacks, one of
    which makes the whole text take the long one.
    """

    length: int
    parts: int
    unusual: str

    @property
    def alphabet(self):
        return "UCS-2" if self.unusual else "GSM-7"

    @property
    def limit(self):
        """Return how many characters fit into a single SMS."""
        return UCS_LIMITS[0] if self.unusual else GSM_LIMITS[0]


# The default alphabet of GSM 03.38, then what it writes with two characters.
GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("^{}\\[~]|€\f")
# Characters in a single SMS, and in each of several that make one text.
GSM_LIMITS = (160, 153)
UCS_LIMITS = (70, 67)
# What a word processor or a number's format puts in the place of a plain character.
SMS_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u2009\u202f", " "),
        **dict.fromkeys("\u2018\u2019\u02bc", "'"),
        **dict.fromkeys("\u201c\u201d\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\u200b\u200e\u200f\u2060\ufeff", ""),
        "\u2026": "...",
        "\u0153": "oe",
        "\u0152": "OE",
    }
)


def sms_plain(text):
    """Return a text in plain characters as far as that does not change what is read: a
    single typographic one makes an SMS take more than twice the parts."""
    return text.translate(SMS_PLAIN).strip()


def sms_size(text):
    """Return what a text takes as an SMS: 160 characters, or 153 in each of several
    parts; 70 and 67 where a character is not of the GSM alphabet.

    :rtype: SmsSize
    """
    unusual = "".join(dict.fromkeys(text)) if text else ""
    unusual = "".join(c for c in unusual if c not in GSM_BASIC | GSM_EXTENDED)
    if unusual:
        widths = [len(c.encode("utf-16-be")) // 2 for c in text]
    else:
        widths = [2 if c in GSM_EXTENDED else 1 for c in text]
    single, several = UCS_LIMITS if unusual else GSM_LIMITS
    length = sum(widths)
    parts = int(length > 0)
    if length > single:
        room = several
        for width in widths:
            # A character is never cut in two.
            if width > room:
                parts, room = parts + 1, several
            room -= width
    return SmsSize(length, parts, unusual)
