"""`postroom tenant …`: tenants, and what is set for each of them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import usage
from postroom.cli.desk import path_part
from postroom.cli.fields import TENANT, unset
from postroom.cli.sections import SETUP, Page
from postroom.cli.setup import say_settings
from postroom.cli.terminal import Cell

__all__ = ["page"]

page = Page(SETUP, "tenant", "Tenants: parts of the installation that see nothing of each other.")
Ref = Annotated[str, typer.Argument(metavar="TENANT", help="Its name or id.", show_default=False)]
Unset = Annotated[list[str] | None, typer.Option("--unset", metavar="NAME", help="Take a value back: inherit it.")]


@page.command("list")
def list_tenants(call: Call) -> None:
    """Lists the tenants."""
    answer = call.desk.get("/v1/tenants")
    call.answer(answer, lambda: _list(call, answer.get("tenants", [])))


@page.command("add")
def add(
    call: Call, name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.", show_default=False)]
) -> None:
    """Adds a tenant. It inherits everything; `app add` and `key add`, with --tenant, give it its first key."""
    answer = call.desk.post("/v1/tenants", {"name": name})
    call.answer(answer, lambda: _list(call, [answer]))


@page.command("show")
def show(call: Call, tenant: Ref) -> None:
    """Shows a tenant's settings, and where each value comes from."""
    answer = call.desk.get(f"/v1/tenants/{path_part(tenant)}")
    call.answer(answer, lambda: say_settings(call, answer))


@page.command("edit", fields=TENANT)
def edit(
    call: Call,
    tenant: Ref,
    values: dict[str, Any],
    unset_names: Unset = None,
    suspended: Annotated[
        bool | None, typer.Option("--suspend/--unsuspend", help="Take nothing in from it any more.")
    ] = None,
) -> None:
    """Changes a tenant's settings; what is not named stays."""
    changes = values | unset(TENANT, unset_names)
    if suspended is not None:
        changes["suspended"] = suspended
    if not changes:
        raise usage("Say what to change; `postroom tenant edit --help` lists everything.")
    answer = call.desk.patch(f"/v1/tenants/{path_part(tenant)}", changes)
    call.answer(answer, lambda: say_settings(call, answer))


@page.command("suspend")
def suspend(call: Call, tenant: Ref) -> None:
    """Takes nothing in from a tenant any more, and holds what waits."""
    answer = call.desk.patch(f"/v1/tenants/{path_part(tenant)}", {"suspended": True})
    call.answer(answer, lambda: call.terminal.line(f"{answer.get('name')} is suspended. Its mail is kept."))


@page.command("resume")
def resume(call: Call, tenant: Ref) -> None:
    """Ends a suspension; what was held for it goes back into the queue."""
    answer = call.desk.patch(f"/v1/tenants/{path_part(tenant)}", {"suspended": False})
    call.answer(answer, lambda: call.terminal.line(f"{answer.get('name')} goes on."))


@page.command("delete")
def delete(
    call: Call,
    tenant: Ref,
    confirm: Annotated[str, typer.Option("--confirm", metavar="NAME", help="Its name, to be sure.")] = "",
    waiting: Annotated[
        str, typer.Option("--waiting", metavar="cancel|send-first", help="What becomes of mail that has not left.")
    ] = "",
    content: Annotated[
        str, typer.Option("--content", metavar="keep|delete", help="The log: kept as retention says, or deleted now.")
    ] = "keep",
) -> None:
    """Deletes a tenant with everything it has. On a terminal it asks for the name again."""
    if not confirm and call.terminal.interactive:
        name = call.desk.get(f"/v1/tenants/{path_part(tenant)}").get("name")
        confirm = typer.prompt(f"This takes away everything {name} has. Type its name to confirm")
    path = f"/v1/tenants/{path_part(tenant)}"
    answer = call.desk.delete(path, confirm=confirm, waiting=waiting, content=content)
    call.answer(answer, lambda: _deleted(call, tenant, answer))


def _deleted(call: Call, tenant: str, answer: dict[str, Any]) -> None:
    if answer.get("cancelled"):
        call.terminal.line(f"{answer['cancelled']} recipients' mail was taken back.")
    if answer.get("done"):
        call.terminal.line(f"{tenant} is deleted, and {answer.get('messages', 0)} messages of its log.")
        return
    left = ", ".join(f"{count} {name}" for name, count in (answer.get("remaining") or {}).items() if count)
    call.terminal.line(f"Not yet: {left}. Give the same command again later.")


def _list(call: Call, tenants: list[dict[str, Any]]) -> None:
    rows = [
        (each.get("name", ""), each.get("id", ""), Cell("suspended", "wait") if each.get("suspended") else "")
        for each in tenants
    ]
    call.terminal.columns(("NAME", "ID", ""), rows)
