"""`postroom incoming …`: mail that came back: bounces, receipts, answers."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import usage
from postroom.cli.desk import path_part
from postroom.cli.sections import MAIL, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local
from postroom.cli.words import me

__all__ = ["page"]

page = Page(MAIL, "incoming", "Mail that came back: bounces, read receipts, answers.", tenant=True)
Ref = Annotated[str, typer.Argument(metavar="ID", help="Its id.", show_default=False)]
Kind = Annotated[str, typer.Option("--kind", metavar="KIND", help="Only this kind, such as delivery-report or reply.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", help="How many, up to 200.")]
Waiting = Annotated[bool, typer.Option("--waiting", help="Only what waits for a person.")]
_LARGEST = 30_000_000
_COLOURS = {"delivery-report": "bad", "complaint": "bad", "other": "wait", "reply": "good"}


@page.command("take")
def take(
    call: Call,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The mail; `-` is what comes in.")] = "-",
) -> None:
    """Takes a mail that came back and ties it to its message; for a mail server's alias or pipe.

    The same mail again changes nothing.
    """
    raw = base64.b64encode(_read(file)).decode("ascii")
    answer = call.desk.post("/v1/incoming", {"raw": raw})
    call.answer(answer, lambda: _say(call, answer))


@page.command("list")
def list_incoming(call: Call, kind: Kind = "", limit: Limit = 50, waiting: Waiting = False) -> None:
    """Lists what came back, the newest first."""
    only = {"waiting": True} if waiting else {}
    answer = call.desk.get("/v1/incoming", kind=kind, limit=limit, **only)
    call.answer(answer, lambda: _list(call, answer.get("incoming", []), waiting=waiting))


@page.command("done")
def done(
    call: Call,
    incoming: Ref,
    undo: Annotated[bool, typer.Option("--undo", help="It still waits for somebody.")] = False,
) -> None:
    """Marks what waited for a person as dealt with."""
    answer = call.desk.patch(f"/v1/incoming/{path_part(incoming)}", {"done": not undo})
    words = "still waits" if undo else "is dealt with"
    call.answer(answer, lambda: call.terminal.line(Cell(str(answer["id"]), "strong"), f" {words}."))


@page.command("attachments")
def attachments(call: Call, incoming: Ref) -> None:
    """Lists the files of what came back."""
    answer = call.desk.get(f"/v1/incoming/{path_part(incoming)}/attachments")
    rows = [
        (str(one["number"]), str(one["name"]), str(one["content_type"]), f"{one['size']:,}")
        for one in answer["attachments"]
    ]
    call.answer(answer, lambda: call.terminal.columns(("NUMBER", "NAME", "TYPE", "OCTETS"), rows))


@page.command("source")
def source(
    call: Call,
    incoming: Ref,
    attachment: Annotated[str, typer.Option("--attachment", metavar="NUMBER", help="Only this file of it.")] = "",
) -> None:
    """Writes the mail as it came, or a file of it, octet by octet."""
    path = f"/v1/incoming/{path_part(incoming)}"
    octets = call.desk.raw(f"{path}/attachments/{path_part(attachment)}" if attachment else f"{path}/content")
    if sys.stdout.isatty():  # a terminal would obey what is in there
        call.terminal.text(octets.decode("utf-8", "backslashreplace").replace("\r\n", "\n"))
    else:
        sys.stdout.buffer.write(octets)


@page.command("show")
def show(call: Call, incoming: Ref) -> None:
    """Shows what came back: who wrote, what it was about, what he said."""
    answer = call.desk.get(f"/v1/incoming/{path_part(incoming)}")
    call.answer(answer, lambda: _show(call, answer))


def _read(name: str) -> bytes:
    try:
        raw = sys.stdin.buffer.read(_LARGEST + 1) if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise usage(f"{name} can't be read: {error.strerror}.") from None
    if len(raw) > _LARGEST:
        raise usage(f"{name} is larger than {_LARGEST:,} octets.")
    return raw


def _say(call: Call, one: dict[str, Any]) -> None:
    about = one.get("message_id")
    call.terminal.line(Cell(str(one["id"]), "strong"), f"  {one['kind']}" + (f" about {about}" if about else ""))
    if not about:
        call.terminal.line(str(one.get("why", "")))


def _list(call: Call, found: list[dict[str, Any]], *, waiting: bool) -> None:
    if not found and waiting:
        call.terminal.line("Nothing waits for a person.")
        return
    if not found:
        call.terminal.line(f"Nothing came back yet. `{me()} incoming take FILE` hands a mail in.")
        return
    rows = [
        (
            str(one["id"]),
            local(one["received_at"]),
            Cell(str(one["kind"]), _COLOURS.get(str(one["kind"]), "")),
            str(one["from"]),
            str(one.get("message_id") or one["why"]),
        )
        for one in found
    ]
    call.terminal.columns(("ID", "CAME", "KIND", "FROM", "ABOUT"), rows)


def _show(call: Call, one: dict[str, Any]) -> None:
    _say(call, one)
    call.terminal.line(f"From {one['from']}, {local(one['received_at'])}: {one['subject']}")
    if one.get("text"):
        call.terminal.line("")
        for line in str(one["text"]).split("\n"):
            call.terminal.line(line)
