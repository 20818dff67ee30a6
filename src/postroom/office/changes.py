"""The office's ground floor: who may do what for which tenant, and changes that end in a new snapshot.

Rules it keeps: a change bumps the settings' version first, so that changes take turns on every node; what the snapshot
holds is read in the same transaction as the change and replaces the old one, whole, before the caller is answered;
foreign and unknown ids are the same NotFound (P8). A change that moves a long queue runs as several transactions:
its work answers `AGAIN` until all is moved.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from postroom.clock import now_ms
from postroom.errors import Conflict, Forbidden, NotFound
from postroom.ids import decode
from postroom.model.account import Account
from postroom.model.application import Actor, Scope
from postroom.model.tenant import INSTALLATION, Tenant
from postroom.policy.snapshot import Snapshot
from postroom.secrets import KeyRing, SealedTo, Secret
from postroom.settings import Settings
from postroom.store import accounts, applications, credentials, senders, settings_version, tenants
from postroom.store.database import Store

__all__ = ["AGAIN", "Again", "Changes", "Ref", "require", "tenant_for"]

T = TypeVar("T")
Ref = str | int
"""How people name a thing: its id as text (`a_…`), its number, or its name (an account's) or address (a sender's)."""


class Again(Enum):
    """The answer of work that did as much as one transaction should, and wants another."""

    AGAIN = "again"


AGAIN = Again.AGAIN


@dataclass(frozen=True, slots=True)
class _Settled:
    """One consistent reading of all settings. `sealed`: account id → its secret, sealed."""

    version: int
    snapshot: Snapshot
    sealed: Mapping[int, bytes]

    def __repr__(self) -> str:
        return f"<settings, version {self.version}>"


def _read(connection: Connection) -> _Settled:
    version = settings_version.current(connection)
    snapshot = Snapshot.of(
        tenants=tenants.all_tenants(connection),
        accounts=accounts.all_accounts(connection),
        senders=senders.all_senders(connection),
        applications=applications.all_applications(connection),
        version=version,
    )
    sealed = {one.account_id: one.sealed for one in credentials.all_sealed(connection)}
    return _Settled(version, snapshot, sealed)


def _see_one_moment(connection: Connection) -> None:
    """For a read of several tables beside other nodes' changes; a change itself holds them off."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def require(actor: Actor, scope: Scope) -> None:
    """Raises Forbidden without this right."""
    if not actor.may(scope):
        raise Forbidden(f"This key may not do that; it needs the right {scope.value}.", needs=scope.value)


def tenant_for(actor: Actor, tenant_id: int | None) -> int:
    """The tenant that is meant. Only the installation's administrator may mean another than his own."""
    if tenant_id is None or tenant_id == actor.tenant_id:
        return actor.tenant_id
    if actor.tenant_id == INSTALLATION and actor.may(Scope.ADMIN):
        return tenant_id
    raise NotFound("There is no such tenant here.")


def number_of(prefix: str, ref: Ref) -> int | None:
    """The number in a reference that is an id, or None when it is a name."""
    if isinstance(ref, int):
        return ref if 0 <= ref < 1 << 63 else -1
    return int(ref) if ref.isascii() and ref.isdigit() and len(ref) < 19 else decode(prefix, ref)


def _running() -> Future[T]:
    """A future that a caller who went away can't cancel: the change goes on, and its end is nobody's error."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()
    return future


class Changes:
    """`founded` says whether this start made the installation's row."""

    def __init__(self, store: Store, ring: KeyRing, settings: Settings) -> None:
        self._store = store
        self._ring = ring
        self._settings = settings
        self._lock = threading.Lock()
        moment = now_ms()
        self.founded: bool = store.write(lambda c: tenants.found(c, moment)).result()
        self._settled: _Settled = store.read(_read).result()

    @property
    def snapshot(self) -> Snapshot:
        """All settings at this moment, in memory, immutable."""
        return self._settled.snapshot

    @property
    def version(self) -> int:
        """Grows with every change of settings, here or on another node."""
        return self._settled.version

    def refresh(self) -> Future[bool]:
        """Takes over what other nodes changed. True when there was something."""

        def newer(connection: Connection) -> _Settled | None:
            _see_one_moment(connection)
            known = self._settled.version
            return None if settings_version.current(connection) == known else _read(connection)

        future: Future[bool] = _running()

        def done(read: Future[_Settled | None]) -> None:
            error = read.exception()
            if error is not None:
                future.set_exception(error)
                return
            settled = read.result()
            future.set_result(settled is not None and self._install(settled))

        self._store.read(newer).add_done_callback(done)
        return future

    def open_secret(self, account: Account) -> Secret | None:
        """The account's secret for the courier, or None when it has none.

        Raises SecretSealed when it was typed for another server than this account names, KeyUnreadable without its key.
        """
        sealed = self._settled.sealed.get(account.id)
        return None if sealed is None else self._ring.open(sealed, SealedTo.of(account))

    def _install(self, settled: _Settled) -> bool:
        with self._lock:
            if settled.version <= self._settled.version:
                return False
            self._settled = settled
            return True

    def _change(self, work: Callable[[Connection], T | Again]) -> Future[T]:
        """Runs `work` in a transaction of its own, or in several while it says AGAIN; then the new snapshot stands."""
        future: Future[T] = _running()

        def run(connection: Connection) -> tuple[T | Again, _Settled]:
            settings_version.bump(connection)
            try:
                answer = work(connection)
            except IntegrityError:
                raise Conflict("Somebody else changed the same thing at the same moment. Look at it again.") from None
            return answer, _read(connection)

        def done(written: Future[tuple[T | Again, _Settled]]) -> None:
            error = written.exception()
            if error is not None:
                future.set_exception(error)
                return
            answer, settled = written.result()
            self._install(settled)
            if isinstance(answer, Again):
                start()
            else:
                future.set_result(answer)

        def start() -> None:
            try:
                self._store.write(run).add_done_callback(done)
            except Exception as error:
                future.set_exception(error)

        start()
        return future

    def _existing(self, connection: Connection, tenant_id: int) -> Tenant:
        tenant = tenants.get(connection, tenant_id)
        if tenant is None:
            raise NotFound("There is no such tenant here.")
        return tenant
