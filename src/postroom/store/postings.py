"""Lists of messages, each in the order of ids: what a search goes along instead of the log.

A list is either *few* (all its ids are at hand) or *long*: it is read page by page, newest first, from an index that
ends with the message's id. What would take more than a bounded number of rows to find out is no list at all (None).

Terms are asked for by plain text, as the hot path does; each statement names its tenant.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from postroom.policy.terms import HIGHEST, Token, folded, numbered, sender_term, word_term
from postroom.store.bulk import fetch

__all__ = ["FEW", "Few", "Long", "Page", "Postings", "of_ids", "of_sender", "of_terms", "of_token", "of_words"]

FEW = 5_000
_MOST_WORDS = 100
_MOST_SENDERS = 500
_PER_TERM = 4_000


@dataclass(frozen=True, slots=True)
class Few:
    """All of them."""

    ids: frozenset[int]


Page = tuple[list[int], int]
"""Ids, newest first, none twice, and down to which id that is all there is: 0 at the end of the list."""


@dataclass(frozen=True, slots=True)
class Long:
    """`page(below, most)`: about so many of the ids below this one. `keep`: which of these ids are in the list; None
    where it is quicker to look at the messages.
    """

    page: Callable[[int, int], Page]
    keep: Callable[[Sequence[int]], set[int]] | None = None


Postings = Few | Long


def of_terms(connection: Connection, tenant_id: int, terms: Sequence[str], more: Collection[int] = ()) -> Postings:
    """Messages under any of these terms, and `more`."""
    few = _all_of(connection, tenant_id, terms)
    if few is not None:
        return Few(frozenset(few | set(more)))
    if len(terms) == 1 and not more:
        only = terms[0]
        return Long(
            lambda below, most: _newest(connection, tenant_id, only, below, most),
            lambda ids: _among(connection, tenant_id, only, ids),
        )

    def page(below: int, most: int) -> Page:
        each = min(most, max(_PER_TERM // len(terms), 50))
        return _together([_newest(connection, tenant_id, term, below, each) for term in terms] + [_below(more, below)])

    return Long(page)


def of_words(connection: Connection, tenant_id: int, token: Token) -> Postings | None:
    """Messages with the words of this token in a subject or an address; whoever asks still has to look at each."""
    best: Postings | None = None
    for word in token.whole:
        found = of_terms(connection, tenant_id, [word_term(word)])
        if isinstance(found, Few):
            return found
        best = best or found
    if best is not None or not token.beginning:
        return best
    return _beginning(connection, tenant_id, word_term(token.beginning))


def of_token(connection: Connection, tenant_id: int, token: Token) -> Postings | None:
    """Messages where this token stands in a subject, an address, the sender or as the Message-ID."""
    senders = _senders(connection, tenant_id, token)
    if token.anywhere or senders is None:
        return None
    stripped = token.text.strip("<>")
    named = numbered(stripped) if "@" in stripped else None
    terms = [*senders, "i" + stripped[:200]] if "@" in stripped else senders
    words = of_words(connection, tenant_id, token)
    if words is None:
        return None
    others = of_terms(connection, tenant_id, terms, () if named is None else (named,)) if terms else Few(frozenset())
    return _either(others, words)


def of_sender(connection: Connection, tenant_id: int, tokens: Sequence[Token]) -> Postings | None:
    """Messages of every sender that holds all these tokens."""
    found: set[str] | None = None
    for token in tokens:
        senders = _senders(connection, tenant_id, token)
        if senders is None:
            return None
        found = set(senders) if found is None else found & set(senders)
    if not found:
        return Few(frozenset())
    return of_terms(connection, tenant_id, sorted(found)) if len(found) <= _MOST_WORDS else None


def _either(one: Postings, other: Postings) -> Postings:
    if isinstance(one, Few) and isinstance(other, Few):
        return Few(one.ids | other.ids)

    def page(below: int, most: int) -> Page:
        return _together([_page_of(one, below, most), _page_of(other, below, most)])

    return Long(page)


def of_ids(ids: frozenset[int]) -> Long:
    """These, page by page."""

    def page(below: int, most: int) -> Page:
        found = _below(ids, below)[0]
        return found[:most], found[most - 1] if len(found) >= most else 0

    return Long(page)


def _page_of(postings: Postings, below: int, most: int) -> Page:
    return postings.page(below, most) if isinstance(postings, Long) else _below(postings.ids, below)


def _below(ids: Collection[int], below: int) -> Page:
    return sorted((number for number in ids if number < below), reverse=True), 0


def _together(pages: Sequence[Page]) -> Page:
    """As far down as all of them are complete."""
    floor = max(page[1] for page in pages)
    ids = {number for page in pages for number in page[0] if number >= floor}
    return sorted(ids, reverse=True), floor


# -- the table --------------------------------------------------------------------------------------------------------


def _newest(connection: Connection, tenant_id: int, term: str, below: int, most: int) -> Page:
    rows = fetch(
        connection,
        "SELECT message_id FROM term WHERE tenant_id = ? AND term = ? AND message_id < ? "
        "ORDER BY message_id DESC LIMIT ?",
        (tenant_id, term, below, most),
    )
    ids = [row[0] for row in rows]
    return ids, ids[-1] if len(ids) == most else 0


def _among(connection: Connection, tenant_id: int, term: str, ids: Sequence[int]) -> set[int]:
    if not ids:
        return set()
    places = ", ".join("?" * len(ids))
    text = f"SELECT message_id FROM term WHERE tenant_id = ? AND term = ? AND message_id IN ({places})"  # noqa: S608
    return {row[0] for row in fetch(connection, text, (tenant_id, term, *ids))}


def _all_of(connection: Connection, tenant_id: int, terms: Sequence[str]) -> set[int] | None:
    """All messages under these terms if they are few."""
    found: set[int] = set()
    left = FEW
    for term in terms:
        some, _ = _newest(connection, tenant_id, term, (1 << 63) - 1, left + 1)
        left -= len(some)
        if left < 0:
            return None
        found.update(some)
    return found


def _beginning(connection: Connection, tenant_id: int, beginning: str) -> Postings | None:
    """Messages under a term that begins so."""
    rows = fetch(
        connection,
        "SELECT message_id FROM term WHERE tenant_id = ? AND term >= ? AND term < ? LIMIT ?",
        (tenant_id, beginning, beginning + HIGHEST, FEW + 1),
    )
    if len(rows) <= FEW:
        return Few(frozenset(row[0] for row in rows))
    found = _distinct(connection, tenant_id, beginning, _MOST_WORDS)
    return None if found is None else of_terms(connection, tenant_id, found)


def _distinct(connection: Connection, tenant_id: int, beginning: str, most: int) -> list[str] | None:
    """The terms that begin so, each found by a step in the key; None when there are more than `most`."""
    highest = beginning + HIGHEST
    rows = fetch(
        connection,
        "WITH RECURSIVE step(term) AS ("
        "SELECT min(term) FROM term WHERE tenant_id = ? AND term >= ? AND term < ? "
        "UNION ALL SELECT (SELECT min(term.term) FROM term WHERE term.tenant_id = ? AND term.term > step.term "
        "AND term.term < ?) FROM step WHERE step.term IS NOT NULL) SELECT term FROM step LIMIT ?",
        (tenant_id, beginning, highest, tenant_id, highest, most + 1),
    )
    found = [row[0] for row in rows if row[0] is not None]
    return None if len(found) > most else found


def _senders(connection: Connection, tenant_id: int, token: Token) -> list[str] | None:
    every = _distinct(connection, tenant_id, sender_term(""), _MOST_SENDERS)
    return None if every is None else [term for term in every if token.stands_in(folded(term[1:]))]
