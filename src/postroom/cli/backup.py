"""`postroom backup`, `restore` and `confirm`: a second copy of everything, and which of two copies is the real one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import usage
from postroom.cli.desk import load_settings
from postroom.cli.sections import RUNNING, Page

__all__ = ["page"]

page = Page(RUNNING)
File = Annotated[Path, typer.Argument(metavar="FILE", help="A file that `backup` made.")]
Original = Annotated[bool, typer.Option("--original", help="This is the real one: its mail leaves again.")]
Copy = Annotated[bool, typer.Option("--copy", help="It stays a copy: silent, and what waits is kept here.")]


@page.command("backup")
def backup(call: Call) -> None:
    """Writes everything but the key ring into one file, while Postroom works on."""
    made = call.desk.post("/v1/backups")

    def say() -> None:
        call.terminal.line(
            f"{made.get('file')}  ({made.get('octets', 0):,} octets, {made.get('messages', 0):,} messages)"
        )
        call.terminal.line("Keep a copy of the key ring apart from it: without it no stored password opens again.")

    call.answer(made, say)


@page.command("restore", json=False)
def restore(call: Call, file: File) -> None:
    """Puts a backup into a database that does not exist yet. Mail stays held until `confirm`."""
    from postroom.store.backup import restore as put_back

    settings = load_settings(call.where)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    count = put_back(file, settings.database.reveal())
    call.terminal.line(f"{count:,} messages are restored into {settings.database}.")
    call.terminal.line("It is taken for a copy until you say `confirm --original`: nothing leaves before that.")


@page.command("confirm")
def confirm(call: Call, original: Original = False, copy: Copy = False) -> None:
    """Says whether a database in a new place is the real one. Until then nothing leaves it."""
    if original and copy:
        raise usage("It is the original or a copy, not both.")
    found = call.desk.get("/v1/installation").get("clone")
    if not found:
        call.answer({"clone": None}, lambda: call.terminal.line("This is the real one; there is nothing to confirm."))
        return
    if not original and not copy:
        call.answer({"clone": found}, lambda: _say(call, found))
        return
    call.desk.post("/v1/installation/confirm", {"original": original})
    told = "Mail leaves again." if original else "It is an installation of its own now, in silent mode."
    call.answer({"clone": None}, lambda: call.terminal.line(told))


def _say(call: Call, found: dict[str, object]) -> None:
    call.terminal.line("This database is not where it was, so it may be a copy. Nothing leaves it.")
    call.terminal.facts([("It is", str(found.get("home"))), ("It was", str(found.get("was")))], indent="  ")
    call.terminal.line(f"{found.get('waiting')} recipients were waiting or under way in it: the original may have sent")
    call.terminal.line("them already. Say `confirm --original` or `confirm --copy`.")
