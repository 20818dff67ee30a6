"""The facade for mail that comes in: handed over here, kept, tied to the message it is about, listed and read.

Whoever fetches mail, or is handed it by a mail server, brings it with `take`, on a thread of his own: a large mail
takes a moment to be read, which is done before the store is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import BadInput, Fault, Forbidden, NotFound, PostroomError, StoreFull, TooLarge
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry
from postroom.model.incoming import IncomingKind, Received
from postroom.model.tenant import INSTALLATION
from postroom.policy.preference import may_stop
from postroom.policy.snapshot import Snapshot
from postroom.receive.acting import Around
from postroom.receive.owning import owners_of
from postroom.receive.sorting import MAX_CONTENT, understand
from postroom.receive.tying import Mail, apply_all
from postroom.secrets.tagging import Tagging
from postroom.sentence import Sentence
from postroom.store import audit, incoming
from postroom.store.database import Store
from postroom.store.engine import explain_failure

__all__ = ["Inbox", "Taken"]

_MOST_ON_PAGE = 200


class Settled(Protocol):
    """The office, as far as mail that comes in needs it."""

    @property
    def snapshot(self) -> Snapshot: ...

    @property
    def tagging(self) -> Tagging: ...

    def stop_within(self, connection: Connection, tenant_id: int, box: str, kind: str, moment: int) -> None: ...


class Taken(NamedTuple):
    """`again`: the same octets had come before; nothing changed."""

    received: Received
    again: bool


class Inbox:
    def __init__(self, store: Store, office: Settled) -> None:
        self._store = store
        self._office = office

    def take(self, actor: Actor, content: bytes) -> Future[Taken]:
        """Takes one mail, once: the same octets again change nothing. Raises Forbidden, BadInput, TooLarge."""
        _require(actor, Scope.ACT)
        refused = _refusal(content)
        if refused is not None:
            raise refused
        mail = _read(content)
        return self._store.write(lambda connection: self._applied(connection, actor.tenant_id, [mail])[0])

    def take_many(self, actor: Actor, contents: Sequence[bytes]) -> Future[Sequence[Taken | PostroomError]]:
        """Takes several in one transaction, which is many times quicker than one after the other; a few dozen at once
        are enough. One answer each, in order: a mail that can't be taken is refused alone (BadInput, TooLarge), and the
        others are kept. Raises Forbidden.
        """
        _require(actor, Scope.ACT)
        refused = {place: error for place, content in enumerate(contents) if (error := _refusal(content)) is not None}
        mails = {place: _read(content) for place, content in enumerate(contents) if place not in refused}

        def work(connection: Connection) -> Sequence[Taken | PostroomError]:
            taken = dict(zip(mails, self._together(connection, actor.tenant_id, [*mails.values()]), strict=True))
            return [refused[place] if place in refused else taken[place] for place in range(len(contents))]

        return self._store.write(work)

    def _applied(self, connection: Connection, tenant_id: int, mails: Sequence[Mail]) -> Sequence[Taken]:
        if tenant_id != INSTALLATION:
            return self._applied_for(connection, tenant_id, mails)
        owners = owners_of(connection, [one.found for one in mails], self._office.tagging.read)
        taken: dict[int, Taken] = {}
        for owner in dict.fromkeys(owners):
            places = [place for place, one in enumerate(owners) if one == owner]
            theirs = self._applied_for(connection, owner, [mails[place] for place in places])
            taken |= zip(places, theirs, strict=True)
        return [taken[place] for place in range(len(mails))]

    def _applied_for(self, connection: Connection, tenant_id: int, mails: Sequence[Mail]) -> Sequence[Taken]:
        moment, next_id = now_ms(), self._store.ids.next
        around = self._around(tenant_id, moment)
        return [Taken(*one) for one in apply_all(connection, tenant_id, mails, around, moment, next_id)]

    def _around(self, tenant_id: int, moment: int) -> Around:
        office, snapshot = self._office, self._office.snapshot
        return Around(
            partial(office.tagging.read, tenant_id),
            snapshot.settings(tenant_id).suppress_unknown.value,
            lambda kind: may_stop(snapshot.kind_named(tenant_id, kind)),
            lambda connection, box, kind: office.stop_within(connection, tenant_id, box, kind, moment),
        )

    def _together(
        self, connection: Connection, tenant_id: int, mails: Sequence[Mail]
    ) -> Sequence[Taken | PostroomError]:
        """All at once; where that fails, each for itself, so that one bad mail is refused alone."""
        try:
            with connection.begin_nested():
                return self._applied(connection, tenant_id, mails)
        except Exception as error:
            if len(mails) < 2 or connection.invalidated or isinstance(explain_failure(error), StoreFull):
                raise
        answers: list[Taken | PostroomError] = []
        for mail in mails:
            try:
                with connection.begin_nested():
                    answers += self._applied(connection, tenant_id, [mail])
            except Exception as error:
                answers.append(explain_failure(error))
        return answers

    def list(
        self,
        actor: Actor,
        *,
        limit: int = 50,
        before: int | None = None,
        kind: str | None = None,
        waiting: bool = False,
    ) -> Future[Sequence[Received]]:
        """The newest first, without what they say. `waiting`: only what waits for a person. Raises BadInput for a kind
        that is none.
        """
        _require(actor, Scope.READ)
        wanted = _kind(kind)
        most = min(max(limit, 1), _MOST_ON_PAGE)
        return self._store.read(
            lambda c: incoming.listed(c, actor.tenant_id, most, before=before, kind=wanted, waiting=waiting)
        )

    def get(self, actor: Actor, incoming_id: int) -> Future[Received]:
        """Raises NotFound. `text` is only for those who may see contents, and empty for others."""
        _require(actor, Scope.READ)
        return self._store.read(lambda c: _existing(c, actor.tenant_id, incoming_id))

    def mark(self, actor: Actor, incoming_id: int, *, done: bool) -> Future[Received]:
        """As dealt with, or as still waiting for a person. Raises NotFound."""
        _require(actor, Scope.ACT)

        def work(connection: Connection) -> Received:
            was, moment = _existing(connection, actor.tenant_id, incoming_id), now_ms()
            if (was.done_ms is not None) == done:
                return was
            now = incoming.mark(
                connection, actor.tenant_id, incoming_id, moment if done else None, actor.name if done else ""
            )
            verb = "incoming.done" if done else "incoming.reopened"
            audit.note(
                connection, [(self._store.ids.next(), Entry(actor.tenant_id, verb, moment, incoming_id).by(actor))]
            )
            return now or was

        return self._store.write(work)

    def content(self, actor: Actor, incoming_id: int) -> Future[bytes]:
        """The mail as it came. Every look is in the audit trail before anything is shown."""
        _require(actor, Scope.CONTENT)

        def work(connection: Connection) -> bytes:
            _existing(connection, actor.tenant_id, incoming_id)
            content = incoming.content(connection, actor.tenant_id, incoming_id)
            if content is None:
                raise NotFound("Its content is not kept any more.")
            looked = Entry(actor.tenant_id, "incoming.content-seen", now_ms(), incoming_id).by(actor)
            audit.note(connection, [(self._store.ids.next(), looked)])
            return content

        return self._store.write(work)


def _refusal(content: bytes) -> PostroomError | None:
    """Why these octets are not read at all."""
    if not content.strip():
        return BadInput((Fault("body", "is empty.", "Send the mail itself, with its header."),))
    if len(content) > MAX_CONTENT:
        return TooLarge(
            Sentence(
                "The mail has {content:,} octets; {max_content:,} are read at most.",
                content=len(content),
                max_content=MAX_CONTENT,
            )
        )
    return None


def _read(content: bytes) -> Mail:
    return Mail(understand(content), content, hashlib.sha256(content).digest())


def _kind(text: str | None) -> IncomingKind | None:
    if text is None:
        return None
    try:
        return IncomingKind(text.strip().lower())
    except ValueError:
        known = ", ".join(kind.value for kind in IncomingKind)
        raise BadInput(
            (Fault("kind", "is no kind of incoming mail.", Sentence("There are: {known}.", known=known)),)
        ) from None


def _existing(connection: Connection, tenant_id: int, incoming_id: int) -> Received:
    found = incoming.get(connection, tenant_id, incoming_id)
    if found is None:
        raise NotFound("There is no such incoming mail here.")
    return found


def _require(actor: Actor, scope: Scope) -> None:
    if not actor.may(scope):
        raise Forbidden(Sentence("This needs the permission {scope}.", scope=scope.value))
