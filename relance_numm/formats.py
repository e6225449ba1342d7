"""Dates and amounts as Odoo writes them, for the thousands that a portion of letters
holds: ``format_date`` and ``formatLang`` look the language up and read its formats anew
for each, which took longer than to lay the letters out."""

import ast
from functools import lru_cache

import babel.dates

from odoo.tools import babel_locale_parse, float_round, formatLang, posix_to_ldml
from odoo.tools.misc import get_lang

# Entries of a reminder share few dates.
DATES = 2048
# What nearly all languages have: 1 234 567,89.
THOUSANDS = [3, 0]


def language(env):
    """Return the data of the language that is written in.

    :rtype: LangData
    """
    code = env.context.get("lang")
    return (code and env["res.lang"]._get_data(code=code)) or get_lang(env)


def date_text(env, value, lang=None):
    """Return a date as ``odoo.tools.format_date`` does, or "" where there is none.

    :param date value: a date without a time
    :param LangData lang: as returned by ``language``, where it is known already
    """
    if not value:
        return ""
    lang = lang or language(env)
    return _date_text(value, lang.code, lang.date_format)


def long_date_text(env, value):
    """Return a date with its month in letters, as ``format_date`` does."""
    return _date_text(value, language(env).code)


@lru_cache(DATES)
def _date_text(value, code, date_format=None):
    locale = babel_locale_parse(code)
    pattern = posix_to_ldml(date_format, locale=locale) if date_format else "long"
    return babel.dates.format_date(value, format=pattern, locale=locale)


def number_text(env, value, digits, lang=None):
    """Return a number as ``odoo.tools.formatLang`` does.

    :param LangData lang: as returned by ``language``, where it is known already
    """
    lang = lang or language(env)
    if _grouping(lang.grouping) != THOUSANDS:
        return formatLang(env, value, digits=digits)
    value = float_round(value, precision_digits=digits, rounding_method="HALF-EVEN")
    whole, _point, decimals = f"{value:,.{digits}f}".partition(".")
    whole = whole.replace(",", lang.thousands_sep or "")
    return f"{whole}{lang.decimal_point}{decimals}" if decimals else whole


@lru_cache
def _grouping(text):
    return ast.literal_eval(text)


def amount_text(env, amount, currency):
    """Return an amount with its currency as ``odoo.tools.formatLang`` does."""
    number = number_text(env, amount, currency.decimal_places)
    if not currency.symbol:
        return number
    parts = (number, currency.symbol)
    return "\N{NO-BREAK SPACE}".join(
        parts if currency.position == "after" else reversed(parts)
    )
