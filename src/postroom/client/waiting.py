"""The client for programs that wait: `Client`. All it does itself is to own connections and to sleep."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Self, TypeVar, Unpack

from postroom.client.exchange import Answer, Ask, Failure, Flow, Patience
from postroom.client.shapes import MessageLine
from postroom.client.transport import client_options, failure_of, heard, request_options
from postroom.client.verbs import Search, Verbs
from postroom.client.whereabouts import find

if TYPE_CHECKING:
    import httpx2

__all__ = ["Client"]

P = ParamSpec("P")
T = TypeVar("T")


def _waits(verb: Callable[Concatenate[Verbs, P], Flow[T]]) -> Callable[Concatenate[Client, P], T]:
    @functools.wraps(verb)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._drive(verb(self._verbs, *args, **kwargs))

    return method


class Client:
    """`with Client() as postroom: postroom.send(to=…, subject=…, text=…)`. May be used by several threads at once.

    `url` and `key`: without them POSTROOM_API_URL and POSTROOM_API_KEY, else the Postroom of this machine. Raises
    NotConfigured, or Unreachable when this machine's Postroom is not running.
    """

    def __init__(self, url: str = "", key: str = "", *, patience: Patience | None = None) -> None:
        self._whereabouts = find(url, key)
        self._verbs = Verbs(patience or Patience())
        self._connections: dict[int, httpx2.Client] = {}
        """By process: those of a parent that forked are not ours to use."""

    send = _waits(Verbs.send)
    send_raw = _waits(Verbs.send_raw)
    send_many = _waits(Verbs.send_many)
    message = _waits(Verbs.message)
    timeline = _waits(Verbs.timeline)
    content = _waits(Verbs.content)
    page = _waits(Verbs.page)
    health = _waits(Verbs.health)
    cancel = _waits(Verbs.cancel)
    hold = _waits(Verbs.hold)
    release = _waits(Verbs.release)
    retry = _waits(Verbs.retry)
    resend = _waits(Verbs.resend)
    settle = _waits(Verbs.settle)

    def messages(self, **wanted: Unpack[Search]) -> Iterator[MessageLine]:
        """Every message that fits, the newest first, page by page as they are wanted."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.page(cursor, **wanted)
            yield from page.messages
            cursor = page.next

    def close(self) -> None:
        """Closes the connections; the next call opens new ones."""
        http = self._connections.pop(os.getpid(), None)
        if http is not None:
            http.close()

    def _drive(self, flow: Flow[T]) -> T:
        answer: Answer | Failure | None = None
        try:
            while True:
                step = flow.send(answer)
                if isinstance(step, Ask):
                    answer = self._ask(step)
                else:
                    time.sleep(step.seconds)
                    answer = None
        except StopIteration as end:
            found: T = end.value
            return found

    def _ask(self, ask: Ask) -> Answer | Failure:
        import httpx2

        try:
            return heard(self._connected().request(**request_options(ask)))
        except httpx2.HTTPError as error:
            return failure_of(error)

    def _connected(self) -> httpx2.Client:
        import httpx2

        known = self._connections.get(os.getpid())
        if known is not None:
            return known
        made = httpx2.Client(**client_options(self._whereabouts))
        kept = self._connections.setdefault(os.getpid(), made)
        if kept is not made:  # another thread was quicker
            made.close()
        return kept

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._whereabouts.url!r})"
