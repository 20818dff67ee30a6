"""`postroom account test`: an account tested step by step, each told as it happens, with a real message at its end.

It asks for the reports that are newer than those it has, and waits for them, so that it works alike with a Postroom
that runs and with one that is started for this command.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from postroom.cli import secret
from postroom.cli.accounts import page
from postroom.cli.command import Call
from postroom.cli.complaint import ExitCode, usage
from postroom.cli.desk import path_part
from postroom.cli.diagnoses import apply_words
from postroom.cli.fields import ACCOUNT, as_body
from postroom.cli.terminal import Cell, Terminal
from postroom.cli.times import local
from postroom.cli.words import me

__all__ = ["page"]

MaybeRef = Annotated[
    str, typer.Argument(metavar="[ACCOUNT]", help="Its name or id; else the default one.", show_default=False)
]
To = Annotated[str, typer.Option("--to", metavar="ADDRESS", help="Who gets the test message.")]
Subject = Annotated[str, typer.Option("--subject", help="Its subject.")]
Text = Annotated[str, typer.Option("--text", help="Its text.")]
Id = Annotated[str, typer.Argument(metavar="[TEST]", help="Its id, like e_…; else the last one.", show_default=False)]
OfAccount = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="Its name or id; else the default one.", show_default=False)
]
_WAIT_SECONDS = 20
_STYLES = {"passed": "good", "failed": "bad", "waiting": "wait", "not-tested": "wait", "not-needed": "dim"}
_WORDS = {"passed": "passed", "failed": "FAILED", "waiting": "waits", "not-tested": "not tested", "not-needed": "-"}


@page.command("test", fields=ACCOUNT, tenant=False)
def try_account(
    call: Call,
    values: dict[str, Any],
    account: MaybeRef = "",
    to: To = "",
    subject: Subject = "",
    text: Text = "",
    password_stdin: secret.PasswordStdin = False,
    password_file: secret.PasswordFile = None,
) -> None:
    """Tests an account step by step, up to a real message, whatever the mode.

    With options of `account edit` it tests these values without saving them; then it needs the password, too.
    """
    call.delivers = True
    name = account or _default(call)
    if not to:
        to = _asked_for(call, name)
    typed = secret.given(password_stdin, password_file)
    given = (("to", to), ("subject", subject), ("text", text))
    body: dict[str, Any] = {key: value for key, value in given if value}
    if values:
        body["values"] = as_body(values)
    if typed is not None:
        body["secret"] = typed
    if call.desk.here and not call.as_json:
        call.terminal.note("No Postroom runs at the moment, so this command delivers, for as long as the test lasts.")
    test = call.desk.post(f"/v1/accounts/{path_part(name)}/tests", body)
    if not call.as_json:
        call.terminal.note(f"Testing {name} …")
    _follow(call, test)


@page.command("tested")
def show_test(call: Call, account: OfAccount, wanted: Id = "") -> None:
    """Shows what a test of the last two weeks found; without its id the last one."""
    if not wanted:
        found = call.desk.get(f"/v1/accounts/{path_part(account)}/tests").get("tests") or ()
        if not found:
            raise usage(f"{account} was not tested in the last days.", hint=f"`{me()} account test {account}` does it.")
        wanted = str(found[0].get("id"))
    shown = call.desk.get(f"/v1/tests/{path_part(wanted)}")
    call.answer(shown, lambda: _say_all(call.terminal, shown))


def _asked_for(call: Call, name: str) -> str:
    if not call.terminal.interactive:
        raise usage("Who is to get the test message? Give --to.")
    filled = {} if name == "native" else call.desk.get(f"/v1/accounts/{path_part(name)}/tests").get("prefilled") or {}
    return str(typer.prompt("Send the test message to", default=filled.get("to") or None))


def _default(call: Call) -> str:
    accounts = call.desk.get("/v1/accounts").get("accounts", [])
    chosen = [each for each in accounts if each.get("default")] or (accounts if len(accounts) == 1 else [])
    if not chosen:
        raise usage(
            "Which account? There is no default one." if accounts else "There is no account yet.",
            hint=f"`{me()} account list` names them." if accounts else f"`{me()} account add` makes one.",
        )
    return str(chosen[0].get("name"))


def _follow(call: Call, test: dict[str, Any]) -> None:
    """Tells every report as it comes, then how it ended. Ends with an exit code."""
    path, after = f"/v1/tests/{path_part(str(test.get('id', '')))}", 0
    while True:
        news = call.desk.get(f"{path}/events", after=after, wait=_WAIT_SECONDS)
        for step in news.get("steps") or ():
            after = int(step.get("n", after))
            if not call.as_json:
                _say_step(call.terminal, step, str(news.get("account")))
        if news.get("state") != "running" and not news.get("steps"):
            break
    whole = call.desk.get(path)
    call.answer(whole, lambda: _say_end(call.terminal, whole))
    if whole.get("state") != "passed":
        raise typer.Exit(ExitCode.REFUSED)


def _say_all(terminal: Terminal, test: Mapping[str, Any]) -> None:
    terminal.line(
        Cell(str(test.get("account")), "strong"), f"  {test.get('host')}:{test.get('port')}  ",
        Cell(f"tested {local(test.get('started_at'))} by {test.get('by')}, to {test.get('to')}", "dim"),
    )  # fmt: skip
    latest = {step.get("step"): step for step in test.get("steps") or ()}
    for step in latest.values():
        _say_step(terminal, step, str(test.get("account")))
    _say_end(terminal, test)


def _say_step(terminal: Terminal, step: Mapping[str, Any], account: str) -> None:
    finding = str(step.get("finding"))
    took = f"  ({step.get('ms')} ms)" if finding in ("passed", "failed") else ""
    terminal.line(
        "  ", Cell(_WORDS.get(finding, finding).ljust(12), _STYLES.get(finding, "")),
        Cell(str(step.get("name", "")).ljust(12), "strong"), Cell(took.strip(), "dim"),
    )  # fmt: skip
    inner = " " * 14
    if step.get("sentence"):
        terminal.paragraph(str(step["sentence"]), indent=inner)
    if finding != "passed" and step.get("said"):
        said = f"“{step['said']}”" if step.get("answered") else f"({step['said']})"
        terminal.paragraph(said, indent=inner, style="dim")
    _say_diagnosis(terminal, step.get("diagnosis") or {}, account, inner)
    for line in step.get("lines") or ():
        terminal.line(inner, Cell(str(line), "dim"))


def _say_diagnosis(terminal: Terminal, diagnosis: Mapping[str, Any], account: str, inner: str) -> None:
    for name, style in (("title", "bad"), ("explanation", ""), ("remedy", "")):
        if diagnosis.get(name):
            terminal.paragraph(str(diagnosis[name]), indent=inner, style=style)
    if diagnosis.get("field"):
        terminal.line(inner, Cell(f"Look at {diagnosis['field']}. ({diagnosis.get('id')})", "dim"))
    if diagnosis.get("apply"):
        command = f"diagnosis apply {shlex.quote(account)} {diagnosis.get('id')}"
        terminal.paragraph(f"`{me()} {command}` sets {apply_words(diagnosis['apply'])}.", indent=inner)


def _say_end(terminal: Terminal, test: Mapping[str, Any]) -> None:
    terminal.line()
    state, where = test.get("state"), f"{test.get('account')}; test {test.get('id')}"
    message = f" The message is {test['message_id']}." if test.get("message_id") else ""
    match state:
        case "passed":
            there = any(
                one.get("step") == "arrived" and one.get("finding") == "passed" for one in test.get("steps") or ()
            )
            words = "The message has arrived." if there else "The server took the message; look whether it arrives."
            terminal.line(Cell("It works.", "good"), f" {words} ({where})")
        case "failed":
            terminal.line(Cell("It did not go.", "bad"), f" What to mend stands above.{message} ({where})")
        case "running":
            terminal.line(Cell("It is still running.", "wait"), f" ({where})")
        case _:
            words = " Nothing failed, but the message was not taken: see what was not tested, and why."
            terminal.line(Cell("It was not tested to the end.", "wait"), f"{words}{message} ({where})")
