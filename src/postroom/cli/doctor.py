"""`postroom doctor`: what is wrong, unwise or soon over; for people, and by its exit code for monitoring.

It asks the running Postroom, or opens the database itself when none runs. When neither can be done it looks at what is
left to look at (settings, data directory, key ring, lock), changes nothing, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import CommandError
from postroom.cli.sections import RUNNING, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local
from postroom.errors import PostroomError, StoreUnavailable

__all__ = ["Health", "page"]

page = Page(RUNNING, tenant=True)
_STYLES = {"problem": "bad", "warning": "wait", "note": "dim"}


class Health(IntEnum):
    """What monitoring is told. Notes are no reason to wake anybody."""

    FINE = 0
    WARNINGS = 1
    PROBLEMS = 2


_CODES: Mapping[str | None, Health] = {"problem": Health.PROBLEMS, "warning": Health.WARNINGS}


@page.command("doctor")
def doctor(
    call: Call,
    all_tenants: Annotated[bool, typer.Option("--all", help="All tenants together, for the operator.")] = False,
    over: Annotated[bool, typer.Option("--over", help="Also what was wrong in the last month and is over.")] = False,
) -> None:
    """Looks for what is wrong, unwise or soon over, and says how to mend it.

    Its exit code is for monitoring: 0 fine (notes at most), 1 warnings, 2 problems, among them that no Postroom runs
    here; 3 when a Postroom elsewhere is out of reach.
    """
    answer = _asked(call, all_tenants)
    call.answer(answer, lambda: _say(call, answer, over))
    raise typer.Exit(int(_CODES.get(answer.get("worst"), Health.FINE)))


def _asked(call: Call, everywhere: bool) -> dict[str, Any]:
    from postroom.cli import unaided

    if not unaided.is_remote(call.where):
        seen = unaided.before_opening(call.where)
        if seen is not None:
            return seen
    try:
        return call.desk.get("/v1/checks", everywhere="true" if everywhere else "")
    except CommandError as error:
        if unaided.is_remote(call.where) or not unaided.is_out_of_order(error):
            raise
        return unaided.without_postroom(call.where, error)
    except (PostroomError, OSError) as error:  # it could not be opened in this process
        ours = error if isinstance(error, PostroomError) else StoreUnavailable(f"{error}.")
        return unaided.without_postroom(call.where, CommandError.of(ours))


def _say(call: Call, answer: dict[str, Any], over: bool) -> None:
    found = answer.get("problems") or []
    tenants = {each.get("tenant") for each in found}
    for each in found:
        _one(call, each, len(tenants) > 1)
    if answer.get("worst") in (None, "note"):
        call.terminal.line(Cell("All is well.", "good"))
    past = answer.get("over") or []
    if over and past:
        call.terminal.heading("Over")
        rows = [(local(one.get("since_at")), local(one.get("over_at")), _headline(one, True)) for one in past]
        call.terminal.columns(("FROM", "UNTIL", "WHAT"), rows)


def _one(call: Call, one: dict[str, Any], with_tenant: bool) -> None:
    weight = str(one.get("weight"))
    call.terminal.line(Cell(f"{weight:<8}", _STYLES.get(weight, "")), _headline(one, with_tenant))
    indent = " " * 8
    if one.get("mend"):
        call.terminal.paragraph(str(one["mend"]), indent)
    if one.get("command"):
        call.terminal.line(indent, Cell(str(one["command"]), "strong"))
    if weight != "note":
        since = f"Since {local(one.get('since_at'))}. " if one.get("since_at") else ""
        call.terminal.paragraph(f"{since}Ask: {one.get('ask')}", indent, style="dim")


def _headline(one: dict[str, Any], with_tenant: bool) -> str:
    tenant = f"{one['tenant']}: " if with_tenant and one.get("tenant") else ""
    about = f"{one['about']}: " if one.get("about") else ""
    return f"{tenant}{about}{one.get('what')}"
