import base64
import csv
import io
import re
from itertools import islice
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import remove_accents

from ..client_actions import CLOSE_DIALOG, batch_notification

SEPARATORS = (";", ",", "\t")
# What the columns may be called, as `plain` writes it.
COLUMNS = {
    "move_name": (
        "invoice",
        "invoice number",
        "invoice no",
        "number",
        "facture",
        "numero de facture",
        "n de facture",
        "no de facture",
        "n facture",
        "no facture",
        "numero",
        "n de piece",
        "no de piece",
        "numero de piece",
        "piece",
    ),
    "level_name": (
        "level",
        "reminder level",
        "last level",
        "niveau",
        "niveau de relance",
        "niveau de la derniere relance",
        "dernier niveau",
    ),
    "date_text": (
        "date",
        "reminder date",
        "date of reminder",
        "last reminder date",
        "date relance",
        "date de relance",
        "date de la relance",
        "date de derniere relance",
        "date de la derniere relance",
    ),
}


def plain(text):
    """Return a text without accents, capitals nor punctuation, to compare names.

    :rtype: str
    """
    return " ".join(re.findall(r"\w+", remove_accents(text or "").casefold()))


class PastLevel(NamedTuple):
    """A line of the file, as it is written there."""

    number: int
    move_name: str
    level_name: str
    date_text: str


class RelanceImport(models.TransientModel):
    """« Reprise »: the levels reached elsewhere, from a CSV file (G4).

    The file is read once; what is checked, and checked again, are its lines.
    """

    _name = "relance.import"
    _description = "Take-over of past levels"

    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        help="Its invoices, and those of its branches that are active, are looked up.",
    )
    file = fields.Binary(attachment=False)
    filename = fields.Char()
    line_ids = fields.One2many("relance.import.line", "import_id", string="Lines")
    line_count = fields.Integer(compute="_compute_counts")
    correct_count = fields.Integer(compute="_compute_counts")
    wrong_count = fields.Integer(compute="_compute_counts")
    summary = fields.Char(compute="_compute_counts")
    import_label = fields.Char(compute="_compute_counts")
    batch_ids = fields.Many2many("relance.batch", string="Taken over in", readonly=True)
    date_format = fields.Char(
        readonly=True, help="How the dates of the file are written."
    )

    @api.depends("line_ids.is_correct")
    @api.depends_context("lang")
    def _compute_counts(self):
        counts = {
            (wizard.id, is_correct): count
            for wizard, is_correct, count in self.env[
                "relance.import.line"
            ]._read_group(
                [("import_id", "in", self.ids)],
                ["import_id", "is_correct"],
                ["__count"],
            )
        }
        for wizard in self:
            correct = counts.get((wizard.id, True), 0)
            wrong = counts.get((wizard.id, False), 0)
            wizard.correct_count = correct
            wizard.wrong_count = wrong
            wizard.line_count = correct + wrong
            wizard.summary = self.env._(
                "Correct lines: %(correct)s. Wrong lines: %(wrong)s.",
                correct=correct,
                wrong=wrong,
            )
            wizard.import_label = (
                self.env._("Import the correct line")
                if correct == 1
                else self.env._("Import the %s correct lines", correct)
            )

    # Actions

    def action_check(self):
        """Read the file and say of each of its lines what is wrong, if anything is.

        :return: the action that shows the lines
        :raise UserError: where the file cannot be read, saying what to do
        """
        self.ensure_one()
        past_levels = self._read_file()
        lines = self.env["relance.import.line"]
        self.date_format = lines._find_date_format([p.date_text for p in past_levels])
        self._fill(past_levels)
        return self._action_open()

    def action_check_again(self):
        """Check the lines against the books as they are now.

        :return: the action that shows the lines
        """
        self.ensure_one()
        self._fill(self.line_ids._past_levels())
        return self._action_open()

    def action_restart(self):
        """Forget the lines, so that another file can be chosen.

        :return: the action that asks for the file
        """
        self.ensure_one()
        self.line_ids.unlink()
        self.write({"file": False, "filename": False, "batch_ids": False})
        return self._action_open()

    def action_import(self):
        """Take over the correct lines; the wrong ones stay in the list (G4).

        :return: the action that says what was done, and shows what is left
        :raise UserError: where there is nothing to take over
        """
        self.ensure_one()
        correct = self.line_ids.filtered("is_correct")
        if not correct:
            raise UserError(
                self.env._(
                    "No line is correct. Correct the file as the list says and choose "
                    "it again."
                )
            )
        claimed = correct._claim()
        batches = self.env["relance.batch"]._take_over(list(claimed.values()))
        self.batch_ids |= batches
        left = len(correct) - len(claimed)
        self.line_ids.browse(line.id for line in claimed).unlink()
        return self._action_imported(len(claimed), batches, warn=left)

    def _fill(self, past_levels):
        lines = self.env["relance.import.line"]
        self.line_ids.unlink()
        lines.create(lines._prepare_lines_vals(self, past_levels))

    def _action_imported(self, count, batches, warn):
        """Say how much was taken over; show the lines that were not, if any."""
        return batch_notification(
            self.env._("Reminders taken over: %s.", count),
            batches,
            "warning" if warn else "success",
            self._action_open() if self.line_ids else CLOSE_DIALOG,
        )

    def _action_open(self):
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(
                "relance_numm.relance_import_action"
            ),
            "res_id": self.id,
        }

    # The file

    def _read_file(self):
        """Return the lines of the file that are not blank.

        :rtype: list[PastLevel]
        :raise UserError: where it is none, or lacks a column
        """
        text = self._decode(
            base64.b64decode(self.with_context(bin_size=False).file or b"")
        )
        separator, columns = self._find_columns(text)
        past_levels = [
            PastLevel(
                number,
                **{
                    name: cells[index] if index < len(cells) else ""
                    for name, index in columns.items()
                },
            )
            for number, cells in islice(self._read_rows(text, separator), 1, None)
        ]
        if not past_levels:
            raise UserError(
                self.env._(
                    "The file has a header line only. Below it, write one line per "
                    "invoice: its number, its level and the date of its last reminder."
                )
            )
        return past_levels

    def _decode(self, content):
        """Return the text of the file, as UTF-8 or as Excel writes it in Europe."""
        if not content:
            raise UserError(
                self.env._(
                    "There is no file, or it is empty. Choose a CSV file with one line "
                    "per invoice: its number, its level and the date of its last "
                    "reminder."
                )
            )
        for encoding in ("utf-8-sig", "cp1252"):
            try:
                text = content.decode(encoding)
            except UnicodeDecodeError:
                continue
            # What a text never holds, and a spreadsheet or a PDF does.
            if "\0" not in text:
                return text
        raise UserError(
            self.env._(
                "This file is not a CSV file. In your spreadsheet, choose “Save as”, "
                "type “CSV”, and choose the file so saved here."
            )
        )

    @api.model
    def _read_rows(self, text, separator, strict=True):
        """Yield the rows that are not blank, each with the number of its line.

        :param bool strict: whether quotation marks must be right
        :raise UserError: where they are not
        """
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=separator, strict=strict
        )
        try:
            for row in reader:
                # Unbreakable spaces, and those at the ends, are no part of a name.
                cells = [" ".join(cell.split()) for cell in row]
                if any(cells):
                    yield reader.line_num, cells
        except csv.Error as error:
            raise UserError(
                self.env._(
                    "The file cannot be read from line %s on: a quotation mark is "
                    "missing, or one too many. Correct it and choose the file again.",
                    reader.line_num,
                )
            ) from error

    def _find_columns(self, text):
        """Return the separator of the file and where each column is.

        :rtype: tuple[str, dict[str, int]]
        :raise UserError: where a column is missing
        """
        best, header = {}, []
        for separator in SEPARATORS:
            _line, cells = next(self._read_rows(text, separator, strict=False), (0, []))
            titles = [plain(cell) for cell in cells]
            columns = {
                name: titles.index(title)
                for name, known in COLUMNS.items()
                if (title := next((t for t in known if t in titles), None))
            }
            if len(columns) == len(COLUMNS):
                return separator, columns
            if len(columns) > len(best) or not header:
                best, header = columns, separator.join(cells)
        raise UserError(self._missing_columns_text(best, header))

    @api.model
    def _missing_columns_text(self, found, header):
        titles = {
            "move_name": self.env._("Invoice"),
            "level_name": self.env._("Level"),
            "date_text": self.env._("Date"),
        }
        return self.env._(
            "The file has no column for: %(missing)s. Its first line must name the "
            "columns: %(expected)s, separated by semicolons, commas or tabs. It "
            "reads: “%(header)s”.",
            missing=", ".join(titles[name] for name in titles if name not in found),
            expected=", ".join(titles.values()),
            header=header[:100],
        )
