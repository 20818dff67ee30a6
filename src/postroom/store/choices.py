"""What recipients chose, and who is suppressed, looked up and applied while their mail is accepted.

In the acceptance's own transaction and for all its messages at once: one question for each table and tenant, and no
moment between somebody's no and the mail that respects it. Messages that nobody has a say about are not looked at.
Recipients who were to leave at once give their place in a lane back; the answer of the acceptance says who.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from postroom.clock import iso
from postroom.model.event import EventKind
from postroom.model.preference import Preference, Suppression
from postroom.model.state import State
from postroom.policy.preference import Asked, Fate, Told, decide
from postroom.policy.way import Reason
from postroom.store import preferences, suppressions, tables
from postroom.store.bulk import Row, insert_rows

__all__ = ["COLLECTED_COLUMNS", "Applied", "Choice", "Diverted", "Found", "applied", "collect", "look_up"]

COLLECTED_COLUMNS = ("message_id", "n", "tenant_id", "address", "due_ms")
_STATE, _DUE, _LEASE, _MARK, _REASON = 5, 10, 12, 13, 14
"""Places in a row of `acceptance.RECIPIENT_COLUMNS`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a message has to be looked up. `mailboxes`: recipient number → mailbox, of those who have a say.

    `collects`: whether it may go into a digest; mail that is held for want of an account or a right may not.
    """

    tenant_id: int
    asked: Asked
    mailboxes: Mapping[int, str]
    now_ms: int
    earliest_ms: int
    expires_ms: int | None
    collects: bool
    next_id: Callable[[], int]


class Diverted(NamedTuple):
    """Where a recipient stands instead. `due_ms`: when his digest is due."""

    state: str
    reason: str
    due_ms: int | None = None


class Found(NamedTuple):
    """What is known of the mailboxes that were asked for, by tenant and mailbox."""

    preferences: Mapping[tuple[int, str], Preference]
    suppressions: Mapping[tuple[int, str], Suppression]


class Applied(NamedTuple):
    """`rows`: the recipients' rows as they are to be written; `collected`: what waits for digests."""

    rows: Sequence[Row]
    events: Sequence[Row]
    collected: Sequence[Row]
    diverted: Mapping[int, Diverted]


def look_up(connection: Connection, choices: Iterable[Choice]) -> Found:
    """Asks for all of them at once."""
    chosen: dict[int, set[str]] = {}
    listed: dict[int, set[str]] = {}
    for choice in choices:
        if choice.asked.looks_up:
            chosen.setdefault(choice.tenant_id, set()).update(choice.mailboxes.values())
        if choice.asked.suppresses:
            listed.setdefault(choice.tenant_id, set()).update(choice.mailboxes.values())
    return Found(
        {(t, box): one for t, who in chosen.items()
         for box, one in preferences.of_mailboxes(connection, t, who).items()},
        {(t, box): one for t, who in listed.items()
         for box, one in suppressions.of_mailboxes(connection, t, who).items()},
    )  # fmt: skip


def applied(choice: Choice, rows: Sequence[Row], found: Found) -> Applied:
    """Pure but for ids; changes nothing that it is given, because a unit of work may be run twice."""
    written: list[Row] = []
    events: list[Row] = []
    collected: list[Row] = []
    diverted: dict[int, Diverted] = {}
    for row in rows:
        number, n, tenant_id = row[:3]
        told = _told(choice, found, choice.mailboxes.get(n))
        if told.fate is Fate.AT_ONCE or (told.fate is Fate.COLLECT and not choice.collects):
            written.append(row)
            continue
        there, kind, detail = _SPELLED[told.fate]
        one = diverted[n] = Diverted(there.state, there.reason, told.due_ms)
        written.append(_moved(row, one))
        suppression = found.suppressions.get((tenant_id, choice.mailboxes[n]))
        detail = {**detail, **_detail(choice, told, suppression)}
        events.append((number, choice.next_id(), tenant_id, n, choice.now_ms, kind.value, json.dumps(detail)))
        if told.fate is Fate.COLLECT:
            collected.append((number, n, tenant_id, choice.mailboxes[n], told.due_ms))
    return Applied(written, events, collected, diverted)


_SPELLED: dict[Fate, tuple[Diverted, EventKind, dict[str, object]]] = {
    Fate.COLLECT: (Diverted(State.COLLECTED.value, Reason.DIGEST), EventKind.COLLECTED, {"why": Reason.DIGEST}),
    Fate.DECLINED: (Diverted(State.CANCELLED.value, Reason.DECLINED), EventKind.DECLINED, {"why": Reason.DECLINED}),
    Fate.SUPPRESSED: (
        Diverted(State.FAILED.value, Reason.SUPPRESSED),
        EventKind.SUPPRESSED,
        {"why": Reason.SUPPRESSED},
    ),
}


def _told(choice: Choice, found: Found, mailbox: str | None) -> Told:
    if mailbox is None:
        return Told(Fate.AT_ONCE)
    key = (choice.tenant_id, mailbox)
    return decide(
        choice.asked,
        found.preferences.get(key),
        found.suppressions.get(key),
        now_ms=choice.now_ms,
        earliest_ms=choice.earliest_ms,
        expires_ms=choice.expires_ms,
    )


def _detail(choice: Choice, told: Told, suppression: Suppression | None) -> dict[str, object]:
    if told.fate is Fate.COLLECT:
        return {"due_ms": told.due_ms}
    if told.fate is Fate.SUPPRESSED and suppression is not None:
        return {
            "suppressed": suppression.why.value,
            "since": iso(suppression.created_ms),
            "until": None if suppression.expires_ms is None else iso(suppression.expires_ms),
            "source": suppression.source,
        }
    kind = choice.asked.kind
    return {} if kind is None else {"kind": kind.name}


def _moved(row: Row, there: Diverted) -> Row:
    values = list(row)
    values[_STATE], values[_DUE], values[_REASON] = there.state, None, there.reason
    values[_LEASE], values[_MARK] = None, 0
    return tuple(values)


def collect(connection: Connection, rows: Sequence[Row]) -> None:
    """Keeps when the digests are due that these go with."""
    insert_rows(connection, tables.collected, COLLECTED_COLUMNS, rows)
