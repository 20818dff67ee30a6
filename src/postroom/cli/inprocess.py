"""The engine started in this process for one command, and the same HTTP API called without a network.

Used only when no Postroom runs. It takes mail in and changes settings as a running one would; it delivers nothing,
unless the command is made to (`delivers`): that is for `postroom serve`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2

from postroom.cli import local
from postroom.cli.desk import Desk, language
from postroom.cli.installation_key import local_key
from postroom.maillog import MailLog
from postroom.settings import Role, Settings
from postroom.web.api.app import create_app
from postroom.web.desk import Desk as WebDesk
from postroom.work.service import Engine

__all__ = ["open_here"]


class _Here(httpx2.BaseTransport):
    """A transport that hands requests to the application in this process and waits on its loop."""

    def __init__(self, runner: asyncio.Runner, app: Any) -> None:
        self._runner = runner
        self._asgi = httpx2.ASGITransport(app, raise_app_exceptions=False)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.read()  # what is sent as it is made: here it is all in one process anyway
        return self._runner.run(self._ask(request))

    async def _ask(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._asgi.handle_async_request(request)
        content = await answer.aread()
        return httpx2.Response(answer.status_code, headers=answer.headers, content=content)


def open_here(settings: Settings, key: str, *, delivers: bool = False) -> Desk:
    """A desk on an engine of our own. Raises the errors of opening the database and the key ring."""
    local.keep_private(settings.data)
    runner = asyncio.Runner()
    try:
        engine = Engine(settings, Role.ALL if delivers else Role.HTTP, MailLog(None))
        runner.run(engine.start())
    except BaseException:
        runner.close()
        raise

    def close() -> None:
        try:
            runner.run(engine.stop())
        finally:
            runner.close()

    try:
        key = key or runner.run(asyncio.to_thread(local_key, engine.office, settings.data))
        parts = engine.parts
        app = create_app(WebDesk(settings, *parts))
    except BaseException:
        close()
        raise
    client = httpx2.Client(
        transport=_Here(runner, app),
        base_url="http://postroom.here",
        headers={"Authorization": f"Bearer {key}", "Accept-Language": language()},
        timeout=None,
    )
    return Desk(client, "this process", here=True, close=close)
