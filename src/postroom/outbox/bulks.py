"""Bulks: one template to many, handed over in batches as they come, each row at most once.

Rules it keeps: each row is a message of its own, of low priority, with the way back that its recipient has for bulk
mail; what would refuse every row is told before the first. A row that is repeated with the call's key finds the message
it made before. Nothing of a bulk that was cancelled is accepted any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Protocol

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict, Fault, Forbidden, NotFound, PostroomError
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry
from postroom.model.bulk import Bulk, BulkCounts
from postroom.model.message import Draft, Priority
from postroom.outbox.acting import act_in
from postroom.outbox.outbox import Outbox
from postroom.outbox.receipt import Receipt
from postroom.policy.preference import may_stop
from postroom.policy.route import Route, route
from postroom.policy.snapshot import Snapshot
from postroom.sentence import Sentence
from postroom.store import acts, audit, bulks
from postroom.store.database import Store

__all__ = ["Bulks"]

_MOST_LISTED = 100
_BATCH = 50


class Settled(Protocol):
    """Where the settings of this moment are found (the office)."""

    @property
    def snapshot(self) -> Snapshot: ...


class Bulks:
    """`head` is a draft without recipients: what all messages of a bulk have in common."""

    def __init__(self, store: Store, office: Settled, outbox: Outbox) -> None:
        self._store = store
        self._office = office
        self._outbox = outbox

    def begin(self, actor: Actor, head: Draft, key: str | None) -> Future[Bulk]:
        """A new bulk, or with a key that was used the same again. Raises Forbidden, and BadInput with everything that
        would refuse every row; Conflict, by the future, when that bulk was cancelled or was another.
        """
        if not actor.may(Scope.SEND):
            raise Forbidden("This key may not hand over messages.")
        snapshot = self._office.snapshot
        faults = _faults(snapshot, actor, head)
        if faults:
            raise BadInput(faults)
        template = snapshot.template_named(actor.tenant_id, head.template)
        name, version, kind = (template.name, template.version, template.kind) if template else ("", 0, "")
        number, moment = self._store.ids.next(), now_ms()
        made = Bulk(
            number, actor.tenant_id, actor.application_id, name, version, head.kind or kind, key, actor.name, moment
        )

        def work(connection: Connection) -> Bulk:
            found = bulks.begin(connection, made)
            if (found.template, found.application_id) != (made.template, made.application_id):
                raise Conflict("This idempotency key was used before for another bulk. Use a new key for a new one.")
            if found.cancelled_ms is not None:
                raise Conflict("This bulk was cancelled. Use a new key for a new one.")
            return found

        return self._store.write(work)

    def hand_over(
        self, actor: Actor, bulk: Bulk, drafts: Sequence[Draft], rows: Sequence[int]
    ) -> Future[list[Receipt | PostroomError]]:
        """Some of its rows, by their numbers. As `Outbox.send_many`."""
        keys = [None if bulk.key is None else f"{bulk.key}/{row}" for row in rows]
        mine = [replace(draft, priority=Priority.BULK, bulk_id=bulk.id) for draft in drafts]
        return self._outbox.send_many(actor, mine, keys)

    def is_open(self, bulk: Bulk) -> Future[bool]:
        """Whether it was not cancelled meanwhile, maybe by another node."""

        def work(connection: Connection) -> bool:
            found = bulks.get(connection, bulk.tenant_id, bulk.id)
            return found is not None and found.cancelled_ms is None

        return self._store.read(work)

    def finish(self, bulk: Bulk, refused: int) -> Future[None]:
        """All its rows have come."""
        moment = now_ms()
        return self._store.write(lambda c: bulks.finish(c, bulk.tenant_id, bulk.id, refused, moment))

    # -- afterwards ---------------------------------------------------------------------------------------------------

    def bulks(self, actor: Actor) -> Future[list[Bulk]]:
        """The newest first."""
        _check(actor, Scope.READ)
        return self._store.read(lambda c: bulks.latest(c, actor.tenant_id, _MOST_LISTED))

    def counts(self, actor: Actor, bulk_id: int) -> Future[BulkCounts]:
        """What became of it. Raises NotFound."""
        _check(actor, Scope.READ)
        return self._store.read(lambda c: bulks.counts(c, _found(c, actor.tenant_id, bulk_id)))

    def cancel(self, actor: Actor, bulk_id: int) -> Future[BulkCounts]:
        """Takes back what has not left, and takes no more rows. Raises NotFound."""
        _check(actor, Scope.ACT)
        moment = now_ms()

        def work(connection: Connection) -> None:
            found = _found(connection, actor.tenant_id, bulk_id)
            bulks.cancel(connection, actor.tenant_id, bulk_id, moment)
            entry = Entry(actor.tenant_id, "bulk.cancelled", moment, bulk_id, found.template).by(actor)
            audit.note(connection, [(self._store.ids.next(), entry)])

        future: Future[BulkCounts] = Future()
        future.set_running_or_notify_cancel()
        self._then(self._store.write(work), lambda: self._sweep(actor, bulk_id, 0, future), future)
        return future

    def sweep(self, actor: Actor, bulk_id: int) -> Future[BulkCounts]:
        """Takes back what was accepted while it was being cancelled."""
        future: Future[BulkCounts] = Future()
        future.set_running_or_notify_cancel()
        self._sweep(actor, bulk_id, 0, future)
        return future

    def _sweep(self, actor: Actor, bulk_id: int, after: int, future: Future[BulkCounts]) -> None:
        """A batch a transaction, so that mail goes on beside it."""
        moment, last = now_ms(), [after]

        def work(connection: Connection) -> BulkCounts | None:
            numbers = bulks.open_messages(connection, actor.tenant_id, bulk_id, after, _BATCH)
            for number in numbers:
                last[0] = number
                with connection.begin_nested() as part:
                    try:
                        act_in(
                            connection, self._office.snapshot, actor.tenant_id, number, None, acts.CANCEL, moment,
                            self._store.ids.next, actor.name,
                        )  # fmt: skip
                    except Conflict:  # it left in this very moment
                        part.rollback()
            if numbers:
                return None
            return bulks.counts(connection, _found(connection, actor.tenant_id, bulk_id))

        def done(written: Future[BulkCounts | None]) -> None:
            error = written.exception()
            if error is not None:
                future.set_exception(error)
                return
            counted = written.result()
            if counted is None:
                self._sweep(actor, bulk_id, last[0], future)
            else:
                future.set_result(counted)

        self._store.write(work).add_done_callback(done)

    @staticmethod
    def _then(first: Future[None], follow: Callable[[], None], future: Future[BulkCounts]) -> None:
        def came(done: Future[None]) -> None:
            error = done.exception()
            if error is not None:
                future.set_exception(error)
            else:
                follow()

        first.add_done_callback(came)


def _faults(snapshot: Snapshot, actor: Actor, head: Draft) -> list[Fault]:
    tenant_id = actor.tenant_id
    faults: list[Fault] = []
    for field, given in (("subject", head.subject), ("text", head.text), ("html", head.html)):
        if given:
            faults.append(Fault(field, "does not go with a template, which says it.", "Leave one of the two out."))
    template = snapshot.template_named(tenant_id, head.template) if head.template else None
    if template is None:
        faults.append(Fault("template", "is not the name of a template.", "A bulk is written by a template."))
    name = head.kind or (template.kind if template is not None else "")
    kind = snapshot.kind_named(tenant_id, name) if name else None
    if template is not None and (kind is None or not kind.bulk or not may_stop(kind)):
        problem = "is no kind of bulk mail, which recipients may stop."
        faults.append(Fault("kind", problem, "Name one, or make one: `postroom kind add news --bulk`."))
    way = route(snapshot, tenant_id, replace(head, priority=Priority.BULK), application_id=actor.application_id)
    if not isinstance(way, Route):
        faults += way
    return faults


def _found(connection: Connection, tenant_id: int, bulk_id: int) -> Bulk:
    found = bulks.get(connection, tenant_id, bulk_id)
    if found is None:
        raise NotFound("There is no bulk with this id.")
    return found


def _check(actor: Actor, scope: Scope) -> None:
    if not actor.may(scope):
        raise Forbidden(Sentence("That needs the right {scope}.", scope=scope.value))
