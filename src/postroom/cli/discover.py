"""`postroom discover`: from an address to the servers that work, with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import CommandError, ExitCode
from postroom.cli.sections import SETUP, Page
from postroom.cli.terminal import Cell, Terminal
from postroom.cli.words import me

__all__ = ["found_for", "page", "say_best"]

page = Page(SETUP, tenant=True)
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="Like you@firm.example.", show_default=False)]
Through = Annotated[str, typer.Option("--connector", metavar="CONNECTOR", help="Look through this connector.")]
_MOST_VAIN = 8


@page.command("discover")
def discover(call: Call, address: Address, connector: Through = "") -> None:
    """Finds the servers through which mail of an address can leave. Asks for no password and saves nothing."""
    found = found_for(call, address, connector)
    call.answer(found, lambda: _say(call.terminal, found))
    if not found.get("offers"):
        raise typer.Exit(ExitCode.REFUSED)


def found_for(call: Call, address: str, connector: str = "") -> dict[str, Any]:
    """What is known of this address's servers, told line by line while it is found out."""
    body = {"address": address} | ({"connector": connector} if connector else {})
    if call.as_json:
        return call.desk.post("/v1/discover", body)
    call.terminal.note(f"Looking for the mail server of {address}; this can take half a minute …")
    found: dict[str, Any] = {}
    for news in call.desk.events("/v1/discover", body):
        _say_news(call.terminal, found, news)
        found = news
    return found


def _say_news(terminal: Terminal, before: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """What is known now and was not before."""
    for fact in _new(before, found, "heard"):
        terminal.note(str(fact.get("words")))
    for offer in _new(before, found, "offers"):
        terminal.note(f"{_place(offer)} works ({offer.get('encryption')}, login {offer.get('login')}).")
    for one in _new(before, found, "tried"):
        terminal.note(f"{_place(one)}: {one.get('words')}")


def _new(before: Mapping[str, Any], found: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    old = before.get(name) or []
    return [one for one in found.get(name) or [] if one not in old]


def say_best(terminal: Terminal, found: Mapping[str, Any], *, by_password: bool = False) -> dict[str, Any]:
    """Tells the best server and gives the values for an account. Raises CommandError when there is none.

    `by_password`: somebody typed one, so the account does not log in with tokens where the preset knows both.
    """
    if not found.get("offers"):
        hint = f"`{me()} discover {found.get('address')}` tells what was tried; or say --host yourself."
        raise CommandError(f"No mail server was found for {found.get('address')}.", hint=hint)
    best: Mapping[str, Any] = found["offers"][0]
    terminal.note(f"Found {_place(best)} ({best.get('encryption')}, login {best.get('login')}).")
    for sentence in best.get("cautions") or ():
        terminal.note(f"Look: {sentence}")
    left_out = ("login", "oauth2_provider") if by_password and best.get("preset") else ()
    return {name: value for name, value in (best.get("values") or {}).items() if name not in left_out}


def _say(terminal: Terminal, found: Mapping[str, Any]) -> None:
    terminal.line()
    offers = found.get("offers") or []
    for place, offer in enumerate(offers, start=1):
        _say_offer(terminal, place, offer)
    if offers:
        terminal.line(f"`{me()} account add --discover {found.get('address')}` fills an account with the first one.")
    else:
        terminal.line(Cell("No server was found that mail can leave through.", "bad"))
    vain = found.get("tried") or []
    if vain:
        terminal.line()
        terminal.line(Cell("Tried in vain:", "dim"))
    for one in vain[:_MOST_VAIN] if offers else vain:
        terminal.paragraph(f"{_place(one)}: {one.get('words')}", indent="  ", style="dim")
    if offers and len(vain) > _MOST_VAIN:
        terminal.line(Cell(f"  … and {len(vain) - _MOST_VAIN} more (--json tells them)", "dim"))


def _say_offer(terminal: Terminal, place: int, offer: Mapping[str, Any]) -> None:
    name = f"  {offer.get('preset')}" if offer.get("preset") else ""
    terminal.line(Cell(f"{place}  {_place(offer)}", "strong"), f"  {offer.get('encryption')}{name}")
    user = f", user {offer.get('user')}" if offer.get("user") else ""
    terminal.line(f"   login {offer.get('login')}{user}")
    for sentence in offer.get("reasons") or ():
        terminal.paragraph(str(sentence), indent="   ")
    for sentence in offer.get("cautions") or ():
        terminal.paragraph(str(sentence), indent="   ", style="wait")
    terminal.line()


def _place(one: Mapping[str, Any]) -> str:
    return f"{one.get('host')}:{one.get('port')}"
