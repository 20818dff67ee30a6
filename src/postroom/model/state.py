"""The life of one recipient of one message, as a table.

    queued ──► sending ──► sent
      ▲           ├──────► deferred ──► sending …
      │           ├──────► failed
      │           ├──────► unknown    (the final dot may have left, its answer never came)
      │           └──────► held       (its account or sender is paused)
    held, silenced, unknown, failed, … ──► queued by a person's release, retry or resend
    collected ──► digested   (its recipient wants this kind in a digest; see `policy.preference`)

Mail for a digest has states of its own. It does not wait for a server, so nothing that claims, counts, expires or moves
waiting mail may find it; and once it went out inside another message, it was neither sent itself nor taken back: what
became of it is what becomes of the digest that its event names. When a digest is due is kept beside (`store.digests`).
Accepted mail may also be over at once: `failed` where its recipient is suppressed, `cancelled` where he does not want
this kind, each with a reason and an event of its own.

`MOVES` is the only place that says which moves are allowed; the database repeats the states as CHECK constraints and
the tests hold both against each other (promise P4). Accepted mail may start in any state of `FIRST`.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["FIRST", "LEASED", "MOVES", "OVER", "WAITING", "State", "may_move"]


class State(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    UNKNOWN = "unknown"
    HELD = "held"
    SILENCED = "silenced"
    DISABLED = "disabled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    COLLECTED = "collected"
    DIGESTED = "digested"


_S = State

MOVES: dict[State, frozenset[State]] = {
    _S.QUEUED: frozenset({_S.SENDING, _S.HELD, _S.CANCELLED, _S.EXPIRED, _S.SILENCED, _S.DISABLED, _S.FAILED}),
    _S.SENDING: frozenset(
        {_S.SENT, _S.DEFERRED, _S.FAILED, _S.UNKNOWN, _S.HELD, _S.QUEUED, _S.EXPIRED, _S.SILENCED, _S.DISABLED}
    ),
    _S.DEFERRED: frozenset(
        {_S.SENDING, _S.QUEUED, _S.HELD, _S.CANCELLED, _S.EXPIRED, _S.FAILED, _S.SILENCED, _S.DISABLED}
    ),
    _S.HELD: frozenset({_S.QUEUED, _S.CANCELLED, _S.EXPIRED}),
    _S.SILENCED: frozenset({_S.QUEUED, _S.CANCELLED}),
    _S.UNKNOWN: frozenset({_S.QUEUED, _S.SENT, _S.CANCELLED, _S.EXPIRED}),
    _S.SENT: frozenset(),
    _S.FAILED: frozenset(),
    _S.DISABLED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.COLLECTED: frozenset({_S.QUEUED, _S.DIGESTED, _S.CANCELLED}),
    _S.DIGESTED: frozenset(),
}
"""State → the states it may become. What is over stays over: a resend is a new message that names the old one."""

FIRST = frozenset({_S.QUEUED, _S.SENDING, _S.HELD, _S.SILENCED, _S.DISABLED, _S.COLLECTED, _S.FAILED, _S.CANCELLED})
"""States a recipient may be accepted in. `sending` only together with a lease on a local lane."""

WAITING = frozenset({_S.QUEUED, _S.DEFERRED})
"""States in which a recipient has a due time and may be claimed."""

LEASED = frozenset({_S.SENDING})
"""States in which a recipient carries a fencing number."""

OVER = frozenset(state for state, onward in MOVES.items() if not onward)
"""States that never change again."""


def may_move(old: State, new: State) -> bool:
    return new in MOVES[old]
