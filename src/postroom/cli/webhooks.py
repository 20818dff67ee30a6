"""`postroom webhook …` and `postroom events`: events of mail and problems, sent to a program of yours or pulled."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import ExitCode, usage
from postroom.cli.desk import path_part
from postroom.cli.fields import WEBHOOK, unset
from postroom.cli.sections import SETUP, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local, moment
from postroom.cli.words import me

__all__ = ["events", "page"]

page = Page(SETUP, "webhook", "Where events are sent to as they happen.", tenant=True)
events = Page(SETUP, tenant=True)
Ref = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its name or id.", show_default=False)]
Url = Annotated[str, typer.Argument(metavar="URL", help="Where events are sent to.", show_default=False)]
Unset = Annotated[list[str] | None, typer.Option("--unset", metavar="NAME", help="Take a value back.")]


@page.command("list")
def list_webhooks(call: Call) -> None:
    """Lists the webhooks, and how far each has come."""
    answer = call.desk.get("/v1/webhooks")
    call.answer(answer, lambda: _list(call, answer.get("webhooks", [])))


@page.command("add", fields=WEBHOOK)
def add(call: Call, address: Url, values: dict[str, Any]) -> None:
    """Adds a webhook. Its secret, which deliveries are signed with, is shown this one time."""
    answer = call.desk.post("/v1/webhooks", {"url": address, **values})
    call.answer(answer, lambda: _made(call, answer))


@page.command("edit", fields=WEBHOOK)
def edit(
    call: Call,
    webhook: Ref,
    values: dict[str, Any],
    address: Annotated[str, typer.Option("--to-url", metavar="URL", help="Where events are sent to from now on.")] = "",
    unset_names: Unset = None,
) -> None:
    """Changes a webhook; what is not named stays. Another server gets another secret."""
    changes = values | unset(WEBHOOK, unset_names) | ({"url": address} if address else {})
    if not changes:
        raise usage("Say what to change; `postroom webhook edit --help` lists everything.")
    answer = call.desk.patch(_path(webhook), changes)
    call.answer(answer, lambda: _made(call, answer))


@page.command("show")
def show(call: Call, webhook: Ref) -> None:
    """Shows a webhook, how far it has come, and what keeps it."""
    answer = call.desk.get(_path(webhook))
    call.answer(answer, lambda: _show(call, answer))


@page.command("deliveries")
def deliveries(call: Call, webhook: Ref) -> None:
    """Lists the last deliveries with what came of each, the newest first; tests too."""
    answer = call.desk.get(f"{_path(webhook)}/deliveries")
    call.answer(answer, lambda: _deliveries(call, answer.get("deliveries", [])))


@page.command("test")
def try_out(call: Call, webhook: Ref) -> None:
    """Sends one event of the type webhook.test, now. It changes nothing of what is delivered next."""
    answer = call.desk.post(f"{_path(webhook)}/test")
    style = "good" if answer.get("ok") else "bad"
    call.answer(
        answer, lambda: call.terminal.paragraph(f"{answer.get('sentence')} ({answer.get('ms')} ms)", style=style)
    )
    if not answer.get("ok"):
        raise typer.Exit(ExitCode.REFUSED)


@page.command("pause")
def pause(call: Call, webhook: Ref) -> None:
    """Sends nothing more to it until it is resumed. Events wait for it for two weeks."""
    answer = call.desk.post(f"{_path(webhook)}/pause")
    call.answer(answer, lambda: call.terminal.line(f"{answer.get('name')} is paused."))


@page.command("resume")
def resume(call: Call, webhook: Ref) -> None:
    """Goes on at once, with what comes next for it."""
    answer = call.desk.post(f"{_path(webhook)}/resume")
    call.answer(answer, lambda: call.terminal.line(f"{answer.get('name')} goes on."))


@page.command("replay")
def replay(
    call: Call,
    webhook: Ref,
    after: Annotated[str, typer.Option("--after", metavar="CURSOR", help="What came after this cursor.")] = "",
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="What came since then, like 2h or today.")] = "",
) -> None:
    """Delivers again what it was told of, or missed; with the same ids."""
    if bool(after) == bool(since):
        raise usage("Say from where: --after CURSOR or --since TIME.")
    body = {"after": after} if after else {"since": moment(since, option="--since", back=True)}
    answer = call.desk.post(f"{_path(webhook)}/replay", body)
    call.answer(answer, lambda: call.terminal.line(f"{answer.get('name')} goes on from there."))


@page.command("rotate")
def rotate(
    call: Call,
    webhook: Ref,
    overlap: Annotated[int, typer.Option("--overlap", metavar="HOURS", help="So long the old one signs too.")] = 24,
) -> None:
    """Makes a new secret, shown this one time; the old one signs beside it for a while."""
    answer = call.desk.post(f"{_path(webhook)}/rotate-secret", {"overlap_hours": overlap})
    call.answer(answer, lambda: _made(call, answer))


@page.command("delete")
def delete(call: Call, webhook: Ref) -> None:
    """Deletes a webhook, with its secret."""
    answer = call.desk.delete(_path(webhook))
    call.answer(answer, lambda: call.terminal.line(f"{webhook} is deleted."))


@events.command("events")
def pull(
    call: Call,
    after: Annotated[str, typer.Option("--after", metavar="CURSOR", help="What came after this cursor.")] = "",
    types: Annotated[str, typer.Option("--types", metavar="LIST", help="Only these, like message.sent,problem.*")] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="NUMBER", help="How many at most.")] = 100,
) -> None:
    """Pulls events, the oldest first, one a line; the last line has the cursor for the next time."""
    answer = call.desk.get("/v1/events", after=after, types=types, limit=limit)
    call.answer(answer, lambda: _events(call, answer))


def _path(webhook: str) -> str:
    return f"/v1/webhooks/{path_part(webhook)}"


def _list(call: Call, found: list[dict[str, Any]]) -> None:
    if not found:
        call.terminal.line(f"There is no webhook yet. `{me()} webhook add URL` makes one.")
        return
    rows = [(str(one.get("name")), _state(one), _types(one), str(one.get("url"))) for one in found]
    call.terminal.columns(("NAME", "STATE", "EVENTS", "URL"), rows)


def _deliveries(call: Call, found: list[dict[str, Any]]) -> None:
    if not found:
        call.terminal.line("Nothing has been delivered yet.")
        return
    rows = [
        (local(one.get("at")), str(one.get("type")), Cell(str(one.get("sentence")), "good" if one.get("ok") else "bad"))
        for one in found
    ]
    call.terminal.columns(("WHEN", "EVENT", "WHAT CAME"), rows)


def _state(one: dict[str, Any]) -> Cell:
    if one.get("state") == "paused":
        return Cell("paused", "bad" if one.get("paused_by") == "verdict" else "wait")
    if one.get("tries"):
        return Cell("failing", "bad")
    return Cell("behind", "wait") if one.get("behind") else Cell("up to date", "good")


def _types(one: dict[str, Any]) -> str:
    return ", ".join(one.get("types") or ()) or "all"


def _made(call: Call, one: dict[str, Any]) -> None:
    call.terminal.line(Cell(str(one.get("name")), "strong"), f"  {one.get('url')}  ", _state(one))
    if one.get("secret"):
        call.terminal.line("Its secret, shown only now:")
        call.terminal.line(Cell(f"  {one['secret']}", "strong"))
        call.terminal.line(f"Next: put it into your program, then `{me()} webhook test {one.get('name')}`.")


def _show(call: Call, one: dict[str, Any]) -> None:
    call.terminal.line(Cell(str(one.get("name")), "strong"), "  ", Cell(str(one.get("id")), "dim"))
    facts: list[tuple[str, Cell | str]] = [
        ("url", str(one.get("url"))),
        ("events", _types(one)),
        ("state", _state(one)),
        ("why", str(one.get("paused_reason") or one.get("fault") or "")),
        ("tries", str(one.get("tries") or "")),
        ("failing since", local(one.get("failing_since_at"))),
        ("next try", local(one.get("next_try_at"))),
        ("last answer", f"{one.get('status')} {local(one.get('answered_at'))}" if one.get("answered_at") else ""),
        ("cursor", str(one.get("after"))),
        ("secret", f"made {local(one.get('secret_set_at'))}" if one.get("has_secret") else "none"),
    ]
    call.terminal.facts(facts, indent="  ")


def _events(call: Call, answer: dict[str, Any]) -> None:
    for one in answer.get("events") or ():
        data = one.get("data") or {}
        about = " ".join(str(data[name]) for name in ("message_id", "to") if data.get(name))
        detail = json.dumps(data.get("detail"), ensure_ascii=False) if data.get("detail") else ""
        call.terminal.line(f"{local(one.get('timestamp'))}  {one.get('type')}  {about}  {detail}".rstrip())
    if answer.get("missed"):
        call.terminal.note("Some events after that cursor were so old that they are gone.")
    call.terminal.line(Cell(f"Next: --after {answer.get('next')}", "dim"))
