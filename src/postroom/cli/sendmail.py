"""`postroom sendmail`, as the list of commands shows it. What is typed never gets here: see `postroom.cli.main`."""

from __future__ import annotations

from typing import Annotated

import typer

from postroom.cli.command import Call
from postroom.cli.sections import MAIL, Page

__all__ = ["page"]

page = Page(MAIL)
Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="[OPTION]... [RECIPIENT]...", help="As those of /usr/sbin/sendmail.", show_default=False),
]


@page.command("sendmail", json=False)
def sendmail(call: Call, words: Words = None) -> None:
    """Takes a message from standard input, as /usr/sbin/sendmail does. The program `postroom-sendmail` is the same."""
    from postroom.sendmail import main

    main(words or [])
