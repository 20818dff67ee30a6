"""What a caller gets for a message: its number, and where each recipient stands at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from postroom.errors import NotFound
from postroom.intake.taking import Taken
from postroom.model.state import State
from postroom.policy.way import Reason
from postroom.store import tables
from postroom.store.scope import within
from postroom.store.transmission import Move

__all__ = ["Receipt", "RecipientReceipt", "fresh_receipt", "stored_receipt"]


class RecipientReceipt(NamedTuple):
    """`state` is a value of model.state.State; `due_ms` when the next try is due (ms UTC), or None."""

    n: int
    address: str
    state: str
    reply: str = ""
    diagnosis: str = ""
    explanation: str = ""
    due_ms: int | None = None
    attempts: int = 0


class Receipt(NamedTuple):
    """`again`: an earlier request with the same idempotency key made it. `instantly`: the first attempt was awaited."""

    message_id: int
    recipients: tuple[RecipientReceipt, ...]
    again: bool = False
    instantly: bool = False

    @property
    def state(self) -> str:
        """One word for the whole: the state all recipients share, or `mixed`."""
        states = {recipient.state for recipient in self.recipients}
        return states.pop() if len(states) == 1 else "mixed"


def fresh_receipt(taken: Taken) -> Receipt:
    """Straight after acceptance, without asking the store: nothing has happened to it yet."""
    told = (taken.route.state.value, "", "", taken.route.reason, taken.due_ms)
    kept = (State.SILENCED.value, "", "", Reason.GUARD, None)
    elsewhere = {n: (one.state, "", "", one.reason, one.due_ms) for n, one in taken.diverted.items()}
    return Receipt(
        taken.number,
        tuple([
            RecipientReceipt(n, address.spec, *(kept if n in taken.kept else elsewhere.get(n, told)))
            for n, (_, address) in enumerate(taken.recipients)
        ]),
    )  # fmt: skip


def settled_receipt(taken: Taken, moves: Sequence[Move]) -> Receipt | None:
    """After the first attempts, from what was just written down; None when that is not known of every recipient."""
    ended: dict[int, RecipientReceipt] = {}
    for move in moves:
        before = ended.get(move.n)
        tries = move.tries + (before.attempts if before else 0)
        address = taken.recipients[move.n][1].spec
        ended[move.n] = RecipientReceipt(
            move.n, address, move.state, move.reply or "", move.diagnosis or "", move.reason, move.due_ms, tries
        )
    if len(ended) != taken.leaving:
        return None
    fresh = fresh_receipt(taken).recipients if taken.kept or taken.diverted else ()
    told = [ended[n] if n in ended else fresh[n] for n in range(len(taken.recipients))]
    return Receipt(taken.number, tuple(told), instantly=True)


def stored_receipt(
    connection: Connection, tenant_id: int, message_id: int, *, again: bool = False, instantly: bool = False
) -> Receipt:
    """As the store has it now. Raises NotFound."""
    table = tables.recipient
    rows = connection.execute(
        select(
            table.c.n, table.c.address, table.c.state, table.c.reply, table.c.diagnosis, table.c.reason,
            table.c.due_ms, table.c.attempts,
        )
        .where(within(table, tenant_id), table.c.message_id == message_id)
        .order_by(table.c.n)
    ).all()  # fmt: skip
    if not rows:
        raise NotFound("There is no such message here.")
    return Receipt(message_id, tuple(RecipientReceipt(*row) for row in rows), again, instantly)
