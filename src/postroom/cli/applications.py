"""`postroom app …` and `postroom key …`: who may hand mail over, and with which key."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import usage
from postroom.cli.desk import path_part
from postroom.cli.fields import Field, unset
from postroom.cli.sections import SETUP, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local, moment
from postroom.model.application import Scope

__all__ = ["keys", "page"]

page = Page(SETUP, "app", "The applications that hand mail over.", tenant=True)
keys = Page(SETUP, "key", "The keys of applications.", tenant=True)
Application = Annotated[str, typer.Argument(metavar="APP", help="The application's name or id.", show_default=False)]
APPLICATION = (
    Field("senders", "sender", "An address it may use, or *@example.com; several times.", list, "ADDRESS"),
    Field("kinds", "kind", "A kind of mail it may name; several times.", list, "WORD"),
    Field("per_minute", "per-minute", "At most so many messages a minute.", int),
)
Unset = Annotated[list[str] | None, typer.Option("--unset", metavar="NAME", help="Take a limit away.")]
_DEFAULT_SCOPES = (Scope.SEND, Scope.READ)
_SCOPES = ", ".join(scope.value for scope in Scope)


@page.command("list")
def list_applications(call: Call) -> None:
    """Lists the applications."""
    answer = call.desk.get("/v1/applications")
    call.answer(answer, lambda: _list(call, answer.get("applications", [])))


@page.command("add", fields=APPLICATION)
def add(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.", show_default=False)],
    values: dict[str, Any],
) -> None:
    """Adds an application. Without more words it may use all senders of its tenant."""
    answer = call.desk.post("/v1/applications", {"name": name, **values})
    call.answer(answer, lambda: _list(call, [answer]))


@page.command("edit", fields=APPLICATION)
def edit(
    call: Call,
    application: Application,
    values: dict[str, Any],
    unset_names: Unset = None,
    name: Annotated[str, typer.Option("--name", help="What to call it from now on.")] = "",
) -> None:
    """Changes what an application may use; what is not named stays."""
    changes = values | unset(APPLICATION, unset_names) | ({"name": name} if name else {})
    if not changes:
        raise usage("Say what to change; `postroom app edit --help` lists everything.")
    answer = call.desk.patch(f"/v1/applications/{path_part(application)}", changes)
    call.answer(answer, lambda: _list(call, [answer]))


@page.command("suspend")
def suspend(call: Call, application: Application) -> None:
    """Refuses an application's keys from now on; what was accepted still leaves."""
    _suspend(call, application, True)


@page.command("resume")
def resume(call: Call, application: Application) -> None:
    """Lets a suspended application's keys work again."""
    _suspend(call, application, False)


def _suspend(call: Call, application: str, suspended: bool) -> None:
    answer = call.desk.patch(f"/v1/applications/{path_part(application)}", {"suspended": suspended})
    call.answer(answer, lambda: _list(call, [answer]))


@keys.command("list")
def list_keys(call: Call) -> None:
    """Lists the keys by their beginning; a whole key is shown only when it is made."""
    answer = call.desk.get("/v1/keys")
    call.answer(answer, lambda: _list_keys(call, answer.get("keys", [])))


@keys.command("add")
def add_key(
    call: Call,
    application: Application,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help=f"What it may do; several times. One of {_SCOPES}.")
    ] = None,
    expires: Annotated[str, typer.Option("--expires", metavar="TIME", help="When it ends: 90d, 2027-01-01.")] = "",
) -> None:
    """Makes a key for an application, and shows it once. Without --scope it may send, and see what became of it."""
    body: dict[str, Any] = {"scopes": scope or [each.value for each in _DEFAULT_SCOPES]}
    if expires:
        body["expires_at"] = moment(expires, option="--expires")
    answer = call.desk.post(f"/v1/applications/{path_part(application)}/keys", body)
    call.answer(answer, lambda: _say_key(call, answer))


@keys.command("revoke")
def revoke(
    call: Call, key: Annotated[str, typer.Argument(metavar="KEY", help="Its id or its beginning.", show_default=False)]
) -> None:
    """Ends a key at once."""
    answer = call.desk.delete(f"/v1/keys/{path_part(key)}")
    call.answer(answer, lambda: call.terminal.line(f"{key} is revoked."))


def _list(call: Call, applications: list[dict[str, Any]]) -> None:
    rows = [
        (
            each.get("name", ""),
            each.get("id", ""),
            ", ".join(each.get("senders", ())) or "all senders",
            ", ".join(each.get("kinds", ())) or "all kinds",
            str(each.get("per_minute") or "no limit"),
            Cell("suspended", "wait") if each.get("suspended") else "",
        )
        for each in applications
    ]
    call.terminal.columns(("NAME", "ID", "SENDERS", "KINDS", "A MINUTE", ""), rows)


def _list_keys(call: Call, found: list[dict[str, Any]]) -> None:
    rows = [
        (
            each.get("id", ""),
            f"pr_{each.get('prefix', '')}_…",
            each.get("application", ""),
            Cell("revoked", "dim") if each.get("revoked_at") else local(each.get("expires_at")) or "no end",
            local(each.get("last_used_at")) or "never used",
            ", ".join(each.get("scopes", ())),
        )
        for each in found
    ]
    call.terminal.columns(("ID", "BEGINS", "APPLICATION", "ENDS", "LAST USED", "SCOPES"), rows)


def _say_key(call: Call, answer: dict[str, Any]) -> None:
    call.terminal.line(Cell(str(answer.get("key", "")), "strong"))
    call.terminal.note("It is shown only now. Keep it where the application keeps its other secrets.")
