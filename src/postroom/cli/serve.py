"""`postroom serve`: the engine and its doors in one process, until somebody stops it.

In order: the address is taken, the database and key ring are opened, the engine starts, then the doors open; stopping
goes the other way round (P10). What it prints at the start is for the person who started it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from postroom import __version__
from postroom.cli import local
from postroom.cli.command import Call
from postroom.cli.complaint import CommandError, usage
from postroom.cli.desk import load_settings
from postroom.cli.sections import START, Page
from postroom.cli.terminal import Cell, Terminal
from postroom.cli.words import MODES, me
from postroom.errors import BadSettings, Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postroom.listener.opening import Addresses, Opened
    from postroom.settings import Settings
    from postroom.work.service import Engine

__all__ = ["page"]

page = Page(START)
RoleOption = Annotated[str | None, typer.Option("--role", metavar="http|worker|all", help="What this process does.")]
ListenOption = Annotated[str | None, typer.Option("--listen", metavar="HOST:PORT", help="Where the API listens.")]
_ANOTHER = "Like --listen 127.0.0.1:8026"
_OTHER_SMTP = "Like POSTROOM_LISTEN_SMTP=127.0.0.1:2587, or off"


@page.command("serve", json=False)
def serve(call: Call, role: RoleOption = None, listen: ListenOption = None) -> None:
    """Runs Postroom: takes mail in, delivers it, answers the other commands. Ctrl-C stops it."""
    from postroom.work.loop import load_without_pause, new_loop

    load_without_pause()
    settings = load_settings(call.where, role=role, listen=listen)
    if settings.role.value != "all" and settings.database.is_sqlite:
        raise usage(
            f"The role {settings.role.value} needs PostgreSQL: an SQLite file has one process, which does everything.",
            hint="Leave --role out, or set POSTROOM_DATABASE=postgresql://…",
        )
    local.keep_private(settings.data)
    takes_mail = settings.role.value != "worker"
    doors = _take_address(settings) if takes_mail else []
    smtp = _take_smtp(settings, doors) if takes_mail else None
    agents = _take_agents(settings, [*doors, *(smtp.plain + smtp.encrypted if smtp is not None else [])])
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(_serve(settings, doors, smtp, agents, call.terminal))
    finally:
        for door in (*doors, *agents):
            door.close()
        if smtp is not None:
            smtp.close()


def _take_address(settings: Settings) -> list[socket.socket]:
    """Listening sockets. Raises CommandError when the address can't be had."""
    from postroom.web import server

    try:
        return server.listen(*settings.listen)
    except BadSettings as error:
        known = local.read(settings.data)
        if known is not None and known.runs:
            raise CommandError(f"Postroom runs already: process {known.pid}, at {known.url}") from None
        raise CommandError("Postroom can't listen there", faults=error.faults, hint=_ANOTHER) from None


def _take_smtp(settings: Settings, doors: list[socket.socket]) -> Addresses:
    """Listening sockets for SMTP. Raises CommandError when an address that was asked for can't be had."""
    from postroom.listener.opening import take_addresses

    try:
        return take_addresses(settings)
    except BadSettings as error:
        for door in doors:
            door.close()
        raise CommandError("Postroom can't listen there", faults=error.faults, hint=_OTHER_SMTP) from None


def _take_agents(settings: Settings, others: Sequence[socket.socket]) -> list[socket.socket]:
    """Listening sockets for agents, where mail is delivered. Raises CommandError when the address can't be had."""
    if settings.listen_agents is None or settings.role.value == "http":
        return []
    from postroom.agent.needs import ssh_missing
    from postroom.wire.listening import listen as take

    try:
        if why := ssh_missing():
            raise BadSettings([Fault("listen_agents", f"can't be had: {why}.", "Or set it to off.")])
        return take(*settings.listen_agents, "listen_agents")
    except BadSettings as error:
        for door in others:
            door.close()
        hint = "Like POSTROOM_LISTEN_AGENTS=0.0.0.0:8443, or off"
        raise CommandError("Postroom can't listen for agents", faults=error.faults, hint=hint) from None


async def _serve(
    settings: Settings,
    doors: list[socket.socket],
    smtp: Addresses | None,
    agents: list[socket.socket],
    terminal: Terminal,
) -> None:
    from postroom.listener.agents import open_agents
    from postroom.work.loop import own_process
    from postroom.work.service import Engine

    engine = Engine(settings, settings.role)
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _stop, stopping, number)
    await engine.start()
    own_process()
    try:
        async with open_agents(settings, agents, engine):
            more = _agent_words(agents)
            if doors and smtp is not None:
                await _open_doors(settings, doors, smtp, more, terminal, engine, stopping)
            else:
                _greet(terminal, settings, "", None, engine, more)
                await stopping.wait()
    finally:
        await engine.stop()


def _stop(stopping: asyncio.Event, number: int) -> None:
    """The first signal asks for a clean end; a second one is for the impatient: what was accepted is on the disk."""
    if stopping.is_set():
        os._exit(128 + number)
    stopping.set()


async def _open_doors(
    settings: Settings,
    doors: list[socket.socket],
    smtp: Addresses,
    more: Sequence[tuple[str, str]],
    terminal: Terminal,
    engine: Engine,
    stopping: asyncio.Event,
) -> None:
    """Answers requests and takes mail until `stopping`; then lets what is under way end."""
    from postroom.cli.installation_key import first_key, local_key
    from postroom.cli.spool import handing_over
    from postroom.listener.opening import open_listener
    from postroom.web.api.app import create_app
    from postroom.web.desk import Desk
    from postroom.web.server import serve_http

    key = await asyncio.to_thread(local_key, engine.office, settings.data)
    first = await asyncio.to_thread(first_key, engine.office)
    begin = await asyncio.wrap_future(engine.office.first_run_token())
    parts = engine.parts
    app = create_app(Desk(settings, *parts))
    try:
        async with (
            serve_http(app, *settings.listen, sockets=doors) as http,
            open_listener(settings, smtp, engine) as listener,
        ):
            local.write(settings.data, local.Local(key, http.url, os.getpid()))
            told = [*_console_words(settings, http.url, begin), *_smtp_words(settings, smtp, listener), *more]
            _greet(terminal, settings, http.url, first, engine, told)
            async with handing_over(settings.data, engine.log):
                await stopping.wait()
    finally:
        local.write(settings.data, local.Local(key))


def _console_words(settings: Settings, url: str, begin: str) -> list[tuple[str, str]]:
    """Where people go with a browser; while there is nobody yet, the link by which one becomes the first."""
    console = f"{settings.public_url.rstrip('/') or url}/console/"
    return [("Console", "" if begin else console), ("Begin here", f"{console}welcome?token={begin}" if begin else "")]


def _agent_words(agents: Sequence[socket.socket]) -> list[tuple[str, str]]:
    shown = []
    for one in agents:
        host, port = one.getsockname()[:2]
        shown.append(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return [("Agents dial", ", ".join(shown))]


def _smtp_words(settings: Settings, smtp: Addresses, listener: Opened) -> list[tuple[str, str]]:
    """Where mail is taken by SMTP and where not, and what the certificate is that nobody has seen yet."""
    made = f"self-signed, made just now: {settings.smtp_certificate}" if listener.made_certificate else ""
    return [
        ("Takes mail at", smtp.words),
        ("No SMTP", "; ".join(smtp.missing)),
        ("Certificate", made if smtp.words else ""),
    ]


def _greet(
    terminal: Terminal,
    settings: Settings,
    url: str,
    first: str | None,
    engine: Engine,
    smtp: Sequence[tuple[str, str]] = (),
) -> None:
    from postroom.model.tenant import INSTALLATION

    mode = engine.office.snapshot.settings(INSTALLATION).mode.value
    terminal.line(Cell(f"Postroom {__version__}", "strong"))
    terminal.facts(
        [
            ("Listens at", f"{url}  (documentation: {url}/docs)" if url else ""),
            *smtp,
            ("Mode", f"{mode}: {MODES[mode]}"),
            ("Role", settings.role.value if settings.role.value != "all" else ""),
            ("Data", str(settings.data)),
            ("Database", str(settings.database)),
            ("First key", first or ""),
        ],
        indent="  ",
    )
    clone = engine.office.snapshot.clone
    if clone is not None:
        terminal.line(Cell("  HELD: this database is not where it was, so it may be a copy. Nothing leaves it.", "bad"))
        terminal.line(f"  {clone.waiting} recipients were waiting in it; the original may have sent them already.")
        terminal.line(f"  Say `{me()} confirm --original` or `{me()} confirm --copy`.")
    if first:
        terminal.line("  The key is shown only now. It may do everything; ", f"`{me()} key add` makes others.")
        terminal.line()
        terminal.line("  Next, in a second shell:")
        for words in ('send --to you@example.org --subject Hello --text "…"', "account add", "mode smtp"):
            terminal.line(f"    {me()} {words}")
    terminal.line()
    terminal.out.flush()
