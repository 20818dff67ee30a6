"""The SMTP door in this process: a real engine, real sockets, applications and senders at will.

The engine takes mail in and delivers nothing (role http), so that what a test sees is the door's doing.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

from postroom.listener.door import Door
from postroom.listener.opening import Opened, open_listener, take_addresses
from postroom.maillog import MailLog
from postroom.model.application import Actor, Scope
from postroom.model.tenant import INSTALLATION
from postroom.reports.views import MessageView, Query
from postroom.settings import Role, load
from postroom.work.service import Engine

__all__ = ["FROM", "TEXT", "Application", "Letter", "Letterbox", "Raw", "open_letterbox"]

FROM = "shop@example.com"
TEXT = b"From: shop@example.com\r\nTo: b@example.org\r\nSubject: Hello\r\n\r\nA test.\r\n"
_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Application:
    """An application and its key, of the tenant with this id."""

    name: str
    key: str
    tenant_id: int = INSTALLATION


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that was taken: what the log tells, its octets, and how an independent parser reads them."""

    view: MessageView
    content: bytes
    parsed: EmailMessage

    @property
    def recipients(self) -> dict[str, str]:
        """Address → role."""
        return {one.address: one.role.value for one in self.view.recipients}


class Raw:
    """A connection for what no client library would say."""

    def __init__(self, port: int, *, tls: bool = False, greeting: bool = True) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_WAIT)
        if tls:
            self.socket = trusting().wrap_socket(self.socket)
        self._file = self.socket.makefile("rb")
        self.greeting = self.reply() if greeting else ""

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self) -> str:
        """One reply; "" when the connection is closed."""
        lines = []
        while line := self._line():
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                break
        return "\n".join(lines)

    def ask(self, data: bytes) -> str:
        self.say(data)
        return self.reply()

    def ended(self) -> bool:
        """Whether the server has closed the connection; waits for it."""
        return self._line() == ""

    def start_tls(self) -> None:
        self.socket = trusting().wrap_socket(self.socket)
        self._file = self.socket.makefile("rb")

    def _line(self) -> str:
        try:
            return self._file.readline().decode("ascii")
        except (ConnectionError, ssl.SSLError):
            return ""

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def trusting() -> ssl.SSLContext:
    """A client that asks for no proof; what the certificate says is a test of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Letterbox:
    """The open door. `webshop` is an application of the installation, which sends as `shop@` and `news@example.com`."""

    def __init__(self, engine: Engine, opened: Opened, ports: tuple[int, int], loop: asyncio.AbstractEventLoop) -> None:
        self.engine = engine
        self.door: Door = opened.door
        self.made_certificate = opened.made_certificate
        self.port, self.tls_port = ports
        self.boss = Actor(INSTALLATION, frozenset({Scope.ADMIN}), name="tests")
        self._loop = loop
        self._names = itertools.count(1)
        for address in (FROM, "news@example.com"):
            self.sender(address)
        self.webshop = self.application("webshop")

    # -- who may send -----------------------------------------------------------------------------------------------

    def tenant(self) -> int:
        """A new tenant with a sender and nothing else; its id."""
        name = f"tenant{next(self._names)}"
        tenant = self.engine.office.create_tenant(self.boss, name).result(_WAIT)
        self.sender(f"{name}@example.net", tenant.id)
        return tenant.id

    def sender(self, address: str, tenant_id: int = INSTALLATION, **values: object) -> None:
        actor = Actor(tenant_id, frozenset({Scope.ADMIN}), name="tests")
        self.engine.office.create_sender(actor, {"address": address, **values}).result(_WAIT)

    def application(self, name: str, tenant_id: int = INSTALLATION, *scopes: Scope) -> Application:
        office = self.engine.office
        office.create_application(self.boss, name, tenant_id).result(_WAIT)
        made = office.create_key(self.boss, name, scopes or (Scope.SEND,), tenant_id=tenant_id).result(_WAIT)
        return Application(name, made.text, tenant_id)

    # -- clients ----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def client(self, application: Application | None = None, *, user: str = "") -> Iterator[smtplib.SMTP]:
        """Logged in by STARTTLS."""
        who = application or self.webshop
        client = smtplib.SMTP("127.0.0.1", self.port, timeout=_WAIT)
        try:
            client.starttls(context=trusting())
            client.login(user or who.name, who.key)
            yield client
        finally:
            client.close()

    def raw(self, **options: Any) -> Raw:
        return Raw(self.port, **options)

    # -- what came in -----------------------------------------------------------------------------------------------

    def messages(self, tenant_id: int = INSTALLATION) -> list[MessageView]:
        """All that was taken, newest first."""
        actor = Actor(tenant_id, frozenset({Scope.ADMIN}))
        page = self.engine.reports.search(actor, Query(), None, 200).result(_WAIT)
        return [self.engine.reports.message(actor, line.id).result(_WAIT) for line in page.items]

    def content(self, number: int, tenant_id: int = INSTALLATION) -> bytes:
        actor = Actor(tenant_id, frozenset({Scope.ADMIN}))
        return self.engine.reports.content(actor, number).result(_WAIT)

    def last(self, tenant_id: int = INSTALLATION) -> Letter:
        """The message that was taken last."""
        view = self.messages(tenant_id)[0]
        content = self.content(view.message.id, tenant_id)
        return Letter(view, content, cast(EmailMessage, message_from_bytes(content, policy=policy.default)))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What it comes to on the door's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_WAIT)

    def on_loop(self, function: Callable[[], Any]) -> Any:
        """What the function gives on the door's loop."""
        future: Future[Any] = Future()
        self._loop.call_soon_threadsafe(lambda: future.set_result(function()))
        return future.result(_WAIT)


@contextlib.contextmanager
def open_letterbox(folder: Path, **settings: object) -> Iterator[Letterbox]:
    """Opens it on a thread of its own; `settings` as in `postroom.settings`."""
    loop = asyncio.new_event_loop()
    ready: Future[tuple[Engine, Opened, tuple[int, int]]] = Future()
    done = asyncio.Event()

    async def run() -> None:
        try:
            own = {"listen_smtp": "127.0.0.1:0", "listen_smtps": "127.0.0.1:0", "tenant_hosts": "127.0.0.0/8:*"}
            wanted = {**own, **settings}
            loaded = load({"POSTROOM_DATA": str(folder)}, cwd=folder, overrides=wanted)
            addresses = take_addresses(loaded)
            ports = tuple(one.getsockname()[1] for one in (*addresses.plain, *addresses.encrypted))
            async with (
                Engine(loaded, Role.HTTP, MailLog(None)) as engine,
                open_listener(loaded, addresses, engine) as opened,
            ):
                ready.set_result((engine, opened, cast(tuple[int, int], ports)))
                await done.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            raise

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), name="smtp-rig")
    thread.start()
    try:
        engine, opened, ports = ready.result(_WAIT)
        yield Letterbox(engine, opened, ports, loop)
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(_WAIT)
        loop.close()
