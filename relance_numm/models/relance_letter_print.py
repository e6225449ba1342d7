"""Calling wkhtmltopdf, also in the background: plain functions, no ORM."""

import os
import tempfile
from collections.abc import Callable
from typing import NamedTuple

# The module and not its function: Odoo's tests replace it there.
from odoo.addons.base.models import ir_actions_report

from .relance_letter_pdf import LetterError

# Odoo's second of waiting for scripts and assets: there are none.
OPTIONS = ("--javascript-delay", "0", "--disable-javascript")


class MissingProgramError(LetterError):
    """There is no wkhtmltopdf to call."""


class Printing(NamedTuple):
    """Letters that are being printed: at which zoom, and what returns their PDF."""

    zoom: float
    content: Callable[[], bytes]


def print_html(arguments, html):
    """Return what wkhtmltopdf makes of an HTML document.

    Without a look at the environment: another thread may do it.

    :param list arguments: of wkhtmltopdf, without its files
    :rtype: bytes
    :raise MissingProgramError: where it is not there
    :raise LetterError: where it fails
    """
    with tempfile.TemporaryDirectory(prefix="relance.letters.") as folder:
        source = os.path.join(folder, "letters.html")
        target = os.path.join(folder, "letters.pdf")
        with open(source, "w", encoding="utf-8") as file:
            file.write(html)
        try:
            process = ir_actions_report._run_wkhtmltopdf(
                [*arguments, *OPTIONS, source, target]
            )
        except OSError as error:
            raise MissingProgramError(str(error)) from error
        # 1 is a warning, mostly about an image.
        if process.returncode not in (0, 1) or not os.path.exists(target):
            reason = last_row(process.stderr or "")
            raise LetterError(f"{reason} (code {process.returncode})".strip())
        with open(target, "rb") as file:
            return file.read()


def last_row(message):
    """Return what a traceback or a log ends with."""
    return (message.strip().splitlines() or [""])[-1]
