"""Calling wkhtmltopdf: plain classes, no ORM."""

import os
import subprocess
import tempfile

from .relance_letter_pdf import LetterError

# Odoo's second of waiting for scripts and assets: there are none.
OPTIONS = ("--javascript-delay", "0", "--disable-javascript")


class MissingProgramError(LetterError):
    """There is no wkhtmltopdf to call."""


class Printing:
    """A call of wkhtmltopdf that goes on while other things are done.

    Odoo's own waits for the end of its call, and only one thread may make it in tests.
    Within ``with``, at the end of which it is killed should it still go on.

    :param str program: the path of wkhtmltopdf
    :param list arguments: of wkhtmltopdf, without its files
    :param str html: the document
    :param float zoom: at which it is printed, for whoever takes the PDF
    :raise MissingProgramError: where there is no such program
    """

    def __init__(self, program, arguments, html, zoom=1):
        self.zoom = zoom
        self._folder = tempfile.TemporaryDirectory(prefix="relance.letters.")
        self._target = os.path.join(self._folder.name, "letters.pdf")
        self._log = os.path.join(self._folder.name, "letters.log")
        try:
            self._process = self._started([program, *arguments, *OPTIONS], html)
        except BaseException:
            self._folder.cleanup()
            raise

    def _started(self, command, html):
        source = os.path.join(self._folder.name, "letters.html")
        with open(source, "w", encoding="utf-8") as file:
            file.write(html)
        # A file and not a pipe: nobody need read it for the call to go on or to end.
        with open(self._log, "wb") as log:
            try:
                return subprocess.Popen(
                    [*command, source, self._target],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                )
            except OSError as error:
                raise MissingProgramError(str(error)) from error

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        try:
            self._process.kill()
            self.wait()
        finally:
            self._folder.cleanup()

    def wait(self):
        """Wait for the end of the call."""
        self._process.wait()

    def content(self):
        """Return the PDF, once it is there.

        :rtype: bytes
        :raise LetterError: where wkhtmltopdf failed
        """
        self.wait()
        code = self._process.returncode
        # 1 is a warning, mostly about an image.
        if code not in (0, 1) or not os.path.exists(self._target):
            with open(self._log, encoding="utf-8", errors="replace") as log:
                raise LetterError(f"{last_row(log.read())} (code {code})".strip())
        with open(self._target, "rb") as file:
            return file.read()


def last_row(message):
    """Return what a traceback or a log ends with."""
    return (message.strip().splitlines() or [""])[-1]
