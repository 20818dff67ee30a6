"""`postroom account duplicate`, `foresee`, `export`: another like it, what its end would mean, the list as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from postroom.cli.account_connect import page
from postroom.cli.accounts import Ref, say_remarks
from postroom.cli.command import Call
from postroom.cli.desk import path_part
from postroom.cli.terminal import Cell

__all__ = ["page"]


@page.command("duplicate")
def duplicate(
    call: Call, account: Ref, name: Annotated[str, typer.Option("--name", help="What the copy is called.")] = ""
) -> None:
    """Makes another account with the same settings. Its password has to be typed again."""
    body = {"name": name} if name else {}
    answer = call.desk.post(f"/v1/accounts/{path_part(account)}/duplicate", body)
    call.answer(answer, lambda: _duplicated(call, answer))


@page.command("foresee")
def foresee(call: Call, account: Ref) -> None:
    """Shows what deleting an account would mean, and deletes nothing."""
    answer = call.desk.get(f"/v1/accounts/{path_part(account)}/end")
    call.answer(answer, lambda: _foreseen(call, answer))


@page.command("export", json=False)
def export(
    call: Call,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to, like accounts.csv.", show_default=False)],
) -> None:
    """Writes the list of accounts into a CSV file, with health and volume. The file must not be there yet."""
    content = call.desk.raw("/v1/accounts.csv")
    with file.open("xb") as stream:
        stream.write(content)
    call.terminal.line(f"{file} has {len(content):,} octets.")


def _duplicated(call: Call, account: dict[str, Any]) -> None:
    call.terminal.line("There is ", Cell(str(account.get("name")), "strong"), " now.")
    say_remarks(call, account)


def _foreseen(call: Call, end: dict[str, Any]) -> None:
    for sentence in end.get("sentences") or ("Nothing depends on it.",):
        call.terminal.paragraph(str(sentence))
    if end.get("needs_heir"):
        heirs = ", ".join(end.get("heirs") or ()) or "none yet"
        call.terminal.paragraph(f"Another account has to take over (--move-to): {heirs}.")
