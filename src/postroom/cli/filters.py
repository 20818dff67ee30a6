"""`postroom filter …`: searches of the mailing log that are kept under a name."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import usage
from postroom.cli.desk import path_part
from postroom.cli.log import FILTERS, Since, Until, asked
from postroom.cli.sections import MAIL, Page
from postroom.cli.terminal import Cell
from postroom.cli.words import me

__all__ = ["page"]

page = Page(MAIL, "filter", "Searches of the log that are kept under a name.", tenant=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name, or its id.", show_default=False)]


@page.command("list")
def list_filters(call: Call) -> None:
    """Lists the searches that are kept."""
    answer = call.desk.get("/v1/filters")
    call.answer(answer, lambda: _list(call, answer.get("filters", [])))


@page.command("add", fields=FILTERS)
def add(
    call: Call,
    values: dict[str, Any],
    name: Name,
    since: Since = "",
    until: Until = "",
    shared: Annotated[bool, typer.Option("--shared", help="For everybody of the tenant.")] = False,
) -> None:
    """Keeps a search; `log --saved NAME` shows what it finds."""
    search = asked(values, since, until)
    if not search:
        raise usage("Say what is searched for, as for `log`.")
    answer = call.desk.post("/v1/filters", {"name": name, "search": search, "shared": shared})
    call.answer(answer, lambda: _list(call, [answer]))


@page.command("delete")
def delete(call: Call, name: Name) -> None:
    """Deletes a search that was kept."""
    answer = call.desk.delete(f"/v1/filters/{path_part(name)}")
    call.answer(answer, lambda: call.terminal.line(f"{name} is deleted."))


def _list(call: Call, filters: list[dict[str, Any]]) -> None:
    if not filters:
        call.terminal.line(f"No search is kept. `{me()} filter add NAME --state failed` keeps one.")
        return
    rows = [
        (
            str(each.get("name")),
            ", ".join(f"{name} {value}" for name, value in (each.get("search") or {}).items()),
            Cell("shared", "dim") if each.get("shared") else "",
        )
        for each in filters
    ]
    call.terminal.columns(("NAME", "SEARCH", ""), rows)
