"""A day or a week of mail as bars: an inline SVG without style or script, made of numbers; a table says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

from babel.dates import format_date, format_time

from postroom.reports.views import Hour

if TYPE_CHECKING:
    from postroom.web.console.visit import Visit

__all__ = ["Bar", "Chart", "chart_of", "days_of"]

WIDTH, HEIGHT = 720, 160
_LEAST = 3
"""Units: what is not nothing can be seen."""
_GAP = 4


class Bar(NamedTuple):
    """One piece of a bar. `kind`: sent, waiting, kept or failed."""

    kind: str
    x: float
    y: float
    width: float
    height: float


class Row(NamedTuple):
    """An hour of the table below the chart."""

    label: str
    hour: Hour


@dataclass(frozen=True, slots=True)
class Chart:
    """`labels`: the hours at which its quarters begin; `top`: what the highest bar counts."""

    bars: tuple[Bar, ...]
    labels: tuple[str, ...]
    rows: tuple[Row, ...]
    top: int
    width: int = WIDTH
    height: int = HEIGHT


def chart_of(hours: Sequence[Hour], visit: Visit) -> Chart:
    """From the bottom: sent, waiting, kept here, failed."""
    return _drawn([Row(_label(one.began_ms, visit), one) for one in hours])


def days_of(hours: Sequence[Hour], visit: Visit) -> Chart:
    """The same by the days of the reader's zone."""
    days: dict[date, list[Hour]] = {}
    for one in hours:
        days.setdefault(_moment(one.began_ms, visit).date(), []).append(one)
    return _drawn(
        [Row(format_date(day, "EEE d", locale=visit.language), _together(some)) for day, some in days.items()]
    )


def _together(hours: Sequence[Hour]) -> Hour:
    sent = sum(one.sent for one in hours)
    took = sum(one.seconds * one.sent for one in hours if one.seconds is not None)
    return Hour(
        hours[0].began_ms,
        sent,
        sum(one.failed for one in hours),
        sum(one.waiting for one in hours),
        sum(one.kept for one in hours),
        took / sent if sent else None,
    )


def _drawn(rows: Sequence[Row]) -> Chart:
    hours = [row.hour for row in rows]
    top = max((one.sent + one.waiting + one.kept + one.failed for one in hours), default=0)
    step = WIDTH / max(len(hours), 1)
    bars: list[Bar] = []
    for n, one in enumerate(hours):
        below = float(HEIGHT)
        for kind, count in (("sent", one.sent), ("waiting", one.waiting), ("kept", one.kept), ("failed", one.failed)):
            if count:
                height = max(count / top * (HEIGHT - 4 * _LEAST), _LEAST)
                below -= height
                place = (n * step + _GAP / 2, below, step - _GAP, height)
                bars.append(Bar(kind, *(round(number, 1) for number in place)))
    labels = tuple(row.label for row in rows[:: max(len(rows) // 4, 1)][:4])
    return Chart(tuple(bars), labels, tuple(rows), top)


def _label(at_ms: int, visit: Visit) -> str:
    return format_time(_moment(at_ms, visit), "short", locale=visit.language)


def _moment(at_ms: int, visit: Visit) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(visit.zone)
