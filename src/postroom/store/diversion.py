"""Waiting mail that goes to another account because its own can't send.

Rules it keeps: only what certainly has not left goes (window W7). What a worker has in hand is not touched; neither is
mail whose end may have left once without an answer, at whatever attempt that was: it stays with its account, where its
policy decides. Each move has its event in the same transaction, and a second rendering that it needs is recorded there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, exists, select

from postroom.addresses import Address
from postroom.failpoints import reach
from postroom.model.account import Account
from postroom.model.attempt import Scope
from postroom.model.event import EventKind
from postroom.model.message import Priority
from postroom.model.rendering import Rendering
from postroom.model.tenant import INSTALLATION
from postroom.policy.fallback import Diversion
from postroom.policy.signing import matching
from postroom.policy.snapshot import own_address
from postroom.policy.sourced import address_of
from postroom.policy.way import Routed
from postroom.store import dkim_keys, tables
from postroom.store.acceptance import EVENT_COLUMNS
from postroom.store.bulk import insert_rows, update_rows
from postroom.store.partial import WAITING
from postroom.store.scope import across

__all__ = ["REASON", "divert", "renderings"]

REASON = "fallback"
_recipient = tables.recipient
_message = tables.message
_ACCOUNT_SCOPES = [Scope.ACCOUNT.value, Scope.TENANT.value, Scope.NETWORK.value, Scope.SERVER.value]


def divert(connection: Connection, way: Diversion, now_ms: int, next_id: Callable[[], int], limit: int) -> int:
    """Moves up to `limit` recipients; fewer than `limit`: that was all that may go."""
    rows = _going(connection, way, limit)
    if not rows:
        return 0
    home = way.only_of == way.target.id
    scopes = ", ".join(f"'{scope}'" for scope in _ACCOUNT_SCOPES)
    for_the_account = f"recipient.state = 'deferred' AND recipient.scope IN ({scopes})"
    update_rows(
        connection,
        _recipient,
        "account_id = given.column4, fallback_of = given.column5, reason = given.column6, updated_ms = given.column7, "
        f"due_ms = CASE WHEN {for_the_account} THEN given.column7 ELSE recipient.due_ms END, "
        f"state = CASE WHEN {for_the_account} THEN 'queued' ELSE recipient.state END",
        ("BIGINT", "INTEGER", "BIGINT", "BIGINT", "BIGINT", "TEXT", "BIGINT"),
        "recipient.message_id = given.column1 AND recipient.n = given.column2 AND recipient.account_id = given.column3 "
        "AND recipient.due_ms IS NOT NULL",
        [
            (row.message_id, row.n, way.source.id, way.target.id,
             None if home else row.fallback_of or way.source.id, "" if home else REASON, now_ms)
            for row in rows
        ],
    )  # fmt: skip
    detail = json.dumps({"why": way.why, "instead_of": way.source.name, "account": way.target.name})
    events: list[Any] = [
        (row.message_id, next_id(), row.tenant_id, row.n, now_ms, EventKind.DIVERTED.value, detail) for row in rows
    ]
    insert_rows(
        connection, tables.event, EVENT_COLUMNS, events + _render(connection, way.target, rows, now_ms, next_id)
    )
    reach("divert.before-commit")
    return len(rows)


def _going(connection: Connection, way: Diversion, limit: int) -> Sequence[Any]:
    c, event = _recipient.c, tables.event
    doubt = exists().where(
        event.c.message_id == c.message_id, event.c.kind == EventKind.UNKNOWN.value,
        (event.c.n == c.n) | event.c.n.is_(None),
    )  # fmt: skip
    query = (
        select(
            c.message_id, c.n, c.tenant_id, c.fallback_of, _message.c.sender, _message.c.mail_from, _message.c.sender_id
        )
        .select_from(_recipient.join(_message, _message.c.id == c.message_id))
        .where(c.account_id == way.source.id, WAITING, c.reason != "no-answer", c.routed != Routed.TEST, ~doubt)
        .order_by(c.message_id, c.n)
        .limit(limit)
    )
    if way.target.tenant_id != INSTALLATION:
        query = query.where(c.tenant_id == way.target.tenant_id)
    elif way.target.rewrite_from:  # the default mailbox of all tenants is no place for bulk mail
        query = query.where((c.tenant_id == INSTALLATION) | (c.priority < int(Priority.BULK)))
    if way.only_of is not None:
        query = query.where(c.fallback_of == way.only_of)
    return connection.execute(
        across(query.with_for_update(of=_recipient), "an account may carry the mail of several tenants")
    ).all()


# -- second renderings ------------------------------------------------------------------------------------------------


def _render(
    connection: Connection, target: Account, rows: Iterable[Row[Any]], now_ms: int, next_id: Callable[[], int]
) -> list[Any]:
    """Records what is different through this account, once a message; returns the events that tell of it."""
    own = own_address(target) if target.rewrite_from else None
    if own is None:
        return []
    wanted = {row.message_id: row for row in rows if _key(row.sender) != own.key}
    there = renderings(connection, target.id, wanted)
    path = address_of(target.return_path)
    keys = matching(dkim_keys.of_tenant(connection, target.tenant_id), own.domain)
    signers = " ".join(str(key.id) for key in keys)
    events: list[Any] = []
    for number, row in wanted.items():
        if number in there:
            continue
        name = _name_of(connection, row)
        sender = Address(own.local, own.domain, name or own.name)
        mail_from = "" if row.mail_from == "" else (path or own).spec
        connection.execute(
            tables.rendering.insert().values(
                message_id=number, account_id=target.id, tenant_id=row.tenant_id, sender=sender.display(),
                mail_from=mail_from, wanted=row.sender,
                signers=signers, signed_ms=now_ms,
            )
        )  # fmt: skip
        detail = json.dumps(
            {"why": "the account lets mail leave from its own address only", "from": own.spec, "account": target.name}
        )
        events.append((number, next_id(), row.tenant_id, None, now_ms, EventKind.RERENDERED.value, detail))
    return events


def _key(sender: str) -> str:
    found = address_of(sender)
    return sender if found is None else found.key


def _name_of(connection: Connection, row: Row[Any]) -> str:
    table = tables.sender
    if row.sender_id is None:
        return ""
    query = select(table.c.name).where(table.c.id == row.sender_id)
    return str(connection.execute(across(query, "the sender of this very message")).scalar() or "")


def renderings(connection: Connection, account_id: int, messages: Iterable[int]) -> dict[int, Rendering]:
    """What is recorded for these messages through this account."""
    numbers = list(messages)
    if not numbers:
        return {}
    table = tables.rendering
    query = select(table).where(table.c.account_id == account_id, table.c.message_id.in_(numbers))
    rows = connection.execute(across(query, "the worker serves every tenant's mail"))
    return {
        row.message_id: Rendering(
            row.sender, row.mail_from, row.wanted, tuple(map(int, row.signers.split())), row.signed_ms
        )
        for row in rows
    }
