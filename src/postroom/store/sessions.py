"""Sessions with servers, told once for all attempts made in them; and a large message's bytes when its turn has come.

Both are the worker's, which acts under a lease and sees all tenants.
"""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from postroom.store import tables
from postroom.store.scope import across

__all__ = ["content_for_delivery", "opened"]


def opened(
    connection: Connection,
    number: int,
    tenant_id: int,
    account_id: int,
    opened_ms: int,
    server: str,
    tls: str,
    conversation: str,
) -> None:
    connection.execute(
        insert(tables.session).values(
            id=number,
            tenant_id=tenant_id,
            account_id=account_id,
            opened_ms=opened_ms,
            server=server,
            tls=tls,
            conversation=conversation,
        )
    )


def content_for_delivery(connection: Connection, message_id: int) -> bytes | None:
    statement = select(tables.content.c.body).where(tables.content.c.message_id == message_id)
    body = connection.execute(across(statement, "a lane reads what it holds under a lease")).scalar()
    return None if body is None else bytes(body)
