"""Marking and settling: the two writes of an attempt, both only while the lease still holds (P3, P4).

A mark is durable before the last byte of a body leaves, so that a recipient whose answer never came is known to be in
doubt. A settlement moves each recipient once, by a conditional statement that names the lease's fencing number, with
its events and its attempt in the same transaction. A unit whose lease is lost changes nothing and is answered
`LeaseLost`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from postroom.errors import PostroomError
from postroom.failpoints import reach
from postroom.model.preference import Suppression
from postroom.store import suppressions, tables
from postroom.store.acceptance import EVENT_COLUMNS
from postroom.store.bulk import Row, insert_rows, update_rows

__all__ = ["ATTEMPT_COLUMNS", "LeaseLost", "Mark", "MarkBatch", "Move", "Settlement", "SettlementBatch"]

ATTEMPT_COLUMNS = (
    "message_id", "id", "tenant_id", "recipients", "account_id", "account_version", "courier", "started_ms",
    "ended_ms", "phase", "reply", "session_id", "conversation",
)  # fmt: skip


class LeaseLost(PostroomError):
    """The answer to a unit that came too late: another worker holds the lease, nothing was changed.

    Raised by a shared statement that changed fewer rows than it named, too: the writer then runs the units one by one.
    """

    title = "The lease was lost; the late result is refused"
    slug = "lease-lost"


@dataclass(slots=True)
class Mark:
    """`rows`: (message id, recipient number, fencing number) of every recipient in the transaction."""

    rows: Sequence[tuple[int, int, int]]


class Move(NamedTuple):
    """One recipient's way out of `sending`. `due_ms` goes with the waiting states; `tries` is added to its attempts.

    `diagnosis`, `scope` and `reply` are what the last server said; None: none was asked, and what is known stays.
    """

    message_id: int
    n: int
    lease: int
    state: str
    due_ms: int | None
    account_id: int | None
    tries: int
    reason: str
    diagnosis: str | None
    scope: str | None
    reply: str | None
    updated_ms: int


@dataclass(slots=True)
class Settlement:
    moves: Sequence[Move]
    events: Sequence[Row]
    attempt: Row | None = None
    wipe: int | None = None
    """The id of a secret-marked message whose content goes with this settlement, or None."""
    suppress: Sequence[Suppression] = ()
    """Recipients whose mailbox does not exist, where the tenant wants them to get nothing more."""


class MarkBatch:
    name = "mark"
    takes_in = False

    def __init__(self, most: int = 1024) -> None:
        self.most = most

    def run_all(self, connection: Connection, units: Sequence[Mark]) -> Sequence[Any]:
        rows = [row for unit in units for row in unit.rows]
        changed = update_rows(
            connection,
            tables.recipient,
            "mark = 1",
            ("BIGINT", "INTEGER", "BIGINT"),
            "recipient.message_id = given.column1 AND recipient.n = given.column2 AND recipient.lease = given.column3",
            rows,
        )
        if changed != len(rows):
            raise LeaseLost
        reach("mark.before-commit")
        return [True] * len(units)


class SettlementBatch:
    name = "settle"
    takes_in = False

    def __init__(self, most: int = 1024) -> None:
        self.most = most

    def run_all(self, connection: Connection, units: Sequence[Settlement]) -> Sequence[Any]:
        moves = [move for unit in units for move in unit.moves]
        changed = update_rows(connection, tables.recipient, _HEAD, _TYPES, _WHERE, moves)
        if changed != len(moves):
            raise LeaseLost
        insert_rows(connection, tables.event, EVENT_COLUMNS, [row for unit in units for row in unit.events])
        attempts = [unit.attempt for unit in units if unit.attempt is not None]
        insert_rows(connection, tables.attempt, ATTEMPT_COLUMNS, attempts)
        wipes = [unit.wipe for unit in units if unit.wipe is not None]
        for number in wipes:
            wipe_if_over(connection, number)
        suppressed = [one for unit in units for one in unit.suppress]
        if suppressed:
            suppressions.add(connection, suppressed, replace=False)
        reach("settle.before-commit")
        return [True] * len(units)


_HEAD = (
    "state = given.column4, due_ms = given.column5, account_id = given.column6, lease = NULL, mark = 0, "
    "attempts = recipient.attempts + given.column7, reason = given.column8, "
    "diagnosis = COALESCE(given.column9, recipient.diagnosis), scope = COALESCE(given.column10, recipient.scope), "
    "reply = COALESCE(given.column11, recipient.reply), updated_ms = given.column12"
)
_TYPES = (
    "BIGINT", "INTEGER", "BIGINT", "TEXT", "BIGINT", "BIGINT", "INTEGER", "TEXT", "TEXT", "TEXT", "TEXT", "BIGINT",
)  # fmt: skip
_WHERE = (
    "recipient.message_id = given.column1 AND recipient.n = given.column2 AND recipient.lease = given.column3 "
    "AND recipient.state = 'sending'"
)


def wipe_if_over(connection: Connection, message_id: int) -> None:
    """Deletes the bytes of a secret-marked message once no recipient of it can still need them."""
    connection.exec_driver_sql(
        f"DELETE FROM content WHERE message_id = {int(message_id)} AND NOT EXISTS ("  # noqa: S608
        f"SELECT 1 FROM recipient WHERE message_id = {int(message_id)} "
        "AND state NOT IN ('sent', 'failed', 'cancelled', 'expired', 'disabled', 'digested'))"
    )
