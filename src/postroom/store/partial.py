"""The conditions of the partial indexes on recipients, each spelled as the index is, or SQLite would not use it.

Few recipients wait, are leased or need attention; many are over. A question about the few must never walk the many.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, literal_column

from postroom.store import tables

__all__ = ["ATTENTION", "LEASED", "WAITING", "among"]

_recipient = tables.recipient

WAITING: ColumnElement[bool] = _recipient.c.due_ms.is_not(None)
LEASED: ColumnElement[bool] = _recipient.c.lease.is_not(None)
ATTENTION: ColumnElement[bool] = literal_column("recipient.state NOT IN ('queued', 'sending', 'sent')")


def among(tenants: int | Sequence[int]) -> ColumnElement[bool]:
    """The tenant's predicate (`scope.within`) for questions that WAITING, LEASED or a list of messages makes small.

    `+ 0` keeps SQLite from walking all the tenant's addresses instead, because that index begins with the tenant.
    """
    return (_recipient.c.tenant_id + 0).in_([tenants] if isinstance(tenants, int) else list(tenants))
