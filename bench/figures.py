"""What the benchmark says: ratios over several rounds, each with its aim, as a table and as JSON.

A ratio compares two things measured one right after the other on the same machine; only ratios are printed. The
figures they were made of go into the JSON, for whoever wants to see how much the machine itself swayed.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Figure", "NotMeasured", "as_json", "ratios", "table"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `values`: one a round. `aim` None: for information. `at_most`: less is better."""

    part: str
    name: str
    values: tuple[float, ...]
    aim: float | None = None
    at_most: bool = False
    unit: str = "x"
    measured: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the median meets the aim; None without one."""
        if self.aim is None:
            return None
        return self.median <= self.aim if self.at_most else self.median >= self.aim


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A part, or a side of one, that could not be measured here, and why."""

    part: str
    why: str


def ratios(above: Sequence[float], below: Sequence[float]) -> tuple[float, ...]:
    """Round by round."""
    return tuple(one / other for one, other in zip(above, below, strict=True))


def table(figures: Sequence[Figure | NotMeasured]) -> str:
    """The whole result for people."""
    rows: list[tuple[str, ...]] = [("part", "what", "minimum", "median", "maximum", "aim", "")]
    rows += [_row(figure) for figure in figures if isinstance(figure, Figure)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, "-" * (sum(widths) + 2 * len(widths) - 2))
    lines += [f"{one.part}: not measured: {one.why}" for one in figures if isinstance(one, NotMeasured)]
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, ...]:
    aim = "" if figure.aim is None else f"{'<=' if figure.at_most else '>='} {_number(figure.aim)} {figure.unit}"
    met = {None: "", True: "met", False: "NOT MET"}[figure.met]
    low, high = min(figure.values), max(figure.values)
    return (figure.part, figure.name, _number(low), f"{_number(figure.median)} {figure.unit}", _number(high), aim, met)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.ljust(width) if place in (0, 1, 6) else cell.rjust(width)
             for place, (cell, width) in enumerate(zip(row, widths, strict=True))]  # fmt: skip
    return "  ".join(cells).rstrip()


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 10 else f"{value:.2f}"


def as_json(figures: Sequence[Figure | NotMeasured], about: Mapping[str, Any]) -> dict[str, Any]:
    """Everything, the measured figures included."""
    return {
        "about": dict(about),
        "figures": [_json(figure) for figure in figures if isinstance(figure, Figure)],
        "not_measured": [{"part": one.part, "why": one.why} for one in figures if isinstance(one, NotMeasured)],
    }


def _json(figure: Figure) -> dict[str, Any]:
    return {
        "part": figure.part,
        "name": figure.name,
        "unit": figure.unit,
        "minimum": min(figure.values),
        "median": figure.median,
        "maximum": max(figure.values),
        "rounds": list(figure.values),
        "aim": figure.aim,
        "aim_is": "at most" if figure.at_most else "at least",
        "met": figure.met,
        "measured": {name: list(values) for name, values in figure.measured.items()},
    }
