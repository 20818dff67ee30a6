"""A Postroom with its HTTP door open, in this process: a real engine, a real server, tenants and keys at will.

Unless a test wants otherwise the engine takes mail in and delivers nothing (role http).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from postroom.errors import Fault
from postroom.maillog import MailLog
from postroom.model.application import Actor, Scope
from postroom.model.tenant import INSTALLATION
from postroom.settings import Role, load
from postroom.web.api.app import create_app
from postroom.web.desk import Desk
from postroom.web.server import HttpServer, serve_http
from postroom.work.service import Engine

__all__ = ["MEMBERS", "Api", "Mail", "open_api", "problem"]

T = TypeVar("T")
Mail = Callable[..., dict[str, Any]]
MEMBERS = {"type", "title", "status", "detail", "faults"}
_WAIT = 60.0
_FAULT = {field.name for field in Fault.__dataclass_fields__.values()}

_NOBODY_IS_ASKED = {"dns_servers": "127.0.0.1:1", "dns_seconds": 0.1, "discovery_autoconfig": False}
"""No question about the mail servers of an example leaves this machine."""


class Api:
    """`boss` may do everything everywhere; `tenant()` makes a tenant and gives its administrator's client."""

    def __init__(self, engine: Engine, server: HttpServer, loop: asyncio.AbstractEventLoop) -> None:
        self.engine = engine
        self.server = server
        self.document: dict[str, Any] = {}
        self._loop = loop
        self._names = itertools.count(1)
        self._clients: list[httpx2.Client] = []
        self._actor = Actor(INSTALLATION, frozenset({Scope.ADMIN}), name="tests")
        self.nobody = self._client(None)
        self.boss = self.client(INSTALLATION, Scope.ADMIN)
        self.document = self.nobody.get("/v1/openapi.json").json()

    def forget_tries(self) -> None:
        """Nobody is slowed for what was guessed or forgotten before."""
        office = self.engine.office
        for slowing in (office._slowing, office._forgetting, office._asking):
            slowing._tries.clear()

    def tenant(self, *scopes: Scope) -> httpx2.Client:
        """A client of a new tenant with these scopes; without any: its administrator's."""
        tenant = self.engine.office.create_tenant(self._actor, f"tenant {next(self._names)}").result(_WAIT)
        return self.client(tenant.id, *(scopes or (Scope.ADMIN,)))

    def client(self, tenant_id: int, *scopes: Scope) -> httpx2.Client:
        """A client with a new key of this tenant."""
        return self._client(self.key(tenant_id, *scopes))

    def key(self, tenant_id: int, *scopes: Scope) -> str:
        office, name = self.engine.office, f"application {next(self._names)}"
        office.create_application(self._actor, name, tenant_id).result(_WAIT)
        return office.create_key(self._actor, name, scopes, tenant_id=tenant_id).result(_WAIT).text

    def with_key(self, key: str | None) -> httpx2.Client:
        """A client with this very key."""
        return self._client(key)

    def on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs it on the server's loop."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(_WAIT)

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def _client(self, key: str | None) -> httpx2.Client:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        client = httpx2.Client(base_url=self.server.url, headers=headers, timeout=_WAIT, trust_env=False)
        self._clients.append(client)
        return client


def problem(response: httpx2.Response, status: int) -> dict[str, Any]:
    """The problem in this answer, after making sure that it is one (RFC 9457)."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert set(found) >= MEMBERS
    assert found["status"] == status
    assert all(set(fault) == _FAULT for fault in found["faults"])
    return found


@contextlib.contextmanager
def open_api(folder: Path, engine_role: Role = Role.HTTP, **settings: object) -> Iterator[Api]:
    """Starts it on a thread of its own; `settings` as in `postroom.settings`. Tenants may name servers here."""
    loop = asyncio.new_event_loop()
    ready: Future[tuple[Engine, HttpServer]] = Future()
    done = asyncio.Event()

    async def run() -> None:
        try:
            wanted = {"tenant_hosts": "127.0.0.0/8:*", **_NOBODY_IS_ASKED, **settings}
            loaded = load({"POSTROOM_DATA": str(folder)}, cwd=folder, overrides=wanted)
            async with Engine(loaded, engine_role, MailLog(None)) as engine:
                parts = engine.parts
                desk = Desk(loaded, *parts)
                async with serve_http(create_app(desk), "127.0.0.1", 0) as server:
                    ready.set_result((engine, server))
                    await done.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            raise

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), name="api-rig")
    thread.start()
    try:
        engine, server = ready.result(_WAIT)
        api = Api(engine, server, loop)
        yield api
        api.close()
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(_WAIT)
        loop.close()
