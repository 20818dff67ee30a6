"""`postroom history …`: what was changed on accounts, senders, connectors and so on, by whom, and going back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import usage
from postroom.cli.desk import path_part
from postroom.cli.sections import SETUP, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local
from postroom.model.version import plural

__all__ = ["page"]

page = Page(
    SETUP, "history", "Earlier versions of accounts, senders, connectors, applications and settings.", tenant=True
)
Noun = Annotated[
    str,
    typer.Argument(
        metavar="account|sender|connector|application|kind|webhook|template|layout|mailbox|settings",
        help="What kind of thing.",
        show_default=False,
    ),
]
Ref = Annotated[
    str, typer.Argument(metavar="[NAME]", help="Its name, address or id; none for settings.", show_default=False)
]
_NOUNS = (
    "account",
    "sender",
    "connector",
    "application",
    "kind",
    "webhook",
    "template",
    "layout",
    "mailbox",
    "settings",
)


@page.command("list")
def list_versions(call: Call, noun: Noun, name: Ref = "") -> None:
    """Lists the versions of a thing, the newest first: which, when, and by whom."""
    answer = call.desk.get(f"{_path(call, noun, name)}/versions")
    call.answer(answer, lambda: _list(call, answer.get("versions", [])))


@page.command("compare")
def compare(
    call: Call,
    noun: Noun,
    name: Ref = "",
    before: Annotated[int | None, typer.Option("--before", help="The earlier version; else the one before.")] = None,
    after: Annotated[int | None, typer.Option("--after", help="The later version; else the present one.")] = None,
) -> None:
    """Shows what differs between two versions, field by field; by default what the last change changed."""
    answer = call.desk.get(f"{_path(call, noun, name)}/comparison", before=before, after=after)
    call.answer(answer, lambda: _compare(call, answer))


@page.command("return")
def return_to(
    call: Call,
    noun: Noun,
    name: Ref = "",
    version: Annotated[int | None, typer.Option("--to", metavar="VERSION", help="Which version to return to.")] = None,
) -> None:
    """Sets everything as it was in a version. A password never travels back."""
    if version is None:
        raise usage("Which version? Give --to; `postroom history list` shows them.")
    answer = call.desk.post(f"{_path(call, noun, name)}/return", {"version": version})
    call.answer(answer, lambda: _returned(call, version, answer))


@page.command("deleted")
def list_deleted(call: Call) -> None:
    """Lists the accounts and senders that are deleted and can be restored."""
    answer = call.desk.get("/v1/deleted")
    call.answer(answer, lambda: _deleted(call, answer.get("deleted", [])))


@page.command("restore")
def restore(
    call: Call,
    thing: Annotated[str, typer.Argument(metavar="ID", help="Its id; `deleted` tells it.", show_default=False)],
    version: Annotated[
        int | None, typer.Option("--to", metavar="VERSION", help="As in this version; else the last.")
    ] = None,
) -> None:
    """Restores a deleted account or sender. A password went with it, and has to be typed again."""
    body = {} if version is None else {"version": version}
    answer = call.desk.post(f"/v1/deleted/{path_part(thing)}/restore", body)
    call.answer(answer, lambda: _restored(call, answer))


def _path(call: Call, noun: str, name: str) -> str:
    if noun not in _NOUNS:
        raise usage(f"“{noun}” has no versions. There are: {', '.join(_NOUNS)}.")
    if noun == "settings":
        if name:
            raise usage("Settings have no name; --tenant says whose they are.")
        tenant = call.desk.get("/v1/settings")["id"]
        call.desk.tenant = ""
        return f"/v1/tenants/{path_part(tenant)}"
    if not name:
        raise usage(f"Which {noun}? Give its name or id.")
    return f"/v1/{plural(noun)}/{path_part(name)}"


def _list(call: Call, versions: list[dict[str, Any]]) -> None:
    rows = [(str(each.get("version", "")), local(each.get("at")), str(each.get("who") or "")) for each in versions]
    call.terminal.columns(("VERSION", "WHEN", "BY"), rows)


def _compare(call: Call, answer: Mapping[str, Any]) -> None:
    differences = answer.get("differences") or []
    if not differences:
        call.terminal.line("They do not differ.")
        return
    rows = [(str(each["field"]), shown(each.get("before")), shown(each.get("after"))) for each in differences]
    titles = (f"VERSION {answer.get('before')}", f"VERSION {answer.get('after')}")
    call.terminal.columns(("FIELD", *titles), rows)


def shown(value: Any) -> Cell | str:
    """A value of a setting, as a cell."""
    if value is None or value == "" or value == []:
        return Cell("not set", "dim")
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return "yes" if value is True else "no" if value is False else str(value).replace("\n", " / ")


def _deleted(call: Call, found: list[dict[str, Any]]) -> None:
    rows = [
        (each.get("noun", ""), each.get("name", ""), local(each.get("at")), each.get("who", ""), each.get("id", ""))
        for each in found
    ]
    call.terminal.columns(("WHAT", "NAME", "DELETED", "BY", "ID"), rows)


def _restored(call: Call, answer: Mapping[str, Any]) -> None:
    call.terminal.line(f"The {answer.get('noun')} is there again; that is version {answer.get('version')}.")
    _say_rest(call, answer)


def _returned(call: Call, version: int, answer: Mapping[str, Any]) -> None:
    call.terminal.line(f"It is as in version {version}; that is version {answer.get('version')} now.")
    _say_rest(call, answer)


def _say_rest(call: Call, answer: Mapping[str, Any]) -> None:
    for field in answer.get("kept") or ():
        call.terminal.note(f"{field} stays as it is: what it named then is deleted.")
    for sentence in answer.get("needs") or ():
        call.terminal.paragraph(str(sentence), indent="  ", style="wait")
