"""`postroom diagnosis …`: what an answer means, every explanation there is, and *apply* where a setting mends it.

The words come in the language of the terminal's locale (or POSTROOM_LANGUAGE), as far as Postroom knows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from postroom.cli import secret
from postroom.cli.command import Call
from postroom.cli.desk import path_part
from postroom.cli.sections import MAIL, Page
from postroom.cli.terminal import Cell, Terminal
from postroom.cli.times import local

__all__ = ["apply_words", "page"]

page = Page(MAIL, "diagnosis", "What servers' answers mean, and what to do about them.", tenant=True)
Answer = Annotated[str, typer.Argument(metavar="ANSWER", help="The answer, from its code on.", show_default=False)]
Id = Annotated[str, typer.Argument(metavar="DIAGNOSIS", help="Its word, like needs-starttls.", show_default=False)]
Phase = Annotated[str, typer.Option("--phase", metavar="WORD", help="Where it came: auth, mail, rcpt, dot …")]
Account = Annotated[str, typer.Option("--account", metavar="ACCOUNT", help="The account it came through.")]
Host = Annotated[str, typer.Option("--host", help="Or the server's name.")]
Greeting = Annotated[str, typer.Option("--greeting", help="How the server greets, if its name does not tell.")]


@page.command("explain")
def explain(
    call: Call, answer: Answer, phase: Phase = "", account: Account = "", host: Host = "", greeting: Greeting = ""
) -> None:
    """Explains a server's answer: what happened, whose trouble it is, what to do."""
    asked = {"answer": answer, "phase": phase, "account": account, "host": host, "greeting": greeting}
    found = call.desk.post("/v1/diagnoses/explain", {name: text for name, text in asked.items() if text})
    call.answer(found, lambda: _say(call.terminal, found))


@page.command("list")
def list_diagnoses(call: Call) -> None:
    """Lists every diagnosis."""
    found = call.desk.get("/v1/diagnoses")
    call.answer(found, lambda: _list(call.terminal, found.get("diagnoses", [])))


@page.command("show")
def show(call: Call, diagnosis: Id) -> None:
    """Shows one diagnosis, with the answers it is for."""
    found = call.desk.get(f"/v1/diagnoses/{path_part(diagnosis)}")
    call.answer(found, lambda: _say(call.terminal, found))


@page.command("unknown")
def unknown(call: Call) -> None:
    """Counts the answers that no diagnosis is made for yet."""
    found = call.desk.get("/v1/unknown-answers")
    call.answer(found, lambda: _unknown(call.terminal, found.get("answers", [])))


@page.command("apply")
def apply(
    call: Call,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its name or id.", show_default=False)],
    diagnosis: Id,
    password_stdin: secret.PasswordStdin = False,
    password_file: secret.PasswordFile = None,
) -> None:
    """Changes an account as a diagnosis says."""
    password = secret.given(password_stdin, password_file)
    body = {"diagnosis": diagnosis} | ({} if password is None else {"secret": password})
    found = call.desk.post(f"/v1/accounts/{path_part(account)}/apply", body)
    call.answer(found, lambda: _applied(call.terminal, found))


def apply_words(change: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in change.items())


def _say(terminal: Terminal, found: Mapping[str, Any]) -> None:
    terminal.line(Cell(str(found.get("title", "")), "strong"), Cell(f"  ({found.get('id')})", "dim"))
    for name in ("explanation", "remedy"):
        terminal.paragraph(str(found.get(name, "")), indent="  ")
    terminal.facts(
        [
            ("Concerns", str(found.get("scope") or "")),
            ("Done", str(found.get("action") or "")),
            ("Setting", str(found.get("field") or "")),
            ("Apply", apply_words(found.get("apply") or {})),
            ("Known from", f"{found.get('source')} ({found.get('as_of')})"),
        ],
        indent="  ",
    )


def _list(terminal: Terminal, diagnoses: Sequence[Mapping[str, Any]]) -> None:
    rows = [(str(one.get("id")), Cell(str(one.get("scope")), "dim"), str(one.get("title"))) for one in diagnoses]
    terminal.columns(("DIAGNOSIS", "CONCERNS", "IT SAYS"), rows)


def _unknown(terminal: Terminal, answers: Sequence[Mapping[str, Any]]) -> None:
    if not answers:
        terminal.line("Every answer so far was one that Postroom knows.")
        return
    rows = [
        (
            str(one.get("times")),
            str(one.get("family") or "(any)"),
            str(one.get("phase")),
            f"{one.get('code') or '-'} {one.get('enhanced') or ''}".strip(),
            str(one.get("diagnosis")),
            local(one.get("last_at")),
        )
        for one in answers
    ]
    terminal.columns(("TIMES", "SERVER", "PHASE", "CODE", "EXPLAINED AS", "LAST"), rows)


def _applied(terminal: Terminal, account: Mapping[str, Any]) -> None:
    terminal.line(f"Changed: {account.get('name')}.")
    if account.get("secret_dropped"):
        terminal.line(Cell("The password has to be typed again.", "wait"), " It was kept for the settings of before.")
