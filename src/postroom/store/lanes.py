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

from postroom.errors import StoreUnavailable
from postroom.failpoints import reach
from postroom.model.account import AddressTag
from postroom.model.event import EventKind
from postroom.model.rendering import Rendering
from postroom.model.tenant import UnknownPolicy
from postroom.store import tables
from postroom.store.bulk import Row, fetch, insert_rows, update_rows
from postroom.store.events import EVENT_COLUMNS

__all__ = [
    "Claimed",
    "acquire",
    "all_there_was",
    "claim",
    "database_ms",
    "heartbeat",
    "oldest_due_of",
    "reclaim",
    "release",
    "waiting_accounts",
]

_BEFORE_ALL = -(1 << 62)
_NEXT_ACCOUNT = (
    "SELECT account_id FROM recipient WHERE account_id > ? AND due_ms IS NOT NULL ORDER BY account_id LIMIT 1"
)
_NEXT_TENANT = (
    "SELECT priority, tenant_id FROM recipient WHERE account_id = ? AND priority = ? AND tenant_id > ? "
    "AND due_ms IS NOT NULL ORDER BY tenant_id LIMIT 1"
)
_NEXT_PRIORITY = (
    "SELECT priority, tenant_id FROM recipient WHERE account_id = ? AND priority > ? "
    "AND due_ms IS NOT NULL ORDER BY priority, tenant_id LIMIT 1"
)
"""Two hops, because SQLite would walk through a whole group for one comparison of (priority, tenant)."""
_FIRST_DUE = (
    "SELECT due_ms FROM recipient WHERE account_id = ? AND priority = ? AND tenant_id = ? AND due_ms <= ? "
    "ORDER BY due_ms LIMIT 1"
)
_ANY_DUE = "SELECT 1 FROM recipient WHERE account_id = ? AND priority = ? AND tenant_id = ? AND due_ms <= ? LIMIT 1"
_DUE = (
    "SELECT r.message_id, r.n, r.tenant_id, r.address, r.attempts, m.application_id, m.sender_id, m.sender, "
    "m.mail_from, m.subject, m.message_id, m.size, m.eight_bit, m.smtputf8, "
    "CASE WHEN m.send_at_ms > m.created_ms THEN m.send_at_ms ELSE m.created_ms END, m.expires_ms, "
    "m.unknown_policy, m.secret, m.kind, m.priority, r.routed, CASE WHEN m.size <= 32768 THEN c.body END, "
    "m.ret, m.envid, r.notify, r.orcpt, r.fallback_of, m.return_tag "
    "FROM recipient r JOIN message m ON m.id = r.message_id LEFT JOIN content c ON c.message_id = r.message_id "
    "WHERE r.account_id = ? AND r.priority = ? AND r.tenant_id = ? AND r.due_ms <= ? "
    "ORDER BY r.due_ms, r.message_id, r.n LIMIT ? OFFSET ?"
)
"""The bodies of larger messages (over 32 KiB) are not read along, and so not once for each of many recipients; their
turn comes one by one."""
_BATCH_BYTES = 4 * 1024 * 1024
_READ_ALONG_BYTES = 32 * 1024


class Claimed(NamedTuple):
    """One recipient taken from the queue with all an attempt needs. `body` is None where it is read in its turn.

    `ret` to `orcpt` are what was asked of delivery reports (RFC 3461), None where nothing was. `fallback_of`: the
    account that it belongs to, when another sends it; `rendering`: what is different then. `return_tag`: how its return
    path is tagged.
    """

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
    ret: str | None = None
    envid: str | None = None
    notify: str | None = None
    orcpt: str | None = None
    fallback_of: int | None = None
    return_tag: str = AddressTag.OFF
    rendering: Rendering | None = None


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
    while rows := fetch(connection, _NEXT_ACCOUNT, (last,)):
        last = rows[0][0]
        if _any_due(connection, last, now_ms):
            found.append(last)
    return found


def oldest_due_of(connection: Connection, account_id: int, now_ms: int) -> int | None:
    """When the mail that waits for this account for longest became due (ms UTC), or None; one probe for each priority
    and tenant."""
    found = [
        rows[0][0]
        for priority, tenant_id in _waiting_groups(connection, account_id)
        if (rows := fetch(connection, _FIRST_DUE, (account_id, priority, tenant_id, now_ms)))
    ]
    return min(found, default=None)


def _any_due(connection: Connection, account_id: int, now_ms: int) -> bool:
    return any(
        fetch(connection, _ANY_DUE, (account_id, priority, tenant_id, now_ms))
        for priority, tenant_id in _waiting_groups(connection, account_id)
    )


def _waiting_groups(connection: Connection, account_id: int) -> list[tuple[int, int]]:
    """(priority, tenant) with mail that waits for the account, urgent ones first; one hop through the index each."""
    found: list[tuple[int, int]] = []
    rows = fetch(connection, _NEXT_PRIORITY, (account_id, -1))
    while rows:
        priority, tenant_id = rows[0]
        found.append((priority, tenant_id))
        rows = fetch(connection, _NEXT_TENANT, (account_id, priority, tenant_id)) or fetch(
            connection, _NEXT_PRIORITY, (account_id, priority)
        )
    return found


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
    rows = _within_bytes(_due(connection, account_id, limit, now_ms))
    if rows:
        _take(connection, rows, fence, now_ms, next_id)
        reach("claim.before-commit")
    return [
        Claimed._make((*row[:12], bool(row[12]), bool(row[13]), *row[14:17], bool(row[17]), *row[18:28], None))
        for row in rows
    ]


def _due(connection: Connection, account_id: int, limit: int, now_ms: int) -> list[Row]:
    groups = _waiting_groups(connection, account_id)
    taken: list[Row] = []
    for priority in sorted({group[0] for group in groups}):
        tenants = [tenant_id for one, tenant_id in groups if one == priority]
        # Who is first changes from claim to claim, or small claims would serve nobody else.
        turn = now_ms % len(tenants)
        order = tenants[turn:] + tenants[:turn]
        taken += _shared_out(connection, (account_id, priority), order, now_ms, limit - len(taken))
        if len(taken) >= limit:
            break
    return taken


def _shared_out(
    connection: Connection, group: tuple[int, int], tenants: Sequence[int], now_ms: int, limit: int
) -> list[Row]:
    """As much for each tenant; what some don't use goes to those that have more."""
    text = _DUE if connection.dialect.name == "sqlite" else _DUE + " FOR UPDATE OF r SKIP LOCKED"
    rows: list[Row] = []
    hungry: list[tuple[int, int]] = []
    for place, tenant_id in enumerate(tenants):
        share = -(-(limit - len(rows)) // (len(tenants) - place))
        if share <= 0:
            break
        got = fetch(connection, text, (*group, tenant_id, now_ms, share, 0))
        rows += got
        if len(got) == share:
            hungry.append((tenant_id, share))
    for tenant_id, had in hungry:
        left = limit - len(rows)
        if left <= 0:
            break
        rows += fetch(connection, text, (*group, tenant_id, now_ms, left, had))
    return rows


def _within_bytes(rows: list[Row]) -> list[Row]:
    total = 0
    for place, row in enumerate(rows):
        total += len(row[21] or b"")
        if total > _BATCH_BYTES and place:
            return rows[:place]
    return rows


def all_there_was(claimed: Sequence[Claimed], limit: int) -> bool:
    """Whether a claim that asked for `limit` found nothing more: it was cut off neither by number nor by size."""
    octets = sum(len(one.body or b"") for one in claimed)
    return len(claimed) < limit and octets <= _BATCH_BYTES - _READ_ALONG_BYTES


def _take(connection: Connection, rows: Sequence[Row], fence: int, now_ms: int, next_id: Callable[[], int]) -> None:
    taken = update_rows(
        connection,
        tables.recipient,
        "state = 'sending', lease = given.column3, due_ms = NULL, mark = 0, updated_ms = given.column4",
        ("BIGINT", "INTEGER", "BIGINT", "BIGINT"),
        "recipient.message_id = given.column1 AND recipient.n = given.column2 AND recipient.due_ms IS NOT NULL",
        [(row[0], row[1], fence, now_ms) for row in rows],
    )
    if taken != len(rows):
        raise StoreUnavailable("The queue changed under a claim; it is tried again.")
    events: list[Row] = [(row[0], next_id(), row[2], row[1], now_ms, EventKind.SENDING.value, None) for row in rows]
    insert_rows(connection, tables.event, EVENT_COLUMNS, events)


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
