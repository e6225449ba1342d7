"""What is wrong with a postal code, an address or a phone number: no ORM."""

import re
from functools import lru_cache
from typing import NamedTuple

from odoo.exceptions import UserError

from odoo.addons.phone_validation.tools import phone_validation

from .models.relance_letter_html import (
    ADDRESS_LENGTH,
    ADDRESS_ROWS,
    FRENCH_POST,
    cut_address,
)

# Where postal codes are those of the French post: 01 to 95, 97 overseas, 98 in the
# Pacific and in Monaco.
FIVE_DIGITS = FRENCH_POST | {"MC"}
FRENCH_POSTAL_CODE = re.compile(r"(?:0[1-9]|[1-8]\d|9[0-578])\d{3}")
# What stands before or between the digits of a code that can still be told.
AROUND_DIGITS = re.compile(r"(?:F|FR)(?=[\s-]*\d)|[\s.-]", re.IGNORECASE)

MOBILE, FIXED = "mobile", "fixed"


def postal_code_meant(text, country_code):
    """Return the postal code that a text stands for, as it is to be written; None
    where it is none in its country, as far as that is known.

    >>> postal_code_meant("33 000", "FR"), postal_code_meant("3300", "FR")
    ('33000', None)
    >>> postal_code_meant("SW1A 1AA", "GB")
    'SW1A 1AA'

    :rtype: str | None
    """
    text = text.strip()
    if country_code not in FIVE_DIGITS:
        return text
    code = AROUND_DIGITS.sub("", text)
    return code if FRENCH_POSTAL_CODE.fullmatch(code) else None


class AddressFit(NamedTuple):
    """How an address fits what the post reads, at most six rows of 38 characters.

    ``long_rows`` are those longer than that; ``row_count`` are those it takes, the long
    ones cut at a word, and ``fits`` is whether that is six at most. What does not fit
    is printed all the same, smaller.
    """

    long_rows: list
    row_count: int

    @property
    def fits(self):
        return self.row_count <= ADDRESS_ROWS


def address_fit(rows, last=()):
    """Return how the rows of an address fit the window.

    :param list rows: as they were entered
    :param list last: rows that are never cut, such as the country
    :rtype: AddressFit
    """
    long_rows = [row for row in rows if len(row) > ADDRESS_LENGTH]
    cut = cut_address(rows) if long_rows else rows
    return AddressFit(long_rows, len(cut) + len(last))


# Each customer's number is looked at several times, and takes the library a while.
@lru_cache(maxsize=8192)
def phone_kind(number, country_code):
    """Return whether a phone number can be a mobile's; None where it is no number.

    >>> phone_kind("06 12 34 56 78", "FR"), phone_kind("05 56 00 00 00", "FR")
    ('mobile', 'fixed')

    :param str country_code: where a number is called that does not name its country
    :rtype: str | None
    """
    try:
        parsed = phone_validation.phone_parse(number, country_code or None)
    except UserError:
        return None
    if not parsed:
        # Without the library nothing is known of numbers.
        return MOBILE
    # Where there is no library, that returned already.
    import phonenumbers

    kinds = phonenumbers.PhoneNumberType
    mobile = (
        kinds.MOBILE,
        kinds.FIXED_LINE_OR_MOBILE,
        kinds.PERSONAL_NUMBER,
        kinds.PAGER,
        kinds.UNKNOWN,
    )
    return MOBILE if phonenumbers.number_type(parsed) in mobile else FIXED
