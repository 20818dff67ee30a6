"""`postroom proof`: which sender gets through which account, and asking for it now."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import ExitCode
from postroom.cli.sections import SETUP, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local
from postroom.cli.words import me

__all__ = ["page"]

page = Page(SETUP, "proof", "Which sender gets through which account.", tenant=True)
Sender = Annotated[str, typer.Option("--sender", metavar="ADDRESS", help="Only this sender.")]
Account = Annotated[str, typer.Option("--account", metavar="ACCOUNT", help="Only this account, by name or id.")]
All = Annotated[bool, typer.Option("--all", help="Also the ways that no mail takes by itself.")]
_PATIENCE = 180.0
_STYLES = {"proven": "good", "refused": "bad", "untested": "wait"}


@page.command("show")
def show(call: Call, everything: All = False) -> None:
    """Shows the matrix: each sender over its accounts, proven, refused or untested, with the server's words."""
    answer = call.desk.get("/v1/proofs")
    found = answer.get("proofs", [])
    shown = [one for one in found if everything or one.get("used") or one.get("state") != "untested"]
    call.answer(answer, lambda: _say(call, shown))
    if any(one.get("used") and one.get("state") == "refused" for one in found):
        raise typer.Exit(ExitCode.REFUSED)


@page.command("run")
def run(call: Call, sender: Sender = "", account: Account = "") -> None:
    """Asks the servers now, whatever the mode, and waits for what they say."""
    call.delivers = True
    body = {name: value for name, value in (("sender", sender), ("account", account)) if value}
    asked = call.desk.post("/v1/proofs", body).get("proofs", [])
    keys = {(one.get("sender"), one.get("account_id")) for one in asked}
    if not call.as_json:
        call.terminal.note(f"Asking for {len(keys)} …" if len(keys) > 1 else "Asking …")
    ends = time.monotonic() + _PATIENCE
    while True:
        answer = call.desk.get("/v1/proofs", wait="true")
        found = [one for one in answer.get("proofs", []) if _key(one) in keys]
        if time.monotonic() > ends or not any(one.get("pending") for one in found):
            break
    call.answer({"proofs": found}, lambda: _say(call, found))
    if any(one.get("state") != "proven" for one in found):
        raise typer.Exit(ExitCode.REFUSED)


@page.command("offered")
def offered(call: Call) -> None:
    """Shows the senders that the key in use may send from, the proven ones first, and why one is refused."""
    answer = call.desk.get("/v1/offered-senders")
    call.answer(answer, lambda: _say_offered(call, answer.get("senders", [])))


def _say_offered(call: Call, found: Sequence[Mapping[str, Any]]) -> None:
    rows = [
        (
            str(one.get("address")),
            Cell(str(one.get("state")), _STYLES.get(str(one.get("state")), "")),
            local(one.get("told_at")) or "",
            "default" if one.get("default") else "",
        )
        for one in found
    ]
    call.terminal.columns(("SENDER", "STATE", "SINCE", ""), rows)
    for one in found:
        if one.get("why"):
            call.terminal.paragraph(f"{one.get('address')}: {one['why']}", style="wait")


def _key(one: Mapping[str, Any]) -> tuple[Any, Any]:
    return one.get("sender"), one.get("account_id")


def _say(call: Call, found: Sequence[Mapping[str, Any]]) -> None:
    terminal = call.terminal
    if not found:
        terminal.line(
            f"There is no sender with an account yet. `{me()} sender add` and `{me()} account add` make them."
        )
        return
    rows = [
        (
            str(one.get("sender")),
            str(one.get("account")),
            Cell(_state(one), _STYLES.get(str(one.get("state")), "")),
            local(one.get("told_at")) or "",
            {"probe": "by a probe", "mail": "by mail"}.get(str(one.get("told_by")), ""),
        )
        for one in found
    ]
    terminal.columns(("SENDER", "ACCOUNT", "STATE", "SINCE", ""), rows)
    for one in found:
        if one.get("state") == "refused":
            terminal.line()
            terminal.line(Cell(f"{one.get('sender')} through {one.get('account')}", "strong"))
            for part in ("title", "explanation", "remedy"):
                if one.get(part):
                    terminal.paragraph(str(one[part]), indent="  ")
            terminal.paragraph(f"The server said: {one.get('words')}", indent="  ", style="dim")
        elif one.get("trouble"):
            terminal.paragraph(f"{one.get('sender')} through {one.get('account')}: {one['trouble']}", style="wait")


def _state(one: Mapping[str, Any]) -> str:
    return f"{one.get('state')} (asked)" if one.get("pending") else str(one.get("state"))
