from collections import defaultdict
from datetime import date, datetime
from typing import NamedTuple

from odoo import api, fields, models
from odoo.tools import format_date, get_lang

from ..models.relance_batch_import import PastReminder
from ..models.relance_reminder import IN_FLIGHT
from .relance_import import PastLevel, plain

# This one is read in any file: it cannot be mistaken.
ISO_FORMAT = "%Y-%m-%d"
# What keeps a row from being reminded elsewhere, too.
NOT_REMINDED = ("no_customer", "paid")


class Books(NamedTuple):
    """What the lines of a file are checked against, read at once.

    ``moves`` are the invoices by number, ``levels`` the levels by name; ``items`` are
    the open rows, ``paid_from`` the earliest due date that is paid and ``numbers`` the
    lines of the file, all three by the invoice's id.
    """

    company: models.Model
    date_format: str
    moves: dict
    levels: dict
    level_names: str
    items: dict
    paid_from: dict
    numbers: dict

    def reminded_items(self, move, date):
        """Return the open rows of an invoice that a reminder of that day was for:
        those due by then; where none was, the earliest; nothing where they are paid.

        :rtype: relance.item
        """
        items = self.items[move.id]
        due = items.filtered(lambda item: item.date_due <= date)
        paid_from = self.paid_from.get(move.id)
        if due or (paid_from and paid_from <= date):
            return due
        return items[:1]


class Found(NamedTuple):
    """What the books have for a line of the file, or the sentence that says why not."""

    move: models.Model
    level: models.Model
    date: date | None
    problem: str | bool = False


class RelanceImportLine(models.TransientModel):
    """A line of the file: the invoice and level that were found, or what is wrong."""

    _name = "relance.import.line"
    _description = "Past level to take over"
    # The wrong ones first.
    _order = "is_correct, number, id"

    import_id = fields.Many2one(
        "relance.import", required=True, ondelete="cascade", index=True
    )
    number = fields.Integer(string="Line", readonly=True)
    move_name = fields.Char(string="In the file", readonly=True)
    level_name = fields.Char(readonly=True)
    date_text = fields.Char(readonly=True)
    move_id = fields.Many2one("account.move", string="Invoice", readonly=True)
    partner_id = fields.Many2one(
        related="move_id.commercial_partner_id", string="Customer"
    )
    level_id = fields.Many2one("relance.level", readonly=True)
    date = fields.Date(readonly=True)
    problem = fields.Char(string="What is wrong", readonly=True)
    is_correct = fields.Boolean(
        compute="_compute_is_correct", store=True, precompute=True
    )

    @api.depends("problem")
    def _compute_is_correct(self):
        for line in self:
            line.is_correct = not line.problem

    def _past_levels(self):
        """Return what the file says on these lines.

        :rtype: list[PastLevel]
        """
        return [
            PastLevel(
                line.number,
                line.move_name or "",
                line.level_name or "",
                line.date_text or "",
            )
            for line in self
        ]

    @api.model
    def _prepare_lines_vals(self, wizard, past_levels):
        """Return the values of the lines: what was found, and what is wrong.

        :param list[PastLevel] past_levels: what the file says
        """
        books = self._read_books(wizard, past_levels)
        vals_list = []
        for past in past_levels:
            found = self._look_up(past, books)
            vals_list.append(
                {
                    "import_id": wizard.id,
                    **past._asdict(),
                    "move_id": len(found.move) == 1 and found.move.id,
                    "level_id": found.level.id,
                    "date": found.date,
                    "problem": found.problem,
                }
            )
        return vals_list

    def _claim(self):
        """Lock the entries of these lines against everybody else and check them again
        (D7); a line that can no longer be taken over says why.

        :return: the reminders to take over, by line
        :rtype: dict[relance.import.line, PastReminder]
        """
        batches = self.env["relance.batch"]
        locked = set(batches._lock_invoices(self.move_id).ids)
        past_levels = self._past_levels()
        books = self._read_books(self.import_id, past_levels)
        claimed = {}
        for line, past in zip(self, past_levels, strict=True):
            found = self._look_up(past, books)
            problem = found.problem
            if not problem:
                items = books.reminded_items(found.move, found.date)
                taken = items.filtered(lambda item: item.id not in locked)
                if not taken:
                    claimed[line] = PastReminder(items, found.level, found.date)
                    continue
                problem = self._line_text(past, batches._taken_text(taken[:1]))
            line.problem = problem
        return claimed

    # What the books say

    @api.model
    def _read_books(self, wizard, past_levels):
        """Return what these lines are checked against, in as many queries as one."""
        company = wizard.company_id
        moves = self._find_moves(company, past_levels)
        found = self.env["account.move"].union(*moves.values())
        numbers = defaultdict(list)
        for past in past_levels:
            for move in moves.get(past.move_name.upper(), ()):
                numbers[move.id].append(past.number)
        levels = self.env["relance.level"].search([("active", "=", True)])
        return Books(
            company=company,
            date_format=wizard.date_format,
            moves=moves,
            levels=self._levels_by_name(levels),
            level_names=", ".join(levels.mapped("name")),
            items=self._open_items(found),
            paid_from=self._paid_from(found),
            numbers=numbers,
        )

    @api.model
    def _find_moves(self, company, past_levels):
        """Return the sales documents that have these numbers, by number in capitals;
        those that are posted, if any is.

        :rtype: dict[str, account.move]
        """
        numbers = {past.move_name for past in past_levels if past.move_name}
        moves = self.env["account.move"].search_fetch(
            [
                ("company_id", "child_of", company.ids),
                (
                    "move_type",
                    "in",
                    self.env["account.move"].get_sale_types(include_receipts=True),
                ),
                ("name", "in", list(numbers | {number.upper() for number in numbers})),
            ],
            ["commercial_partner_id", "move_type", "name", "state"],
        )
        return {
            number: same.filtered(lambda move: move.state == "posted") or same
            for number, same in moves.grouped(lambda move: move.name.upper()).items()
        }

    @api.model
    def _levels_by_name(self, levels):
        """Return the levels by their names in all languages, as `plain` writes them.

        :rtype: dict[str, relance.level]
        """
        by_name = {}
        for code, _language in self.env["res.lang"].get_installed():
            for level in levels.with_context(lang=code):
                by_name.setdefault(plain(level.name), level.with_env(self.env))
        return by_name

    @api.model
    def _open_items(self, moves):
        """Return the rows of the work list that are owed, by the invoice's id, the
        earliest due first.

        :rtype: dict[int, relance.item]
        """
        item_model = self.env["relance.item"]
        item_model.invalidate_model()
        # At once: each line of the file is looked up on its own.
        items = item_model.search_fetch(
            [("move_id", "in", moves.ids), ("amount_due", ">", 0)],
            order="date_due, id",
        )
        items.last_reminder_id.fetch(["name"])
        by_move = items.grouped(lambda item: item.move_id.id)
        return {id_: by_move.get(id_, item_model) for id_ in moves.ids}

    @api.model
    def _paid_from(self, moves):
        """Return the earliest due date that is paid of each invoice that has one.

        :rtype: dict[int, datetime.date]
        """
        groups = self.env["account.move.line"]._read_group(
            [
                ("move_id", "in", moves.ids),
                ("account_type", "=", "asset_receivable"),
                ("reconciled", "=", True),
            ],
            ["move_id"],
            ["date_maturity:min"],
        )
        return {move.id: date for move, date in groups}

    # Dates

    @api.model
    def _find_date_format(self, texts):
        """Return how the dates of a file are written: as fits the most of them, the
        day before the month where both do."""
        candidates = ("%d/%m/%Y", get_lang(self.env).date_format, ISO_FORMAT)
        return max(
            candidates,
            key=lambda candidate: sum(
                self._parse_date(text, candidate) is not None for text in texts
            ),
        )

    @api.model
    def _parse_date(self, text, *date_formats):
        """Return the date that a text is in one of these formats, or None."""
        for date_format in date_formats:
            try:
                return datetime.strptime(text, date_format).date()
            except ValueError:
                continue
        return None

    # What is wrong

    @api.model
    def _look_up(self, past, books):
        """Return what the books have for a line of the file.

        :rtype: Found
        """
        move = books.moves.get(past.move_name.upper(), self.env["account.move"])
        level = books.levels.get(plain(past.level_name), self.env["relance.level"])
        date = self._parse_date(past.date_text, books.date_format, ISO_FORMAT)
        found = Found(move, level, date)
        problem = (
            self._move_problem(past, move, books)
            or self._level_problem(past, level, books)
            or self._date_problem(past, date)
            or self._reminder_problem(found, books)
        )
        if not problem:
            return found
        return found._replace(problem=self._line_text(past, problem))

    @api.model
    def _line_text(self, past, problem):
        return self.env._(
            "Line %(number)s: %(problem)s", number=past.number, problem=problem
        )

    @api.model
    def _move_problem(self, past, move, books):
        """Return why the line's invoice cannot be reminded at all, or False."""
        names = {"invoice": past.move_name, "company": books.company.name}
        if not past.move_name:
            return self.env._("the invoice number is missing.")
        if not move:
            return self.env._("no invoice %(invoice)s in %(company)s.", **names)
        if len(move) > 1:
            return self.env._(
                "several invoices are numbered %(invoice)s in %(company)s.", **names
            )
        if len(books.numbers[move.id]) > 1:
            return self.env._(
                "the file has %(invoice)s several times (lines %(lines)s): keep one of "
                "them.",
                invoice=past.move_name,
                lines=", ".join(map(str, books.numbers[move.id])),
            )
        if move.move_type == "out_refund":
            return self.env._("%s is a credit note: nothing to remind.", move.name)
        if move.state != "posted":
            return self.env._("%s is not posted.", move.name)
        if not books.items[move.id]:
            return self.env._("%s is paid: nothing is left to remind.", move.name)
        return False

    @api.model
    def _level_problem(self, past, level, books):
        """Return why the line's level is none, or False."""
        if level:
            return False
        if not past.level_name:
            return self.env._(
                "the level is missing. Known levels: %s.", books.level_names
            )
        return self.env._(
            "the level “%(level)s” is unknown. Known levels: %(levels)s.",
            level=past.level_name,
            levels=books.level_names,
        )

    @api.model
    def _date_problem(self, past, date):
        """Return why nobody was reminded on the line's date, or False."""
        if not past.date_text:
            return self.env._("the date is missing.")
        if not date:
            return self.env._(
                "“%s” is not a date. Write it such as 31/12/2025 or 2025-12-31.",
                past.date_text,
            )
        if date > fields.Date.context_today(self):
            return self.env._(
                "the date %s is in the future.", format_date(self.env, date)
            )
        return False

    @api.model
    def _reminder_problem(self, found, books):
        """Return why a reminder of this level and date cannot be noted, or False."""
        items = books.reminded_items(found.move, found.date)
        if not items:
            return self.env._(
                "what was due of %(invoice)s on %(date)s is paid.",
                invoice=found.move.name,
                date=format_date(self.env, found.date),
            )
        for item in items:
            problem = self._item_problem(item, found)
            if problem:
                return problem
        return False

    @api.model
    def _item_problem(self, item, found):
        """Return why the level of one row cannot be that of the file, or False.

        What was made here counts more than what the file says: levels never go down.
        """
        names = {
            "invoice": item.name,
            "reminder": item.last_reminder_id.name,
            "reached": item.sent_level_id.name,
        }
        if item.reason_code in NOT_REMINDED:
            return item._left_out_text()
        if item.last_state in IN_FLIGHT:
            return self.env._(
                "a reminder of %(invoice)s is under way (%(reminder)s): let it leave, "
                "or cancel it first.",
                **names,
            )
        if item.sent_level_id._compare_key() >= found.level._compare_key():
            return self.env._(
                "%(invoice)s has reached the level “%(reached)s” already: only a "
                "higher one can be taken over.",
                **names,
            )
        if item.last_date and item.last_date > found.date:
            return self.env._(
                "%(invoice)s was reminded later than that, on %(date)s (%(reminder)s).",
                **names,
                date=format_date(self.env, item.last_date),
            )
        return False
