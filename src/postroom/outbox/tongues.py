"""Which language a recipient reads, where a message is written by a template and names none.

One question to the database for all that are handed over together, before anything is composed: the words of a message
are fixed with its acceptance. A mail to several is in the language of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from sqlalchemy import Connection

from postroom.addresses import Address, BadAddress
from postroom.errors import PostroomError, StoreUnavailable
from postroom.intake.templating import asks_language
from postroom.model.message import Draft
from postroom.policy.preference import mailbox
from postroom.policy.snapshot import Snapshot
from postroom.store import preferences
from postroom.store.database import Store

__all__ = ["Tongues", "once_known"]


class Tongues:
    def __init__(self, store: Store, snapshot: Callable[[], Snapshot]) -> None:
        self._store = store
        self._snapshot = snapshot

    def ask(self, tenant_id: int, drafts: Sequence[Draft]) -> Future[list[str]] | None:
        """For each of them its recipient's language, empty where it is not known; None when nobody need be asked."""
        snapshot = self._snapshot()
        boxes = [_box(draft) if asks_language(snapshot, tenant_id, draft) else "" for draft in drafts]
        if not any(boxes):
            return None

        def work(connection: Connection) -> list[str]:
            found = preferences.of_mailboxes(connection, tenant_id, [box for box in boxes if box])
            return [found[box].language if box in found else "" for box in boxes]

        return self._store.read(work)


def _box(draft: Draft) -> str:
    """The mailbox of its first recipient; what is no address is told of by who composes it."""
    for text in (*draft.to[:1], *draft.cc[:1], *draft.bcc[:1]):
        try:
            return mailbox(Address.parse(text))
        except BadAddress:
            return ""
    return ""


def once_known(
    asked: Future[list[str]],
    on_loop: Callable[[Callable[[], None]], None],
    go: Callable[[list[str]], None],
    fail: Callable[[PostroomError], None],
) -> None:
    """Goes on, on the loop, with what was asked for. What is refused from there on is told and not raised."""

    def guarded(found: list[str]) -> None:
        try:
            go(found)
        except PostroomError as error:
            fail(error)

    def known(done: Future[list[str]]) -> None:
        error = done.exception()
        try:
            if error is not None:
                raise error if isinstance(error, PostroomError) else StoreUnavailable(str(error))
            on_loop(lambda: guarded(done.result()))
        except PostroomError as refusal:
            fail(refusal)

    asked.add_done_callback(known)
