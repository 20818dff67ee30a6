"""`postroom audit` and `postroom audit-export`: who did what, when, from where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import usage
from postroom.cli.fields import Field
from postroom.cli.sections import RUNNING, Page
from postroom.cli.times import local, moment

__all__ = ["page"]

page = Page(RUNNING, tenant=True)
FILTERS = (
    Field("who", "who", "Whose doing: a user's login, or an application's name."),
    Field("verb", "verb", "What was done, like account.changed; or a noun, for all of it.", metavar="VERB"),
    Field("thing", "thing", "What it was done to: an id or a name."),
)
_MOST = 200
Limit = Annotated[int, typer.Option("--limit", help="So many entries at most.", min=1, max=100_000)]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="Not older: 2h, yesterday, 2026-11-20 14:30.")]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="Not newer.")]


@page.command("audit", fields=FILTERS)
def audit(call: Call, values: dict[str, Any], since: Since = "", until: Until = "", limit: Limit = 20) -> None:
    """Shows the audit trail, the newest last."""
    query = _query(values, since, until)
    entries: list[dict[str, Any]] = []
    cursor = ""
    while len(entries) < limit:
        answer = call.desk.get("/v1/audit", **query, limit=min(_MOST, limit - len(entries)), cursor=cursor)
        entries += answer.get("entries", [])
        cursor = answer.get("next") or ""
        if not cursor:
            break
    entries.reverse()
    call.answer({"entries": entries}, lambda: _list(call, entries))


@page.command("audit-export", fields=FILTERS, json=False)
def export(
    call: Call,
    values: dict[str, Any],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to: name.csv or name.jsonl.", show_default=False)],
    since: Since = "",
    until: Until = "",
) -> None:
    """Writes the audit trail into a file: CSV, or JSON lines. The file must not be there yet."""
    form = file.suffix.removeprefix(".").lower()
    if form not in ("csv", "jsonl"):
        raise usage("Give the file a name that ends in .csv or .jsonl.")
    query = _query(values, since, until) | {"format": form}
    if call.where.tenant:
        query["tenant"] = call.where.tenant
    content = call.desk.raw(f"/v1/audit/export?{urlencode(query)}")
    with file.open("xb") as stream:
        stream.write(content)
    call.terminal.line(f"{file} has {len(content):,} octets.")


def _query(values: dict[str, Any], since: str, until: str) -> dict[str, Any]:
    query = dict(values)
    if since:
        query["since"] = moment(since, option="--since", back=True)
    if until:
        query["until"] = moment(until, option="--until", back=True)
    return query


def _list(call: Call, entries: list[dict[str, Any]]) -> None:
    rows = [
        (
            local(each.get("at")),
            each.get("who") or "postroom",
            each.get("address", ""),
            each.get("verb", ""),
            each.get("thing") or each.get("thing_id") or "",
            _changes(each.get("before") or {}, each.get("after") or {}),
        )
        for each in entries
    ]
    call.terminal.columns(("WHEN", "WHO", "FROM", "WHAT", "TO WHAT", "BEFORE → AFTER"), rows)


def _changes(before: dict[str, Any], after: dict[str, Any]) -> str:
    """`host: old → new`; of what was made or is gone, what it had."""
    if before and after:
        names = [*before, *(name for name in after if name not in before)]
        return ", ".join(f"{name}: {_word(before.get(name))} → {_word(after.get(name))}" for name in names)
    return ", ".join(f"{name}: {_word(value)}" for name, value in (before or after).items() if _word(value) != "-")


def _word(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(str(one) for one in value) or "-"
    return "-" if value in (None, "", False) else "yes" if value is True else str(value)
