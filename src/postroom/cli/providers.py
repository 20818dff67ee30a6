"""`postroom provider …`: identity providers that people sign in by (OpenID Connect)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from postroom.cli import secret
from postroom.cli.command import Call
from postroom.cli.complaint import usage
from postroom.cli.desk import path_part
from postroom.cli.fields import Field
from postroom.cli.sections import SETUP, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local

__all__ = ["page"]

page = Page(SETUP, "provider", "Identity providers that people sign in by.", tenant=True)
PROVIDER = (
    Field("issuer", "issuer", "Exactly as the provider writes it.", metavar="URL"),
    Field("client_id", "client-id", "What the provider calls this Postroom.", metavar="ID"),
    Field("scopes", "scope", "Without it: openid, profile, email. May be given several times.", list, "SCOPE"),
    Field("email_domains", "email-domain", "Only verified addresses of this domain come in.", list, "DOMAIN"),
    Field("groups_claim", "groups-claim", "The claim that names groups; roles then follow from it.", metavar="CLAIM"),
    Field("roles", "group", "What a group may do; may be given several times.", list, "GROUP=ROLE"),
    Field("default_roles", "default-role", "A role for everybody who comes by it.", list, "ROLE"),
    Field("create_users", "create-users", "Whoever is not known yet becomes a user.", bool),
    Field("link_by_email", "link-by-email", "A verified e-mail address links to the user who has it.", bool),
    Field("enabled", "enabled", "Whether anybody may sign in by it.", bool),
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="What the button says.", show_default=False)]
Ref = Annotated[str, typer.Argument(metavar="PROVIDER", help="Its name or id.", show_default=False)]
Stdin = Annotated[bool, typer.Option("--secret-stdin", help="Read the client secret from standard input.")]


@page.command("list")
def list_providers(call: Call) -> None:
    """Lists the identity providers."""
    answer = call.desk.get("/v1/providers")
    call.answer(answer, lambda: _list(call, answer.get("providers", [])))


@page.command("add", fields=PROVIDER)
def add(call: Call, name: Name, values: dict[str, Any], secret_stdin: Stdin = False) -> None:
    """Adds an identity provider, and asks it what it says of itself."""
    answer = call.desk.post("/v1/providers", {"name": name, **values} | _secret(secret_stdin))
    checked = call.desk.post(f"/v1/providers/{path_part(answer['id'])}/check")
    call.answer(answer | {"check": checked}, lambda: _added(call, answer, checked))


@page.command("show")
def show(call: Call, provider: Ref) -> None:
    """Shows an identity provider, but never its client secret."""
    answer = call.desk.get(f"/v1/providers/{path_part(provider)}")
    call.answer(answer, lambda: _show(call, answer))


@page.command("edit", fields=PROVIDER)
def edit(
    call: Call,
    provider: Ref,
    values: dict[str, Any],
    name: Annotated[str, typer.Option("--name", help="What to call it from now on.")] = "",
    secret_stdin: Stdin = False,
) -> None:
    """Changes an identity provider. Another issuer or client id wants the secret again."""
    changes = values | ({"name": name} if name else {}) | _secret(secret_stdin)
    if not changes:
        raise usage("Say what to change; `postroom provider edit --help` lists everything.")
    answer = call.desk.patch(f"/v1/providers/{path_part(provider)}", changes)
    call.answer(answer, lambda: _show(call, answer))


@page.command("check")
def check(call: Call, provider: Ref) -> None:
    """Asks an identity provider what it says of itself, and for its keys."""
    answer = call.desk.post(f"/v1/providers/{path_part(provider)}/check")
    call.answer(answer, lambda: _checked(call, answer))


@page.command("delete")
def delete(call: Call, provider: Ref) -> None:
    """Deletes an identity provider. Its people stay users, and are signed out."""
    answer = call.desk.delete(f"/v1/providers/{path_part(provider)}")
    call.answer(answer, lambda: call.terminal.line(f"{provider} is gone."))


def _secret(from_stdin: bool) -> dict[str, str]:
    typed = secret.given(from_stdin, None)
    return {} if typed is None else {"client_secret": typed}


def _list(call: Call, found: list[dict[str, Any]]) -> None:
    rows = [
        (
            each.get("name", ""),
            each.get("issuer", ""),
            "may sign in" if each.get("enabled") else Cell("switched off", "wait"),
            each.get("id", ""),
        )
        for each in found
    ]
    call.terminal.columns(("NAME", "ISSUER", "PEOPLE", "ID"), rows)


def _show(call: Call, answer: dict[str, Any]) -> None:
    groups = answer.get("roles") or {}
    call.terminal.facts(
        [
            ("Name", answer.get("name", "")),
            ("Issuer", answer.get("issuer", "")),
            ("Client id", answer.get("client_id", "")),
            ("Client secret", local(answer.get("secret_set_at")) or "none"),
            ("Scopes", " ".join(answer.get("scopes", ()))),
            ("E-mail domains", ", ".join(answer.get("email_domains", ()))),
            ("Groups", answer.get("groups_claim", "")),
            ("Default roles", ", ".join(answer.get("default_roles", ()))),
            ("Makes users", "yes" if answer.get("create_users") else "no"),
            ("Links by e-mail", "yes" if answer.get("link_by_email") else "no"),
            ("People may sign in", "yes" if answer.get("enabled") else "no"),
        ]
    )
    if groups:
        call.terminal.heading("Roles")
        call.terminal.columns(("GROUP", "ROLES"), [(group, ", ".join(roles)) for group, roles in groups.items()])


def _added(call: Call, answer: dict[str, Any], checked: dict[str, Any]) -> None:
    _list(call, [answer])
    _checked(call, checked)


def _checked(call: Call, found: dict[str, Any]) -> None:
    if found.get("trouble"):
        call.terminal.paragraph(str(found["trouble"]), style="wait")
    else:
        call.terminal.line(f"It answers, and signs with {found.get('keys')} keys.")
    if found.get("return_address"):
        call.terminal.note(f"Tell it this redirect address: {found['return_address']}")
