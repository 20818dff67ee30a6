"""What becomes of a mail because of who gets it: sent now, kept for his digest, or not sent. And when a digest is due.

Rules kept here:
- Security mail always passes, at once: a mandatory kind, whatever its recipient chose and whatever list he is on.
- Who is suppressed gets nothing else, for as long as the suppression holds.
- "Not at all" is respected even after a tenant's switch "recipients may choose" was turned off: somebody said no. All
  other choices hold only while it is on. A bulk kind may be stopped by its recipients whatever the switch says.
- A mail that would expire before the digest leaves at once: a digest delays, it never loses.
- A digest is due at the recipient's local time. Where the clock skips that hour, it is due as soon as the hour would
  have passed; where it comes twice, at the first. A day has one digest, a week has one, whatever the clocks do.

Two spellings of an address that differ in the case of ASCII letters are one mailbox here (and only here): nobody keeps
two mailboxes apart by case, and who said no to `Anna@` means `anna@`, too. Other letters stay as they are, because
folding them would make two people one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from postroom.addresses import Address
from postroom.model.kind import DIGESTS, Kind, Way
from postroom.model.preference import Preference, Suppression

__all__ = ["Asked", "Fate", "Told", "decide", "mailbox", "may_stop", "next_digest", "offered", "way_of", "zone_of"]

_FOLDED = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


class Fate(Enum):
    """What becomes of one recipient's mail."""

    AT_ONCE = "at once"
    COLLECT = "collect"
    DECLINED = "declined"
    SUPPRESSED = "suppressed"


class Told(NamedTuple):
    """`due_ms`: when the digest that a collected mail goes with is due."""

    fate: Fate
    due_ms: int | None = None


AT_ONCE = Told(Fate.AT_ONCE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the settings say of a message before its recipients are looked at; made once for all like it.

    `kind` is None where the message names none that is set up. `looks_up` says whether preferences can matter at all,
    `suppresses` whether the list of suppressed recipients can. `zone`: the tenant's, by name.
    """

    kind: Kind | None
    choose: bool
    suppresses: bool
    zone: str = "UTC"

    @property
    def looks_up(self) -> bool:
        return self.kind is not None and not self.kind.mandatory


def mailbox(address: Address) -> str:
    """The spelling that preferences and suppressions are kept under."""
    return mailbox_of_key(address.key)


def mailbox_of_key(key: str) -> str:
    return key.translate(_FOLDED)


@lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo:
    """The time zone of this name (IANA); UTC for one that this machine does not know (any more)."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a directory, a path, or nothing at all
        return UTC


def offered(kind: Kind, *, choose: bool) -> bool:
    """Whether its recipients have any say about this kind."""
    return not kind.mandatory and (choose or kind.bulk)


def may_stop(kind: Kind | None) -> bool:
    """Whether mail of this kind says how to stop it (RFC 8058): all that is not mandatory."""
    return kind is not None and not kind.mandatory


def way_of(kind: Kind, preference: Preference | None, *, choose: bool) -> Way:
    """How this recipient gets this kind."""
    if kind.mandatory:
        return Way.AT_ONCE
    chosen = None if preference is None else preference.ways.get(kind.name.casefold())
    if chosen is None or (chosen is not Way.NONE and not choose):
        return kind.way
    return chosen


def decide(
    asked: Asked,
    preference: Preference | None,
    suppression: Suppression | None,
    *,
    now_ms: int,
    earliest_ms: int,
    expires_ms: int | None,
) -> Told:
    """`earliest_ms`: when it may leave at the earliest (its send-at time, or now)."""
    kind = asked.kind
    if kind is not None and kind.mandatory:
        return AT_ONCE
    if suppression is not None and (suppression.expires_ms is None or suppression.expires_ms > now_ms):
        return Told(Fate.SUPPRESSED)
    if kind is None:
        return AT_ONCE
    way = way_of(kind, preference, choose=asked.choose)
    if way is Way.NONE:
        return Told(Fate.DECLINED)
    if way not in DIGESTS:
        return AT_ONCE
    due = due_for(way, preference, asked.zone, earliest_ms)
    if expires_ms is not None and expires_ms <= due:
        return AT_ONCE
    return Told(Fate.COLLECT, due)


def due_for(way: Way, preference: Preference | None, zone: str, after_ms: int) -> int:
    """When this recipient's next digest of this rhythm is due. `zone`: where he chose none."""
    chosen = preference or _NOBODY
    return next_digest(way, zone_of(chosen.time_zone or zone), chosen.hour, chosen.weekday, after_ms)


_NOBODY = Preference(0, "")


def next_digest(way: Way, zone: tzinfo, hour: int, weekday: int, after_ms: int) -> int:
    """The first moment after `after_ms` (ms UTC) at which a digest of this rhythm is due. `way` is one of DIGESTS."""
    after = datetime.fromtimestamp(after_ms / 1000, UTC)
    if way is Way.HOURLY:
        return _next_hour(after.astimezone(zone), after_ms)
    day = after.astimezone(zone).date() - timedelta(days=1)
    while True:
        day += timedelta(days=1)
        if way is Way.WEEKLY and day.weekday() != weekday:
            continue
        # An hour that the clock skips is reckoned with the offset from before: it is due once it would have passed.
        local = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
        due = int(local.timestamp() * 1000)
        if due > after_ms:
            return due


def _next_hour(local: datetime, after_ms: int) -> int:
    """The next full hour on the recipient's clock. Reckoned in elapsed time, so that a changed clock repeats none."""
    past = (local.minute * 60 + local.second) * 1000 + after_ms % 1000
    return after_ms + 3_600_000 - past
