"""The newcomer's first mails: taken before any sender was set up, from a placeholder that can never leave.

When such a message is released it gets the sender that is set up by now: a recorded second rendering with the same
Message-ID, in the transaction of the release.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from sqlalchemy import Connection, select, update

from postroom.compose.from_line import with_sender
from postroom.errors import Conflict
from postroom.model.event import EventKind
from postroom.policy.way import Route
from postroom.store import tables
from postroom.store.acceptance import EVENT_COLUMNS
from postroom.store.bulk import insert_rows
from postroom.store.scope import within

__all__ = ["give_sender"]


def give_sender(
    connection: Connection,
    tenant_id: int,
    message_id: int,
    placeholder: str,
    way: Callable[[], Route],
    now_ms: int,
    next_id: Callable[[], int],
) -> None:
    """Replaces the placeholder, if it is the sender. `way` gives the sender that holds now, or raises why none does."""
    message, content = tables.message, tables.content
    mine = (within(message, tenant_id), message.c.id == message_id, message.c.sender == placeholder)
    if connection.execute(select(message.c.id).where(*mine)).first() is None:
        return
    body = connection.execute(
        select(content.c.body).where(within(content, tenant_id), content.c.message_id == message_id)
    ).scalar()
    if body is None:
        raise Conflict("Its content is not kept any more, so it can't be sent.")
    found = way()
    rendered = with_sender(bytes(body), found.sender)
    connection.execute(
        update(content).where(within(content, tenant_id), content.c.message_id == message_id).values(body=rendered)
    )
    connection.execute(
        update(message)
        .where(*mine)
        .values(sender=found.sender.spec, mail_from=found.return_path, sender_id=found.sender_id, size=len(rendered))
    )
    recipient = tables.recipient
    connection.execute(
        update(recipient)
        .where(within(recipient, tenant_id), recipient.c.message_id == message_id)
        .values(sender_id=found.sender_id)
    )
    detail = json.dumps({"why": "it was taken before a sender was set up", "from": found.sender.spec})
    row = (message_id, next_id(), tenant_id, None, now_ms, EventKind.RERENDERED.value, detail)
    insert_rows(connection, tables.event, EVENT_COLUMNS, [row])
