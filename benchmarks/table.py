"""What was measured: the rows of the table, their goals, the table as text and JSON."""

import json
import operator
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from devtools.steps import write_whole

_COMPARE = {"≤": operator.le, "≥": operator.ge}
_TITLES = ("work", "ours", "peer", "unit", "ratio", "goal", "", "queries", "peak MB")
#: These columns are numbers.
_RIGHT = {1, 2, 4, 7, 8}


@dataclass(frozen=True)
class Goal:
    """What a row must reach: `≤` or `≥` a limit, of its ratio or of our own figure."""

    sign: str
    limit: float
    of_ratio: bool = False

    def is_reached(self, row: "Row") -> bool:
        """Return whether the row reaches it; what was not measured does not."""
        value = row.ratio if self.of_ratio else row.ours
        return value is not None and _COMPARE[self.sign](value, self.limit)

    def __str__(self) -> str:
        return f"{self.sign} {figure(self.limit)}{' ×' if self.of_ratio else ''}"


def times(sign: str, limit: float) -> Goal:
    """Return a goal for the ratio of our figure and the other's."""
    return Goal(sign, limit, of_ratio=True)


@dataclass(frozen=True)
class Row:
    """One measured work.

    :param ours: the addon's figure
    :param peer: the other's figure, in the same unit: the peer's, or what `work` names
    :param queries: how many queries ours took
    :param peak_mb: by how much our process grew at most
    """

    work: str
    ours: float
    unit: str
    peer: float | None = None
    goal: Goal | None = None
    queries: int | None = None
    peak_mb: float | None = None

    @property
    def ratio(self) -> float | None:
        """Our figure in the other's."""
        return self.ours / self.peer if self.peer else None

    @property
    def verdict(self) -> str:
        """Whether the goal is reached, in a word; empty without one."""
        if self.goal is None:
            return ""
        return "ok" if self.goal.is_reached(self) else "MISSED"

    def as_dict(self) -> dict:
        """Return the row as the JSON file has it."""
        return {
            "work": self.work,
            "ours": _rounded(self.ours),
            "peer": _rounded(self.peer),
            "unit": self.unit,
            "ratio": _rounded(self.ratio),
            "goal": str(self.goal) if self.goal else None,
            "queries": self.queries,
            "peak_mb": _rounded(self.peak_mb),
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def figure(value: float | None) -> str:
    """Return a number with three significant digits, empty where there is none."""
    if value is None:
        return ""
    return number(value) if abs(value) >= 100 else f"{value:.3g}"


def number(value: float) -> str:
    """Return a whole number with its thousands apart."""
    return f"{value:,.0f}".replace(",", " ")


def write_json(rows: Iterable[Row], path: Path) -> None:
    """Write the rows to a JSON file."""
    content = json.dumps([row.as_dict() for row in rows], indent=2, ensure_ascii=False)
    write_whole(path.resolve(), content + "\n")


def text(rows: Iterable[Row]) -> str:
    """Return the table, which is also one in Markdown."""
    lines = [_TITLES] + [_cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    head, *body = (_line(cells, widths) for cells in lines)
    rule = [
        "-" * (width - 1) + (":" if index in _RIGHT else "-")
        for index, width in enumerate(widths)
    ]
    return "\n".join([head, _line(rule, widths), *body])


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.work,
        figure(row.ours),
        figure(row.peer),
        row.unit,
        figure(row.ratio),
        str(row.goal or ""),
        row.verdict,
        figure(row.queries),
        figure(row.peak_mb),
    )


def _line(cells: Iterable[str], widths: list[int]) -> str:
    padded = (
        cell.rjust(width) if index in _RIGHT else cell.ljust(width)
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"| {' | '.join(padded)} |"
