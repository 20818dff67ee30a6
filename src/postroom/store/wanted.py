"""What is searched for in the mailing log, as the store understands it, and what was found."""

from __future__ import annotations

from dataclasses import dataclass

from postroom.model.state import State

__all__ = ["HIGHEST_ID", "Found", "Wanted"]

HIGHEST_ID = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched for; everything set must hold. `low` and `high` bound the id (low ≤ id < high).

    `recipient`: an exact address, with `*` at its end what an address begins with, else a part of one that begins where
    a word does. `sender`, `subject`, `words`: every token must stand there (see `policy.terms`). Of one and the same
    recipient `recipient`, `state` and `account_id` must hold. Waiting mail of `held_accounts` counts as held.
    """

    recipient: str = ""
    exact: bool = False
    sender: str = ""
    subject: str = ""
    words: str = ""
    state: State | None = None
    kind: str = ""
    application_id: int | None = None
    account_id: int | None = None
    tag: str = ""
    low: int = 0
    high: int = HIGHEST_ID
    held_accounts: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Found:
    """Ids, newest first. `below`: the search goes on with ids below this one; None at the end of the log."""

    ids: tuple[int, ...]
    below: int | None
