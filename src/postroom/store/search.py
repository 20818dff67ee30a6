"""Searching the mailing log: newest first, page by page, however many millions of rows there are.

Rules it keeps: every search goes backwards through message ids (which are ordered by time), so a page is found again
by the id it ended at; the most selective index decides which messages are looked at, everything else is checked on
those; and no call looks at more than a bounded number of rows. A search for something rare may therefore give a short
page, or an empty one, that still names where to go on.

What drives a search, best first: the exact address · a state that needs attention · few waiting or leased recipients ·
an address's beginning with few matches · the log itself, slice by slice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, not_, or_, select

from postroom.model.state import State
from postroom.store import tables
from postroom.store.partial import ATTENTION, LEASED, WAITING, among
from postroom.store.scope import within

__all__ = ["Found", "Wanted", "search"]

_message = tables.message
_recipient = tables.recipient

_FEW = 2_000
_SLICE = 5_000
_MOST_ROWS = 150_000
_HIGHEST = (1 << 63) - 1
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched for; everything set must hold. `low` and `high` bound the id (low ≤ id < high).

    `recipient`: an exact address, with `*` at its end what an address begins with, else a part of one. Of one and the
    same recipient `recipient` and `state` must hold. Waiting mail of `held_accounts` counts as held.
    """

    recipient: str = ""
    exact: bool = False
    sender: str = ""
    subject: str = ""
    words: str = ""
    state: State | None = None
    kind: str = ""
    application_id: int | None = None
    tag: str = ""
    low: int = 0
    high: int = _HIGHEST
    held_accounts: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Found:
    """Ids, newest first. `below`: the search goes on with ids below this one; None at the end of the log."""

    ids: tuple[int, ...]
    below: int | None


Chunk = tuple[ColumnElement[bool], int | None, int]
"""Which messages to check now, below which id the next chunk begins (None: this is the last), how many rows it has."""
Source = Callable[[int], Chunk]


def search(connection: Connection, tenant_id: int, wanted: Wanted, limit: int) -> Found:
    """Up to `limit` messages. Bounded work: see the module."""
    source = _choose(connection, tenant_id, wanted)
    checks = _checks(tenant_id, wanted)
    found: list[int] = []
    below: int | None = wanted.high
    looked_at = 0
    while below is not None and len(found) < limit and looked_at < _MOST_ROWS:
        chosen, below, rows = source(below)
        looked_at += rows
        found += _check(connection, tenant_id, chosen, checks, limit - len(found))
    if len(found) == limit:
        return Found(tuple(found), found[-1] if found[-1] > wanted.low else None)
    return Found(tuple(found), below)


def _check(
    connection: Connection,
    tenant_id: int,
    chosen: ColumnElement[bool],
    checks: Sequence[ColumnElement[bool]],
    most: int,
) -> list[int]:
    query = (
        select(_message.c.id)
        .where(within(_message, tenant_id), chosen, *checks)
        .order_by(_message.c.id.desc())
        .limit(most)
    )
    return [row.id for row in connection.execute(query)]


# -- what is looked at ------------------------------------------------------------------------------------------------


def _choose(connection: Connection, tenant_id: int, wanted: Wanted) -> Source:
    if wanted.recipient and wanted.exact:
        return _listed(connection, tenant_id, wanted, (_address_is(wanted.recipient),))
    if wanted.state is not None:
        few = _few_in_state(connection, tenant_id, wanted)
        if few is not None:
            return few
    if wanted.recipient.endswith("*"):
        begins = _address_begins(wanted.recipient)
        few = _few(connection, wanted, (within(_recipient, tenant_id), begins))
        if few is not None:
            return few
    return _sliced(connection, tenant_id, wanted)


def _few_in_state(connection: Connection, tenant_id: int, wanted: Wanted) -> Source | None:
    state = wanted.state
    if state is State.SENDING:
        return _few(connection, wanted, (among(tenant_id), LEASED))
    if state is State.QUEUED:
        return _few(connection, wanted, (among(tenant_id), WAITING))
    if state is State.HELD and wanted.held_accounts:
        waiting = _ids(connection, wanted, (among(tenant_id), *_waiting_on(wanted.held_accounts)))
        held = _ids(connection, wanted, (within(_recipient, tenant_id), *_attention(State.HELD)))
        if waiting is None or held is None:
            return None
        return _from_list(sorted({*waiting, *held}, reverse=True))
    if state is State.SENT or state is None:
        return None
    return _listed(connection, tenant_id, wanted, _attention(state))


def _attention(state: State) -> tuple[ColumnElement[bool], ...]:
    return (_recipient.c.state == state.value, ATTENTION)


def _waiting_on(accounts: Iterable[int]) -> tuple[ColumnElement[bool], ...]:
    return (WAITING, _recipient.c.account_id.in_(sorted(accounts)))


def _listed(connection: Connection, tenant_id: int, wanted: Wanted, where: tuple[ColumnElement[bool], ...]) -> Source:
    """Through an index on recipients that ends with the message id, newest first."""

    def chunk(below: int) -> Chunk:
        query = (
            select(_recipient.c.message_id)
            .where(
                within(_recipient, tenant_id), *where,
                _recipient.c.message_id < below, _recipient.c.message_id >= wanted.low,
            )
            .order_by(_recipient.c.message_id.desc())
            .limit(_FEW)
        )  # fmt: skip
        ids = [row.message_id for row in connection.execute(query)]
        return _message.c.id.in_(set(ids)), ids[-1] if len(ids) == _FEW else None, len(ids)

    return chunk


def _few(connection: Connection, wanted: Wanted, where: tuple[ColumnElement[bool], ...]) -> Source | None:
    ids = _ids(connection, wanted, where)
    return None if ids is None else _from_list(sorted(ids, reverse=True))


def _ids(connection: Connection, wanted: Wanted, where: tuple[ColumnElement[bool], ...]) -> set[int] | None:
    """All messages with such a recipient (`where` names the tenant), if they are few; None if they are too many."""
    query = select(_recipient.c.message_id).where(*where).limit(_FEW + 1)
    rows = connection.execute(query).all()
    if len(rows) > _FEW:
        return None
    return {row.message_id for row in rows if wanted.low <= row.message_id < wanted.high}


def _from_list(ids: list[int]) -> Source:
    def chunk(below: int) -> Chunk:
        here = [number for number in ids if number < below]
        return _message.c.id.in_(here), None, len(here)

    return chunk


def _sliced(connection: Connection, tenant_id: int, wanted: Wanted) -> Source:
    """The log itself, a few thousand messages at a time."""

    def chunk(below: int) -> Chunk:
        query = (
            select(_message.c.id)
            .where(within(_message, tenant_id), _message.c.id < below, _message.c.id >= wanted.low)
            .order_by(_message.c.id.desc())
            .offset(_SLICE - 1)
            .limit(1)
        )
        floor = connection.execute(query).scalar()
        between = and_(_message.c.id < below, _message.c.id >= (wanted.low if floor is None else floor))
        return between, floor, _SLICE

    return chunk


# -- what is checked on them ------------------------------------------------------------------------------------------


def _checks(tenant_id: int, wanted: Wanted) -> list[ColumnElement[bool]]:
    checks: list[ColumnElement[bool]] = []
    if wanted.sender:
        checks.append(_contains(_message.c.sender, wanted.sender))
    if wanted.subject:
        checks.append(_contains(_message.c.subject, wanted.subject))
    if wanted.kind:
        checks.append(_message.c.kind == wanted.kind)
    if wanted.application_id is not None:
        checks.append(_message.c.application_id == wanted.application_id)
    if wanted.tag:
        checks.append(_has_tag(wanted.tag))
    recipient = _recipient_checks(wanted)
    if recipient:
        checks.append(_some_recipient(tenant_id, recipient))
    if wanted.words:
        checks.append(_anywhere(tenant_id, wanted.words))
    return checks


def _recipient_checks(wanted: Wanted) -> list[ColumnElement[bool]]:
    checks: list[ColumnElement[bool]] = []
    if wanted.recipient:
        if wanted.exact:
            checks.append(_address_is(wanted.recipient))
        elif wanted.recipient.endswith("*"):
            checks.append(_address_begins(wanted.recipient))
        else:
            checks.append(_contains(_recipient.c.address, wanted.recipient))
    if wanted.state is not None:
        checks.append(_shown_as(wanted.state, wanted.held_accounts))
    return checks


def _shown_as(state: State, held_accounts: frozenset[int]) -> ColumnElement[bool]:
    here = _recipient.c.state == state.value
    if not held_accounts or state not in (State.HELD, State.QUEUED, State.DEFERRED):
        return here
    waits = and_(*_waiting_on(held_accounts))
    return or_(here, waits) if state is State.HELD else and_(here, not_(waits))


def _some_recipient(tenant_id: int, checks: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    return exists(
        select(_recipient.c.n).where(_recipient.c.message_id == _message.c.id, within(_recipient, tenant_id), *checks)
    )


def _anywhere(tenant_id: int, words: str) -> ColumnElement[bool]:
    return or_(
        _contains(_message.c.subject, words),
        _contains(_message.c.sender, words),
        _contains(_message.c.message_id, words),
        _some_recipient(tenant_id, [_contains(_recipient.c.address, words)]),
    )


def _contains(column: ColumnElement[Any], words: str) -> ColumnElement[bool]:
    """Without minding case. SQLite folds only ASCII, so the common spellings of other letters are tried one by one."""
    spellings = {words} if words.isascii() else {words, words.lower(), words.upper(), words.capitalize()}
    return or_(*(column.icontains(spelling, autoescape=True) for spelling in sorted(spellings)))


def _address_is(address: str) -> ColumnElement[bool]:
    return func.lower(_recipient.c.address) == _folded(address)


def _folded(address: str) -> str:
    """ASCII to lower case, as both databases do it in that index."""
    return address.translate(_LOWER)


def _address_begins(pattern: str) -> ColumnElement[bool]:
    """A range of the index, which is ordered by code points in both databases."""
    beginning = _folded(pattern.rstrip("*"))
    if not beginning:
        return _recipient.c.address.is_not(None)
    lowered = func.lower(_recipient.c.address)
    return and_(lowered >= beginning, lowered < beginning + chr(0x10FFFF))


def _has_tag(tag: str) -> ColumnElement[bool]:
    return _message.c.tags.contains(json.dumps(tag), autoescape=True)
