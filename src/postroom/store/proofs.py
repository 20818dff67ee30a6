"""The proofs as they are kept: one row for each sender's address and account.

Rules it keeps: one node probes a pair at a time (a lease by the database's clock, with a fence); what comes of it is
written only under that fence and only while the pair's settings are still those it was made with (`basis`), so a late
answer to old settings counts for nothing; a message's answer counts under the same condition.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, or_, select, text, update

from postroom.model.proof import Pair, Proof, ProofState, ToldBy
from postroom.store import tables
from postroom.store.lanes import database_ms
from postroom.store.scope import across, within

__all__ = [
    "all_proofs",
    "ask",
    "due",
    "forget",
    "lease",
    "note_mail",
    "of_tenant",
    "plan",
    "put_off",
    "settle",
    "unplan",
]

_table = tables.proof
_PLAIN = tuple(field.name for field in fields(Proof) if field.name not in ("pair", "state", "told_by"))
_MADE = text(
    "INSERT INTO proof (tenant_id, address, account_id) VALUES (:tenant_id, :address, :account_id) "
    "ON CONFLICT (tenant_id, address, account_id) DO NOTHING"
)
_FORGOTTEN: dict[str, Any] = {
    "state": ProofState.UNTESTED.value, "at_ms": None, "told_by": "", "words": "", "diagnosis": "", "family": "",
    "tried_ms": None, "trouble": "", "tries": 0, "fence": 0, "leased_until_ms": 0, "due_ms": None,
}  # fmt: skip
"""What is known of settings that are not any more; whoever is probing them writes nothing down."""


def _of(row: Row[Any]) -> Proof:
    values = {name: row._mapping[name] for name in _PLAIN}
    pair = Pair(row.tenant_id, row.address, row.account_id)
    return Proof(pair=pair, state=ProofState(row.state), told_by=ToldBy(row.told_by), **values)


def _is(pair: Pair) -> tuple[ColumnElement[bool], ...]:
    return within(_table, pair.tenant_id), _table.c.address == pair.address, _table.c.account_id == pair.account_id


def of_tenant(connection: Connection, tenant_id: int) -> list[Proof]:
    rows = connection.execute(select(_table).where(within(_table, tenant_id)))
    return [_of(row) for row in rows]


def all_proofs(connection: Connection) -> list[Proof]:
    return [_of(row) for row in connection.execute(across(select(_table), "upkeep plans for every tenant"))]


# -- planning ---------------------------------------------------------------------------------------------------------


def plan(
    connection: Connection, pair: Pair, basis: str, probe_address: str, due_ms: int, *, asked: bool = False
) -> None:
    """It is to be probed. Under another basis than before all that was known is forgotten; under the same, what is due
    sooner stays so."""
    connection.execute(_MADE, {"tenant_id": pair.tenant_id, "address": pair.address, "account_id": pair.account_id})
    connection.execute(update(_table).where(*_is(pair), _table.c.basis != basis).values(**_FORGOTTEN, basis=basis))
    values: dict[str, Any] = {"probe_address": probe_address, "due_ms": due_ms}
    if asked:
        connection.execute(update(_table).where(*_is(pair)).values(**values, asked=True))
        return
    later = or_(_table.c.due_ms.is_(None), _table.c.due_ms > due_ms, _table.c.probe_address != probe_address)
    connection.execute(update(_table).where(*_is(pair), later).values(**values))


def ask(connection: Connection, pair: Pair, basis: str, probe_address: str, now_ms: int) -> None:
    """Somebody wants it now."""
    plan(connection, pair, basis, probe_address, now_ms, asked=True)


def unplan(connection: Connection, pair: Pair) -> None:
    """Nobody's mail goes this way at present; what is known stays."""
    connection.execute(update(_table).where(*_is(pair), _table.c.asked.is_(False)).values(due_ms=None))


def forget(connection: Connection, pairs: Iterable[Pair]) -> None:
    """The sender or the account is gone."""
    for pair in pairs:
        connection.execute(delete(_table).where(*_is(pair)))


# -- probing ----------------------------------------------------------------------------------------------------------


def due(connection: Connection, now_ms: int, most: int) -> list[Proof]:
    """What is to be probed now and is in nobody's hand, what somebody asked for first."""
    moment = database_ms(connection)
    query = (
        select(_table)
        .where(_table.c.due_ms <= now_ms, _table.c.leased_until_ms <= moment)
        .order_by(_table.c.asked.desc(), _table.c.due_ms)
        .limit(most)
    )
    return [_of(row) for row in connection.execute(across(query, "the worker probes for every tenant"))]


def lease(connection: Connection, proof: Proof, lease_ms: int, fence: int) -> bool:
    """Takes it for `lease_ms`. False when another has it, has done it, or the settings are others now."""
    moment = database_ms(connection)
    taken = connection.execute(
        update(_table)
        .where(
            *_is(proof.pair),
            _table.c.leased_until_ms <= moment,
            _table.c.due_ms == proof.due_ms,
            _table.c.basis == proof.basis,
        )
        .values(leased_until_ms=moment + lease_ms, fence=fence)
    )
    return taken.rowcount == 1


def settle(
    connection: Connection,
    proof: Proof,
    fence: int,
    due_ms: int,
    now_ms: int,
    *,
    state: ProofState | None,
    words: str,
    diagnosis: str = "",
    family: str = "",
) -> bool:
    """What came of it, under the lease. `state` None: nothing certain, what was known stays. False: it is not ours."""
    values: dict[str, Any] = {"due_ms": due_ms, "asked": False, "leased_until_ms": 0, "tried_ms": now_ms}
    if state is None:
        values |= {"trouble": words, "tries": _table.c.tries + 1}
    else:
        values |= _certain(state, now_ms, ToldBy.PROBE, words, diagnosis, family)
    mine = update(_table).where(*_is(proof.pair), _table.c.fence == fence, _table.c.basis == proof.basis)
    return connection.execute(mine.values(**values)).rowcount == 1


def put_off(connection: Connection, proof: Proof, fence: int, due_ms: int) -> None:
    """It could not be tried now; nobody's fault."""
    mine = update(_table).where(*_is(proof.pair), _table.c.fence == fence)
    connection.execute(mine.values(due_ms=due_ms, leased_until_ms=0))


def note_mail(
    connection: Connection,
    pair: Pair,
    basis: str,
    due_ms: int,
    at_ms: int,
    *,
    state: ProofState,
    words: str,
    diagnosis: str = "",
    family: str = "",
) -> bool:
    """A message of this sender got through, or was refused for its sender's sake. False: it is not news.

    It counts where nothing is known of other settings, and never over a later answer.
    """
    made = {"tenant_id": pair.tenant_id, "address": pair.address, "account_id": pair.account_id}
    connection.execute(_MADE, made)
    fits = or_(_table.c.basis == basis, _table.c.basis == "")
    newer = or_(_table.c.at_ms.is_(None), _table.c.at_ms <= at_ms)
    known = _certain(state, at_ms, ToldBy.MAIL, words, diagnosis, family)
    done = connection.execute(update(_table).where(*_is(pair), fits, newer).values(**known, basis=basis))
    planned = update(_table).where(*_is(pair), fits, newer, _table.c.due_ms.is_not(None), _table.c.asked.is_(False))
    connection.execute(planned.values(due_ms=due_ms))
    return done.rowcount == 1


def _certain(state: ProofState, at_ms: int, told_by: ToldBy, words: str, diagnosis: str, family: str) -> dict[str, Any]:
    return {
        "state": state.value, "at_ms": at_ms, "told_by": told_by.value, "words": words, "diagnosis": diagnosis,
        "family": family, "trouble": "", "tries": 0,
    }  # fmt: skip
