"""The office's verbs for senders: the addresses a tenant's mail may leave from."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from postroom.addresses import Address
from postroom.clock import now_ms
from postroom.errors import Conflict, NotFound
from postroom.model.application import Actor, Scope
from postroom.model.proof import Pair
from postroom.model.sender import Sender
from postroom.model.tenant import Tenant
from postroom.model.version import Version
from postroom.office.changes import AGAIN, Again, Changes, Ref, require, tenant_for
from postroom.office.fields import Reading
from postroom.office.routing import BATCH
from postroom.office.sender_values import read
from postroom.office.tenants import find_account_number, find_sender_number
from postroom.office.views import SenderView
from postroom.policy.proving import account_of
from postroom.policy.way import Reason
from postroom.sentence import Sentence
from postroom.store import queue, senders, tenants

__all__ = ["SenderVerbs"]


class SenderVerbs(Changes):
    def senders(self, actor: Actor, tenant_id: int | None = None) -> Future[list[SenderView]]:
        """The tenant's own senders, in the order in which they were made."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> list[SenderView]:
            tenant = self._existing(connection, number)
            return [_view(tenant, sender) for sender in senders.of_tenant(connection, number)]

        return self._store.read(work)

    def sender(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[SenderView]:
        """One sender by id or address. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: _view(self._existing(c, number), _found(c, number, ref)))

    def create_sender(
        self,
        actor: Actor,
        values: Mapping[str, object],
        tenant_id: int | None = None,
        *,
        former: Version | None = None,
    ) -> Future[SenderView]:
        """A new sender; the tenant's first one becomes its default. `values`: the fields of Sender, `address` required,
        also with a name in front; `account_id` takes an id or a name. `former`: the last version of a deleted one that
        this is again. Raises BadInput with every fault.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        sender_id, version = (self._store.ids.next(), 1) if former is None else (former.noun_id, former.version + 1)

        def work(connection: Connection) -> SenderView:
            tenant = self._existing(connection, number)
            blank = Sender(sender_id, number, "", created_ms=moment, version=version)
            senders.create(connection, _changed(connection, blank, values))
            if tenant.settings.default_sender_id is None:
                _make_default(connection, tenant, sender_id)
            return self._shown_sender(connection, number, sender_id)

        return self._change(work, actor)

    def change_sender(
        self, actor: Actor, ref: Ref, values: Mapping[str, object], tenant_id: int | None = None
    ) -> Future[SenderView]:
        """Changes what is given. Raises BadInput with every fault, NotFound."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> SenderView:
            sender = _found(connection, number, ref)
            senders.save(connection, _changed(connection, sender, values))
            return self._shown_sender(connection, number, sender.id)

        return self._change(work, actor)

    def delete_sender(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[None]:
        """Mail accepted before leaves all the same: its address was fixed then.

        Raises Conflict for the default sender while there are others, and while mail of this sender is held.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> None:
            tenant = self._existing(connection, number)
            sender = _found(connection, number, ref)
            is_default = tenant.settings.default_sender_id == sender.id
            if is_default and len(senders.of_tenant(connection, number)) > 1:
                raise Conflict("It is the default sender. Make another one the default first.")
            held = queue.held_of_sender(connection, number, sender.id, Reason.SENDER_HELD)
            if held:
                raise Conflict(
                    Sentence(
                        "{held:,} of its mails are held because the account may not send for it. Release or cancel "
                        "them first.",
                        held=held,
                    ),
                    held=held,
                )
            if is_default:
                _make_default(connection, tenant, None)
            senders.remove(connection, number, sender.id)

        return self._change(work, actor)

    def set_default_sender(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[SenderView]:
        """Mail that names no sender leaves from this one. Raises NotFound."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> SenderView:
            sender = _found(connection, number, ref)
            _make_default(connection, self._existing(connection, number), sender.id)
            return self._shown_sender(connection, number, sender.id)

        return self._change(work, actor)

    def release_sender(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[SenderView]:
        """Ends a hold that a server's answer caused; the mail held for it is queued."""
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> SenderView | Again:
            sender = _found(connection, number, ref)
            senders.release(connection, number, sender.id)
            moved = queue.release_held(
                connection, [number], Reason.SENDER_HELD, moment, self._store.ids.next, BATCH, sender_id=sender.id
            )
            return AGAIN if moved >= BATCH else self._shown_sender(connection, number, sender.id)

        return self._change(work, actor)

    def hold_sender(self, sender_id: int, reason: str) -> Future[bool]:
        """For the worker: the account may not send for this address. False when it is gone or held already."""
        known = self.snapshot.senders.get(sender_id)

        def work(connection: Connection) -> bool:
            return known is not None and senders.pause(connection, known.tenant_id, sender_id, reason)

        return self._change(work, None)

    def sender_is_proven(self, pair: Pair) -> Future[int]:
        """For the worker: the account took a message of this address. A hold that its refusal caused ends by itself;
        how many mails go on. None do where he is not held, or his mail leaves through another account.
        """
        sender = self._held_sender(pair)
        moved = 0

        def work(connection: Connection) -> int | Again:
            nonlocal moved
            if sender is None:
                return 0
            senders.release(connection, pair.tenant_id, sender.id)
            ours, ids = [pair.tenant_id], self._store.ids.next
            batch = queue.release_held(connection, ours, Reason.SENDER_HELD, now_ms(), ids, BATCH, sender_id=sender.id)
            moved += batch
            return AGAIN if batch >= BATCH else moved

        return self._change(work, None)

    def _held_sender(self, pair: Pair) -> Sender | None:
        sender = self.snapshot.sender_at(pair.tenant_id, Address.parse(pair.address))
        if sender is None or not sender.paused_reason:
            return None
        account = account_of(self.snapshot, pair.tenant_id, sender.account_id)
        return sender if account is not None and account.id == pair.account_id else None

    def _shown_sender(self, connection: Connection, tenant_id: int, sender_id: int) -> SenderView:
        return _view(self._existing(connection, tenant_id), _found(connection, tenant_id, sender_id))


def _found(connection: Connection, tenant_id: int, ref: Ref) -> Sender:
    number = find_sender_number(connection, tenant_id, ref)
    sender = None if number is None else senders.get(connection, tenant_id, number)
    if sender is None:
        raise NotFound("There is no such sender here.")
    return sender


def _view(tenant: Tenant, sender: Sender) -> SenderView:
    return SenderView(sender, tenant.settings.default_sender_id == sender.id)


def _make_default(connection: Connection, tenant: Tenant, sender_id: int | None) -> None:
    tenants.save(connection, replace(tenant, settings=replace(tenant.settings, default_sender_id=sender_id)))


def _changed(connection: Connection, sender: Sender, values: Mapping[str, object]) -> Sender:
    """The sender with these values. Raises BadInput with every fault."""
    reading = Reading()
    given: dict[str, Any] = dict(read(values, reading))
    if given.get("account_id") is not None:
        number = find_account_number(connection, sender.tenant_id, given["account_id"])
        if number is None:
            reading.fault("account_id", "names no account of this tenant.", "Give its id or its name.")
        given["account_id"] = number
    changed = replace(sender, **given)
    other = senders.by_address(connection, sender.tenant_id, changed.address) if changed.address else None
    if other is not None and other.id != sender.id:
        reading.fault("address", "is the address of another sender.", "Change that one instead.")
    if not changed.address and not any(fault.field == "address" for fault in reading.faults):
        reading.fault("address", "is missing.", "Give an address like info@example.com.")
    reading.close()
    return changed
