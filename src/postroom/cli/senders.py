"""`postroom sender …`: the addresses mail may leave from."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import usage
from postroom.cli.desk import path_part
from postroom.cli.fields import SENDER, read, unset
from postroom.cli.sections import SETUP, Page
from postroom.cli.terminal import Cell
from postroom.cli.words import me

__all__ = ["page"]

page = Page(SETUP, "sender", "The addresses mail may leave from.", tenant=True)
Ref = Annotated[str, typer.Argument(metavar="SENDER", help="Its address or id.", show_default=False)]
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="Like 'News <news@example.org>'.", show_default=False)]
Unset = Annotated[list[str] | None, typer.Option("--unset", metavar="NAME", help="Take a value back: inherit it.")]


@page.command("list")
def list_senders(call: Call) -> None:
    """Lists the senders."""
    answer = call.desk.get("/v1/senders")
    call.answer(answer, lambda: _list(call, answer.get("senders", [])))


@page.command("add", fields=SENDER)
def add(call: Call, address: Address, values: dict[str, Any]) -> None:
    """Adds a sender. The first one becomes the default."""
    answer = call.desk.post("/v1/senders", {"address": address, **values})
    call.answer(answer, lambda: _list(call, [answer]))


@page.command("edit", fields=SENDER)
def edit(call: Call, sender: Ref, values: dict[str, Any], unset_names: Unset = None) -> None:
    """Changes a sender; what is not named stays."""
    changes = values | unset(SENDER, unset_names)
    if not changes:
        raise usage("Say what to change; `postroom sender edit --help` lists everything.")
    answer = call.desk.patch(f"/v1/senders/{path_part(sender)}", changes)
    call.answer(answer, lambda: _list(call, [answer]))


@page.command("show")
def show(call: Call, sender: Ref) -> None:
    """Shows everything about a sender."""
    answer = call.desk.get(f"/v1/senders/{path_part(sender)}")
    call.answer(answer, lambda: _show(call, answer))


@page.command("default")
def default(call: Call, sender: Ref) -> None:
    """Makes a sender the default."""
    answer = call.desk.post(f"/v1/senders/{path_part(sender)}/default")
    call.answer(answer, lambda: call.terminal.line(f"{answer.get('address')} is the default sender now."))


@page.command("release")
def release(call: Call, sender: Ref) -> None:
    """Lets a sender's held mail go, once what stopped it is mended."""
    answer = call.desk.post(f"/v1/senders/{path_part(sender)}/release")
    call.answer(answer, lambda: call.terminal.line(f"Mail from {answer.get('address')} goes on."))


@page.command("delete")
def delete(call: Call, sender: Ref) -> None:
    """Deletes a sender. Mail that was accepted from it still leaves."""
    answer = call.desk.delete(f"/v1/senders/{path_part(sender)}")
    call.answer(answer, lambda: call.terminal.line(f"{sender} is deleted."))


def _list(call: Call, senders: list[dict[str, Any]]) -> None:
    if not senders:
        call.terminal.line(f"There is no sender yet. `{me()} sender add 'Name <address>'` makes one.")
        return
    rows = [
        (
            each.get("address", ""),
            each.get("name", ""),
            each.get("account", "") or "",
            Cell("held", "wait") if each.get("paused_reason") else "",
            "default" if each.get("default") else "",
        )
        for each in senders
    ]
    call.terminal.columns(("ADDRESS", "NAME", "ACCOUNT", "", ""), rows)


def _show(call: Call, sender: dict[str, Any]) -> None:
    call.terminal.line(Cell(str(sender.get("address")), "strong"), "  ", Cell(str(sender.get("id")), "dim"))
    facts: list[tuple[str, Cell | str]] = [("held, because", str(sender.get("paused_reason") or ""))]
    facts += [(field.flag, str(read(sender, field.name) or "")) for field in SENDER]
    facts.append(("default", "yes" if sender.get("default") else "no"))
    call.terminal.facts(facts, indent="  ")
