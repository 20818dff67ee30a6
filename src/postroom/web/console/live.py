"""News for pages that are open: a stream of events (SSE) that says when to look again, and nothing else.

Rules it keeps: a tenant's mail is looked at once a second, by one task, however many look on, and not at all when
nobody does; there are so many streams and no more, of the process and of each session (a page that gets none asks now
and then, as without script support); a stream ends with its session and with the server. What a page shows it fetches
itself, with all its rights, so nothing of anybody's mail is in here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from starlette.responses import Response, StreamingResponse

from postroom.clock import monotonic_ms
from postroom.errors import PostroomError, TooMany
from postroom.model.application import Scope
from postroom.office import Office
from postroom.web.console.routes import Pages

if TYPE_CHECKING:
    from postroom.reports.views import Signs
    from postroom.web.console.visit import Visit

__all__ = ["MOST_OF_ONE", "MOST_STREAMS", "News", "pages"]

pages = Pages()
MOST_STREAMS = 200
MOST_OF_ONE = 8
"""Streams of one session: as many pages as somebody may have open."""
_LOOK_SECONDS = 1.0
_BEAT_SECONDS = 15.0
_LONGEST_MS = 10 * 60_000.0
"""After that the browser asks anew."""
_MOVING_MS = 3_000.0
"""While mail waits or is being sent there is news so often, whatever else is seen."""


class News:
    """One for the process: who looks on, and when there was news for each tenant."""

    def __init__(self) -> None:
        self._streams: dict[str, int] = {}
        self._tenants: dict[int, _Tenant] = {}

    def enter(self, session: str) -> None:
        """Raises TooMany."""
        if self._streams.get(session, 0) >= MOST_OF_ONE or sum(self._streams.values()) >= MOST_STREAMS:
            raise TooMany("There are too many open pages. This one looks for news now and then.", seconds=30)
        self._streams[session] = self._streams.get(session, 0) + 1

    def leave(self, session: str) -> None:
        left = self._streams.get(session, 1) - 1
        if left:
            self._streams[session] = left
        else:
            self._streams.pop(session, None)

    def of(self, visit: Visit) -> _Tenant:
        """The tenant that is looked at, with somebody who looks for all."""
        known = self._tenants.get(visit.tenant_id)
        if known is None:
            known = self._tenants[visit.tenant_id] = _Tenant(self, visit)
        return known

    def forget(self, tenant_id: int) -> None:
        self._tenants.pop(tenant_id, None)


class _Tenant:
    """`number` grows with each news."""

    def __init__(self, news: News, visit: Visit) -> None:
        self.number = 0
        self._news = news
        self._visit = visit
        self._lookers = 0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def join(self) -> None:
        self._lookers += 1
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._look(), name="console-news")

    def part(self) -> None:
        self._lookers -= 1
        if not self._lookers and self._task is not None:
            self._task.cancel()
            self._task = None
            self._news.forget(self._visit.tenant_id)

    async def wait(self, known: int, seconds: float) -> int:
        """The number, once it is another than this one, or after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while self.number == known:
                    await self._changed.wait()
        except TimeoutError:
            pass
        return self.number

    async def _look(self) -> None:
        seen: Signs | None = None
        told_at = monotonic_ms()
        while True:
            found = await self._signs() or seen
            moves = found is not None and found.moving and monotonic_ms() - told_at >= _MOVING_MS
            if seen is not None and (found != seen or moves):
                told_at = monotonic_ms()
                self.number += 1
                self._changed.set()
                self._changed = asyncio.Event()
            seen = found
            await asyncio.sleep(_LOOK_SECONDS)

    async def _signs(self) -> Signs | None:
        """None while the database is away."""
        try:
            return await self._visit.wait(self._visit.reports.signs(self._visit.actor, self._visit.tenant))
        except PostroomError:
            return None


_news: WeakKeyDictionary[Office, News] = WeakKeyDictionary()


@pages.get("/live", Scope.READ)
async def live(visit: Visit) -> Response:
    news = _news.setdefault(visit.office, News())
    try:
        news.enter(visit.token)
    except TooMany as error:
        return Response(error.text, 503, {"retry-after": "30"}, media_type="text/plain")
    headers = {"x-accel-buffering": "no"}
    return StreamingResponse(_stream(visit, news), 200, headers, media_type="text/event-stream")


async def _stream(visit: Visit, news: News) -> AsyncIterator[str]:
    tenant = news.of(visit)
    tenant.join()
    ends = monotonic_ms() + _LONGEST_MS
    number = tenant.number
    closing = asyncio.ensure_future(visit.desk.closing.wait())
    waiting: asyncio.Future[int] | None = None
    try:
        yield "retry: 5000\n\n"
        while monotonic_ms() < ends and not closing.done() and await _still_there(visit):
            waiting = asyncio.ensure_future(tenant.wait(number, _BEAT_SECONDS))
            await asyncio.wait({waiting, closing}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                return
            found = waiting.result()
            yield f"id: {found}\nevent: news\ndata: {found}\n\n" if found != number else ": nothing new\n\n"
            number = found
    finally:
        for one in (closing, waiting):
            if one is not None:
                one.cancel()
        tenant.part()
        news.leave(visit.token)


async def _still_there(visit: Visit) -> bool:
    """Whether the session goes on, and may still see messages."""
    try:
        known = visit.office.authenticated(visit.token)
        if known is None:
            known = await visit.wait(visit.office.authenticate(visit.token))
    except PostroomError:
        return False
    return known.may(Scope.READ)
