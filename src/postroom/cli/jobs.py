"""`postroom job …`: one act on everything that a search of the log finds, in the background."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import CommandError, usage
from postroom.cli.desk import path_part
from postroom.cli.log import FILTERS, Since, Until, asked
from postroom.cli.sections import MAIL, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local
from postroom.cli.words import me

__all__ = ["page"]

page = Page(MAIL, "job", "One act on all that a search finds: hold, release, retry, resend, cancel.", tenant=True)
_ACTS = ("hold", "release", "retry", "resend", "cancel")
_LOOK_SECONDS = 0.5
_SHOWN = 20
Job = Annotated[str, typer.Argument(metavar="JOB", help="Its id, like j_…", show_default=False)]


@page.command("start", fields=FILTERS)
def start(
    call: Call,
    values: dict[str, Any],
    act: Annotated[str, typer.Argument(metavar="ACT", help=f"What is done: {', '.join(_ACTS)}.", show_default=False)],
    since: Since = "",
    until: Until = "",
    everything: Annotated[bool, typer.Option("--all", help="On every message of the log.")] = False,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="ADDRESS", help="Release, resend: as copies to there instead."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask how many it is first.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Show how far it is until it is over.")] = True,
) -> None:
    """Does something to all messages that a search finds, the oldest first. Says first how many there are."""
    if act not in _ACTS:
        raise usage(f"“{act}” is nothing that can be done to messages.", hint=f"There are {', '.join(_ACTS)}.")
    search = asked(values, since, until)
    if everything == bool(search):
        raise usage("Say which messages: filters as for `log`, or --all.")
    if not yes:
        _confirm(call, act, search)
    job = call.desk.post("/v1/jobs", {"act": act, "search": search, **({"to": to} if to else {})})
    if wait and not call.desk.here:
        job = _followed(call, job)
    call.answer(job, lambda: _show(call, job))


def _confirm(call: Call, act: str, search: dict[str, Any]) -> None:
    if call.as_json or not sys.stdin.isatty():
        raise usage("Nobody can be asked here: --yes says that the number of messages does not matter.")
    if not typer.confirm(
        f"{_counted(call.desk.get('/v1/message-count', **search))}. {act.capitalize()} them?", err=True
    ):
        raise CommandError("Nothing was done.")


def _counted(count: dict[str, Any]) -> str:
    number = int(count.get("count") or 0)
    words = "1 message" if number == 1 else f"{number:,} messages"
    return words if count.get("exact") else f"More than {words}"


def _followed(call: Call, job: dict[str, Any]) -> dict[str, Any]:
    """Until it is over; Ctrl-C leaves it to itself."""
    loud = not call.as_json and sys.stderr.isatty()
    while job.get("ended_at") is None:
        time.sleep(_LOOK_SECONDS)
        job = call.desk.get(f"/v1/jobs/{path_part(str(job['id']))}")
        if loud:
            print(f"\r{_progress(job)}\033[K", end="", file=sys.stderr, flush=True)
    if loud:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return job


def _progress(job: dict[str, Any]) -> str:
    over = int(job.get("done") or 0) + int(job.get("refused") or 0)
    if job.get("state") == "gathering":
        return f"{int(job.get('found') or 0):,} found so far"
    return f"{over:,} of {int(job.get('found') or 0):,}"


@page.command("list")
def list_jobs(call: Call) -> None:
    """Lists the jobs of the last weeks."""
    answer = call.desk.get("/v1/jobs")
    call.answer(answer, lambda: _list(call, answer.get("jobs", [])))


@page.command("show")
def show(call: Call, job: Job) -> None:
    """Shows how far a job is, and what it could not be done to."""
    answer = call.desk.get(f"/v1/jobs/{path_part(job)}")
    call.answer(answer, lambda: _show(call, answer))


@page.command("stop")
def stop(call: Call, job: Job) -> None:
    """Stops a job. What it has done stays done."""
    answer = call.desk.post(f"/v1/jobs/{path_part(job)}/stop", None)
    call.answer(answer, lambda: _show(call, answer))


@page.command("undo")
def undo(call: Call, job: Job) -> None:
    """Takes back what a job did: a hold is released, what was released and still waits is held."""
    answer = call.desk.post(f"/v1/jobs/{path_part(job)}/undo", None)
    if not call.desk.here:
        answer = _followed(call, answer)
    call.answer(answer, lambda: _show(call, answer))


def _list(call: Call, jobs: list[dict[str, Any]]) -> None:
    if not jobs:
        call.terminal.line("There was no job in the last weeks.")
        return
    rows = [
        (
            str(each.get("id")),
            str(each.get("act")),
            _state(each),
            _progress(each),
            local(each.get("started_at")),
            str(each.get("started_by") or ""),
        )
        for each in jobs
    ]
    call.terminal.columns(("ID", "ACT", "STATE", "MESSAGES", "STARTED", "BY"), rows)


def _state(job: dict[str, Any]) -> Cell:
    state = str(job.get("state"))
    return Cell(state, {"done": "good", "stopped": "bad"}.get(state, "wait"))


def _show(call: Call, job: dict[str, Any]) -> None:
    terminal = call.terminal
    terminal.line(Cell(str(job.get("act")), "strong"), "  ", Cell(str(job.get("id")), "dim"), "  ", _state(job))
    search = ", ".join(f"{name} {value}" for name, value in (job.get("search") or {}).items())
    facts: list[tuple[str, Cell | str]] = [
        ("Search", search or (f"what {job['undo_of']} did" if job.get("undo_of") else "every message")),
        ("Found", f"{job.get('found', 0):,}"),
        ("Done", f"{job.get('done', 0):,}"),
        ("Refused", f"{job.get('refused', 0):,}"),
        ("Started", f"{local(job.get('started_at'))} by {job.get('started_by') or 'nobody'}"),
    ]
    if job.get("ended_at"):
        facts.append(("Over", local(job.get("ended_at"))))
    terminal.facts(facts, indent="  ")
    _say_refusals(call, job)
    if job.get("can_be_undone"):
        terminal.note(f"`{me()} job undo {job.get('id')}` takes it back.")
    if job.get("ended_at") is None and call.desk.here:
        terminal.note("A Postroom that runs works it through; none runs here now.")


def _say_refusals(call: Call, job: dict[str, Any]) -> None:
    if not job.get("refused"):
        return
    path = f"/v1/jobs/{path_part(str(job.get('id')))}/refusals"
    for each in call.desk.get(path, limit=_SHOWN).get("refusals", []):
        call.terminal.line("  ", Cell(str(each.get("message_id")), "dim"), "  ", str(each.get("why", "")))
    if int(job["refused"]) > _SHOWN:
        call.terminal.line(f"  and {int(job['refused']) - _SHOWN:,} more")
