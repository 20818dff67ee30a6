"""How times, numbers and sizes are shown: in the reader's language and zone, the exact value in the title."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal
from markupsafe import Markup

from postroom.clock import iso, now_ms

if TYPE_CHECKING:
    from postroom.web.console.visit import Visit

__all__ = ["ago", "day", "moment", "number", "printable", "seconds", "size"]

_DAY_MS = 24 * 3600 * 1000
_FAR_MS = 7 * _DAY_MS
_TIME = Markup('<time datetime="{}" title="{}" data-ago>{}</time>')
_MOMENT = Markup('<time datetime="{}">{}</time>')


def ago(at_ms: int | None, visit: Visit) -> Markup:
    """ "3 minutes ago", "in 2 hours"; the exact time as its title. Beyond a week: the day."""
    if at_ms is None:
        return Markup("–")
    distance = at_ms - now_ms()
    if abs(distance) >= _FAR_MS:
        return _TIME.format(iso(at_ms), _exact(at_ms, visit), _date(at_ms, visit))
    if -1000 < distance < 1000:
        words = visit.say("just now")
    else:
        words = format_timedelta(
            timedelta(milliseconds=distance), add_direction=True, locale=visit.language, threshold=1.2
        )
    return _TIME.format(iso(at_ms), _exact(at_ms, visit), words)


def moment(at_ms: int | None, visit: Visit) -> Markup:
    """Date and time to the second, in the reader's zone."""
    return Markup("–") if at_ms is None else _MOMENT.format(iso(at_ms), _exact(at_ms, visit))


def day(at_ms: int | None, visit: Visit) -> Markup:
    """The date alone."""
    return Markup("–") if at_ms is None else _MOMENT.format(iso(at_ms), _date(at_ms, visit))


def _exact(at_ms: int, visit: Visit) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(visit.zone)
    return f"{format_datetime(at, 'medium', locale=visit.language)} {at.tzname() or ''}".rstrip()


def _date(at_ms: int, visit: Visit) -> str:
    return format_date(datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(visit.zone), locale=visit.language)


def number(value: float, language: str) -> str:
    """With the language's thousands separator."""
    return format_decimal(value, locale=language)


def seconds(ms: float | None, language: str) -> str:
    """A duration in its natural unit: 240 ms, 3.2 s, 5 min."""
    if ms is None:
        return "–"
    if ms < 1000:
        return f"{round(ms)} ms"
    if ms < 90_000:
        return f"{format_decimal(ms / 1000, format='0.#', locale=language)} s"
    if ms < 90 * 60_000:
        return f"{round(ms / 60_000)} min"
    return f"{format_decimal(ms / 3_600_000, format='0.#', locale=language)} h"


def size(octets: int, language: str) -> str:
    """In KB or MB (powers of 1,000)."""
    for unit, least in (("MB", 1_000_000), ("KB", 1_000)):
        if octets >= least:
            return f"{format_decimal(octets / least, format='0.#', locale=language)} {unit}"
    return f"{octets} B"


def printable(text: str) -> str:
    """Text from outside, with every control and bidirectional character made visible (P9)."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)
