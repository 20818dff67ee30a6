"""What time it is elsewhere, as seen by the way: the Date of answers (RFC 9110, 6.6.1) against this machine's clock.

Only of servers that the operator trusts with secrets already, over a verified connection. One server proves nothing;
whoever reads this asks whether several agree. Kept in memory, the last of each host.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from postroom.clock import now_ms

__all__ = ["note", "seen"]

_MOST_HOSTS = 50
_OLD_MS = 24 * 3600 * 1000
_seen: dict[str, tuple[int, int]] = {}


def note(host: str, date: str) -> None:
    """An answer with this Date came from there just now. What is no date is not looked at."""
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return
    moment = now_ms()
    _seen.pop(host, None)
    while len(_seen) >= _MOST_HOSTS:
        _seen.pop(next(iter(_seen)))
    _seen[host] = (moment, round(theirs - moment / 1000))


def seen() -> Mapping[str, int]:
    """Host → by how many seconds its clock was ahead of ours, as far as that was seen within a day."""
    since = now_ms() - _OLD_MS
    return {host: seconds for host, (at, seconds) in list(_seen.items()) if at >= since}
