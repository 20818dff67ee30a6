"""The office's verbs for searches of the mailing log that people keep.

Who may see messages keeps searches for himself; sharing one with the tenant, and changing what is shared, takes the
right to set things up. An application has no filters of its own: what a key makes is shared.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, Fault, NotFound
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry, difference
from postroom.model.saved_filter import SavedFilter
from postroom.office.changes import Changes, Ref, number_of, require, tenant_for
from postroom.sentence import Sentence
from postroom.store import saved_filters
from postroom.store.query import Query, kept, wanted_of

__all__ = ["MOST_KEPT", "FilterVerbs"]

MOST_KEPT = 100
"""Filters that one reader sees."""
_LONGEST = 80


class FilterVerbs(Changes):
    def filters(self, actor: Actor, tenant_id: int | None = None) -> Future[list[SavedFilter]]:
        """His own and the shared ones, by their names."""
        require(actor, Scope.READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: saved_filters.seen_by(c, number, actor.user_id))

    def saved_filter(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[SavedFilter]:
        """One that he sees, by id or name. Raises NotFound."""
        require(actor, Scope.READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: _meant(c, number, actor, ref))

    def create_filter(
        self, actor: Actor, name: str, query: Query, tenant_id: int | None = None, *, shared: bool = False
    ) -> Future[SavedFilter]:
        """Keeps a search. Raises BadInput with every fault; Conflict, by the future, for a name that is there."""
        shared = self._may_share(actor, shared)
        number = tenant_for(actor, tenant_id)
        search = self._search_checked(number, name, query)
        made = SavedFilter(self._store.ids.next(), number, name.strip(), shared, search, actor.user_id, now_ms())

        def work(connection: Connection) -> SavedFilter:
            self._existing(connection, number)
            others = saved_filters.seen_by(connection, number, actor.user_id)
            _refuse_twice(made, others)
            if len(others) >= MOST_KEPT:
                raise Conflict(Sentence("There are {most} filters already. Delete some first.", most=MOST_KEPT))
            saved_filters.create(connection, made)
            self._tell_filter(connection, actor, None, made)
            return made

        return self._store.write(work)

    def change_filter(
        self,
        actor: Actor,
        ref: Ref,
        tenant_id: int | None = None,
        *,
        name: str | None = None,
        query: Query | None = None,
        shared: bool | None = None,
    ) -> Future[SavedFilter]:
        """What is None stays. Raises as `create_filter`, and NotFound."""
        require(actor, Scope.READ)
        number = tenant_for(actor, tenant_id)
        search = self._search_checked(number, "x" if name is None else name, Query() if query is None else query)

        def work(connection: Connection) -> SavedFilter:
            old = _meant(connection, number, actor, ref)
            new = replace(
                old,
                name=old.name if name is None else name.strip(),
                search=old.search if query is None else search,
                shared=old.shared if shared is None else shared,
            )
            self._may_share(actor, old.shared or new.shared)
            _refuse_twice(new, saved_filters.seen_by(connection, number, actor.user_id))
            saved_filters.save(connection, new)
            self._tell_filter(connection, actor, old, new)
            return new

        return self._store.write(work)

    def delete_filter(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[None]:
        """His own; a shared one takes the right to set things up. Raises NotFound."""
        require(actor, Scope.READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> None:
            old = _meant(connection, number, actor, ref)
            if old.user_id is None or old.user_id != actor.user_id:
                require(actor, Scope.SETTINGS_WRITE)
            saved_filters.remove(connection, number, old.id)
            self._tell_filter(connection, actor, old, None)

        return self._store.write(work)

    @staticmethod
    def _may_share(actor: Actor, shared: bool) -> bool:
        """Whether it is shared. Raises Forbidden."""
        require(actor, Scope.READ)
        shared = shared or actor.user_id is None
        if shared:
            require(actor, Scope.SETTINGS_WRITE)
        return shared

    def _search_checked(self, tenant_id: int, name: str, query: Query) -> dict[str, str | int]:
        faults = []
        if not name.strip():
            faults.append(Fault("name", "is missing.", "Give it a name that people know it by."))
        elif len(name.strip()) > _LONGEST or not name.strip().isprintable():
            problem = Sentence("has more than {most} characters, or one that can't be shown.", most=_LONGEST)
            faults.append(Fault("name", problem, "Choose a shorter name of plain letters."))
        try:
            wanted_of(self.snapshot, tenant_id, query)
        except BadInput as error:
            faults += error.faults
        if faults:
            raise BadInput(faults)
        return kept(query)

    def _tell_filter(
        self, connection: Connection, actor: Actor, old: SavedFilter | None, new: SavedFilter | None
    ) -> None:
        one = old if new is None else new
        if one is None or (old == new):
            return
        what = "created" if old is None else "deleted" if new is None else "changed"
        entry = Entry(one.tenant_id, f"filter.{what}", now_ms(), one.id, one.name, *difference(old, new))
        self._note(connection, actor, entry)


def _refuse_twice(one: SavedFilter, others: list[SavedFilter]) -> None:
    if any(other.id != one.id and other.name.casefold() == one.name.casefold() for other in others):
        raise Conflict("There is a filter of this name already. Choose another name, or change that one.")


def _meant(connection: Connection, tenant_id: int, actor: Actor, ref: Ref) -> SavedFilter:
    seen = saved_filters.seen_by(connection, tenant_id, actor.user_id)
    number = number_of("o", ref)
    found = next((one for one in seen if one.id == number), None)
    if found is None and isinstance(ref, str):
        found = next((one for one in seen if one.name.casefold() == ref.strip().casefold()), None)
    if found is None:
        raise NotFound("There is no such filter here.")
    return found
