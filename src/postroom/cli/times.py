"""Times on the command line: shown in the zone of this machine, and typed the way people say them.

Takes `2026-11-20T14:30+01:00`, `2026-11-20 14:30` (this machine's zone), `14:30` (today), `2h` (from now, or ago, as
the option's meaning has it), `today`, `yesterday`, `tomorrow`, `now`. What goes to Postroom is RFC 3339 in UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from postroom.cli.complaint import usage

__all__ = ["clock_time", "local", "moment"]

_SPAN = re.compile(r"(\d{1,6})\s*(s|sec|m|min|h|d|w)\Z")
_UNIT = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_MEND = "Write it like 14:30, 2026-11-20 14:30, 2026-11-20T14:30:00+01:00, 45min, 2h or 3d."


def moment(text: str, *, option: str, back: bool = False, now: datetime | None = None) -> str:
    """What was typed for `option` as RFC 3339 in UTC. `back`: a span counts from now into the past.

    Raises CommandError (usage) with what is accepted.
    """
    now = now or datetime.now().astimezone()
    try:
        found = _read(text.strip().lower(), text.strip(), now, -1 if back else 1)
        return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")[:-4] + "Z"
    except (ValueError, OverflowError):
        raise usage(f"{option}: “{text}” is not a time.", hint=_MEND) from None


def _read(word: str, text: str, now: datetime, sign: int) -> datetime:
    if word == "now":
        return now
    if word in _DAYS:
        return _here(datetime.combine(now.date() + timedelta(days=_DAYS[word]), datetime.min.time()))
    if span := _SPAN.fullmatch(word):
        return now + sign * timedelta(seconds=int(span[1]) * _UNIT[span[2]])
    if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", word):
        return _here(datetime.fromisoformat(f"{now.date()}T{word.zfill(5)}"))
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else _here(found)


def _here(moment: datetime) -> datetime:
    # the offset that holds here at that time, not the one that holds now
    return moment.astimezone()


def local(text: object) -> str:
    """RFC 3339 from Postroom as `2026-11-20 14:30:02` in the zone of this machine; anything else as it is."""
    found = _parsed(text)
    return f"{found:%Y-%m-%d %H:%M:%S}" if found else str(text or "")


def clock_time(text: object) -> str:
    """Only the time of day, with milliseconds: for a timeline whose day stands above it."""
    found = _parsed(text)
    return f"{found:%H:%M:%S}.{found.microsecond // 1000:03d}" if found else str(text or "")


def _parsed(text: object) -> datetime | None:
    if not isinstance(text, str) or not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        return None
