"""When waiting mail will leave, at about: from the account's pace, what is before it in the queue, and the quota.

True within reason: it is what the limits allow, from the speed that the server bears now; servers take their time, and
what is urgent may come in between. Where nothing limits the account and much is before the mail, nobody knows, and
nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from postroom.model.account import Account, AccountState
from postroom.model.message import Recipient
from postroom.model.state import WAITING
from postroom.policy.pace import forecast
from postroom.policy.snapshot import Snapshot
from postroom.policy.speed import narrowed
from postroom.store import paces, queue

__all__ = ["Going", "going", "leaving"]

_MOST_ASKED = 20
"""Different places in the queue that are looked up for one message."""
_SOON = 200
"""So much before it leaves soon through an account that nothing limits."""


class Going(NamedTuple):
    """`per_minute`: as many may leave now, None for any number; `slow`: less than its limits say, as its server asked.
    `empty_ms`: when all that waits will have left, or None where nobody can say.
    """

    per_minute: int | None = None
    slow: bool = False
    empty_ms: int | None = None


def going(connection: Connection, snapshot: Snapshot, account: Account, waiting: int, now_ms: int) -> Going:
    """How an account's queue goes on. Mail of others that share the account is not counted."""
    pace = paces.of_account(connection, account)
    limits = narrowed(account.limits, pace.learnt, now_ms)
    slow = limits.per_minute != account.limits.per_minute
    if not waiting or not _sends(account, snapshot):
        return Going(limits.per_minute, slow)
    return Going(limits.per_minute, slow, _leaves(connection, account, now_ms, waiting - 1, now_ms))


def leaving(connection: Connection, snapshot: Snapshot, recipients: Iterable[Recipient], now_ms: int) -> dict[int, int]:
    """Number of a recipient → when it will leave (ms UTC), as far as that can be told."""
    found: dict[int, int] = {}
    places: dict[tuple[int, int | None], tuple[int, int]] = {}
    for one in recipients:
        account = None if one.account_id is None else snapshot.accounts.get(one.account_id)
        if one.state not in WAITING or one.due_ms is None or account is None or not _sends(account, snapshot):
            continue
        place = (account.id, one.due_ms)
        if place not in places:
            if len(places) >= _MOST_ASKED:
                continue
            places[place] = (queue.ahead(connection, one), one.n)
        ahead, first = places[place]
        at = _leaves(connection, account, max(one.due_ms, now_ms), ahead + max(one.n - first, 0), now_ms)
        if at is not None:
            found[one.n] = at
    return found


def _sends(account: Account, snapshot: Snapshot) -> bool:
    """Whether it sends by itself, now or at a known time."""
    waits_for_somebody = account.state is AccountState.PAUSED and account.resume_ms is None
    return account.enabled and not waits_for_somebody and snapshot.clone is None


def _leaves(connection: Connection, account: Account, due_ms: int, ahead: int, now_ms: int) -> int | None:
    pace = paces.of_account(connection, account)
    from_ms = max(due_ms, account.resume_ms or 0, pace.learnt.since_ms if pace.learnt.rests(now_ms) else 0)
    limits = narrowed(account.limits, pace.learnt, from_ms)
    if limits.per_minute is None and limits.per_day is None:
        return from_ms if ahead <= _SOON else None
    return forecast(limits, pace.used, ahead, from_ms)
