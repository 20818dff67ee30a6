"""`postroom bulk …`: one template to many recipients out of a file, what became of it, and taking it back."""

from __future__ import annotations

import csv
import json
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import CommandError, ExitCode, usage
from postroom.cli.desk import path_part
from postroom.cli.sections import MAIL, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local
from postroom.cli.variables import Pairs, ValueFile, typed, values_of
from postroom.cli.words import me

__all__ = ["page"]

page = Page(MAIL, "bulk", "One template to many recipients.")
Ref = Annotated[str, typer.Argument(metavar="BULK", help="Its id, like q_….", show_default=False)]
Rows = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="CSV with a column `to` and one for each variable, or NDJSON; `-` reads NDJSON from standard input.",
        show_default=False,
    ),
]
Template = Annotated[str, typer.Option("--template", metavar="NAME", help="The template that says it.")]
Language = Annotated[str, typer.Option("--language", metavar="TAG", help="For all; else each recipient's own.")]
Kind = Annotated[str, typer.Option("--kind", metavar="WORD", help="The kind of mail; else the template's.")]
Sender = Annotated[str, typer.Option("--from", metavar="ADDRESS", help="The sender; without it the default one.")]
Key = Annotated[str, typer.Option("--idempotency-key", help="The key of a call that was cut off, to go on with it.")]
_SHOWN_EVERY = 500
_MOST_TOLD = 20
_OWN_COLUMNS = frozenset({"to", "language"})


@page.command("send")
def send(
    call: Call,
    rows: Rows,
    template: Template = "",
    language: Language = "",
    kind: Kind = "",
    sender: Sender = "",
    var: Pairs = None,
    vars_file: ValueFile = None,
    idempotency_key: Key = "",
) -> None:
    """Sends a template to everybody in a file. Who is suppressed, or does not want it, is told of and gets nothing."""
    if not template:
        raise usage("Which template? Give --template.")
    types = _types(call, template)
    head: dict[str, Any] = {"template": template, "language": language, "kind": kind, "from": sender}
    head |= {"variables": values_of(var, vars_file, types)} if var or vars_file else {}
    key = idempotency_key or uuid.uuid4().hex
    given = {name: value for name, value in head.items() if value}
    try:
        told = _sent(call, given, rows, types, key)
    except CommandError:
        call.terminal.note(f"To go on where it stopped: the same command with --idempotency-key {key}")
        raise
    call.answer(told, lambda: _say_sum(call, told))
    if not told.get("complete") or told.get("refused"):
        raise typer.Exit(ExitCode.REFUSED)


def _sent(call: Call, head: Mapping[str, Any], rows: Path, types: Mapping[str, str], key: str) -> dict[str, Any]:
    sum_told: dict[str, Any] = {}
    failures: list[dict[str, Any]] = []
    count = 0
    for line in call.desk.stream("/v1/bulks", _lines(head, rows, types), {"Idempotency-Key": key}):
        told = json.loads(line)
        if "row" in told:
            count += 1
            if "problem" in told and len(failures) < _MOST_TOLD:
                failures.append(told)
            if count % _SHOWN_EVERY == 0 and not call.as_json:
                call.terminal.note(f"{count:,} …")
        else:
            sum_told |= told
    if not sum_told.get("complete"):
        detail = (sum_told.get("problem") or {}).get("detail") or "The answer ended before the whole file was read."
        raise CommandError(str(detail))
    return sum_told | {"failures": failures}


def _types(call: Call, template: str) -> dict[str, str]:
    try:
        found = call.desk.get(f"/v1/templates/{path_part(template)}").get("variables", ())
    except CommandError:  # a key that may send need not be one that may look at templates
        return {}
    return {str(one["name"]): str(one["type"]) for one in found}


def _lines(head: Mapping[str, Any], rows: Path, types: Mapping[str, str]) -> Iterator[bytes]:
    yield json.dumps(head).encode() + b"\n"
    try:
        with sys.stdin if str(rows) == "-" else rows.open(encoding="utf-8-sig", newline="") as file:
            yield from _of_table(file, rows, types) if rows.suffix.lower() == ".csv" else _of_lines(file)
    except OSError as error:
        raise usage(f"{rows} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise usage(f"{rows} is not UTF-8 text.") from None


def _of_lines(file: IO[str]) -> Iterator[bytes]:
    for line in file:
        if line.strip():
            yield line.strip().encode() + b"\n"


def _of_table(file: IO[str], path: Path, types: Mapping[str, str]) -> Iterator[bytes]:
    """Empty cells are values that are not given."""
    first = file.readline()
    file.seek(0)
    table = csv.DictReader(file, delimiter=";" if first.count(";") > first.count(",") else ",")
    if "to" not in (table.fieldnames or ()):
        raise usage(f"{path} has no column `to`.", hint="Its first line names the columns: to,name,link")
    for row in table:
        values = {n: typed(v, types.get(n, "text")) for n, v in row.items() if n and n not in _OWN_COLUMNS and v}
        told: dict[str, Any] = {"to": row["to"] or "", "variables": values}
        if row.get("language"):
            told["language"] = row["language"]
        yield json.dumps(told).encode() + b"\n"


@page.command("list")
def list_bulks(call: Call) -> None:
    """Lists the bulks, the newest first."""
    answer = call.desk.get("/v1/bulks")
    call.answer(answer, lambda: _list(call, answer.get("bulks", [])))


@page.command("show")
def show(call: Call, bulk: Ref) -> None:
    """Shows what became of a bulk."""
    answer = call.desk.get(f"/v1/bulks/{path_part(bulk)}")
    call.answer(answer, lambda: _show(call, answer))


@page.command("cancel")
def cancel(call: Call, bulk: Ref) -> None:
    """Takes back what of a bulk has not left."""
    answer = call.desk.post(f"/v1/bulks/{path_part(bulk)}/cancel")
    call.answer(answer, lambda: _show(call, answer))


def _list(call: Call, found: list[dict[str, Any]]) -> None:
    if not found:
        call.terminal.line(f"There is none yet. `{me()} bulk send FILE --template NAME` sends one.")
        return
    rows = [(str(one["id"]), local(one["created_at"]), str(one["template"]), _stands(one)) for one in found]
    call.terminal.columns(("ID", "BEGUN", "TEMPLATE", ""), rows)


def _stands(bulk: Mapping[str, Any]) -> str:
    return "cancelled" if bulk.get("cancelled_at") else "" if bulk.get("finished_at") else "not all rows came"


def _show(call: Call, bulk: Mapping[str, Any]) -> None:
    call.terminal.line(Cell(str(bulk.get("id")), "strong"), f"  {_stands(bulk)}")
    facts: list[tuple[str, Cell | str]] = [
        ("template", f"{bulk.get('template')}, version {bulk.get('template_version')}"),
        ("kind", str(bulk.get("kind") or "")),
        ("begun", f"{local(bulk.get('created_at'))} by {bulk.get('who')}"),
        ("accepted", f"{bulk.get('accepted') or 0:,}"),
        *((str(state), f"{count:,}") for state, count in (bulk.get("states") or {}).items()),
    ]
    facts += [(name, f"{bulk[name]:,}") for name in ("suppressed", "declined", "refused") if bulk.get(name)]
    call.terminal.facts(facts, indent="  ")


def _say_sum(call: Call, told: Mapping[str, Any]) -> None:
    terminal = call.terminal
    terminal.line(
        Cell(f"{told.get('accepted') or 0:,} of {told.get('rows') or 0:,} accepted", "strong"), f"  {told['bulk']}"
    )
    for name in ("replayed", "suppressed", "declined", "refused"):
        if told.get(name):
            terminal.line(f"  {told[name]:,} {name}")
    for one in told.get("failures", ()):
        problem = one.get("problem") or {}
        faults = "; ".join(f"{fault['field']} {fault['problem']}" for fault in problem.get("faults", ()))
        terminal.line(Cell(f"  row {one['row']}: {faults or problem.get('detail', '')}", "bad"))
    if told.get("cancelled"):
        terminal.note("It was cancelled while it was sent.")
