"""Reading one message: what is kept of it, its recipients, its bytes."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from postroom.model.message import Message, Recipient, RecipientRole
from postroom.model.state import State
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = [
    "content",
    "from_row",
    "get",
    "get_many",
    "has_content",
    "owners",
    "recipient_from_row",
    "recipients",
    "recipients_of",
]

_table = tables.message
_recipient = tables.recipient
_content = tables.content


def from_row(row: Row[Any]) -> Message:
    return Message(
        id=row.id,
        tenant_id=row.tenant_id,
        created_ms=row.created_ms,
        sender=row.sender,
        mail_from=row.mail_from,
        subject=row.subject,
        message_id=row.message_id,
        size=row.size,
        priority=row.priority,
        application_id=row.application_id,
        sender_id=row.sender_id,
        kind=row.kind,
        eight_bit=bool(row.eight_bit),
        smtputf8=bool(row.smtputf8),
        send_at_ms=row.send_at_ms,
        expires_at_ms=row.expires_ms,
        unknown_policy=row.unknown_policy,
        secret=bool(row.secret),
        resend_of=row.resend_of,
        tags=tuple(json.loads(row.tags)) if row.tags else (),
        metadata=tuple(json.loads(row.metadata).items()) if row.metadata else (),
        template=row.template or "",
        template_version=row.template_version,
        bulk_id=row.bulk_id,
    )


def recipient_from_row(row: Row[Any]) -> Recipient:
    return Recipient(
        message_id=row.message_id,
        n=row.n,
        tenant_id=row.tenant_id,
        address=row.address,
        role=RecipientRole(row.role),
        state=State(row.state),
        account_id=row.account_id,
        priority=row.priority,
        due_ms=row.due_ms,
        attempts=row.attempts,
        reason=row.reason,
        diagnosis=row.diagnosis,
        scope=row.scope,
        reply=row.reply,
        updated_ms=row.updated_ms,
    )


def get(connection: Connection, tenant_id: int, message_id: int) -> Message | None:
    row = connection.execute(select(_table).where(within(_table, tenant_id), _table.c.id == message_id)).one_or_none()
    return None if row is None else from_row(row)


def get_many(connection: Connection, tenant_id: int, numbers: Collection[int]) -> dict[int, Message]:
    rows = connection.execute(select(_table).where(within(_table, tenant_id), _table.c.id.in_(numbers)))
    return {row.id: from_row(row) for row in rows}


class Owned(NamedTuple):
    tenant_id: int
    message_id: str


def owners(connection: Connection, numbers: Collection[int]) -> dict[int, Owned]:
    """Whose messages these are, with their Message-IDs."""
    if not numbers:
        return {}
    query = select(_table.c.id, _table.c.tenant_id, _table.c.message_id).where(_table.c.id.in_(numbers))
    rows = connection.execute(across(query, "the installation's mailbox takes what comes back for every tenant"))
    return {row.id: Owned(row.tenant_id, row.message_id) for row in rows}


def recipients_of(connection: Connection, tenant_id: int, numbers: Collection[int]) -> dict[int, list[Recipient]]:
    """Those of each of these messages, in the order of their numbers."""
    found: dict[int, list[Recipient]] = {number: [] for number in numbers}
    rows = connection.execute(
        select(_recipient)
        .where(within(_recipient, tenant_id), _recipient.c.message_id.in_(numbers))
        .order_by(_recipient.c.message_id, _recipient.c.n)
    )
    for row in rows:
        found[row.message_id].append(recipient_from_row(row))
    return found


def recipients(connection: Connection, tenant_id: int, message_id: int) -> list[Recipient]:
    """All of them, in the order of their numbers."""
    rows = connection.execute(
        select(_recipient)
        .where(within(_recipient, tenant_id), _recipient.c.message_id == message_id)
        .order_by(_recipient.c.n)
    )
    return [recipient_from_row(row) for row in rows]


def has_content(connection: Connection, tenant_id: int, message_id: int) -> bool:
    query = select(_content.c.message_id).where(within(_content, tenant_id), _content.c.message_id == message_id)
    return connection.execute(query).first() is not None


def content(connection: Connection, tenant_id: int, message_id: int) -> bytes | None:
    """The bytes as they were fixed at acceptance, or None when they are not kept (any more)."""
    found = connection.execute(
        select(_content.c.body).where(within(_content, tenant_id), _content.c.message_id == message_id)
    ).scalar()
    return None if found is None else bytes(found)
