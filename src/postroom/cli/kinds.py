"""`postroom kind …`: what a tenant's mail is about, and how recipients get it who say nothing."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import usage
from postroom.cli.desk import path_part
from postroom.cli.fields import KIND, read, unset
from postroom.cli.sections import SETUP, Page
from postroom.cli.terminal import Cell
from postroom.cli.words import me

__all__ = ["page"]

page = Page(SETUP, "kind", "Kinds of mail: what it is about, and how recipients get it.", tenant=True)
Ref = Annotated[str, typer.Argument(metavar="KIND", help="Its name or id.", show_default=False)]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The word applications name it by.", show_default=False)]
Unset = Annotated[list[str] | None, typer.Option("--unset", metavar="NAME", help="Take a value back.")]


@page.command("list")
def list_kinds(call: Call) -> None:
    """Lists the kinds of mail, inherited ones too."""
    answer = call.desk.get("/v1/kinds")
    call.answer(answer, lambda: _list(call, answer.get("kinds", [])))


@page.command("add", fields=KIND)
def add(call: Call, name: Name, values: dict[str, Any]) -> None:
    """Adds a kind of mail. Applications name it in their messages."""
    answer = call.desk.post("/v1/kinds", {"name": name, **values})
    call.answer(answer, lambda: _list(call, [answer]))


@page.command("edit", fields=KIND)
def edit(call: Call, kind: Ref, values: dict[str, Any], unset_names: Unset = None) -> None:
    """Changes a kind of mail; what is not named stays."""
    changes = values | unset(KIND, unset_names)
    if not changes:
        raise usage("Say what to change; `postroom kind edit --help` lists everything.")
    answer = call.desk.patch(f"/v1/kinds/{path_part(kind)}", changes)
    call.answer(answer, lambda: _list(call, [answer]))


@page.command("show")
def show(call: Call, kind: Ref) -> None:
    """Shows everything about a kind of mail."""
    answer = call.desk.get(f"/v1/kinds/{path_part(kind)}")
    call.answer(answer, lambda: _show(call, answer))


@page.command("delete")
def delete(call: Call, kind: Ref) -> None:
    """Deletes a kind of mail. Mail that names it leaves at once from then on."""
    answer = call.desk.delete(f"/v1/kinds/{path_part(kind)}")
    call.answer(answer, lambda: call.terminal.line(f"{kind} is deleted."))


def _list(call: Call, kinds: list[dict[str, Any]]) -> None:
    if not kinds:
        call.terminal.line(f"There is no kind yet. `{me()} kind add NAME` makes one.")
        return
    rows = [
        (
            str(each.get("name", "")),
            str(each.get("title") or each.get("title_de") or ""),
            str(each.get("way", "")),
            Cell("mandatory", "good") if each.get("mandatory") else "bulk" if each.get("bulk") else "",
        )
        for each in kinds
    ]
    call.terminal.columns(("NAME", "TITLE", "WAY", ""), rows)


def _show(call: Call, kind: dict[str, Any]) -> None:
    call.terminal.line(Cell(str(kind.get("name")), "strong"), "  ", Cell(str(kind.get("id")), "dim"))
    facts: list[tuple[str, Cell | str]] = []
    for field in KIND:
        value = read(kind, field.name)
        facts.append((field.flag, "yes" if value is True else "no" if value is False else str(value or "")))
    call.terminal.facts(facts, indent="  ")
