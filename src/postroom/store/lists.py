"""Which lists a search may go along: those that recipients' indexes give, and those of terms.

A list only ever says where to look: everything that was asked for is checked on what it names.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, select

from postroom.model.state import State
from postroom.policy.terms import tokens
from postroom.store import tables
from postroom.store.checking import address_begins, address_is, waiting_on
from postroom.store.partial import ATTENTION, LEASED, WAITING, among
from postroom.store.postings import Few, Long, Page, Postings, of_sender, of_terms, of_token, of_words
from postroom.store.scope import within
from postroom.store.wanted import Wanted

__all__ = ["by_recipients", "by_terms"]

_recipient = tables.recipient
_Where = tuple[ColumnElement[bool], ...]


def by_terms(connection: Connection, tenant_id: int, wanted: Wanted) -> list[Postings]:
    """Only messages that are listed under terms already stand in these."""
    exact = []
    if wanted.kind:
        exact.append("k" + wanted.kind[:200])
    if wanted.application_id is not None:
        exact.append(f"p{wanted.application_id}")
    if wanted.tag:
        exact.append("t" + wanted.tag[:200])
    found: list[Postings | None] = [of_terms(connection, tenant_id, [term]) for term in exact]
    if wanted.sender:
        found.append(of_sender(connection, tenant_id, tokens(wanted.sender)))
    if wanted.recipient and not wanted.exact and not wanted.recipient.endswith("*"):
        found += [of_words(connection, tenant_id, token) for token in tokens(wanted.recipient)]
    found += [of_words(connection, tenant_id, token) for token in tokens(wanted.subject)]
    found += [of_token(connection, tenant_id, token) for token in tokens(wanted.words)]
    return [one for one in found if one is not None]


def by_recipients(connection: Connection, tenant_id: int, wanted: Wanted, most: int) -> Iterator[Postings]:
    """`most`: more than that are not few, where the index is not in the order of messages."""
    if wanted.recipient and wanted.exact:
        yield _ordered(connection, tenant_id, (address_is(wanted.recipient),))
    if wanted.recipient.endswith("*"):
        few = _ids(connection, (within(_recipient, tenant_id), address_begins(wanted.recipient)), most)
        if few is not None:
            yield Few(few)
    if wanted.state is not None:
        found = _in_state(connection, tenant_id, wanted.state, wanted.held_accounts, most)
        if found is not None:
            yield found


def _in_state(
    connection: Connection, tenant_id: int, state: State, held_accounts: frozenset[int], most: int
) -> Postings | None:
    few = None
    if state is State.SENT:
        return None
    if state in (State.SENDING, State.QUEUED):
        few = _ids(connection, (among(tenant_id), LEASED if state is State.SENDING else WAITING), most)
    elif state is State.HELD and held_accounts:
        waiting = _ids(connection, (among(tenant_id), *waiting_on(held_accounts)), most)
        held = _ids(connection, (within(_recipient, tenant_id), *_attention(State.HELD)), most)
        few = None if waiting is None or held is None else waiting | held
    else:
        return _ordered(connection, tenant_id, _attention(state))
    return None if few is None else Few(few)


def _attention(state: State) -> _Where:
    return (_recipient.c.state == state.value, ATTENTION)


def _ordered(connection: Connection, tenant_id: int, where: _Where) -> Long:
    """Through an index on recipients that ends with the message's id, newest first."""

    def page(below: int, most: int) -> Page:
        query = (
            select(_recipient.c.message_id)
            .where(within(_recipient, tenant_id), *where, _recipient.c.message_id < below)
            .order_by(_recipient.c.message_id.desc())
            .limit(most)
        )
        ids = [row.message_id for row in connection.execute(query)]
        return list(dict.fromkeys(ids)), ids[-1] if len(ids) == most else 0

    return Long(page)


def _ids(connection: Connection, where: _Where, most: int) -> frozenset[int] | None:
    """All messages with such a recipient (`where` names the tenant), if they are few; None if they are too many."""
    rows = connection.execute(select(_recipient.c.message_id).where(*where).limit(most + 1)).all()
    return None if len(rows) > most else frozenset(row.message_id for row in rows)
