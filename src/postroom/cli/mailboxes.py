"""`postroom mailbox …`: the mailboxes that are read, where bounces, receipts and answers arrive."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from postroom.cli import secret
from postroom.cli.account_connect import Paste, Port, Stdin, connect_by, say_grant
from postroom.cli.command import Call
from postroom.cli.complaint import ExitCode, usage
from postroom.cli.desk import path_part
from postroom.cli.fields import MAILBOX, read, unset
from postroom.cli.sections import SETUP, Page
from postroom.cli.terminal import Cell
from postroom.cli.times import local
from postroom.cli.words import me

__all__ = ["page"]

page = Page(SETUP, "mailbox", "The mailboxes that bounces, receipts and answers are fetched from.", tenant=True)
Ref = Annotated[str, typer.Argument(metavar="MAILBOX", help="Its name or id.", show_default=False)]
MaybeRef = Annotated[
    str, typer.Argument(metavar="[MAILBOX]", help="Its name or id; none for values alone.", show_default=False)
]
Unset = Annotated[list[str] | None, typer.Option("--unset", metavar="NAME", help="Take a value back.")]
_HEALTH = {"off": "dim", "incomplete": "wait", "failing": "bad", "waiting": "wait", "reading": "good"}


@page.command("list")
def list_mailboxes(call: Call) -> None:
    """Lists the mailboxes, and how each stands."""
    answer = call.desk.get("/v1/mailboxes")
    call.answer(answer, lambda: _list(call, answer.get("mailboxes", [])))


@page.command("add", fields=MAILBOX)
def add(
    call: Call,
    values: dict[str, Any],
    password_stdin: secret.PasswordStdin = False,
    password_file: secret.PasswordFile = None,
) -> None:
    """Adds a mailbox. On a terminal it asks for the password."""
    if not values.get("host") or not values.get("user"):
        raise usage("Which mailbox? Give at least --host and --user; `postroom mailbox add --help` lists the rest.")
    typed = secret.given(password_stdin, password_file)
    if typed is None and not values.get("oauth2_provider") and not values.get("secret_reference"):
        if not call.terminal.interactive:
            raise usage("The mailbox is opened with a password: --password-stdin or --password-file.")
        typed = secret.ask(f"Password of {values['user']} (not shown): ")
    answer = call.desk.post("/v1/mailboxes", values | _secret(typed))
    call.answer(answer, lambda: _made(call, answer))


@page.command("edit", fields=MAILBOX)
def edit(
    call: Call,
    mailbox: Ref,
    values: dict[str, Any],
    unset_names: Unset = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a new password.")] = False,
    password_stdin: secret.PasswordStdin = False,
    password_file: secret.PasswordFile = None,
) -> None:
    """Changes a mailbox; what is not named stays. A new server or user needs the password again."""
    typed = secret.given(password_stdin, password_file)
    if password and typed is None:
        typed = secret.ask("New password (not shown): ")
    changes = values | unset(MAILBOX, unset_names) | _secret(typed)
    if not changes:
        raise usage("Say what to change; `postroom mailbox edit --help` lists everything.")
    answer = call.desk.patch(_path(mailbox), changes)
    call.answer(answer, lambda: _made(call, answer))


@page.command("show")
def show(call: Call, mailbox: Ref) -> None:
    """Shows everything about a mailbox and how it stands, but never its password."""
    answer = call.desk.get(_path(mailbox))
    call.answer(answer, lambda: _show(call, answer))


@page.command("test", fields=MAILBOX)
def try_out(
    call: Call,
    values: dict[str, Any],
    mailbox: MaybeRef = "",
    password_stdin: secret.PasswordStdin = False,
    password_file: secret.PasswordFile = None,
) -> None:
    """Opens a mailbox step by step, up to its folder, and changes nothing there.

    With options of `mailbox edit` it tries these values without saving them; then it needs the password, too.
    """
    typed = secret.given(password_stdin, password_file)
    body: dict[str, Any] = ({"values": values} if values else {}) | _secret(typed)
    if not mailbox and not values:
        raise usage("Which mailbox? Give its name, or values to try.")
    answer = call.desk.post(f"{_path(mailbox)}/test" if mailbox else "/v1/mailbox-tests", body)
    call.answer(answer, lambda: _tried(call, answer))
    if not answer.get("ok"):
        raise typer.Exit(ExitCode.REFUSED)


@page.command("connect")
def connect(call: Call, mailbox: Ref, port: Port = 0, paste: Paste = False, refresh_token_stdin: Stdin = False) -> None:
    """Connects a mailbox that is opened with OAuth2: prints the link for the consent, and waits for its end."""
    connect_by(call, _path(mailbox), mailbox, port, paste, refresh_token_stdin)


@page.command("grant")
def show_grant(call: Call, mailbox: Ref) -> None:
    """Shows how a mailbox's OAuth2 grant stands: since when, until when, and what is wrong with it."""
    answer = call.desk.get(f"{_path(mailbox)}/grant")
    call.answer(answer, lambda: say_grant(call, mailbox, answer, "mailbox"))


@page.command("disconnect")
def disconnect(call: Call, mailbox: Ref) -> None:
    """Deletes the tokens of a mailbox; it is not read from then on."""
    answer = call.desk.delete(f"{_path(mailbox)}/grant")
    call.answer(answer, lambda: call.terminal.line(f"{mailbox} is disconnected."))


@page.command("fetch")
def fetch(call: Call, mailbox: Ref) -> None:
    """Has a mailbox read now, without waiting for its turn."""
    answer = call.desk.post(f"{_path(mailbox)}/fetch")
    when = "the next time that Postroom runs" if call.desk.here else "within a moment"
    call.answer(answer, lambda: call.terminal.line(f"{answer.get('name')} is read {when}."))


@page.command("log")
def log(call: Call, mailbox: Ref) -> None:
    """Shows what happened to a mailbox, the newest line first."""
    answer = call.desk.get(f"{_path(mailbox)}/log")
    call.answer(answer, lambda: _log(call, answer.get("events", [])))


@page.command("delete")
def delete(call: Call, mailbox: Ref) -> None:
    """Deletes a mailbox, with its password. The mail that was taken in stays."""
    answer = call.desk.delete(_path(mailbox))
    call.answer(answer, lambda: call.terminal.line(f"{mailbox} is deleted."))


def _path(mailbox: str) -> str:
    return f"/v1/mailboxes/{path_part(mailbox)}"


def _secret(typed: str | None) -> dict[str, str]:
    return {} if typed is None else {"secret": typed}


def _state(one: dict[str, Any]) -> Cell:
    health = str(one.get("health"))
    return Cell(health, _HEALTH.get(health, ""))


def _list(call: Call, found: list[dict[str, Any]]) -> None:
    if not found:
        call.terminal.line(f"There is no mailbox yet. `{me()} mailbox add --host HOST --user USER` makes one.")
        return
    rows = [
        (
            str(one.get("name")),
            _state(one),
            f"{one.get('host')}:{one.get('port')}",
            str(one.get("folder")),
            str(one.get("taken")),
            local(one.get("looked_at")),
        )
        for one in found
    ]
    call.terminal.columns(("NAME", "STATE", "SERVER", "FOLDER", "TAKEN IN", "LAST READ"), rows)


def _made(call: Call, one: dict[str, Any]) -> None:
    terminal = call.terminal
    terminal.line(Cell(str(one.get("name")), "strong"), f"  {one.get('host')}:{one.get('port')}  ", _state(one))
    if one.get("secret_dropped"):
        again = f"`{me()} mailbox edit {one.get('name')} --password`"
        terminal.line(f"  The kept password was typed for another server: {again}.")
    else:
        _say_needs(call, one)


def _say_needs(call: Call, one: dict[str, Any]) -> None:
    for sentence in one.get("needs") or ():
        call.terminal.paragraph(str(sentence), indent="  ", style="wait")


def _show(call: Call, one: dict[str, Any]) -> None:
    terminal = call.terminal
    terminal.line(Cell(str(one.get("name")), "strong"), "  ", Cell(str(one.get("id")), "dim"))
    facts: list[tuple[str, Cell | str]] = [("state", _state(one))]
    facts += [(field.flag, _shown(read(one, field.name))) for field in MAILBOX if field.name != "name"]
    since = f"typed {local(one.get('secret_set_at'))} by {one.get('secret_set_by')}" if one.get("has_secret") else ""
    facts += [
        ("password", since),
        ("last read", local(one.get("looked_at"))),
        ("taken in", f"{one.get('taken')}, the last {local(one.get('taken_at'))}" if one.get("taken") else "0"),
        ("passed over", str(one.get("passed") or "")),
        ("new mail", "the server tells of it" if one.get("idles") else ""),
    ]
    terminal.facts(facts, indent="  ")
    _say_needs(call, one)
    say_wrong(call, one.get("wrong") or {}, since=local(one.get("trouble_at")))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return "" if value is None else str(value)


def say_wrong(call: Call, wrong: dict[str, Any], since: str = "") -> None:
    """What keeps a mailbox from being read, as the diagnosis tells it."""
    if not wrong.get("title"):
        return
    when = f" (since {since})" if since else ""
    call.terminal.paragraph(f"{wrong.get('title')}{when}", indent="  ", style="bad")
    for name in ("explanation", "remedy"):
        if wrong.get(name):
            call.terminal.paragraph(str(wrong[name]), indent="  ")
    if wrong.get("said"):
        call.terminal.paragraph(f"“{wrong['said']}”", indent="  ", style="dim")


def _tried(call: Call, trial: dict[str, Any]) -> None:
    for step in trial.get("steps") or ():
        mark = Cell("ok   ", "good") if step.get("ok") else Cell("fails", "bad")
        took = f" ({step.get('ms'):.0f} ms)" if step.get("ms") else ""
        call.terminal.line(mark, f"  {step.get('step')}: {step.get('words')}{took}")
    if trial.get("ok"):
        call.terminal.paragraph(str(trial.get("sentence")), style="good")
    say_wrong(call, (trial.get("wrong") or {}) | {"said": ""})
    for line in trial.get("lines") or ():
        call.terminal.line("  ", Cell(str(line), "dim"))


def _log(call: Call, events: list[dict[str, Any]]) -> None:
    if not events:
        call.terminal.line("Nothing happened yet.")
        return
    rows = [(local(one.get("at")), Cell(str(one.get("text")), "bad" if one.get("trouble") else "")) for one in events]
    call.terminal.columns(("WHEN", "WHAT"), rows)
