"""The office's verbs for a tenant that goes.

Rules it keeps: nothing is deleted that somebody did not name; what becomes of waiting mail and of the log is said by
whoever deletes, never assumed; nothing of other tenants is touched; each step is a transaction of its own that leaves
a state which the same call, made again, goes on from.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import Conflict, Forbidden, NotFound
from postroom.ids import encode
from postroom.model.application import Actor, Scope
from postroom.model.deletion import Content, Deletion, Remaining, Waiting
from postroom.model.tenant import INSTALLATION, Tenant, TenantSettings
from postroom.office.changes import AGAIN, Again, Changes, require, tenant_for
from postroom.office.routing import BATCH
from postroom.policy.inherit import chain, inherited
from postroom.sentence import Sentence
from postroom.store import applications, leaving, tenants

__all__ = ["LeavingVerbs"]

_MESSAGES = 500
"""Messages that one transaction deletes at most."""


@dataclass(slots=True)
class _Leaving:
    """One deletion, through all its transactions."""

    waiting: Waiting | None
    content: Content
    moment: int
    cancelled: int = 0
    messages: int = 0

    def ended(self, *, done: bool, left: Remaining = Remaining()) -> Deletion:  # noqa: B008  (frozen)
        return Deletion(done, left, self.cancelled, self.messages)


class LeavingVerbs(Changes):
    def delete_tenant(
        self,
        actor: Actor,
        tenant_id: int,
        *,
        confirm: str,
        waiting: Waiting | None = None,
        content: Content = Content.KEEP,
    ) -> Future[Deletion]:
        """Deletes a tenant with everything it has. `confirm` is its name.

        `waiting`: what becomes of mail that has not left. `cancel` takes it back; `send-first` takes nothing new in
        (its applications are suspended) and answers with what remains, until nothing does. With `content` KEEP the log
        and the contents stay for as long as the tenant's retention says, readable for the installation's people, and
        then go by themselves. Raises Conflict for a wrong name, and with the counts where mail waits and nothing is
        said of it; NotFound, Forbidden.
        """
        require(actor, Scope.TENANTS)
        number = tenant_for(actor, tenant_id)
        if actor.tenant_id != INSTALLATION:
            raise Forbidden("A tenant is deleted by the installation's administrator only.")
        if number == INSTALLATION:
            raise Conflict("The installation itself can't be deleted.")
        going = _Leaving(waiting, content, now_ms())

        def work(connection: Connection) -> Deletion | Again:
            tenant = tenants.get(connection, number)
            if tenant is None:
                raise NotFound("There is no such tenant here.")
            if tenant.deleted_ms is None:
                _check(connection, tenant, confirm, going)
                left = self._empty(connection, tenant, going)
                if left is not None:
                    return left
                _bury(connection, tenant, going.moment)
            elif going.content is Content.KEEP and tenant.deleted_ms != going.moment:
                raise Conflict("It is deleted already. Its log is kept; say content=delete to delete that as well.")
            return self._clear(connection, number, going)

        return self._change(work, actor)

    def _empty(self, connection: Connection, tenant: Tenant, going: _Leaving) -> Deletion | Again | None:
        """One step towards a tenant without waiting mail; None when it is one.

        Nothing is looked at before a transaction of its own has closed the doors: what was accepted meanwhile is then
        in the queue, and counted.
        """
        if _close_doors(connection, tenant, applications_only=going.waiting is Waiting.SEND_FIRST):
            return AGAIN
        if going.waiting is Waiting.CANCEL:
            next_id = self._store.ids.next
            count = leaving.cancel_waiting(connection, tenant.id, going.moment, next_id, BATCH)
            going.cancelled += count
            if count >= BATCH:
                return AGAIN
        left = leaving.remaining(connection, tenant.id)
        return going.ended(done=False, left=left) if left else None

    def _clear(self, connection: Connection, tenant_id: int, going: _Leaving) -> Deletion | Again:
        """One step of deleting the log, and the row with the last one."""
        if going.content is Content.DELETE:
            count = leaving.remove_log(connection, tenant_id, _MESSAGES)
            going.messages += count
            if count >= _MESSAGES:
                return AGAIN
        if not leaving.has_mail(connection, tenant_id):
            leaving.remove_tenant(connection, tenant_id)
        return going.ended(done=True)

    def forget_deleted(self) -> Future[int]:
        """For upkeep: removes the rows of deleted tenants whose log retention has swept; returns how many."""
        gone = [one.id for one in self.snapshot.tenants.values() if one.deleted_ms is not None]
        if not gone:
            nothing: Future[int] = Future()
            nothing.set_result(0)
            return nothing

        def work(connection: Connection) -> int:
            over = [number for number in gone if not leaving.has_mail(connection, number)]
            for number in over:
                leaving.remove_tenant(connection, number)
            return len(over)

        return self._change(work, None)


def _close_doors(connection: Connection, tenant: Tenant, *, applications_only: bool) -> bool:
    """False when they are closed already. A tenant that is suspended as a whole would not let its mail leave."""
    if not applications_only:
        if not tenant.suspended:
            tenants.save(connection, replace(tenant, suspended=True))
        return not tenant.suspended
    open_ones = [one for one in applications.of_tenant(connection, tenant.id) if not one.suspended]
    for application in open_ones:
        applications.save(connection, replace(application, suspended=True))
    return bool(open_ones)


def _check(connection: Connection, tenant: Tenant, confirm: str, going: _Leaving) -> None:
    """Raises Conflict unless the tenant was named, and it is said what becomes of its mail."""
    left = leaving.remaining(connection, tenant.id)
    if confirm != tenant.name and not going.cancelled:
        raise Conflict(
            Sentence(
                "Deleting a tenant takes away everything it has. Confirm it by its name. Mail that has not left: "
                "{left}.",
                left=left,
            )
        )
    if left and going.waiting is None:
        raise Conflict(
            Sentence(
                "Mail of it has not left yet: {left}. Say what becomes of it: waiting=cancel takes it back, "
                "waiting=send-first lets it leave before anything is deleted.",
                left=left,
            ),
            waiting=left.waiting,
            held=left.held,
            unknown=left.unknown,
            sending=left.sending,
        )


def _bury(connection: Connection, tenant: Tenant, moment: int) -> None:
    """Takes all it has; what stays is a row that says how long its log is kept, under a name nobody else wants."""
    every = {one.id: one for one in tenants.all_tenants(connection)}
    kept = inherited(chain(every, tenant.id))
    leaving.forget_settings(connection, tenant.id)
    tenants.save(
        connection,
        replace(
            tenant,
            name=f"{tenant.name} (deleted {encode('t', tenant.id)})",
            suspended=True,
            deleted_ms=moment,
            settings=TenantSettings(content_days=kept.content_days.value, log_days=kept.log_days.value),
        ),
    )
