"""Tries at one user's password or code, counted for all nodes together: more nodes are not more tries.

`slowing` counts in memory, which is all there is to count where one process owns the database, and slows addresses down
too. Several nodes count names here as well, by the same rule. A name that nobody has is counted like any other.
"""

from __future__ import annotations

from sqlalchemy import Connection

from postroom.errors import TooMany
from postroom.office.keys import digest_of
from postroom.office.slowing import FORGOTTEN_MS, pause_ms, refusal
from postroom.store import guesses
from postroom.store.guesses import Tried

__all__ = ["count_try", "forgive_tries"]


def count_try(connection: Connection, whose: str, moment: int) -> TooMany | None:
    """Counts one. While the name has to wait that is no try, and the refusal is the answer."""
    digest = digest_of(whose)
    guesses.drop_old(connection, moment - FORGOTTEN_MS)
    known = guesses.tried(connection, digest) or Tried(0, moment)
    wait = known.last_ms + pause_ms(known.times) - moment
    if known.times and wait > 0:
        return refusal(wait)
    guesses.put(connection, digest, Tried(known.times + 1, moment))
    return None


def forgive_tries(connection: Connection, whose: str) -> None:
    """One succeeded: the name begins anew."""
    guesses.forget(connection, digest_of(whose))
