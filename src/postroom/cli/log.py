"""`postroom log` and `postroom queue`: one line a message, and what waits."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import usage
from postroom.cli.desk import path_part
from postroom.cli.fields import Field
from postroom.cli.sections import MAIL, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local, moment
from postroom.cli.words import me, state_cell

__all__ = ["FILTERS", "Since", "Until", "asked", "page"]

page = Page(MAIL)

FILTERS = (
    Field("recipient", "recipient", "Whose mail: an address, or a part of one."),
    Field("sender", "sender", "From whom: an address, or a part of one."),
    Field("subject", "subject", "Words of the subject."),
    Field("state", "state", "Only messages with a recipient in this state.", metavar="STATE"),
    Field("kind", "kind", "Only this kind of mail.", metavar="WORD"),
    Field("application", "app", "Only mail of this application."),
    Field("account", "account", "Only mail that goes or went through this account."),
    Field("tag", "tag", "Only mail with this tag.", metavar="WORD"),
    Field("text", "text", "Words anywhere in the line."),
)
_MOST = 200
_LOOK_SECONDS = 1.0
_STATE_WIDTH = 9
Limit = Annotated[int, typer.Option("--limit", help="So many messages at most.", min=1, max=100_000)]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="Not older: 2h, yesterday, 2026-11-20 14:30.")]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="Not newer.")]
Follow = Annotated[bool, typer.Option("--follow", help="Go on, and show what is new or changes, until Ctrl-C.")]


@page.command("log", fields=FILTERS)
def log(
    call: Call,
    values: dict[str, Any],
    since: Since = "",
    until: Until = "",
    limit: Limit = 20,
    follow: Follow = False,
    saved: Annotated[str, typer.Option("--saved", metavar="NAME", help="What a kept search finds (`filter`).")] = "",
    count: Annotated[bool, typer.Option("--count", help="Only say how many there are.")] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write all of it into this new file.")
    ] = None,
) -> None:
    """Shows the mailing log, one line a message, the newest last."""
    query = asked(values, since, until)
    if saved:
        query = call.desk.get(f"/v1/filters/{path_part(saved)}").get("search", {}) | query
    if count:
        answer = call.desk.get("/v1/message-count", **query)
        least = "" if answer.get("exact") else "more than "
        call.answer(answer, lambda: call.terminal.line(f"{least}{int(answer.get('count') or 0):,}"))
        return
    if csv is not None:
        with csv.open("xb") as stream:
            octets = call.desk.save("/v1/messages.csv", query, stream)
        call.answer({"file": str(csv), "octets": octets}, lambda: call.terminal.line(f"{csv} has {octets:,} octets."))
        return
    lines, more = _read(call, query, limit)
    if follow:
        if call.as_json:
            raise usage("--follow and --json don't go together yet; ask again with --since instead.")
        _follow(call, query, lines)
        return
    call.answer({"messages": lines}, lambda: _show(call, lines, more=more, filtered=bool(query)))


@page.command("queue")
def queue(
    call: Call, tenants: Annotated[bool, typer.Option("--tenants", help="Tenant by tenant instead.")] = False
) -> None:
    """Shows what waits, per account, and since when."""
    if tenants:
        found = call.desk.get("/v1/queue/tenants")
        call.answer(found, lambda: _tenants(call, found.get("tenants", [])))
        return
    answer = call.desk.get("/v1/queue")
    call.answer(answer, lambda: _queue(call, answer.get("queue", [])))


def asked(values: dict[str, Any], since: str, until: str) -> dict[str, Any]:
    """The filters as Postroom is asked."""
    query = dict(values)
    if since:
        query["since"] = moment(since, option="--since", back=True)
    if until:
        query["until"] = moment(until, option="--until", back=True)
    return query


def _read(call: Call, query: dict[str, Any], limit: int) -> tuple[list[dict[str, Any]], bool]:
    """Up to `limit` messages, newest first, and whether there are more."""
    found: list[dict[str, Any]] = []
    cursor = None
    while len(found) < limit:
        page = call.desk.get("/v1/messages", **query, limit=min(limit - len(found), _MOST), cursor=cursor)
        found += page.get("messages", [])
        cursor = page.get("next")
        if not cursor:
            return found, False
    return found, True


def _show(call: Call, lines: list[dict[str, Any]], *, more: bool = False, filtered: bool = False) -> None:
    if not lines:
        words = "No message fits." if filtered else "The log is empty."
        call.terminal.line(words, "" if filtered else f" `{me()} send --help` says how to send the first one.")
        return
    _print(call, reversed(lines))
    if more:
        call.terminal.note("There are older ones: --limit N shows more, --since and --until choose.")


def _print(call: Call, lines: Iterable[dict[str, Any]]) -> None:
    rows = [_row(line) for line in lines]
    call.terminal.columns(("", "", "", "", ""), rows)


def _row(line: dict[str, Any]) -> tuple[Cell | str, ...]:
    others = int(line.get("recipients") or 1) - 1
    to = f"{line.get('to', '')}{f' +{others}' if others > 0 else ''}"
    return (
        Cell(local(line.get("created_at")), "dim"),
        str(line.get("id", "")),
        state_cell(line.get("state"), pad=_STATE_WIDTH),
        to,
        str(line.get("subject", "")),
    )


def _follow(call: Call, query: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    """Looks again and again; a line is shown when it is new, and again when its state changed."""
    seen = {str(line.get("id")): line.get("state") for line in lines}
    _print(call, reversed(lines))
    while True:
        time.sleep(_LOOK_SECONDS)
        now, _ = _read(call, query, _MOST)
        fresh = [line for line in now if seen.get(str(line.get("id"))) != line.get("state")]
        _print(call, reversed(fresh))
        call.terminal.out.flush()
        seen |= {str(line.get("id")): line.get("state") for line in fresh}


def _queue(call: Call, rows: list[dict[str, Any]]) -> None:
    if not rows:
        call.terminal.line("Nothing waits.")
        return
    call.terminal.columns(
        ("ACCOUNT", "STATE", "WAITING", "DUE", "SENDING", "HELD", "UNKNOWN", "OLDEST"),
        [
            (
                str(row.get("account") or "(none)"),
                Cell(str(row.get("state") or ""), "wait" if row.get("state") == "paused" else ""),
                *(str(row.get(name, 0)) for name in ("waiting", "due", "sending", "held", "unknown")),
                local(row.get("oldest_at")),
            )
            for row in rows
        ],
    )


def _tenants(call: Call, rows: list[dict[str, Any]]) -> None:
    if not rows:
        call.terminal.line("Nothing waits.")
        return
    names = ("waiting", "sending", "held", "unknown")
    call.terminal.columns(
        ("TENANT", "WAITING", "SENDING", "HELD", "UNKNOWN", "OLDEST"),
        [
            (str(row.get("tenant_id")), *(str(row.get(name, 0)) for name in names), local(row.get("oldest_at")))
            for row in rows
        ],
    )
