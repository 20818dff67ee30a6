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
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from postroom.clock import now_ms
from postroom.errors import Conflict, Forbidden, NotFound
from postroom.ids import decode
from postroom.model.account import Account
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry, difference
from postroom.model.connector import Connector
from postroom.model.dkim import DkimKey
from postroom.model.tenant import Tenant
from postroom.model.version import NOUNS, plural
from postroom.policy.snapshot import Snapshot
from postroom.secrets import KeyRing, SealedTo, Secret
from postroom.secrets.dkim import Signer, sealed_to, signer
from postroom.secrets.tagging import Tagging
from postroom.sentence import Sentence
from postroom.settings import Settings
from postroom.store import (
    accounts,
    applications,
    audit,
    client_keys,
    clone,
    connectors,
    credentials,
    dkim_keys,
    kinds,
    mailboxes,
    senders,
    settings_version,
    suppressions,
    templates,
    tenants,
    versions,
    webhooks,
)
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
    """One consistent reading of all settings. `sealed`: account id → its secret, sealed; `keys`: the same of the
    private keys of client certificates; `sealed_connectors`: the same of connectors; `sealed_dkim`: of DKIM keys;
    `sealed_webhooks`: of webhooks."""

    version: int
    snapshot: Snapshot
    sealed: Mapping[int, bytes]
    keys: Mapping[int, bytes]
    sealed_connectors: Mapping[int, bytes]
    sealed_dkim: Mapping[int, bytes]
    sealed_webhooks: Mapping[int, webhooks.SealedSecrets]

    def __repr__(self) -> str:
        return f"<settings, version {self.version}>"


def _read(connection: Connection) -> _Settled:
    version = settings_version.current(connection)
    snapshot = Snapshot.of(
        tenants=tenants.all_tenants(connection),
        accounts=accounts.all_accounts(connection),
        senders=senders.all_senders(connection),
        applications=applications.all_applications(connection),
        connectors=connectors.all_connectors(connection),
        dkim_keys=dkim_keys.all_keys(connection),
        version=version,
        clone=clone.current(connection),
        kinds=kinds.all_kinds(connection),
        suppressing=suppressions.with_some(connection),
        webhooks=webhooks.all_webhooks(connection),
        templates=templates.all_templates(connection),
        layouts=templates.all_layouts(connection),
        mailboxes=mailboxes.all_mailboxes(connection),
    )
    sealed = {one.account_id: one.sealed for one in credentials.all_sealed(connection)}
    keys = {one.account_id: one.sealed for one in client_keys.all_sealed(connection)}
    sealed_connectors = {one.connector_id: one.sealed for one in connectors.all_sealed(connection)}
    sealed_dkim = {one.key.id: one.sealed for one in dkim_keys.all_sealed(connection)}
    sealed_webhooks = {one.webhook_id: one for one in webhooks.all_sealed(connection)}
    return _Settled(version, snapshot, sealed, keys, sealed_connectors, sealed_dkim, sealed_webhooks)


def _see_one_moment(connection: Connection) -> None:
    """For a read of several tables beside other nodes' changes; a change itself holds them off."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def require(actor: Actor, scope: Scope) -> None:
    """Raises Forbidden without this right."""
    if not actor.may(scope):
        raise Forbidden(Sentence("That needs the right {scope}.", scope=scope.value), needs=scope.value)


def tenant_for(actor: Actor, tenant_id: int | None) -> int:
    """The tenant that is meant. Only those whose rights are installation-wide may mean another than their own."""
    if tenant_id is None:
        return actor.tenant_id
    if actor.reaches(tenant_id):
        return tenant_id
    raise NotFound("There is no such tenant here.")


def number_of(prefix: str, ref: Ref) -> int | None:
    """The number in a reference that is an id, or None when it is a name."""
    if isinstance(ref, int):
        return ref if 0 <= ref < 1 << 63 else -1
    return int(ref) if ref.isascii() and ref.isdigit() and len(ref) < 19 else decode(prefix, ref)


def meant(
    prefix: str,
    ref: Ref,
    get: Callable[[Connection, int, int], T | None],
    by_name: Callable[[Connection, int, str], T | None],
    connection: Connection,
    tenant_id: int,
) -> T | None:
    """The tenant's own thing that a reference means: by its id, else by its name."""
    number = number_of(prefix, ref)
    found = None if number is None else get(connection, tenant_id, number)
    if found is None and isinstance(ref, str):
        found = by_name(connection, tenant_id, ref)
    return found


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
        self.tagging = Tagging(ring)
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

    def open_client_key(self, account: Account) -> Secret | None:
        """The private key of the account's client certificate, or None when it has none. Raises as `open_secret`."""
        sealed = self._settled.keys.get(account.id) if account.client_certificate else None
        return None if sealed is None else self._ring.open(sealed, SealedTo.client_key(account))

    def open_connector_secret(self, connector: Connector) -> Secret | None:
        """The connector's password or key, or None when it has none. Raises as `open_secret`."""
        sealed = self._settled.sealed_connectors.get(connector.id)
        return None if sealed is None else self._ring.open(sealed, SealedTo.of_connector(connector))

    def open_dkim_key(self, key: DkimKey) -> Signer | None:
        """What signs with this key, or None when it is gone meanwhile. Raises as `open_secret`."""
        sealed = self._settled.sealed_dkim.get(key.id)
        return None if sealed is None else signer(self._ring.open(sealed, sealed_to(key)))

    def _install(self, settled: _Settled) -> bool:
        with self._lock:
            if settled.version <= self._settled.version:
                return False
            self._settled = settled
            return True

    def _change(self, work: Callable[[Connection], T | Again], by: Actor | None) -> Future[T]:
        """Runs `work` in a transaction of its own, or in several while it says AGAIN; then the new snapshot stands.

        Whatever differs between the snapshots before and after is in the audit trail, in the same transaction, as done
        `by` this one; None is Postroom itself. What a snapshot does not hold, `work` tells with `_note`.
        """
        future: Future[T] = _running()

        def run(connection: Connection) -> tuple[T | Again, _Settled]:
            version = settings_version.bump(connection)
            before = self._settled if self._settled.version == version - 1 else _read(connection)
            try:
                answer = work(connection)
            except IntegrityError:
                raise Conflict("Somebody else changed the same thing at the same moment. Look at it again.") from None
            settled = _read(connection)
            self._note(connection, by, *_differences(before.snapshot, settled.snapshot))
            versions.note(connection, before.snapshot, settled.snapshot, by.name if by else "Postroom", now_ms())
            return answer, settled

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

    def _note(self, connection: Connection, by: Actor | None, *entries: Entry) -> None:
        """Writes to the audit trail, in the transaction of what it tells of."""
        audit.note(connection, [(self._store.ids.next(), entry.by(by)) for entry in entries])

    def _existing(self, connection: Connection, tenant_id: int) -> Tenant:
        tenant = tenants.get(connection, tenant_id)
        if tenant is None or tenant.deleted_ms is not None:
            raise NotFound("There is no such tenant here.")
        return tenant


_WATCHED = (*NOUNS, "dkim-key")


def _differences(before: Snapshot, after: Snapshot) -> list[Entry]:
    """An entry for everything watched that was made, changed or deleted."""
    entries = []
    moment = now_ms()
    for noun in _WATCHED:
        held = plural(noun).replace("-", "_")
        old, new = getattr(before, held), getattr(after, held)
        for number in [*old, *(number for number in new if number not in old)]:
            was, now = old.get(number), new.get(number)
            if was == now:
                continue
            told_before, told_after = difference(was, now)
            if told_before or told_after:
                what = "created" if was is None else "deleted" if now is None else "changed"
                thing = was if now is None else now
                entries.append(_entry(noun, what, thing, moment, told_before, told_after))
    return entries


def _entry(noun: str, what: str, thing: Any, moment: int, before: Mapping[str, Any], after: Mapping[str, Any]) -> Entry:
    name = str(getattr(thing, "name", "") if noun != "sender" else thing.address)
    tenant_id = thing.id if noun == "tenant" else thing.tenant_id
    return Entry(tenant_id, f"{noun}.{what}", moment, thing.id, name, before, after)
