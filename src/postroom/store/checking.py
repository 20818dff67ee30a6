"""Holding messages against what was searched for: by conditions in SQL, and words by looking at each.

What is wanted of one recipient (address, state, account) has to hold of one and the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, not_, or_, select

from postroom.model.state import State
from postroom.policy.terms import Token, folded, tokens
from postroom.store import tables
from postroom.store.partial import WAITING, among
from postroom.store.scope import within
from postroom.store.wanted import Wanted

__all__ = ["Check", "address_begins", "address_is", "waiting_on"]

_message = tables.message
_recipient = tables.recipient
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


class Check:
    """Holds messages against what was asked: by conditions in SQL, and words by looking at them."""

    def __init__(self, connection: Connection, tenant_id: int, wanted: Wanted) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._wanted = wanted
        self._conditions = _checks(tenant_id, wanted)
        self._sender = _to_look_at(wanted.sender)
        self._subject = _to_look_at(wanted.subject)
        self._words = _to_look_at(wanted.words)
        part = wanted.recipient and not wanted.exact and not wanted.recipient.endswith("*")
        self._recipient = _to_look_at(wanted.recipient) if part else []

    @property
    def looks(self) -> bool:
        """Whether it has to look at the words of each message."""
        return bool(self._sender or self._subject or self._words or self._recipient)

    def passing(self, chosen: ColumnElement[bool], most: int) -> list[int]:
        """The newest of the chosen ones that are what was asked for."""
        c = _message.c
        query = select(c.id).where(within(_message, self._tenant_id), chosen, *self._conditions).order_by(c.id.desc())
        if not self.looks:
            return [row.id for row in self._connection.execute(query.limit(most))]
        rows = list(self._connection.execute(query.add_columns(c.sender, c.subject, c.message_id)))
        rows = [row for row in rows if self._fits(row)]
        if self._recipient or self._words:
            rows = self._with_recipients(rows)
        return [row.id for row in rows[:most]]

    def _fits(self, row: Any) -> bool:
        return (not self._sender or _all_in(self._sender, (row.sender,))) and (
            not self._subject or _all_in(self._subject, (row.subject,))
        )

    def _with_recipients(self, rows: list[Any]) -> list[Any]:
        own = {row.id: (row.sender, row.subject) for row in rows}
        missing = {row.id for row in rows if not _all_in(self._words, own[row.id])} if self._words else set()
        needed = [row.id for row in rows] if self._recipient else list(missing)
        to = self._addresses(needed, same_one=False) if missing else {}
        fitting = self._addresses(needed, same_one=True) if self._recipient else {}
        return [
            row
            for row in rows
            if (not self._recipient or any(_all_in(self._recipient, (one,)) for one in fitting.get(row.id, ())))
            and (row.id not in missing or self._names_all(row, to.get(row.id, ())))
        ]

    def _names_all(self, row: Any, addresses: Sequence[str]) -> bool:
        own = folded(row.message_id).strip("<>")
        left = [token for token in self._words if token.text.strip("<>") != own]
        return _all_in(left, (row.sender, row.subject, *addresses))

    def _addresses(self, ids: Sequence[int], *, same_one: bool) -> dict[int, list[str]]:
        c = _recipient.c
        where = [among(self._tenant_id), c.message_id.in_(ids)]
        if same_one and self._wanted.state is not None:
            where.append(_shown_as(self._wanted.state, self._wanted.held_accounts))
        if same_one and self._wanted.account_id is not None:
            where.append(_recipient.c.account_id == self._wanted.account_id)
        found: dict[int, list[str]] = {}
        for row in self._connection.execute(select(c.message_id, c.address).where(*where)):
            found.setdefault(row.message_id, []).append(row.address)
        return found


def _to_look_at(text: str) -> list[Token]:
    return [token for token in tokens(text) if not token.anywhere]


def _all_in(wanted: Iterable[Token], fields: Sequence[str]) -> bool:
    texts = [folded(field) for field in fields]
    return all(any(token.stands_in(text) for text in texts) for token in wanted)


# -- what is checked on them ------------------------------------------------------------------------------------------


def _checks(tenant_id: int, wanted: Wanted) -> list[ColumnElement[bool]]:
    checks = [_contains(_message.c.sender, text) for text in _anywhere(wanted.sender)]
    checks += [_contains(_message.c.subject, text) for text in _anywhere(wanted.subject)]
    if wanted.kind:
        checks.append(_message.c.kind == wanted.kind)
    if wanted.application_id is not None:
        checks.append(_message.c.application_id == wanted.application_id)
    if wanted.tag:
        checks.append(_has_tag(wanted.tag))
    recipient = _recipient_checks(wanted)
    if recipient:
        checks.append(_some_recipient(tenant_id, recipient))
    checks += [_stands_somewhere(tenant_id, text) for text in _anywhere(wanted.words)]
    return checks


def _anywhere(text: str) -> list[str]:
    """The tokens that may stand inside a word, as they were typed."""
    return [part.lstrip("*") for part in text.split() if part.lstrip("*") and part.startswith("*")]


def _recipient_checks(wanted: Wanted) -> list[ColumnElement[bool]]:
    checks: list[ColumnElement[bool]] = []
    if wanted.recipient:
        if wanted.exact:
            checks.append(address_is(wanted.recipient))
        elif wanted.recipient.endswith("*"):
            checks.append(address_begins(wanted.recipient))
        else:
            checks += [_contains(_recipient.c.address, text) for text in _anywhere(wanted.recipient)]
    if wanted.state is not None:
        checks.append(_shown_as(wanted.state, wanted.held_accounts))
    if wanted.account_id is not None:
        checks.append(_recipient.c.account_id == wanted.account_id)
    return checks


def _shown_as(state: State, held_accounts: frozenset[int]) -> ColumnElement[bool]:
    here = _recipient.c.state == state.value
    if not held_accounts or state not in (State.HELD, State.QUEUED, State.DEFERRED):
        return here
    waits = and_(*waiting_on(held_accounts))
    return or_(here, waits) if state is State.HELD else and_(here, not_(waits))


def waiting_on(accounts: Iterable[int]) -> tuple[ColumnElement[bool], ...]:
    """What waits for these accounts."""
    return (WAITING, _recipient.c.account_id.in_(sorted(accounts)))


def _some_recipient(tenant_id: int, checks: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """`OFFSET 0` keeps PostgreSQL from asking it once of all recipients there are instead of each message's few."""
    found = select(_recipient.c.n).where(_recipient.c.message_id == _message.c.id, among(tenant_id), *checks)
    return exists(found.offset(0))


def _stands_somewhere(tenant_id: int, words: str) -> ColumnElement[bool]:
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


def address_is(address: str) -> ColumnElement[bool]:
    """Exactly this one, whatever its case."""
    return func.lower(_recipient.c.address) == _lowered(address)


def _lowered(address: str) -> str:
    """ASCII to lower case, as both databases do it in that index."""
    return address.translate(_LOWER)


def address_begins(pattern: str) -> ColumnElement[bool]:
    """A range of the index, which is ordered by code points in both databases."""
    beginning = _lowered(pattern.rstrip("*"))
    if not beginning:
        return _recipient.c.address.is_not(None)
    lowered = func.lower(_recipient.c.address)
    return and_(lowered >= beginning, lowered < beginning + chr(0x10FFFF))


def _has_tag(tag: str) -> ColumnElement[bool]:
    return _message.c.tags.contains(json.dumps(tag), autoescape=True)
