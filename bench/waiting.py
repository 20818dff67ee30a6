"""Mail that waits, by the hundred thousand: rows written straight into the tables, by the database itself.

The databases' own loops make the rows (a recursive query, generate_series), so that a million takes seconds. What is
made is what intake would have made: message, recipient, content and event, in tenants and priorities.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, text

from bench import letter
from postroom.store import tables
from postroom.store.bulk import insert_rows
from postroom.store.database import Store

__all__ = ["SPREAD", "Mixed", "Queued", "Waiting", "fill", "insert"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """`first`: the lowest message id; `account`, `tenant`, `priority`, `due`: SQL for row number n (from 0)."""

    messages: int
    first: int
    account: str
    tenant: str
    priority: str
    due: str
    body: bytes = letter.octets()
    """Kept short where the disk is to be spared."""


SPREAD = 1_000
"""Ids are this far apart, as they are when other things happen in between."""


class Mixed:
    """Several accounts, tenants and priorities in fixed shares, whatever the number: a claim for `ACCOUNT` finds the
    same picture in a small queue and in a large one. A tenth is urgent but not due yet."""

    ACCOUNT = 77
    TENANTS = 5
    _account = f"CASE WHEN n % 10 < 8 THEN {ACCOUNT} ELSE {ACCOUNT} + 1 + n % 2 END"
    _priority = "CASE WHEN n % 11 = 0 THEN 1 WHEN n % 3 = 0 THEN 9 ELSE 5 END"

    @classmethod
    def waiting(cls, messages: int, first: int, now_ms: int, body: bytes) -> Waiting:
        due = f"{now_ms} - 3600000 + n / 100 + CASE WHEN n % 11 = 0 THEN 86400000 ELSE 0 END"
        return Waiting(messages, first, cls._account, f"1 + n % {cls.TENANTS}", cls._priority, due, body)


_MESSAGE = (
    "INSERT INTO message (id, tenant_id, created_ms, sender, mail_from, subject, message_id, size, priority) "
    "{rows} SELECT {id}, {tenant}, {due}, :sender, :sender, :subject, 'w' || n || '@bench.example', :size, {priority} "
    "FROM {source}"
)
_RECIPIENT = (
    "INSERT INTO recipient "
    "(message_id, n, tenant_id, address, state, account_id, routed, priority, due_ms, updated_ms) {rows} "
    "SELECT {id}, 0, {tenant}, 'joe.' || n || '@customer.example', 'queued', {account}, 'default', {priority}, "
    "{due}, {due} FROM {source}"
)
_CONTENT = "INSERT INTO content (message_id, tenant_id, body) {rows} SELECT {id}, {tenant}, :body FROM {source}"
_EVENT = (
    "INSERT INTO event (message_id, id, tenant_id, at_ms, kind, detail) "
    "{rows} SELECT {id}, {id} + 1, {tenant}, {due}, 'accepted', '{{\"state\": \"queued\"}}' FROM {source}"
)
_ROWS = "WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < :messages)"


def fill(store: Store, waiting: Waiting) -> None:
    """Writes it all in one commit, and lets the database tidy up as it would have done meanwhile: what is still in its
    log goes into its files, and PostgreSQL looks at what it has."""
    store.write(lambda connection: _write(connection, waiting)).result()
    if store.sqlite:
        with closing(sqlite3.connect(store.url.database or "", isolation_level=None)) as file:
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    options = {"isolation_level": "AUTOCOMMIT", "postroom_writes": True}
    with store.engine.connect().execution_options(**options) as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
        connection.exec_driver_sql("CHECKPOINT")


def _write(connection: Connection, waiting: Waiting) -> None:
    sqlite = connection.dialect.name == "sqlite"
    words = {
        "id": f"(:first + n * {SPREAD})",
        "tenant": f"({waiting.tenant})",
        "account": f"({waiting.account})",
        "priority": f"({waiting.priority})",
        "due": f"({waiting.due})",
        "rows": _ROWS if sqlite else "",
        "source": "number" if sqlite else "generate_series(CAST(0 AS BIGINT), :messages - 1) AS number(n)",
    }
    values = {
        "first": waiting.first,
        "messages": waiting.messages,
        "sender": letter.SENDER.spec,
        "subject": letter.SUBJECT,
        "size": len(waiting.body),
        "body": waiting.body,
    }
    for statement in (_MESSAGE, _RECIPIENT, _CONTENT, _EVENT):
        sql = statement.format(**words)
        used = {name: value for name, value in values.items() if f":{name}" in sql}
        connection.execute(text(sql), used)


class Queued(NamedTuple):
    """One message that waits, for one recipient."""

    number: int
    tenant: int
    address: str
    priority: int
    account: int
    due_ms: int
    body: bytes


_MESSAGE_COLUMNS = (
    "id", "tenant_id", "created_ms", "sender", "mail_from", "subject", "message_id", "size", "priority",
)  # fmt: skip
_RECIPIENT_COLUMNS = (
    "message_id", "n", "tenant_id", "address", "state", "account_id", "routed", "priority", "due_ms", "updated_ms",
)  # fmt: skip
_CONTENT_COLUMNS = ("message_id", "tenant_id", "body")
_EVENT_COLUMNS = ("message_id", "id", "tenant_id", "at_ms", "kind")


def insert(connection: Connection, waiting: Sequence[Queued]) -> None:
    """Writes them as the hot path does: many rows in few statements."""
    sender, subject = letter.SENDER.spec, letter.SUBJECT
    insert_rows(connection, tables.message, _MESSAGE_COLUMNS, [
        (one.number, one.tenant, one.due_ms, sender, sender, subject, f"w{one.number}@bench.example", len(one.body),
         one.priority)
        for one in waiting
    ])  # fmt: skip
    insert_rows(connection, tables.recipient, _RECIPIENT_COLUMNS, [
        (one.number, 0, one.tenant, one.address, "queued", one.account, "default", one.priority, one.due_ms, one.due_ms)
        for one in waiting
    ])  # fmt: skip
    insert_rows(connection, tables.content, _CONTENT_COLUMNS, [(one.number, one.tenant, one.body) for one in waiting])
    insert_rows(connection, tables.event, _EVENT_COLUMNS, [
        (one.number, one.number + 1, one.tenant, one.due_ms, "accepted") for one in waiting
    ])  # fmt: skip
