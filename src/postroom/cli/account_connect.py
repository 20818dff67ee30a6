"""`postroom account connect`: a person's consent, from the link to the tokens. `grant` shows it, `disconnect` ends it.

The answer of the provider is waited for on a port of this machine, where the browser runs as well; where it runs
elsewhere, the address that it ends at is pasted. Postroom redeems what is in it; no token comes by here.
"""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Annotated, Any

import typer

from postroom.cli import secret
from postroom.cli.account_certificate import page
from postroom.cli.accounts import Ref
from postroom.cli.command import Call
from postroom.cli.complaint import CommandError, usage
from postroom.cli.desk import path_part
from postroom.cli.terminal import Cell
from postroom.cli.times import local
from postroom.cli.words import me

__all__ = ["Paste", "Port", "Stdin", "connect_by", "page", "say_grant"]

_WAIT_SECONDS = 15 * 60.0
_LOOK_SECONDS = 1.0
_THANKS = b"<!doctype html><title>Postroom</title><p>Thank you. The terminal goes on; you can close this page."
Port = Annotated[int, typer.Option("--port", help="Wait for the browser on this port; else on any free one.")]
Paste = Annotated[bool, typer.Option("--paste", help="Wait for no browser here: the address it ends at is pasted.")]
Stdin = Annotated[bool, typer.Option("--refresh-token-stdin", help="Read a refresh token from standard input instead.")]


@page.command("connect")
def connect(call: Call, account: Ref, port: Port = 0, paste: Paste = False, refresh_token_stdin: Stdin = False) -> None:
    """Connects an account that logs in with OAuth2: prints the link for the consent, and waits for what comes of it."""
    connect_by(call, f"/v1/accounts/{path_part(account)}", account, port, paste, refresh_token_stdin)


def connect_by(call: Call, path: str, name: str, port: int, paste: bool, refresh_token_stdin: bool) -> None:
    """What is at this path of the API, called so."""
    if refresh_token_stdin:
        token = secret.given(stdin=True, file=None)
        grant = call.desk.post(f"{path}/grant", {"refresh_token": token})
    else:
        known = call.desk.get(path)
        host = "localhost" if str(known.get("oauth2_provider", "")).startswith("microsoft") else "127.0.0.1"
        with _Browser(port) as browser:
            begun = call.desk.post(f"{path}/grant/consent", {"redirect_url": f"http://{host}:{browser.port}/"})
            _say_link(call, begun, paste)
            answer = _pasted() if paste else browser.wait(call.terminal.interactive)
        grant = call.desk.post(f"{path}/grant", {"answer": answer})
    call.answer(grant, lambda: call.terminal.line(f"{name} is connected. Its tokens are renewed from now on."))


@page.command("grant")
def show_grant(call: Call, account: Ref) -> None:
    """Shows how an account's OAuth2 grant stands: since when, until when, and what is wrong with it."""
    answer = call.desk.get(f"/v1/accounts/{path_part(account)}/grant")
    call.answer(answer, lambda: say_grant(call, account, answer))


@page.command("disconnect")
def disconnect(call: Call, account: Ref) -> None:
    """Deletes the tokens of an account; its mail waits. The consent itself is taken back at the provider."""
    answer = call.desk.delete(f"/v1/accounts/{path_part(account)}/grant")
    call.answer(answer, lambda: call.terminal.line(f"{account} is disconnected."))


def _say_link(call: Call, begun: Mapping[str, Any], paste: bool) -> None:
    note = call.terminal.note
    note(f"Redirect address, to be registered with the provider: {begun.get('redirect_url')}")
    note("Open this link as somebody who may speak for the mailbox, and consent:")
    print(f"\n{begun.get('url')}\n", file=call.terminal.err, flush=True)
    if paste:
        note("The browser ends at an address that may show an error. Copy that address from its address bar, paste it:")
    elif call.terminal.interactive:
        note("Waiting for the browser. If it runs on another machine: paste the address that it ends at.")


def _pasted() -> str:
    text = sys.stdin.readline().strip()
    if not text:
        raise usage("Nothing was pasted.", hint=f"`{me()} account connect` again makes a new link.")
    return text


class _Browser:
    """A port of this machine that takes one answer: the address a browser was sent to."""

    def __init__(self, port: int) -> None:
        self.answer = ""
        browser = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5.0

            def do_GET(self) -> None:
                wanted = "state=" in self.path
                self.send_response(200 if wanted else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Referrer-Policy", "no-referrer")
                self.send_header("Content-Length", str(len(_THANKS) if wanted else 0))
                self.end_headers()
                if wanted:
                    self.wfile.write(_THANKS)
                    browser.answer = f"http://127.0.0.1:{browser.port}{self.path}"

            def log_message(self, *_: object) -> None:
                return  # the address holds the code

        try:
            self._server = HTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            raise CommandError(f"Port {port} of this machine can't be listened on: {error.strerror}.") from None
        self._server.timeout = 0
        self.port = int(self._server.server_address[1])

    def wait(self, interactive: bool) -> str:
        """What the browser brings, or what is pasted meanwhile."""
        ends = time.monotonic() + _WAIT_SECONDS
        watched: list[Any] = [self._server, sys.stdin] if interactive else [self._server]
        while not self.answer:
            if time.monotonic() > ends:
                raise CommandError("Nobody consented in time.", hint=f"`{me()} account connect` makes a new link.")
            ready, _, _ = select.select(watched, [], [], _LOOK_SECONDS)
            if self._server in ready:
                self._server.handle_request()
            if sys.stdin in ready:
                self.answer = _pasted()
        return self.answer

    def __enter__(self) -> _Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()


_STATES = {
    "connected": Cell("connected", "good"),
    "not-connected": Cell("not connected", "wait"),
    "failing": Cell("failing", "bad"),
}


def say_grant(call: Call, account: str, grant: Mapping[str, Any], noun: str = "account") -> None:
    """How a grant stands."""
    terminal = call.terminal
    terminal.line(Cell(account, "strong"), "  ", _STATES.get(str(grant.get("state")), str(grant.get("state"))))
    facts: list[tuple[str, Cell | str]] = []
    if grant.get("granted_at"):
        facts.append(("Consent", f"{local(grant['granted_at'])}, by {grant.get('granted_by')}"))
    for name, title in (("renewed_at", "Renewed"), ("access_expires_at", "Good until"), ("asked_at", "Last asked")):
        if grant.get(name):
            facts.append((title, local(grant[name])))
    terminal.facts(facts, indent="  ")
    wrong = grant.get("wrong")
    if wrong:
        for name, style in (("title", "bad"), ("explanation", ""), ("remedy", "")):
            terminal.paragraph(str(wrong.get(name)), indent="  ", style=style)
    elif grant.get("state") == "not-connected":
        terminal.line(f"`{me()} {noun} connect {account}` connects it.")
