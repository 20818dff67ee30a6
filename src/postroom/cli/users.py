"""`postroom user …` and `postroom role …`: who may sign in, and what he may do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

import typer

from postroom.cli import secret
from postroom.cli.command import Call
from postroom.cli.complaint import CommandError, usage
from postroom.cli.desk import path_part
from postroom.cli.fields import Field
from postroom.cli.sections import SETUP, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local
from postroom.policy.rights import READY

__all__ = ["page", "roles"]

page = Page(SETUP, "user", "The people who may sign in.", tenant=True)
roles = Page(SETUP, "role", "Named sets of rights for users.", tenant=True)
USER = (
    Field("name", "name", "What he is called."),
    Field("email", "email", "Where links to choose a password go.", metavar="ADDRESS"),
    Field("roles", "role", "A role, by name or id; may be given several times.", list, "ROLE"),
)
ROLE = (Field("scopes", "scope", "A right; may be given several times.", list, "SCOPE"),)
Login = Annotated[str, typer.Argument(metavar="LOGIN", help="A word or an e-mail address.", show_default=False)]
Ref = Annotated[str, typer.Argument(metavar="USER", help="His login or id.", show_default=False)]
Role = Annotated[str, typer.Argument(metavar="ROLE", help="Its name or id.", show_default=False)]
Show = Annotated[bool, typer.Option("--show-link", help="Show the link here instead of sending it.")]


@page.command("list")
def list_users(call: Call) -> None:
    """Lists the users."""
    answer = call.desk.get("/v1/users")
    call.answer(answer, lambda: _list(call, answer.get("users", [])))


@page.command("add", fields=USER)
def add(
    call: Call,
    login: Login,
    values: dict[str, Any],
    show_link: Show = False,
    password_stdin: secret.PasswordStdin = False,
    password_file: secret.PasswordFile = None,
) -> None:
    """Adds a user, and sends him a link to choose a password. With a password given here, that is his at once."""
    password = secret.given(password_stdin, password_file)
    mail = password is None and not show_link
    answer = call.desk.post("/v1/users", {"login": login, **values, "mail": mail})
    if password is not None:
        _choose(call, answer, password)
    call.answer(answer, lambda: _say_invited(call, answer))


@page.command("show")
def show(call: Call, user: Ref) -> None:
    """Shows a user, his passkeys, and where he is signed in."""
    path = f"/v1/users/{path_part(user)}"
    answer = call.desk.get(path)
    sessions = call.desk.get(f"{path}/sessions").get("sessions", [])
    keys = call.desk.get(f"{path}/passkeys").get("passkeys", [])
    call.answer(answer | {"sessions": sessions, "passkeys": keys}, lambda: _show(call, answer, sessions, keys))


@page.command("edit", fields=USER)
def edit(
    call: Call,
    user: Ref,
    values: dict[str, Any],
    login: Annotated[str, typer.Option("--login", help="What he signs in with from now on.")] = "",
) -> None:
    """Changes a user; what is not named stays. Other roles end his sessions."""
    changes = values | ({"login": login} if login else {})
    if not changes:
        raise usage("Say what to change; `postroom user edit --help` lists everything.")
    answer = call.desk.patch(f"/v1/users/{path_part(user)}", changes)
    call.answer(answer, lambda: _list(call, [answer]))


@page.command("invite")
def invite(
    call: Call,
    user: Ref,
    show_link: Show = False,
    password_stdin: secret.PasswordStdin = False,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="Read the password from a file.")
    ] = None,
) -> None:
    """Sends a user a new link to choose a password. With a password given here, that is his at once."""
    password = secret.given(password_stdin, password_file)
    mail = password is None and not show_link
    answer = call.desk.post(f"/v1/users/{path_part(user)}/invite", {"mail": mail})
    if password is not None:
        _choose(call, answer, password)
    call.answer(answer, lambda: _say_invited(call, answer))


@page.command("deactivate")
def deactivate(call: Call, user: Ref) -> None:
    """Signs a user out everywhere, and lets him in no more."""
    _set_deactivated(call, user, True)


@page.command("reactivate")
def reactivate(call: Call, user: Ref) -> None:
    """Lets a deactivated user in again."""
    _set_deactivated(call, user, False)


@page.command("delete")
def delete(call: Call, user: Ref) -> None:
    """Deletes a user. What he did stays in the audit trail."""
    answer = call.desk.delete(f"/v1/users/{path_part(user)}")
    call.answer(answer, lambda: call.terminal.line(f"{user} is gone."))


@page.command("sign-out")
def sign_out(call: Call, user: Ref) -> None:
    """Ends all sessions of a user."""
    answer = call.desk.delete(f"/v1/users/{path_part(user)}/sessions")
    call.answer(answer, lambda: call.terminal.line(f"{answer.get('ended', 0)} sessions have ended."))


@page.command("remove-second-factor")
def remove_second_factor(call: Call, user: Ref) -> None:
    """For somebody who lost his telephone: signing in asks for the password alone again. Passkeys go as well."""
    answer = call.desk.post(f"/v1/users/{path_part(user)}/remove-second-factor")
    call.answer(answer, lambda: _list(call, [answer]))


@page.command("remove-passkey")
def remove_passkey(
    call: Call,
    user: Ref,
    passkey: Annotated[str, typer.Argument(metavar="PASSKEY", help="Its id; `show` tells it.", show_default=False)],
) -> None:
    """For somebody who lost a key: it opens nothing any more, and his sessions end."""
    answer = call.desk.delete(f"/v1/users/{path_part(user)}/passkeys/{path_part(passkey)}")
    call.answer(answer, lambda: call.terminal.line("The passkey opens nothing any more."))


def _set_deactivated(call: Call, user: str, off: bool) -> None:
    answer = call.desk.patch(f"/v1/users/{path_part(user)}", {"deactivated": off})
    call.answer(answer, lambda: _list(call, [answer]))


def _choose(call: Call, answer: dict[str, Any], password: str) -> None:
    """Uses the link that was just made, so that nobody else can."""
    token = parse_qs(urlsplit(answer.pop("link") or "").query).get("token", [""])[0]
    tenant, call.desk.tenant = call.desk.tenant, ""  # the link says whose it is
    try:
        call.desk.post("/v1/passwords", {"token": token, "password": password})
    except CommandError as error:
        login = answer.get("login", "")
        error.hint = f"The user is there. Give another password: `postroom user invite {login} --password-stdin`."
        raise
    finally:
        call.desk.tenant = tenant
    answer |= {"link": None, "has_password": True}


def _say_invited(call: Call, answer: dict[str, Any]) -> None:
    _list(call, [answer])
    if answer.get("mailed"):
        call.terminal.line(f"A link to choose a password is on its way to {answer.get('email')}.")
        if answer.get("fallback"):
            call.terminal.note(f"It left through the installation's default mailbox. {answer['fallback']}")
    elif answer.get("link"):
        call.terminal.line(Cell(str(answer["link"]), "strong"))
        call.terminal.note(f"It is shown only now, and is good once, until {local(answer.get('link_expires_at'))}.")


def _role_names(call: Call, users: list[dict[str, Any]]) -> dict[str, str]:
    """What people call the roles of these users: a tenant's own ones stand there by their ids."""
    if all(word in READY for user in users for word in user.get("roles", ())):
        return {}
    found = call.desk.get("/v1/roles").get("roles", [])
    return {str(each["id"]): str(each.get("name", "")) for each in found if each.get("id")}


def _roles_of(user: dict[str, Any], names: dict[str, str]) -> str:
    return ", ".join(names.get(word, word) for word in user.get("roles", ()))


def _list(call: Call, users: list[dict[str, Any]]) -> None:
    names = _role_names(call, users)
    rows = [
        (
            each.get("login", ""),
            each.get("name", ""),
            _roles_of(each, names),
            Cell("deactivated", "wait")
            if each.get("deactivated_at")
            else local(each.get("signed_in_at")) or "never signed in",
            each.get("id", ""),
        )
        for each in users
    ]
    call.terminal.columns(("LOGIN", "NAME", "ROLES", "LAST SEEN", "ID"), rows)


def _show(call: Call, user: dict[str, Any], sessions: list[dict[str, Any]], keys: list[dict[str, Any]]) -> None:
    call.terminal.facts(
        [
            ("Login", user.get("login", "")),
            ("Name", user.get("name", "")),
            ("E-mail", user.get("email", "")),
            ("Roles", _roles_of(user, _role_names(call, [user]))),
            ("Password", local(user.get("password_set_at")) or "not chosen yet"),
            ("Authenticator app", "yes" if user.get("second_factor") else "no"),
            ("Deactivated", local(user.get("deactivated_at")) or ""),
        ]
    )
    if keys:
        call.terminal.heading("Passkeys")
        shown = [(each.get("name", ""), local(each.get("used_at")) or "never", each.get("id", "")) for each in keys]
        call.terminal.columns(("NAME", "LAST USED", "ID"), shown)
    if sessions:
        call.terminal.heading("Signed in")
        rows = [(local(each.get("seen_at")), each.get("address", ""), each.get("agent", "")) for each in sessions]
        call.terminal.columns(("LAST USED", "FROM", "WITH"), rows)


# -- roles ------------------------------------------------------------------------------------------------------------


@roles.command("list")
def list_roles(call: Call) -> None:
    """Lists the roles and their rights."""
    answer = call.desk.get("/v1/roles")
    call.answer(answer, lambda: _list_roles(call, answer.get("roles", [])))


@roles.command("add", fields=ROLE)
def add_role(call: Call, role: Role, values: dict[str, Any]) -> None:
    """Adds a role."""
    answer = call.desk.post("/v1/roles", {"name": role, **values})
    call.answer(answer, lambda: _list_roles(call, [answer]))


@roles.command("edit", fields=ROLE)
def edit_role(
    call: Call,
    role: Role,
    values: dict[str, Any],
    name: Annotated[str, typer.Option("--name", help="What to call it from now on.")] = "",
) -> None:
    """Changes a role. Whoever has it has to sign in again."""
    changes = values | ({"name": name} if name else {})
    if not changes:
        raise usage("Say what to change: --name, --scope.")
    answer = call.desk.patch(f"/v1/roles/{path_part(role)}", changes)
    call.answer(answer, lambda: _list_roles(call, [answer]))


@roles.command("delete")
def delete_role(call: Call, role: Role) -> None:
    """Deletes a role that nobody has."""
    answer = call.desk.delete(f"/v1/roles/{path_part(role)}")
    call.answer(answer, lambda: call.terminal.line(f"{role} is gone."))


def _list_roles(call: Call, found: list[dict[str, Any]]) -> None:
    rows = [(each.get("name", ""), ", ".join(each.get("scopes", ())), each.get("sentence", "")) for each in found]
    call.terminal.columns(("NAME", "MAY", ""), rows)
