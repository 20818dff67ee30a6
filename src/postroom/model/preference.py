"""What a recipient chose, once for all applications of a tenant; and recipients who get nothing at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from postroom.model.kind import Way

__all__ = ["HOUR", "SUPPRESSED_MS", "WEEKDAY", "Preference", "Suppression", "Why"]

HOUR = 8
WEEKDAY = 0
SUPPRESSED_MS = 90 * 24 * 3600 * 1000
"""How long somebody is suppressed whose mailbox does not exist: he may come back, and a server may be wrong."""


@dataclass(frozen=True, slots=True)
class Preference:
    """`address` is a mailbox as `policy.preference.mailbox` spells it. Empty texts: the tenant's language, time zone.

    `hour`: local, 0 to 23, of the daily and the weekly digest; `weekday`: 0 is Monday. `ways`: by the kind's name in
    lower case; what is not there is as the kind has it.
    """

    tenant_id: int
    address: str
    language: str = ""
    time_zone: str = ""
    hour: int = HOUR
    weekday: int = WEEKDAY
    ways: Mapping[str, Way] = field(default_factory=dict)
    updated_ms: int = 0


class Why(StrEnum):
    """Why a recipient is suppressed."""

    NO_MAILBOX = "no-mailbox"
    COMPLAINT = "complaint"
    UNSUBSCRIBED = "unsubscribed"
    BY_HAND = "by-hand"


@dataclass(frozen=True, slots=True)
class Suppression:
    """A recipient whom nothing but security mail is sent to. `source` says who put him there: `delivery`, `import`, or
    a person's name; `note` is for people (a server's words); `message_id`: the mail that showed it. Over at
    `expires_ms`, or never.
    """

    tenant_id: int
    address: str
    why: Why
    source: str = ""
    note: str = ""
    created_ms: int = 0
    expires_ms: int | None = None
    message_id: int | None = None
