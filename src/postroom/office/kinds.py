"""The office's verbs for kinds of mail."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import NotFound
from postroom.model.application import Actor, Scope
from postroom.model.kind import Kind
from postroom.model.version import Version
from postroom.office.changes import Changes, Ref, meant, require, tenant_for
from postroom.office.fields import Reading
from postroom.office.kind_values import apply, read
from postroom.store import kinds

__all__ = ["KindVerbs", "kind_meant"]


class KindVerbs(Changes):
    def kinds(self, actor: Actor, tenant_id: int | None = None) -> Future[list[Kind]]:
        """The kinds that the tenant's mail may have, its own and inherited ones, in the order they were made in."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> list[Kind]:
            self._existing(connection, number)
            return list(self.snapshot.kinds_of(number))

        return self._store.read(work)

    def kind(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[Kind]:
        """One of the tenant's own kinds, by id or name. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: _found(c, number, ref))

    def create_kind(
        self, actor: Actor, values: Mapping[str, object], tenant_id: int | None = None, former: Version | None = None
    ) -> Future[Kind]:
        """A new kind; `name` is required. `former`: the last version of a deleted one that this is again.

        Raises BadInput with every fault.
        """
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()
        kind_id, version = (self._store.ids.next(), 1) if former is None else (former.noun_id, former.version + 1)
        reading = Reading()
        given = read(values, reading)
        if "name" not in values:
            reading.fault("name", "is missing.", "Give the word that applications name it by.")
        kind = apply(Kind(kind_id, number, "", created_ms=moment, version=version), given, reading)
        reading.close()

        def work(connection: Connection) -> Kind:
            self._existing(connection, number)
            if kinds.by_name(connection, number, kind.name) is not None:
                reading.fault("name", "is the name of another kind.", "Choose another word.")
            reading.close()
            kinds.create(connection, kind)
            return _found(connection, number, kind_id)

        return self._change(work, actor)

    def change_kind(
        self, actor: Actor, ref: Ref, values: Mapping[str, object], tenant_id: int | None = None
    ) -> Future[Kind]:
        """Changes what is given, but for the name. Raises BadInput with every fault, NotFound."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> Kind:
            old = _found(connection, number, ref)
            reading = Reading()
            new = apply(old, read(values, reading), reading)
            reading.close()
            kinds.save(connection, new)
            return _found(connection, number, old.id)

        return self._change(work, actor)

    def delete_kind(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[None]:
        """Mail that names it leaves at once from then on; what waits for a digest still goes with it."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> None:
            kinds.remove(connection, number, _found(connection, number, ref).id)

        return self._change(work, actor)


def kind_meant(connection: Connection, tenant_id: int, ref: Ref) -> Kind | None:
    """The tenant's own kind that is meant, by id or name."""
    return meant("d", ref, kinds.get, kinds.by_name, connection, tenant_id)


def _found(connection: Connection, tenant_id: int, ref: Ref) -> Kind:
    found = kind_meant(connection, tenant_id, ref)
    if found is None:
        raise NotFound("There is no such kind of mail here.")
    return found
