"""`postroom export`, `plan` and `import`: settings as code, in a TOML file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import CommandError, usage
from postroom.cli.history import shown
from postroom.cli.sections import SETUP, Page
from postroom.cli.terminal import Cell

__all__ = ["page"]

page = Page(SETUP, tenant=True)
File = Annotated[str, typer.Argument(metavar="FILE", help="The file; `-` is what comes in.", show_default=False)]
Prune = Annotated[bool, typer.Option("--prune", help="Delete what is of a kind that the file has, but not in it.")]
_LARGEST = 1024 * 1024
_MARKS = {"create": ("+", "good"), "change": ("~", "wait"), "delete": ("-", "bad"), "suspend": ("-", "bad")}


@page.command("export", json=False)
def export(
    call: Call,
    file: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Where to; else it is printed.")] = None,
) -> None:
    """Writes the settings as TOML: accounts, senders, applications; no password and no key."""
    text = call.desk.raw("/v1/settings/export").decode("utf-8")
    if file is None:
        print(text, end="", file=call.terminal.out)
        return
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise CommandError(f"{file} is there already. Choose another name.") from None


@page.command("plan")
def plan(call: Call, file: File, prune: Prune = False) -> None:
    """Shows what importing a file would change, field by field; nothing is changed."""
    answer = call.desk.post("/v1/settings/plan", {"toml": _read(file), "prune": prune})
    call.answer(answer, lambda: _say(call, answer, "Nothing would change."))


@page.command("import")
def import_file(
    call: Call,
    file: File,
    prune: Prune = False,
    force: Annotated[
        bool, typer.Option("--force", help="Let a tenant's own server take over although it was never tested.")
    ] = False,
) -> None:
    """Takes over the settings of a file, all of it or nothing. Understands Elixeum's SMTP keys as well."""
    answer = call.desk.post("/v1/settings/import", {"toml": _read(file), "prune": prune, "force": force})
    call.answer(answer, lambda: _say(call, answer, "Nothing had to be changed."))


def _read(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read(_LARGEST + 1) if name == "-" else Path(name).read_bytes()
        if len(raw) > _LARGEST:
            raise usage(f"{name} is too large for a file of settings.")
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise usage(f"{name} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise usage(f"{name} is not UTF-8 text.") from None


def _say(call: Call, answer: Mapping[str, Any], nothing: str) -> None:
    terminal = call.terminal
    changes = answer.get("changes") or []
    if not changes:
        terminal.line(nothing)
    for one in changes:
        mark, style = _MARKS.get(str(one.get("what")), ("?", ""))
        terminal.line(Cell(f"{mark} {one.get('what')} {one.get('noun')} {one.get('name')}".rstrip(), style))
        rows = [
            (str(each.get("field")), shown(each.get("before")), Cell("→", "dim"), shown(each.get("after")))
            for each in one.get("fields") or ()
        ]
        if rows:
            terminal.columns(("", "", "", ""), rows, indent="    ")
    for sentence in answer.get("warnings") or ():
        terminal.paragraph(f"Warning: {sentence}", style="wait")
