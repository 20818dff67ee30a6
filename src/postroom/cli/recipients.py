"""`postroom recipient …`, `postroom suppression …`: what recipients choose, and who gets nothing but security mail."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import usage
from postroom.cli.desk import path_part
from postroom.cli.fields import PREFERENCE
from postroom.cli.sections import MAIL, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local

__all__ = ["page", "suppressions"]

page = Page(MAIL, "recipient", "What recipients choose: which kinds of mail, how, and when.", tenant=True)
suppressions = Page(MAIL, "suppression", "Who gets nothing but security mail.", tenant=True)
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="Whose.", show_default=False)]
File = Annotated[Path, typer.Argument(metavar="FILE", help="CSV, or - for standard input.", show_default=False)]
_ROWS_AT_ONCE = 10_000


@page.command("show")
def show(call: Call, address: Address) -> None:
    """Shows how a recipient gets each kind of mail."""
    answer = call.desk.get(f"/v1/preferences/{path_part(address)}")
    call.answer(answer, lambda: _show(call, answer))


@page.command("set", fields=PREFERENCE)
def choose(
    call: Call,
    address: Address,
    values: dict[str, Any],
    ways: Annotated[
        list[str] | None, typer.Option("--way", metavar="KIND=WAY", help="How he gets a kind; may be repeated.")
    ] = None,
) -> None:
    """Chooses for a recipient: at-once, hourly, daily, weekly or none; an empty way is as the kind has it."""
    chosen = dict(_way(text) for text in ways or ())
    changes = values | ({"ways": chosen} if chosen else {})
    if not changes:
        raise usage("Say what to choose; `postroom recipient set --help` lists everything.")
    answer = call.desk.patch(f"/v1/preferences/{path_part(address)}", changes)
    call.answer(answer, lambda: _show(call, answer))


@page.command("link")
def link(call: Call, address: Address) -> None:
    """Makes a link to the page on which he chooses himself."""
    answer = call.desk.post("/v1/preference-links", {"address": address})
    call.answer(answer, lambda: call.terminal.line(str(answer.get("url"))))


def _way(text: str) -> tuple[str, str | None]:
    kind, equals, way = text.partition("=")
    if not equals or not kind.strip():
        raise usage(f"“{text}” is not like news=daily.")
    return kind.strip(), way.strip() or None


def _show(call: Call, found: dict[str, Any]) -> None:
    call.terminal.line(Cell(str(found.get("address")), "strong"))
    if found.get("suppressed"):
        call.terminal.line(Cell(f"  suppressed: {found['suppressed']}", "bad"))
    facts: list[tuple[str, Cell | str]] = [
        ("language", str(found.get("language") or "as the tenant has it")),
        ("time zone", str(found.get("time_zone") or "as the tenant has it")),
        ("digests at", f"{found.get('hour')}:00, weekly on day {found.get('weekday')}"),
    ]
    call.terminal.facts(facts, indent="  ")
    rows = [
        (str(one["name"]), str(one["way"]), "chosen" if one["chosen"] else "" if one["may"] else Cell("fixed", "dim"))
        for one in found.get("kinds", [])
    ]
    if rows:
        call.terminal.columns(("KIND", "WAY", ""), rows)


@suppressions.command("list")
def list_suppressed(
    call: Call,
    like: Annotated[str, typer.Option("--like", metavar="TEXT", help="What the address contains.")] = "",
    why: Annotated[str, typer.Option("--why", metavar="REASON", help="Only those suppressed for this.")] = "",
    after: Annotated[str, typer.Option("--after", metavar="ADDRESS", help="Go on behind this one.")] = "",
) -> None:
    """Lists who gets nothing but security mail."""
    answer = call.desk.get("/v1/suppressions", like=like, why=why, after=after)
    call.answer(answer, lambda: _list(call, answer))


@suppressions.command("add")
def add(
    call: Call,
    address: Address,
    why: Annotated[
        str, typer.Option("--why", metavar="no-mailbox|complaint|unsubscribed|by-hand", help="The reason.")
    ] = "by-hand",
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="For people.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="Until when; without it for good.")] = "",
) -> None:
    """Sends somebody nothing more but security mail."""
    body = {"address": address, "why": why, "note": note} | ({"expires_at": until} if until else {})
    answer = call.desk.post("/v1/suppressions", body)
    call.answer(answer, lambda: call.terminal.line(f"{answer.get('address')} gets nothing but security mail."))


@suppressions.command("release")
def release(call: Call, address: Address) -> None:
    """Takes somebody off the list: he gets mail again."""
    answer = call.desk.delete(f"/v1/suppressions/{path_part(address)}")
    call.answer(answer, lambda: call.terminal.line(f"{address} gets mail again."))


@suppressions.command("import")
def import_list(call: Call, file: File) -> None:
    """Suppresses everybody of a CSV file: one address a line, or a table as `export` writes it."""
    lines = _text(file).splitlines(keepends=True)
    head = lines[:1] if lines and "address" in lines[0].lower() and "@" not in lines[0] else []
    count = 0
    for start in range(len(head), len(lines), _ROWS_AT_ONCE):
        some = "".join([*head, *lines[start : start + _ROWS_AT_ONCE]])
        count += int(call.desk.post("/v1/suppressions/import", {"csv": some}).get("added", 0))
    call.answer({"added": count}, lambda: call.terminal.line(f"{count} recipients are new on the list, or changed."))


@suppressions.command("export", json=False)
def export_list(call: Call) -> None:
    """Writes the whole list as CSV to standard output."""
    sys.stdout.write(call.desk.raw("/v1/suppressions/export").decode())


def _text(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except UnicodeDecodeError:
        raise usage(f"{file} is not text in UTF-8.") from None


def _list(call: Call, answer: dict[str, Any]) -> None:
    found = answer.get("suppressions", [])
    if not found:
        call.terminal.line("Nobody is on the list.")
        return
    rows = [
        (
            str(one.get("address", "")),
            str(one.get("why", "")),
            local(one.get("created_at")),
            local(one.get("expires_at")) if one.get("expires_at") else "for good",
            str(one.get("source", "")),
        )
        for one in found
    ]
    call.terminal.columns(("ADDRESS", "WHY", "SINCE", "UNTIL", "BY"), rows)
    if answer.get("next"):
        call.terminal.line(f"There are more: --after {answer['next']}")
