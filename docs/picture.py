"""Draws `docs/terminal.svg`, the picture in the README: what `postroom show` prints. Run it with Python from anywhere
(`--print`: to standard output).

The message is made up, the words are the program's own: they come from `cli.show`, in colour, as a terminal has them.
"""

from __future__ import annotations

import io
import os
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.text import Text

from postroom.cli.show import say_message
from postroom.cli.terminal import Cell, Terminal

_ID = "m_0akc16ke00000"
_MESSAGE: dict[str, Any] = {
    "id": _ID,
    "subject": "Your invoice 4711",
    "from": "Billing <billing@example.com>",
    "created_at": "2026-11-20T09:43:19.152Z",
    "size": 48_213,
    "kind": "invoice",
    "has_content": True,
    "recipients": [
        {
            "n": 0,
            "address": "ann@example.org",
            "state": "sent",
            "account": "Relay",
            "reply": "250 2.0.0 Ok: queued as 4F2A",
        },
        {
            "n": 1,
            "address": "bob@example.net",
            "role": "cc",
            "state": "deferred",
            "account": "Relay",
            "reply": "451 4.7.1 Greylisted, please try again later",
            "explanation": "The server wants to see a second attempt before it takes mail from us (greylisting).",
            "remedy": "Nothing to do: Postroom tries again.",
            "due_at": "2026-11-20T09:48:12.000Z",
            "attempts": 1,
        },
    ],
}
_TIMELINE: dict[str, Any] = {
    "events": [
        {"at": "2026-11-20T09:43:19.152Z", "kind": "accepted", "n": None, "detail": {"state": "queued"}},
        {"at": "2026-11-20T09:43:19.155Z", "kind": "sending", "n": None, "detail": {}},
        {
            "at": "2026-11-20T09:43:19.219Z",
            "kind": "sent",
            "n": 0,
            "detail": {"reply": "250 2.0.0 Ok: queued as 4F2A", "account": "Relay"},
        },
        {
            "at": "2026-11-20T09:43:19.219Z",
            "kind": "deferred",
            "n": 1,
            "detail": {
                "title": "The server asks for a second attempt.",
                "account": "Relay",
                "due_ms": 1_795_168_092_000,
            },
        },
    ],
    "attempts": [
        {
            "account": "Relay",
            "server": "smtp.example.com:587",
            "tls": "TLSv1.3",
            "started_at": "2026-11-20T09:43:19.155Z",
            "ended_at": "2026-11-20T09:43:19.219Z",
            "phase": "dot",
            "conversation": "     0 ms C: MAIL FROM:<billing@example.com> SIZE=48213\n"
            "     0 ms C: RCPT TO:<ann@example.org>\n"
            "     0 ms C: RCPT TO:<bob@example.net>\n"
            "     0 ms C: BDAT 48213 LAST\n"
            "     0 ms C: [48,213 bytes of message]\n"
            "    31 ms S: 250 2.1.0 Ok\n"
            "    31 ms S: 250 2.1.5 Ok\n"
            "    31 ms S: 451 4.7.1 Greylisted, please try again later\n"
            "    64 ms S: 250 2.0.0 Ok: queued as 4F2A\n",
        }
    ],
}


class _Screen(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def draw() -> str:
    """The picture as SVG. It fetches nothing: the font is whatever the reader has for code."""
    screen = _Screen()
    terminal = Terminal(screen)
    terminal.line(Cell(f"$ postroom show {_ID}", "dim"))
    say_message(terminal, _MESSAGE, _TIMELINE)
    console = Console(width=100, record=True, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(screen.getvalue()))
    start, end = CONSOLE_SVG_FORMAT.index("@font-face"), CONSOLE_SVG_FORMAT.index(".{unique_id}-matrix")
    template = CONSOLE_SVG_FORMAT[:start] + CONSOLE_SVG_FORMAT[end:]
    return console.export_svg(title="postroom", code_format=template.replace("Fira Code", "monospace"))


if __name__ == "__main__":
    os.environ.update(TZ="UTC", COLUMNS="100", TERM="xterm")
    os.environ.pop("NO_COLOR", None)
    time.tzset()
    if sys.argv[1:] == ["--print"]:
        print(draw(), end="")
    else:
        Path(__file__).with_name("terminal.svg").write_text(draw(), "utf-8")
