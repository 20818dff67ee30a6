"""`postroom serve`: the engine and its doors in one process, until somebody stops it.

In order: the address is taken, the database and key ring are opened, the engine starts, then the doors open; stopping
goes the other way round (P10). What it prints at the start is for the person who started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from postroom import __version__
from postroom.cli import local
from postroom.cli.command import Call
from postroom.cli.complaint import CommandError
from postroom.cli.desk import load_settings
from postroom.cli.sections import START, Page
from postroom.cli.terminal import Cell, Terminal
from postroom.cli.words import MODES, me

if TYPE_CHECKING:
    from postroom.settings import Settings
    from postroom.work.service import Engine

__all__ = ["page"]

page = Page(START)
RoleOption = Annotated[str | None, typer.Option("--role", metavar="http|worker|all", help="What this process does.")]
ListenOption = Annotated[str | None, typer.Option("--listen", metavar="HOST:PORT", help="Where the API listens.")]
_LAST_REQUESTS_SECONDS = 20


@page.command("serve", json=False)
def serve(call: Call, role: RoleOption = None, listen: ListenOption = None) -> None:
    """Runs Postroom: takes mail in, delivers it, answers the other commands. Ctrl-C stops it."""
    settings = load_settings(call.where, role=role, listen=listen)
    local.keep_private(settings.data)
    door = None if settings.role.value == "worker" else _take_address(settings)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(settings, door, call.terminal))
    finally:
        if door is not None:
            door.close()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _take_address(settings: Settings) -> socket.socket:
    """A listening socket. Raises CommandError when the address can't be had."""
    host, port = settings.listen
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.socket(family, socket.SOCK_STREAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((host, port))
        door.listen(2048)
    except OSError as error:
        door.close()
        known = local.read(settings.data)
        if known is not None and known.runs:
            raise CommandError(f"Postroom runs already: process {known.pid}, at {known.url}") from None
        raise CommandError(
            f"Postroom can't listen at {settings.listen}: {error.strerror or error}.",
            hint="Choose another address with --listen, like --listen 127.0.0.1:8026",
        ) from None
    return door


async def _serve(settings: Settings, door: socket.socket | None, terminal: Terminal) -> None:
    from postroom.work.service import Engine

    engine = Engine(settings, settings.role)
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _stop, stopping, number)
    await engine.start()
    try:
        if door is None:
            _greet(terminal, settings, "", None, engine)
            await stopping.wait()
        else:
            await _open_door(settings, door, terminal, engine, stopping)
    finally:
        await engine.stop()


def _stop(stopping: asyncio.Event, number: int) -> None:
    """The first signal asks for a clean end; a second one is for the impatient: what was accepted is on the disk."""
    if stopping.is_set():
        os._exit(128 + number)
    stopping.set()


async def _open_door(
    settings: Settings, door: socket.socket, terminal: Terminal, engine: Engine, stopping: asyncio.Event
) -> None:
    from postroom.cli.installation_key import first_key, local_key

    url = f"http://{_spelled(door.getsockname())}"
    key = await asyncio.to_thread(local_key, engine.office, settings.data)
    first = await asyncio.to_thread(first_key, engine.office)
    serving = asyncio.create_task(_http(settings, door, engine, stopping))
    local.write(settings.data, local.Local(key, url, os.getpid()))
    try:
        _greet(terminal, settings, url, first, engine)
        await serving
    finally:
        local.write(settings.data, local.Local(key))


def _spelled(address: Any) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _http(settings: Settings, door: socket.socket, engine: Engine, stopping: asyncio.Event) -> None:
    """Answers requests until `stopping`; then lets those that are under way end."""
    import uvicorn

    from postroom.web.api.app import create_app
    from postroom.web.desk import Desk

    app = create_app(Desk(settings, engine.store, engine.office, engine.outbox, engine.reports))
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_LAST_REQUESTS_SECONDS,
        backlog=2048,
    )

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield  # signals are for the whole process, and taken in `_serve`

    server = Server(config)
    ends = asyncio.create_task(_end_when(stopping, server))
    try:
        await server.serve([door])
    finally:
        ends.cancel()


async def _end_when(stopping: asyncio.Event, server: Any) -> None:
    await stopping.wait()
    server.should_exit = True


def _greet(terminal: Terminal, settings: Settings, url: str, first: str | None, engine: Engine) -> None:
    from postroom.model.tenant import INSTALLATION

    mode = engine.office.snapshot.settings(INSTALLATION).mode.value
    terminal.line(Cell(f"Postroom {__version__}", "strong"))
    terminal.facts(
        [
            ("Listens at", f"{url}  (documentation: {url}/docs)" if url else ""),
            ("Mode", f"{mode}: {MODES[mode]}"),
            ("Role", settings.role.value if settings.role.value != "all" else ""),
            ("Data", str(settings.data)),
            ("Database", str(settings.database)),
            ("First key", first or ""),
        ],
        indent="  ",
    )
    if first:
        terminal.line("  The key is shown only now. It may do everything; ", f"`{me()} key add` makes others.")
        terminal.line()
        terminal.line("  Next, in a second shell:")
        for words in ('send --to you@example.org --subject Hello --text "…"', "account add", "mode smtp"):
            terminal.line(f"    {me()} {words}")
    terminal.line()
    terminal.out.flush()
