"""What waits for digests: whose are due, what is in them, and taking it out of its state as the digest comes in.

A digest is accepted and its mails become `digested` in one transaction (P2, P3): whatever is killed before it is as if
it had not been begun, and whatever comes after finds nothing to do twice. Two nodes that gather the same mails meet at
their rows: the second one finds them gone, and its digest is not accepted.

A row in `collected` may outlive its state (somebody released or cancelled the mail): the state decides, and the row is
removed when its time has come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, select, tuple_, update

from postroom.failpoints import reach
from postroom.ids import encode
from postroom.model.event import EventKind
from postroom.model.kind import Way
from postroom.model.state import State
from postroom.policy.way import Reason
from postroom.store import tables
from postroom.store.events import tell
from postroom.store.partial import among
from postroom.store.scope import across, within

__all__ = [
    "Gathering", "Waiting", "decline", "due", "forget", "forget_stale", "let_go", "postpone", "replan", "take",
    "waiting",
]  # fmt: skip

_collected = tables.collected
_recipient = tables.recipient
_message = tables.message
_Key = tuple[int, int]
_AT_ONCE = 500


class Waiting(NamedTuple):
    """A mail that waits for its recipient's digest."""

    message_id: int
    n: int
    address: str
    kind: str
    sender: str
    size: int
    at_ms: int
    secret: bool


@dataclass(frozen=True, slots=True)
class Gathering:
    """The mails that a digest takes the place of."""

    tenant_id: int
    digest_id: int
    keys: Sequence[_Key]
    now_ms: int
    next_id: Callable[[], int]


def due(connection: Connection, now_ms: int, limit: int) -> list[tuple[int, str]]:
    """Tenants and mailboxes whose digest is due."""
    query = select(_collected.c.tenant_id, _collected.c.address).where(_collected.c.due_ms <= now_ms).distinct()
    rows = connection.execute(across(query.limit(limit), "digests of all tenants are due"))
    return [(row.tenant_id, row.address) for row in rows]


def waiting(
    connection: Connection, tenant_id: int, mailbox: str, limit: int | None, *, now_ms: int | None
) -> list[Waiting]:
    """What waits for this mailbox and is due (with None: whatever is due when), the oldest first."""
    there = and_(_recipient.c.message_id == _collected.c.message_id, _recipient.c.n == _collected.c.n)
    query = (
        select(
            _collected.c.message_id, _collected.c.n, _recipient.c.address, _message.c.kind, _message.c.sender,
            _message.c.size, _message.c.created_ms, _message.c.secret,
        )
        .select_from(
            _collected.join(_recipient, there).join(_message, _message.c.id == _collected.c.message_id)
        )
        .where(
            within(_collected, tenant_id), within(_recipient, tenant_id), within(_message, tenant_id),
            _collected.c.address == mailbox, _recipient.c.state == State.COLLECTED.value,
        )
        .order_by(_collected.c.message_id, _collected.c.n)
        .limit(limit)
    )  # fmt: skip
    if now_ms is not None:
        query = query.where(_collected.c.due_ms <= now_ms)
    return [Waiting(*row) for row in connection.execute(query)]


def take(connection: Connection, gathering: Gathering) -> bool:
    """Moves them into the digest, each with its event. False, and nothing is changed, when one of them is gone."""
    mine = (among(gathering.tenant_id), _are(_recipient, gathering.keys))
    still = (*mine, _recipient.c.state == State.COLLECTED.value)
    query = select(_recipient.c.message_id, _recipient.c.n).where(*still).order_by(*_KEY).with_for_update()
    if len(connection.execute(query).all()) != len(gathering.keys):
        return False
    values = {"state": State.DIGESTED.value, "reason": Reason.DIGEST, "updated_ms": gathering.now_ms}
    connection.execute(update(_recipient).where(*still).values(**values))
    detail: dict[str, object] = {"digest": encode("m", gathering.digest_id)}
    tell(connection, gathering.tenant_id, gathering.keys, EventKind.DIGESTED, detail, gathering.now_ms,
         gathering.next_id)  # fmt: skip
    forget(connection, gathering.tenant_id, gathering.keys)
    reach("digest.before-commit")
    return True


_KEY = (_recipient.c.message_id, _recipient.c.n)


def _are(table: Table, keys: Iterable[_Key]) -> ColumnElement[bool]:
    return tuple_(table.c.message_id, table.c.n).in_(list(keys))


def forget(connection: Connection, tenant_id: int, keys: Iterable[_Key]) -> None:
    connection.execute(delete(_collected).where(within(_collected, tenant_id), _are(_collected, keys)))


def forget_stale(connection: Connection, tenant_id: int, mailbox: str, now_ms: int) -> None:
    """Removes what is due of this mailbox and is not collected any more."""
    own = and_(within(_collected, tenant_id), _collected.c.address == mailbox, _collected.c.due_ms <= now_ms)
    keys = [(row.message_id, row.n) for row in connection.execute(select(_collected).where(own))]
    states = select(*_KEY).where(among(tenant_id), _are(_recipient, keys), _recipient.c.state == State.COLLECTED.value)
    live = {(row.message_id, row.n) for row in connection.execute(states)} if keys else set()
    stale = [key for key in keys if key not in live]
    if stale:
        forget(connection, tenant_id, stale)


def postpone(connection: Connection, tenant_id: int, mailbox: str, now_ms: int, due_ms: int) -> None:
    """What is due of this mailbox is due again later: no digest could be made now."""
    own = (within(_collected, tenant_id), _collected.c.address == mailbox, _collected.c.due_ms <= now_ms)
    connection.execute(update(_collected).where(*own).values(due_ms=due_ms))


def let_go(
    connection: Connection, tenant_id: int, keys: Sequence[_Key], now_ms: int, next_id: Callable[[], int], why: str
) -> list[int]:
    """Sends them by themselves after all, each with its event; the accounts whose queues have more now."""
    values = {"state": State.QUEUED.value, "due_ms": now_ms, "reason": "", "updated_ms": now_ms}
    moved, accounts = _leave(connection, tenant_id, keys, values)
    tell(connection, tenant_id, moved, EventKind.RELEASED, {"why": why}, now_ms, next_id)
    return accounts


def replan(
    connection: Connection,
    tenant_id: int,
    mailbox: str,
    decide: Callable[[str], tuple[Way, int]],
    now_ms: int,
    next_id: Callable[[], int],
) -> None:
    """After a recipient changed his mind: what waits for him follows. `decide`: kind → way and when it is due.

    What he does not want any more is not sent; what he wants at once goes with a digest that is due now.
    """
    gone: list[_Key] = []
    due_at: dict[int, list[_Key]] = {}
    for one in waiting(connection, tenant_id, mailbox, None, now_ms=None):
        way, due_ms = decide(one.kind)
        (gone if way is Way.NONE else due_at.setdefault(due_ms, [])).append((one.message_id, one.n))
    for due_ms, keys in due_at.items():
        for some in _pieces(keys):
            own = (within(_collected, tenant_id), _are(_collected, some))
            connection.execute(update(_collected).where(*own).values(due_ms=due_ms))
    decline(connection, tenant_id, gone, now_ms, next_id)


def decline(
    connection: Connection, tenant_id: int, keys: Sequence[_Key], now_ms: int, next_id: Callable[[], int]
) -> None:
    """Their recipient does not want them any more: they are not sent, each with its event."""
    values = {"state": State.CANCELLED.value, "reason": Reason.DECLINED, "updated_ms": now_ms}
    moved, _ = _leave(connection, tenant_id, keys, values)
    tell(connection, tenant_id, moved, EventKind.DECLINED, {"why": Reason.DECLINED}, now_ms, next_id)


def _leave(
    connection: Connection, tenant_id: int, keys: Sequence[_Key], values: dict[str, object]
) -> tuple[list[_Key], list[int]]:
    """Moves those that are still collected; which they were, and their accounts."""
    moved: list[_Key] = []
    accounts: set[int] = set()
    for some in _pieces(keys):
        mine = (among(tenant_id), _are(_recipient, some), _recipient.c.state == State.COLLECTED.value)
        query = select(*_KEY, _recipient.c.account_id).where(*mine).order_by(*_KEY)
        rows = connection.execute(query.with_for_update()).all()
        connection.execute(update(_recipient).where(*mine).values(**values))
        moved += [(row.message_id, row.n) for row in rows]
        accounts |= {row.account_id for row in rows if row.account_id is not None}
        forget(connection, tenant_id, some)
    return moved, sorted(accounts)


def _pieces(keys: Sequence[_Key]) -> Iterable[Sequence[_Key]]:
    """As many as one statement names."""
    return (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE))
