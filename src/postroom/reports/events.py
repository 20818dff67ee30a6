"""Events for programs outside: pulling them after a cursor, and what one looks like, there and in a webhook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from postroom.clock import iso, now_ms
from postroom.errors import BadInput, Fault, Forbidden, NotFound
from postroom.ids import decode, encode
from postroom.model.application import Actor, Scope
from postroom.model.webhook import EVENT_TYPES, FeedEntry, wants
from postroom.sentence import Sentence
from postroom.store import feed
from postroom.store.database import Store

__all__ = ["EventPage", "cursor", "event_json", "pull"]

MOST = 1_000
_LETTERS = {"account_id": "a", "sender_id": "s", "application_id": "p", "message_id": "m", "resend_of": "m"}


@dataclass(frozen=True, slots=True)
class EventPage:
    """`next`: the cursor for the next question; `more`: it would find something at once; `missed`: some events after
    the cursor were so old that they are gone."""

    entries: tuple[FeedEntry, ...]
    next: str
    more: bool
    missed: bool


def pull(
    store: Store, actor: Actor, after: str, types: tuple[str, ...], limit: int, tenant_id: int | None = None
) -> Future[EventPage]:
    """The tenant's events after the cursor, oldest first; without one, all that are kept. Raises BadInput.

    A tenant's events are kept from the first question, or the first webhook, on.
    """
    if not actor.may(Scope.READ):
        raise Forbidden(Sentence("That needs the right {read}.", read=Scope.READ.value), needs=Scope.READ.value)
    number = actor.tenant_id if tenant_id is None else tenant_id
    if not actor.reaches(number):
        raise NotFound("There is no such tenant here.")
    place = _checked(after, types, limit)
    moment = now_ms()

    def follow(connection: Connection) -> None:
        feed.follow(connection, number, moment, pulled=True)
        feed.publish(connection)

    def read(connection: Connection) -> EventPage:
        found = feed.entries(connection, number, place, limit + 1)
        shown = tuple(one for one in found[:limit] if wants(types, one.type))
        start = place if after else feed.head(connection)
        last = found[:limit][-1].position if found else start
        missed = bool(after) and feed.missed_since(connection, place)
        return EventPage(shown, cursor(last), len(found) > limit, missed)

    future: Future[EventPage] = Future()
    future.set_running_or_notify_cancel()
    store.write(follow).add_done_callback(lambda done: _then_read(store, done, read, future))
    return future


def _then_read(
    store: Store, done: Future[None], read: Callable[[Connection], EventPage], future: Future[EventPage]
) -> None:
    """Reading is done beside the writer, who has mail to see to."""

    def told(page: Future[EventPage]) -> None:
        error = page.exception()
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(page.result())

    error = done.exception()
    if error is not None:
        future.set_exception(error)
    else:
        store.read(read).add_done_callback(told)


def _checked(after: str, types: tuple[str, ...], limit: int) -> int:
    faults = []
    place = decode("f", after) if after else 0
    if place is None:
        faults.append(Fault("after", "is no cursor of ours.", "Take `next` of the answer before, or leave it out."))
    if not 1 <= limit <= MOST:
        faults.append(
            Fault("limit", Sentence("is not from 1 to {most}.", most=MOST), "Ask for fewer, and follow `next`.")
        )
    groups = {f"{one.partition('.')[0]}.*" for one in EVENT_TYPES} | {"*"}
    if any(one not in EVENT_TYPES and one not in groups for one in types):
        faults.append(
            Fault(
                "types",
                "names a type of event that there is not.",
                Sentence("There are: {event_types}.", event_types=", ".join(EVENT_TYPES)),
            )
        )
    if faults or place is None:
        raise BadInput(faults)
    return place


def cursor(position: int) -> str:
    return encode("f", position)


def event_json(entry: FeedEntry) -> dict[str, Any]:
    """The event as programs see it. What retention has deleted meanwhile is not in it any more."""
    data: dict[str, Any] = {}
    if entry.message_id is not None:
        data = {"message_id": encode("m", entry.message_id), "n": entry.n} | _shown(entry.message)
    if entry.detail or entry.message_id is not None:
        data["detail"] = _shown(entry.detail)
    return {
        "id": encode("e", entry.id),
        "type": entry.type,
        "timestamp": iso(entry.at_ms),
        "tenant_id": encode("t", entry.tenant_id),
        "data": data,
    }


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """Ids as text, like everywhere outside."""
    return {
        name: encode(_LETTERS[name], value) if name in _LETTERS and type(value) is int else value
        for name, value in values.items()
    }
