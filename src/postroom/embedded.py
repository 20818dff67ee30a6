"""Postroom inside a program: the same engine, without a door.

    from postroom import Postroom

    with Postroom("sqlite:///mail.db") as postroom:
        receipt = postroom.send(to="you@example.org", subject="Hello", text="…")

    async with Postroom("postgresql://…") as postroom:
        receipt = await postroom.send_async(to=…, subject=…, html=…)

The engine runs on a loop of its own in a thread of its own, so that a program without asyncio needs none and a program
with asyncio keeps its loop for itself. Every call is made once and answered by a future: `send` waits for it,
`send_async` wraps it. What the facades offer besides is reached through `office`, `outbox` and `reports`, with `actor`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any

from postroom.errors import PostroomError
from postroom.maillog import MailLog
from postroom.model.application import Actor, Scope
from postroom.model.message import Draft, DraftAttachment
from postroom.model.tenant import INSTALLATION
from postroom.office import Office
from postroom.outbox import Outbox, Receipt
from postroom.reports import Reports
from postroom.settings import Role, load
from postroom.work.loop import new_loop
from postroom.work.service import Engine

__all__ = ["Postroom"]


class Postroom:
    """Opened at once; `close()` (or `with`) stops it cleanly: open transactions end, everything else keeps waiting.

    `database`: `sqlite:///path` or `postgresql://…`; without it the installation's settings decide. `worker`: False
    takes mail in and leaves the delivery to another process. `settings`: installation settings by name, as in the
    environment without the prefix. Raises BadSettings, StoreLocked, SchemaTooNew, KeyUnreadable, StoreUnavailable.
    """

    def __init__(
        self,
        database: str | None = None,
        *,
        data: str | Path | None = None,
        worker: bool = True,
        log: MailLog | None = None,
        **settings: object,
    ) -> None:
        given: dict[str, object] = dict(settings)
        if database is not None:
            given["database"] = database
        if data is not None:
            given["data"] = str(data)
        self.actor = Actor(INSTALLATION, frozenset({Scope.ADMIN}), name="embedded")
        role = Role.ALL if worker else Role.HTTP
        self._engine = Engine(load(overrides=given), role, log or MailLog(None))
        self._loop = new_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="postroom", daemon=True)
        self._thread.start()
        self._closed = False
        try:
            self._on_loop(self._engine.start()).result()
        except BaseException:
            self._end_thread()
            raise

    @property
    def office(self) -> Office:
        return self._engine.office

    @property
    def outbox(self) -> Outbox:
        return self._engine.outbox

    @property
    def reports(self) -> Reports:
        return self._engine.reports

    def post(self, draft: Draft, *, key: str | None = None) -> Future[Receipt]:
        """Hands a draft over; the future is done when it is durable (or, sent instantly, when it was tried)."""
        return self.outbox.send(self.actor, draft, key=key)

    def post_many(
        self, drafts: Sequence[Draft], keys: Sequence[str | None] | None = None
    ) -> Future[list[Receipt | PostroomError]]:
        """Many at once, each accepted or refused for itself."""
        return self.outbox.send_many(self.actor, drafts, keys)

    def send(self, *, idempotency_key: str | None = None, **words: Any) -> Receipt:
        """Sends one message: `to`, `subject`, `text`, `html`, `attachments` and the other fields of `Draft`.

        Raises BadInput (all faults at once), TooLarge, Conflict, StoreUnavailable.
        """
        return self.post(draft_of(words), key=idempotency_key).result()

    async def send_async(self, *, idempotency_key: str | None = None, **words: Any) -> Receipt:
        """`send` for coroutines, on whatever loop they run."""
        return await asyncio.wrap_future(self.post(draft_of(words), key=idempotency_key))

    def close(self) -> None:
        """Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        try:
            self._on_loop(self._engine.stop()).result()
        finally:
            self._end_thread()

    def _on_loop(self, work: Any) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Postroom:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Postroom:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)


_SEVERAL = ("to", "cc", "bcc", "reply_to", "tags")


def draft_of(words: Mapping[str, Any]) -> Draft:
    """A draft from keyword arguments: one address may stand alone, headers and metadata may be mappings."""
    given = dict(words)
    for name in _SEVERAL:
        if name in given:
            value = given[name]
            given[name] = (value,) if isinstance(value, str) else tuple(value)
    for name in ("headers", "metadata"):
        if isinstance(given.get(name), Mapping):
            given[name] = tuple(given[name].items())
    if "attachments" in given:
        given["attachments"] = tuple(_attachments(given["attachments"]))
    return Draft(**given)


def _attachments(items: Iterable[DraftAttachment | str | Path]) -> Iterable[DraftAttachment]:
    for item in items:
        if isinstance(item, DraftAttachment):
            yield item
        else:
            path = Path(item)
            yield DraftAttachment(path.name, path.read_bytes())
