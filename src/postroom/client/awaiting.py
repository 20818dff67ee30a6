"""The client for coroutines: `AsyncClient`. The same verbs as `Client`, awaited."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar, Unpack

from postroom.client.exchange import Answer, Ask, Failure, Flow, Patience
from postroom.client.shapes import MessageLine
from postroom.client.transport import client_options, failure_of, heard, request_options
from postroom.client.verbs import Search, Verbs
from postroom.client.whereabouts import find

if TYPE_CHECKING:
    import httpx2

__all__ = ["AsyncClient"]

P = ParamSpec("P")
T = TypeVar("T")


def _awaits(
    verb: Callable[Concatenate[Verbs, P], Flow[T]],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    @functools.wraps(verb)
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._drive(verb(self._verbs, *args, **kwargs))

    return method


class AsyncClient:
    """`async with AsyncClient() as postroom: await postroom.send(to=…, subject=…, text=…)`, on one event loop.

    Finds Postroom as `Client` does. Attachments given as paths are read at once; on a busy loop give their content.
    """

    def __init__(self, url: str = "", key: str = "", *, patience: Patience | None = None) -> None:
        self._whereabouts = find(url, key)
        self._verbs = Verbs(patience or Patience())
        self._http: httpx2.AsyncClient | None = None

    send = _awaits(Verbs.send)
    send_raw = _awaits(Verbs.send_raw)
    send_many = _awaits(Verbs.send_many)
    message = _awaits(Verbs.message)
    timeline = _awaits(Verbs.timeline)
    content = _awaits(Verbs.content)
    page = _awaits(Verbs.page)
    health = _awaits(Verbs.health)
    cancel = _awaits(Verbs.cancel)
    hold = _awaits(Verbs.hold)
    release = _awaits(Verbs.release)
    retry = _awaits(Verbs.retry)
    resend = _awaits(Verbs.resend)
    settle = _awaits(Verbs.settle)

    async def messages(self, **wanted: Unpack[Search]) -> AsyncIterator[MessageLine]:
        """Every message that fits, the newest first, page by page as they are wanted."""
        cursor: str | None = ""
        while cursor is not None:
            page = await self.page(cursor, **wanted)
            for line in page.messages:
                yield line
            cursor = page.next

    async def aclose(self) -> None:
        """Closes the connections; the next call opens new ones."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def _drive(self, flow: Flow[T]) -> T:
        answer: Answer | Failure | None = None
        try:
            while True:
                step = flow.send(answer)
                if isinstance(step, Ask):
                    answer = await self._ask(step)
                else:
                    await asyncio.sleep(step.seconds)
                    answer = None
        except StopIteration as end:
            found: T = end.value
            return found

    async def _ask(self, ask: Ask) -> Answer | Failure:
        import httpx2

        if self._http is None:
            self._http = httpx2.AsyncClient(**client_options(self._whereabouts))
        try:
            return heard(await self._http.request(**request_options(ask)))
        except httpx2.HTTPError as error:
            return failure_of(error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"AsyncClient({self._whereabouts.url!r})"
