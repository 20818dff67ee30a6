"""`postroom show`: one message, its recipients, its timeline, the conversation, and what to do in plain words."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.desk import path_part
from postroom.cli.diagnoses import apply_words
from postroom.cli.sections import MAIL, Page
from postroom.cli.terminal import Cell, Terminal
from postroom.cli.times import clock_time, local
from postroom.cli.words import COURSE, advice, event_cell, me, state_cell
from postroom.clock import iso

__all__ = ["page", "say_conversation", "say_message"]

page = Page(MAIL)
Id = Annotated[str, typer.Argument(metavar="ID", help="A message's id, like m_….", show_default=False)]
All = Annotated[bool, typer.Option("--conversation", help="The conversation of every attempt, not only the last one.")]
Source = Annotated[bool, typer.Option("--source", help="The message as it is sent, octet by octet, and nothing else.")]
_INDENT = "  "
_TIME_WIDTH = 14
_EVENT_WIDTH = 14
_PARTICULARS = {
    "account": "through {}",
    "instead_of": "instead of {}",
    "by": "by {}",
    "to": "as {}",
    "door": "by {}",
    "template": "by the template {}",
    "version": "version {}",
    "language": "in {}",
    "address": "from {}",
}


@page.command("show")
def show(call: Call, message: Id, conversation: All = False, source: Source = False) -> None:
    """Shows what became of a message: recipients, timeline, conversation, and what to do."""
    path = f"/v1/messages/{path_part(message)}"
    if source:
        _say_source(call.desk.raw(f"{path}/content"))
        return
    found, timeline = call.desk.get(path), call.desk.get(f"{path}/timeline")
    call.answer(found | {"timeline": timeline}, lambda: say_message(call.terminal, found, timeline, conversation))


def _say_source(octets: bytes) -> None:
    if sys.stdout.isatty():  # a terminal would obey what is in there
        Terminal().text(octets.decode("utf-8", "backslashreplace").replace("\r\n", "\n"))
    else:
        sys.stdout.buffer.write(octets)


def say_message(
    terminal: Terminal, message: Mapping[str, Any], timeline: Mapping[str, Any], every_conversation: bool = False
) -> None:
    """The whole story of a message."""
    _say_head(terminal, message)
    _say_recipients(terminal, message)
    _say_timeline(terminal, message, timeline)
    _say_conversations(terminal, timeline, every_conversation)


def _say_head(terminal: Terminal, message: Mapping[str, Any]) -> None:
    terminal.line(Cell(str(message.get("subject") or "(no subject)"), "strong"))
    notes = [word for word in ("secret",) if message.get(word)]
    if not message.get("has_content", True):
        notes.append("content no longer kept")
    terminal.facts(
        [
            ("Id", str(message.get("id", ""))),
            ("From", str(message.get("from", ""))),
            ("Accepted", f"{local(message.get('created_at'))}, {_size(message.get('size'))}"),
            ("Not before", local(message.get("send_at"))),
            ("Not after", local(message.get("expires_at"))),
            ("Kind", str(message.get("kind") or "")),
            ("Tags", ", ".join(map(str, message.get("tags") or ()))),
            ("Metadata", ", ".join(f"{name}={value}" for name, value in (message.get("metadata") or {}).items())),
            ("Priority", "" if message.get("priority") == "normal" else str(message.get("priority") or "")),
            ("Template", _template(message)),
            ("Bulk", str(message.get("bulk_id") or "")),
            ("Repeats", str(message.get("resend_of") or "")),
            ("Note", ", ".join(notes)),
        ],
        indent=_INDENT,
    )


def _template(message: Mapping[str, Any]) -> str:
    version = message.get("template_version")
    return f"{message.get('template')}, version {version}" if message.get("template") else ""


def _size(octets: object) -> str:
    number = octets if isinstance(octets, int) else 0
    return (
        f"{number:,} octets"
        if number < 10_000
        else f"{number / 1_000_000:.1f} MB"
        if number > 999_999
        else (f"{number // 1000} kB")
    )


def _say_recipients(terminal: Terminal, message: Mapping[str, Any]) -> None:
    recipients: Sequence[Mapping[str, Any]] = message.get("recipients") or ()
    terminal.heading("Recipients" if len(recipients) > 1 else "Recipient")
    for each in recipients:
        number = f"{each.get('n')}  " if len(recipients) > 1 else ""
        role = "" if each.get("role") in ("to", None) else f" ({each.get('role')})"
        account = f"through {each['account']}" if each.get("account") else ""
        terminal.line(
            _INDENT, Cell(number, "dim"), state_cell(each.get("state"), pad=11), f"{each.get('address')}{role}",
            Cell(f"  {account}" if account else "", "dim"),
        )  # fmt: skip
        _say_course(terminal, each)
        _say_reason(terminal, each, message)


def _say_course(terminal: Terminal, recipient: Mapping[str, Any]) -> None:
    """How far it came, in one line, where anything is known beyond the server that took it."""
    steps = [step for step in recipient.get("course") or () if step.get("stage") != "accepted"]
    if any(step["stage"] != "handed-over" for step in steps):
        told = " → ".join(f"{COURSE.get(step['stage'], step['stage'])} {local(step['reached_at'])}" for step in steps)
        terminal.line(_INDENT * 3, told)


def _say_reason(terminal: Terminal, recipient: Mapping[str, Any], message: Mapping[str, Any]) -> None:
    """Why it stands where it stands: the server's words, Postroom's, when it goes on, what a person can do."""
    inner = _INDENT * 3
    if recipient.get("reply"):
        terminal.paragraph(f"“{recipient['reply']}”", indent=inner, style="dim")
    for name in ("explanation", "remedy"):
        if recipient.get(name):
            terminal.paragraph(str(recipient[name]), indent=inner)
    if recipient.get("apply"):
        command = f"diagnosis apply {shlex.quote(str(recipient.get('account')))} {recipient.get('diagnosis')}"
        terminal.paragraph(f"`{me()} {command}` sets {apply_words(recipient['apply'])}.", indent=inner)
    if recipient.get("due_at") and recipient.get("state") in ("queued", "deferred"):
        attempts = recipient.get("attempts") or 0
        words = (
            f"Attempt {int(attempts) + 1} is due at {local(recipient['due_at'])}."
            if attempts
            else (f"Due at {local(recipient['due_at'])}.")
        )
        terminal.line(inner, words)
        later = recipient.get("leaves_at")
        if later and local(later) != local(recipient["due_at"]):
            terminal.line(
                inner, f"It will leave at about {local(later)}: others are before it, or the limits are used up."
            )
    todo = advice(recipient, message)
    if todo:
        terminal.line(inner, todo)


def _say_timeline(terminal: Terminal, message: Mapping[str, Any], timeline: Mapping[str, Any]) -> None:
    events: Sequence[Mapping[str, Any]] = timeline.get("events") or ()
    if not events:
        return
    terminal.heading("Timeline")
    several = len(message.get("recipients") or ()) > 1
    day = ""
    for event in events:
        if local(event.get("at"))[:10] != day:
            day = local(event.get("at"))[:10]
            terminal.line(_INDENT, Cell(day, "dim"))
        number = event.get("n")
        terminal.line(
            _INDENT,
            Cell(clock_time(event.get("at")).ljust(_TIME_WIDTH), "dim"),
            event_cell(event.get("kind"), pad=_EVENT_WIDTH),
            Cell("all  " if number is None else f"{number}    ", "dim") if several else "",
            _detail(event.get("detail")),
        )


def _detail(detail: object) -> str:
    """An event's particulars on one line, the telling ones first; `--json` has all of them."""
    if not isinstance(detail, Mapping):
        return ""
    reason = ": ".join(str(detail[name]) for name in ("state", "why") if detail.get(name))
    words = [detail.get("title") or reason or _quoted(detail.get("reply"))]
    words += [spelled.format(detail[name]) for name, spelled in _PARTICULARS.items() if detail.get(name)]
    if isinstance(detail.get("due_ms"), int):
        words.append(f"next at {local(iso(detail['due_ms']))}")
    return "  ".join(str(word) for word in words if word)


def _quoted(reply: object) -> str:
    return f"“{reply}”" if reply else ""


def _say_conversations(terminal: Terminal, timeline: Mapping[str, Any], every: bool) -> None:
    attempts: Sequence[Mapping[str, Any]] = timeline.get("attempts") or ()
    for number, attempt in enumerate(attempts, start=1):
        if every or number == len(attempts):
            say_conversation(terminal, attempt, number)
    if len(attempts) > 1 and not every:
        terminal.line()
        terminal.line(Cell(f"{len(attempts) - 1} earlier: --conversation shows them all.", "dim"))


def say_conversation(terminal: Terminal, attempt: Mapping[str, Any], number: int) -> None:
    """One attempt: where it went, how far it came, and what was said."""
    where = ", ".join(str(attempt[name]) for name in ("account", "server", "tls") if attempt.get(name))
    terminal.heading(f"Attempt {number}{f': {where}' if where else ''}")
    terminal.line(
        _INDENT,
        Cell(f"{local(attempt.get('started_at'))}, {_took(attempt)}", "dim"),
        Cell(f", ended at {attempt['phase']}" if attempt.get("phase") else "", "dim"),
    )
    if attempt.get("conversation"):
        terminal.text(str(attempt["conversation"]), indent=_INDENT)
    elif attempt.get("reply"):
        terminal.text(str(attempt["reply"]), indent=_INDENT)


def _took(attempt: Mapping[str, Any]) -> str:
    from datetime import datetime

    try:
        ends = [datetime.fromisoformat(str(attempt.get(name))) for name in ("started_at", "ended_at")]
    except ValueError:
        return ""
    return f"took {(ends[1] - ends[0]).total_seconds() * 1000:.0f} ms"
