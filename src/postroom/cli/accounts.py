"""`postroom account …`: the ways out, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from postroom.cli import secret
from postroom.cli.accounts_asking import ask_for_account, ask_for_client, ask_for_user
from postroom.cli.command import Call
from postroom.cli.complaint import usage
from postroom.cli.desk import path_part
from postroom.cli.discover import found_for, say_best
from postroom.cli.fields import ACCOUNT, as_body, read, unset
from postroom.cli.presets import fills_host, preset_named, say_presets
from postroom.cli.sections import SETUP, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local
from postroom.cli.words import me

__all__ = ["page"]

page = Page(SETUP, "account", "The SMTP accounts mail leaves through.", tenant=True)
Ref = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its name or id.", show_default=False)]
Unset = Annotated[
    list[str] | None, typer.Option("--unset", metavar="NAME", help="Take a value back, like --unset per-minute.")
]


@page.command("list")
def list_accounts(call: Call) -> None:
    """Lists the accounts."""
    answer = call.desk.get("/v1/accounts")
    call.answer(answer, lambda: _list(call, answer.get("accounts", [])))


@page.command("add", fields=ACCOUNT)
def add(
    call: Call,
    values: dict[str, Any],
    password_stdin: secret.PasswordStdin = False,
    password_file: secret.PasswordFile = None,
    default: Annotated[bool, typer.Option("--default", help="Make it the default account.")] = False,
    discovered: Annotated[
        str, typer.Option("--discover", metavar="ADDRESS", help="Find the server of this address and fill it in.")
    ] = "",
) -> None:
    """Adds an account. On a terminal it asks for what is missing."""
    password = secret.given(password_stdin, password_file)
    if discovered:
        found = found_for(call, discovered, values.get("connector_id", ""))
        values = {**say_best(call.terminal, found, by_password=password is not None), **values}
    preset = preset_named(call, values.get("preset", ""))
    if "host" not in values and not fills_host(values, preset):
        if not call.terminal.interactive:
            raise usage("Which server? Give at least --host; `postroom account add --help` lists the rest.")
        password = ask_for_account(call.terminal, values, password)
    elif _wants_password(values):
        password = _ask_for_login(call, values, preset, password)
    _ask_for_passphrase(call, values)
    answer = call.desk.post("/v1/accounts", as_body(values) | _secret(password))
    if default:
        answer = call.desk.post(f"/v1/accounts/{path_part(answer['id'])}/default")
    call.answer(answer, lambda: _added(call, answer))


def _wants_password(values: Mapping[str, Any]) -> bool:
    """Not with tokens, tickets or nothing; the secret of an OAuth2 application may be given, but many have none."""
    if values.get("login") in ("none", "oauth2") or values.get("oauth2_provider"):
        return False
    return bool(values.get("credential_source", "password") == "password")


def _ask_for_login(call: Call, values: dict[str, Any], preset: Mapping[str, Any], password: str | None) -> str | None:
    """The user name that the preset wants, and the password that belongs to a user name."""
    if preset and not preset.get("user") and "user" not in values:
        if not call.terminal.interactive:
            raise usage(f"{preset['name']} wants a user name: --user. It is {preset['user_words']}.")
        call.terminal.paragraph(str(preset["hint"]))
        values["user"] = ask_for_user(call.terminal, str(preset["user_words"]))
    user = values.get("user") or preset.get("user")
    if not user or password is not None or values.get("secret_reference"):
        return password
    if "login" not in values and preset.get("login") == "oauth2" and _by_token(call, values):
        return None
    if not call.terminal.interactive:
        raise usage("The account logs in, so it needs a password: --password-stdin or --password-file.")
    return secret.ask(f"Password of {user} (not shown): ")


def _by_token(call: Call, values: dict[str, Any]) -> bool:
    """Whether an application is there to log in with; who is not asked has typed no password, and is told of both."""
    if call.terminal.interactive and not any(name.startswith("oauth2_") for name in values):
        if client := ask_for_client(call.terminal):
            values["oauth2_client_id"] = client
        return bool(client)
    return True


@page.command("presets")
def list_presets(call: Call) -> None:
    """Lists the providers that --preset knows, with what they want."""
    answer = call.desk.get("/v1/presets")
    call.answer(answer, lambda: say_presets(call.terminal, answer.get("presets", [])))


@page.command("edit", fields=ACCOUNT)
def edit(
    call: Call,
    account: Ref,
    values: dict[str, Any],
    unset_names: Unset = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a new password.")] = False,
    password_stdin: secret.PasswordStdin = False,
    password_file: secret.PasswordFile = None,
) -> None:
    """Changes an account; what is not named stays. A new server or user needs the password again."""
    typed = secret.given(password_stdin, password_file)
    if password and typed is None:
        typed = secret.ask("New password (not shown): ")
    _ask_for_passphrase(call, values)
    changes = as_body(values | unset(ACCOUNT, unset_names)) | _secret(typed)
    if not changes:
        raise usage("Say what to change; `postroom account edit --help` lists everything.")
    answer = call.desk.patch(f"/v1/accounts/{path_part(account)}", changes)
    call.answer(answer, lambda: _changed(call, answer))


@page.command("show")
def show(call: Call, account: Ref) -> None:
    """Shows everything about an account, but never its password."""
    answer = call.desk.get(f"/v1/accounts/{path_part(account)}")
    call.answer(answer, lambda: _show(call, answer))


@page.command("default")
def default(
    call: Call,
    account: Ref,
    force: Annotated[bool, typer.Option("--force", help="Although no test message has left through it.")] = False,
) -> None:
    """Makes an account the default; waiting mail that followed the old one moves along."""
    answer = call.desk.post(f"/v1/accounts/{path_part(account)}/default", {"force": True} if force else None)
    call.answer(answer, lambda: call.terminal.line(f"{answer.get('name')} is the default account now."))


@page.command("pause")
def pause(
    call: Call, account: Ref, reason: Annotated[str, typer.Option("--reason", help="Why; shown with its mail.")] = ""
) -> None:
    """Stops an account; its mail is kept."""
    answer = call.desk.post(f"/v1/accounts/{path_part(account)}/pause", {"reason": reason} if reason else {})
    call.answer(answer, lambda: call.terminal.line(f"{answer.get('name')} is paused. Its mail is kept."))


@page.command("resume")
def resume(call: Call, account: Ref) -> None:
    """Lets a paused account go on; what was held for it goes back into the queue."""
    answer = call.desk.post(f"/v1/accounts/{path_part(account)}/resume")
    call.answer(answer, lambda: call.terminal.line(f"{answer.get('name')} goes on."))


@page.command("delete")
def delete(
    call: Call,
    account: Ref,
    move_to: Annotated[
        str, typer.Option("--move-to", metavar="ACCOUNT", help="Which takes over its mail, senders and being default.")
    ] = "",
) -> None:
    """Deletes an account and its password."""
    answer = call.desk.delete(f"/v1/accounts/{path_part(account)}", move_to=move_to)
    call.answer(answer, lambda: call.terminal.line(f"{account} is deleted."))


def _ask_for_passphrase(call: Call, values: dict[str, Any]) -> None:
    """A private key that is protected can't be used without what opens it."""
    if "client_key_passphrase" in values:
        values["client_key_passphrase"] = values["client_key_passphrase"].rstrip("\r\n")
    elif "ENCRYPTED" in values.get("client_key", "") and call.terminal.interactive:
        values["client_key_passphrase"] = secret.ask("Passphrase of the private key (not shown): ")


def _secret(password: str | None) -> dict[str, str]:
    return {} if password is None else {"secret": password}


def _list(call: Call, accounts: list[dict[str, Any]]) -> None:
    if not accounts:
        call.terminal.line(f"There is no account yet. `{me()} account add` makes one.")
        return
    rows = [
        (each.get("name", ""), _way(each), each.get("user", ""), _state(each), "default" if each.get("default") else "")
        for each in accounts
    ]
    call.terminal.columns(("NAME", "SERVER", "USER", "STATE", ""), rows)
    for each in accounts:
        for sentence in each.get("warnings") or ():
            call.terminal.paragraph(f"Warning: {each.get('name')}: {sentence}", style="bad")


def _way(account: Mapping[str, Any]) -> str:
    return f"{account.get('host')}:{account.get('port')} {account.get('encryption')}"


def _state(account: Mapping[str, Any]) -> Cell:
    if not account.get("enabled", True):
        return Cell("switched off", "dim")
    if account.get("state") == "paused":
        return Cell("paused", "wait")
    if account.get("needs"):
        return Cell("not complete", "wait")
    return Cell(str(account.get("state", "")), "good")


def _added(call: Call, account: dict[str, Any]) -> None:
    call.terminal.line(Cell(str(account.get("name")), "strong"), f"  {_way(account)}  ", _state(account))
    if account.get("default"):
        call.terminal.line("It is the default account.")
    say_remarks(call, account)
    call.terminal.line(f"Next: `{me()} account test {account.get('name')} --to you@example.org` sends a real message.")


def _changed(call: Call, account: dict[str, Any]) -> None:
    call.terminal.line(Cell(str(account.get("name")), "strong"), f"  {_way(account)}  ", _state(account))
    say_remarks(call, account)
    if account.get("secret_dropped"):
        call.terminal.line(f"`{me()} account edit {account.get('name')} --password` asks for it.")


def _show(call: Call, account: dict[str, Any]) -> None:
    terminal = call.terminal
    terminal.line(Cell(str(account.get("name")), "strong"), "  ", Cell(str(account.get("id")), "dim"))
    facts: list[tuple[str, Cell | str]] = [("State", _state(account))]
    if account.get("paused_reason"):
        facts.append(("Why", str(account["paused_reason"])))
    if account.get("resume_at"):
        facts.append(("Goes on", local(account["resume_at"])))
    facts.append(("Default", "yes" if account.get("default") else "no"))
    facts += _pace_facts(account)
    since = local(account.get("secret_set_at"))
    facts.append(("Password", f"typed {since}".strip() if account.get("has_secret") else "none"))
    filled = account.get("from_preset") or ()
    for field in ACCOUNT:
        value = read(account, field.name)
        if field.name == "credential_source" and account.get("login") != "kerberos":
            continue
        if value not in (None, "", False) and field.name != "name" and field.kind is not Path:
            if field.name == "connector_id":
                value = call.desk.get(f"/v1/connectors/{path_part(str(value))}").get("name")
            origin = "  (preset)" if field.name in filled else ""
            facts.append((field.flag, f"{'yes' if value is True else value}{origin}"))
    facts += _certificates(account.get("certificates") or {}, bool(account.get("has_client_key")))
    terminal.facts(facts, indent="  ")
    say_remarks(call, account)


def _pace_facts(account: Mapping[str, Any]) -> list[tuple[str, Cell | str]]:
    """What its server has taught, and since when it can't be reached."""
    facts: list[tuple[str, Cell | str]] = []
    slowed = account.get("slowed")
    if slowed:
        parts = [f"{slowed['per_minute']} a minute"] if slowed.get("per_minute") else []
        parts += [f"{slowed['connections']} connections"] if slowed.get("connections") else []
        words = f"{', '.join(parts)}, as before at {local(slowed.get('full_at'))}: {slowed.get('why')}"
        facts.append(("Slowed to", Cell(words, "wait")))
    if account.get("troubled_at"):
        facts.append(("Unreachable", Cell(f"since {local(account['troubled_at'])}", "bad")))
    return facts


def _certificates(found: Mapping[str, Any], has_key: bool) -> list[tuple[str, Cell | str]]:
    """The own CA, the trusted certificate and the client's, a line each."""
    facts: list[tuple[str, Cell | str]] = [("own CA", _said(one)) for one in found.get("authority") or ()]
    if found.get("trusted"):
        facts.append(("trusted", _said(found["trusted"])))
    for one in (found.get("client") or ())[:1]:
        facts.append(("client certificate", f"{_said(one)}{'' if has_key else ' (without its key)'}"))
    return facts


def _said(certificate: Mapping[str, Any]) -> str:
    until = local(certificate.get("not_after_at"))
    return f"{certificate.get('subject')}, until {until}, SHA-256 {str(certificate.get('fingerprint'))[:16]}…"


def say_remarks(call: Call, answer: Mapping[str, Any]) -> None:
    """What is missing before mail can leave, and what works but is unwise: in Postroom's own sentences."""
    for sentence in answer.get("needs") or ():
        call.terminal.paragraph(str(sentence), indent="  ", style="wait")
    for sentence in answer.get("warnings") or ():
        call.terminal.paragraph(f"Warning: {sentence}", indent="  ", style="bad")
