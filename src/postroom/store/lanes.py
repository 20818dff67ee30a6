"""Lanes: who may deliver for an account now, and what he has in hand.

A lane is account × slot. Holding one means holding a row whose fencing number nobody else has; every recipient in hand
carries that number. A lease ends by the database's clock. What an ended lease left behind is *reclaimed*, never deleted
(P2): unmarked mail waits again at once, marked mail is `unknown` and goes the way its policy says (P3).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, text

from postroom.failpoints import reach
from postroom.model.event import EventKind
from postroom.model.message import Priority
from postroom.model.tenant import UnknownPolicy
from postroom.store import tables
from postroom.store.acceptance import EVENT_COLUMNS
from postroom.store.bulk import Row, insert_rows

__all__ = ["Claimed", "acquire", "claim", "database_ms", "heartbeat", "reclaim", "release", "waiting_accounts"]

_PRIORITIES = tuple(sorted(int(priority) for priority in Priority))
_BEFORE_ALL = -(1 << 62)
_FETCH_BYTES = 262_144
_BATCH_BYTES = 8 * 1024 * 1024


class Claimed(NamedTuple):
    """One recipient taken from the queue with all an attempt needs. `body` is None when it is to be read when needed."""

    message_id: int
    n: int
    tenant_id: int
    address: str
    attempts: int
    application_id: int | None
    sender_id: int | None
    sender: str
    mail_from: str
    subject: str
    header_id: str
    size: int
    eight_bit: bool
    smtputf8: bool
    since_ms: int
    expires_ms: int | None
    unknown_policy: str
    secret: bool
    kind: str
    priority: int
    routed: str
    body: bytes | None


def database_ms(connection: Connection) -> int:
    """The time by which leases are judged: the database server's, so that nodes with wrong clocks agree."""
    if connection.dialect.name == "sqlite":
        return time.time_ns() // 1_000_000
    return int(connection.exec_driver_sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint").scalar_one())


def acquire(
    connection: Connection, account_id: int, tenant_id: int, slots: int, worker: str, lease_ms: int, fence: int
) -> int | None:
    """Takes a free or ended slot of the account; returns its number, or None when all are held by living workers.

    Recipients that the ended lease left behind stay with their old fencing number until `reclaim` takes them.
    """
    now = database_ms(connection)
    held = {
        row.slot: row.expires_ms
        for row in connection.execute(
            text("SELECT slot, expires_ms FROM lane WHERE account_id = :account"), {"account": account_id}
        )
    }
    for slot in range(slots):
        if held.get(slot, 0) > now:
            continue
        took = connection.execute(
            text(
                "INSERT INTO lane (account_id, slot, tenant_id, fence, worker, expires_ms) "
                "VALUES (:account, :slot, :tenant, :fence, :worker, :expires) "
                "ON CONFLICT (account_id, slot) DO UPDATE SET fence = excluded.fence, worker = excluded.worker, "
                "expires_ms = excluded.expires_ms WHERE lane.expires_ms <= :now"
            ),
            {
                "account": account_id, "slot": slot, "tenant": tenant_id, "fence": fence, "worker": worker,
                "expires": now + lease_ms, "now": now,
            },
        ).rowcount  # fmt: skip
        if took:
            return slot
    return None


def heartbeat(connection: Connection, fences: Sequence[int], lease_ms: int) -> set[int]:
    """Lengthens the leases that still hold; returns their fencing numbers. What is missing was lost."""
    if not fences:
        return set()
    now = database_ms(connection)
    wanted = {"fences": list(fences), "now": now, "expires": now + lease_ms}
    connection.execute(
        text("UPDATE lane SET expires_ms = :expires WHERE fence IN :fences AND expires_ms > :now").bindparams(
            bindparam("fences", expanding=True)
        ),
        wanted,
    )
    rows = connection.execute(
        text("SELECT fence FROM lane WHERE fence IN :fences AND expires_ms > :now").bindparams(
            bindparam("fences", expanding=True)
        ),
        wanted,
    )
    return {row.fence for row in rows}


def release(connection: Connection, fence: int) -> None:
    """Gives the lane back. What it still had in hand is left for `reclaim`, which sees that the lease is gone."""
    connection.execute(text("UPDATE lane SET expires_ms = 0, worker = '' WHERE fence = :fence"), {"fence": fence})


def waiting_accounts(connection: Connection, now_ms: int) -> list[int]:
    """Accounts with mail that is due, found by hopping through the index: one probe an account, however much waits."""
    found: list[int] = []
    last = _BEFORE_ALL
    while True:
        row = connection.exec_driver_sql(
            f"SELECT account_id FROM recipient WHERE account_id > {last} AND due_ms IS NOT NULL "  # noqa: S608
            "ORDER BY account_id LIMIT 1"
        ).first()
        if row is None:
            return found
        last = int(row[0])
        if _any_due(connection, last, now_ms):
            found.append(last)


def _any_due(connection: Connection, account_id: int, now_ms: int) -> bool:
    return any(
        True
        for priority in _PRIORITIES
        for tenant_id in _waiting_tenants(connection, account_id, priority)
        if _due(connection, account_id, priority, tenant_id, now_ms, 1)
    )


def _waiting_tenants(connection: Connection, account_id: int, priority: int) -> list[int]:
    found: list[int] = []
    last = -1
    while True:
        row = connection.exec_driver_sql(
            f"SELECT tenant_id FROM recipient WHERE account_id = {account_id} AND priority = {priority} "  # noqa: S608
            f"AND tenant_id > {last} AND due_ms IS NOT NULL ORDER BY tenant_id LIMIT 1"
        ).first()
        if row is None:
            return found
        last = int(row[0])
        found.append(last)


def _due(
    connection: Connection, account_id: int, priority: int, tenant_id: int, now_ms: int, limit: int, after: str = ""
) -> list[tuple[int, int]]:
    rows = connection.exec_driver_sql(
        "SELECT message_id, n FROM recipient "  # noqa: S608
        f"WHERE account_id = {account_id} AND priority = {priority} AND tenant_id = {tenant_id} "
        f"AND due_ms <= {now_ms} ORDER BY due_ms, message_id, n LIMIT {limit}{after}"
    )
    return [(int(row[0]), int(row[1])) for row in rows]


def claim(
    connection: Connection,
    account_id: int,
    fence: int,
    limit: int,
    now_ms: int,
    next_id: Callable[[], int],
) -> list[Claimed]:
    """Takes up to `limit` due recipients under the fencing number: urgent ones first, tenants in turn within a
    priority.

    Bounded in bytes as well as in number, so that a queue of large mails does not fill the memory.
    """
    after = "" if connection.dialect.name == "sqlite" else " FOR UPDATE SKIP LOCKED"
    taken: list[tuple[int, int]] = []
    for priority in _PRIORITIES:
        tenants = _waiting_tenants(connection, account_id, priority)
        for place, tenant_id in enumerate(tenants):
            share = -(-(limit - len(taken)) // (len(tenants) - place))
            if share > 0:
                taken += _due(connection, account_id, priority, tenant_id, now_ms, share, after)
        if len(taken) >= limit:
            break
    taken = _within_bytes(connection, taken)
    if taken:
        _take(connection, taken, fence, now_ms, next_id)
    claimed = _read(connection, taken, fence) if taken else []
    reach("claim.before-commit")
    return claimed


def _within_bytes(connection: Connection, keys: list[tuple[int, int]]) -> list[tuple[int, int]]:
    if not keys:
        return keys
    numbers = ", ".join(str(number) for number in {key[0] for key in keys})
    sizes = {
        int(row[0]): int(row[1])
        for row in connection.exec_driver_sql(f"SELECT id, size FROM message WHERE id IN ({numbers})")  # noqa: S608
    }
    total, counted = 0, set()
    for place, (number, _) in enumerate(keys):
        if number not in counted:
            counted.add(number)
            total += min(sizes.get(number, 0), _FETCH_BYTES)
            if total > _BATCH_BYTES and place:
                return keys[:place]
    return keys


def _take(
    connection: Connection, keys: list[tuple[int, int]], fence: int, now_ms: int, next_id: Callable[[], int]
) -> None:
    pairs = ", ".join(f"({number}, {n})" for number, n in keys)
    connection.exec_driver_sql(
        f"UPDATE recipient SET state = 'sending', lease = {fence}, due_ms = NULL, mark = 0, "  # noqa: S608
        f"updated_ms = {now_ms} WHERE (message_id, n) IN (VALUES {pairs})"
    )
    tenants = connection.exec_driver_sql(
        f"SELECT message_id, n, tenant_id FROM recipient WHERE (message_id, n) IN (VALUES {pairs})"  # noqa: S608
    )
    rows: list[Row] = [
        (int(row[0]), next_id(), int(row[2]), int(row[1]), now_ms, EventKind.SENDING.value, None) for row in tenants
    ]
    insert_rows(connection, tables.event, EVENT_COLUMNS, rows)


def _read(connection: Connection, keys: list[tuple[int, int]], fence: int) -> list[Claimed]:
    pairs = ", ".join(f"({number}, {n})" for number, n in keys)
    rows = connection.exec_driver_sql(
        "SELECT r.message_id, r.n, r.tenant_id, r.address, r.attempts, m.application_id, m.sender_id, m.sender, "  # noqa: S608
        "m.mail_from, m.subject, m.message_id, m.size, m.eight_bit, m.smtputf8, "
        "CASE WHEN m.send_at_ms > m.created_ms THEN m.send_at_ms ELSE m.created_ms END, m.expires_ms, "
        "m.unknown_policy, m.secret, m.kind, m.priority, r.routed, "
        f"CASE WHEN m.size <= {_FETCH_BYTES} THEN c.body END "
        "FROM recipient r JOIN message m ON m.id = r.message_id LEFT JOIN content c ON c.message_id = r.message_id "
        f"WHERE (r.message_id, r.n) IN (VALUES {pairs}) AND r.lease = {fence}"
    )
    found = {}
    for row in rows:
        body = None if row[21] is None else bytes(row[21])
        found[row[0], row[1]] = Claimed._make(
            (*row[:12], bool(row[12]), bool(row[13]), *row[14:17], bool(row[17]), *row[18:21], body)
        )
    return [found[key] for key in keys if key in found]


def reclaim(
    connection: Connection, now_ms: int, again_ms: int, next_id: Callable[[], int], *, limit: int = 500
) -> tuple[int, int]:
    """Takes back what ended leases left in hand; returns (how many wait again, how many are in doubt).

    `again_ms` is when an in-doubt recipient is tried again if its policy says so: not at once, in case the first copy
    is still on its way through the server.
    """
    judged = database_ms(connection)
    rows = connection.exec_driver_sql(
        "SELECT r.message_id, r.n, r.tenant_id, r.mark, r.lease, m.unknown_policy FROM recipient r "  # noqa: S608
        "JOIN message m ON m.id = r.message_id WHERE r.lease IS NOT NULL AND NOT EXISTS ("
        f"SELECT 1 FROM lane l WHERE l.fence = r.lease AND l.expires_ms > {judged}) LIMIT {limit}"
        + ("" if connection.dialect.name == "sqlite" else " FOR UPDATE OF r SKIP LOCKED")
    ).all()
    events: list[Row] = []
    doubtful = 0
    for number, n, tenant_id, mark, lease, policy in rows:
        state, due, reason = _reclaimed(bool(mark), policy, now_ms, again_ms)
        doubtful += bool(mark)
        connection.execute(
            text(
                "UPDATE recipient SET state = :state, due_ms = :due, lease = NULL, mark = 0, reason = :reason, "
                "attempts = attempts + :mark, updated_ms = :now WHERE message_id = :id AND n = :n AND lease = :lease"
            ),
            {"state": state, "due": due, "reason": reason, "mark": mark, "now": now_ms, "id": number, "n": n,
             "lease": lease},
        )  # fmt: skip
        events += _reclaim_events(number, n, tenant_id, bool(mark), state, now_ms, next_id)
    insert_rows(connection, tables.event, EVENT_COLUMNS, events)
    if rows:
        reach("reclaim.before-commit")
    return len(rows) - doubtful, doubtful


def _reclaimed(marked: bool, policy: str, now_ms: int, again_ms: int) -> tuple[str, int | None, str]:
    """(state, due time, reason) of a recipient whose lease ended."""
    if not marked:
        return "queued", now_ms, "reclaimed"
    if policy == UnknownPolicy.HOLD.value:
        return "unknown", None, "no-answer"
    return "deferred", again_ms, "no-answer"


def _reclaim_events(
    number: int, n: int, tenant_id: int, marked: bool, state: str, now_ms: int, next_id: Callable[[], int]
) -> list[Row]:
    if not marked:
        detail = json.dumps({"why": "the worker that had it in hand is gone; nothing had left"})
        return [(number, next_id(), tenant_id, n, now_ms, EventKind.RECLAIMED.value, detail)]
    why = json.dumps({"why": "the worker that had it in hand is gone; the message may have left"})
    rows: list[Row] = [(number, next_id(), tenant_id, n, now_ms, EventKind.UNKNOWN.value, why)]
    if state == "deferred":
        again = json.dumps({"why": "the policy for missing answers is to send again"})
        rows.append((number, next_id(), tenant_id, n, now_ms, EventKind.DEFERRED.value, again))
    return rows
