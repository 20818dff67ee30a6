"""What people do to messages: cancel, hold, release, retry, resend, settle. One id or several, one answer for each."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import CommandError, usage
from postroom.cli.desk import path_part
from postroom.cli.receipt import say_receipt
from postroom.cli.sections import MAIL, Page

__all__ = ["page"]

page = Page(MAIL)
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Message ids, like m_…", show_default=False)]
MaybeIds = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Message ids.", show_default=False)]
One = Annotated[
    int | None, typer.Option("--recipient-number", "-n", help="Only this recipient, by its number in `show`.")
]


@page.command("cancel")
def cancel(call: Call, ids: Ids, n: One = None) -> None:
    """Takes messages back that have not left."""
    _each(call, ids, "cancel", {"n": n})


@page.command("hold")
def hold(call: Call, ids: Ids, n: One = None) -> None:
    """Keeps messages back until somebody releases them."""
    _each(call, ids, "hold", {"n": n})


@page.command("release")
def release(
    call: Call,
    ids: MaybeIds = None,
    everything: Annotated[bool, typer.Option("--all", help="All messages that are held or silenced.")] = False,
    to: Annotated[str, typer.Option("--to", metavar="ADDRESS", help="Not to its recipient, but to this address.")] = "",
    n: One = None,
) -> None:
    """Lets held or silenced messages go, to their recipients or to another address."""
    if everything == bool(ids):
        raise usage("Say which messages: their ids, or --all.")
    if ids:
        _each(call, ids, "release", {"n": n, "to": to or None})
        return
    answer = call.desk.post("/v1/messages/release", {"to": to} if to else {})
    call.answer(answer, lambda: call.terminal.line(f"{answer.get('released', 0)} released"))


@page.command("retry")
def retry(call: Call, ids: Ids, n: One = None) -> None:
    """Tries at once what waits for its next attempt."""
    _each(call, ids, "retry", {"n": n})


@page.command("resend")
def resend(
    call: Call,
    ids: Ids,
    to: Annotated[list[str] | None, typer.Option("--to", metavar="ADDRESS", help="To somebody else.")] = None,
) -> None:
    """Sends messages again, each as a new one that names the old."""
    _each(call, ids, "resend", {"to": to or None})


@page.command("settle")
def settle(
    call: Call,
    ids: Ids,
    sent: Annotated[bool | None, typer.Option("--sent/--not-sent", help="What you know to be true.")] = None,
    n: One = None,
) -> None:
    """Says what became of an unknown message: it was sent, or it was not and goes again."""
    if sent is None:
        raise usage("Say what became of it: --sent or --not-sent.")
    _each(call, ids, "settle", {"sent": sent, "n": n})


def _each(call: Call, ids: list[str], verb: str, body: dict[str, Any]) -> None:
    """The same to each message. What is refused for one does not stop the others; all complaints come at the end."""
    given = {name: value for name, value in body.items() if value is not None}
    answers: list[dict[str, Any]] = []
    complaints: list[tuple[str, CommandError]] = []
    for each in ids:
        try:
            answers.append(call.desk.post(f"/v1/messages/{path_part(each)}/{verb}", given))
        except CommandError as complaint:
            complaints.append((each, complaint))
    call.answer(answers if len(ids) > 1 else (answers or [{}])[0], lambda: _say(call, answers))
    for each, refusal in complaints[:-1]:
        call.terminal.complain(_named(each, refusal), as_json=call.as_json)
    if complaints:
        raise _named(*complaints[-1])


def _named(message_id: str, complaint: CommandError) -> CommandError:
    named = CommandError(
        f"{message_id}: {complaint.sentence}", code=complaint.code, faults=complaint.faults, hint=complaint.hint
    )
    named.problem = complaint.problem
    return named


def _say(call: Call, answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        say_receipt(call.terminal, answer)
