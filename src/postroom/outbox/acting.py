"""One act on one message, within somebody's transaction: by a person at once, or by a job on many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Connection

from postroom.errors import Conflict
from postroom.model.message import Draft
from postroom.policy.route import PLACEHOLDER, Route, route
from postroom.policy.snapshot import Snapshot
from postroom.store import acts
from postroom.store.acts import Act, Acted
from postroom.store.first_sender import give_sender

__all__ = ["INSISTING", "act_in"]

INSISTING = (acts.RETRY, acts.SEND_AGAIN)
"""Acts of somebody who wants it tried now, whatever the account waits for."""


def act_in(
    connection: Connection,
    snapshot: Snapshot,
    tenant_id: int,
    message_id: int,
    n: Sequence[int] | None,
    act: Act,
    moment: int,
    next_id: Callable[[], int],
    by: str,
) -> Acted:
    """Raises NotFound, and Conflict when no recipient can make the move; what it wrote then has to be rolled back."""
    if act is acts.RELEASE:
        way = partial(_way_now, snapshot, tenant_id)
        give_sender(connection, tenant_id, message_id, PLACEHOLDER.spec, way, moment, next_id)
    account_id = snapshot.account_for(tenant_id)
    return acts.perform(connection, tenant_id, message_id, n, act, moment, next_id, by, account_id)


def _way_now(snapshot: Snapshot, tenant_id: int) -> Route:
    """The way of a message that names nothing itself, by the settings of this moment."""
    way = route(snapshot, tenant_id, Draft())
    if isinstance(way, Route) and way.sender.key != PLACEHOLDER.key:
        return way
    raise Conflict(
        "It was taken before any sender was set up, and there is none yet. Add an account or a sender first."
    )
