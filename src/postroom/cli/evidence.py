"""`postroom evidence`: all that is known of one message, as a file for somebody else's help desk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import usage
from postroom.cli.desk import path_part
from postroom.cli.sections import MAIL, Page

__all__ = ["page"]

page = Page(MAIL, tenant=True)
Id = Annotated[str, typer.Argument(metavar="ID", help="The message's id, like m_….", show_default=False)]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Where to write it; else evidence-ID.zip here.")]


@page.command("evidence")
def evidence(call: Call, message: Id, out: Out = None) -> None:
    """Writes one file with the message, its timeline, conversations and diagnosis, for a provider's help desk."""
    octets = call.desk.raw(f"/v1/messages/{path_part(message)}/evidence")
    path = out or Path(f"evidence-{message.strip().lower()}.zip")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # somebody's letter is in it
    except FileExistsError:
        raise usage(f"{path} is there already.", hint="Name another file with --out.") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
    call.answer({"file": str(path), "octets": len(octets)}, lambda: call.terminal.line(f"Written: {path}"))
