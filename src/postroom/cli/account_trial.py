"""`postroom account test`: a real message through one account, and every step of it in plain words."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from postroom.cli.accounts import page
from postroom.cli.command import Call
from postroom.cli.complaint import ExitCode, usage
from postroom.cli.desk import path_part
from postroom.cli.show import say_message
from postroom.cli.terminal import Cell
from postroom.cli.words import me

__all__ = ["page"]

MaybeRef = Annotated[
    str, typer.Argument(metavar="[ACCOUNT]", help="Its name or id; else the default one.", show_default=False)
]
To = Annotated[str, typer.Option("--to", metavar="ADDRESS", help="Who gets the test message.")]
Subject = Annotated[str, typer.Option("--subject", help="Its subject.")]
Text = Annotated[str, typer.Option("--text", help="Its text.")]


@page.command("test", tenant=False)
def try_account(call: Call, account: MaybeRef = "", to: To = "", subject: Subject = "", text: Text = "") -> None:
    """Sends a real message through an account, whatever the mode, and shows every step."""
    call.delivers = True
    name = account or _default(call)
    if not to:
        if not call.terminal.interactive:
            raise usage("Who is to get the test message? Give --to.")
        to = typer.prompt("Send the test message to")
    body = {key: value for key, value in (("to", to), ("subject", subject), ("text", text)) if value}
    if not call.as_json:
        call.terminal.note(f"Sending through {name} …")
    if call.desk.here:
        call.terminal.note("No Postroom runs at the moment, so this command delivers, for as long as the test lasts.")
    receipt = call.desk.post(f"/v1/accounts/{path_part(name)}/test", body)
    path = f"/v1/messages/{path_part(str(receipt.get('id', '')))}"
    found, timeline = call.desk.get(path), call.desk.get(f"{path}/timeline")
    call.answer(found | {"timeline": timeline}, lambda: _say(call, name, found, timeline))
    if {each.get("state") for each in found.get("recipients", ())} != {"sent"}:
        raise typer.Exit(ExitCode.REFUSED)


def _default(call: Call) -> str:
    accounts = call.desk.get("/v1/accounts").get("accounts", [])
    chosen = [each for each in accounts if each.get("default")] or (accounts if len(accounts) == 1 else [])
    if not chosen:
        raise usage(
            "Which account? There is no default one." if accounts else "There is no account yet.",
            hint=f"`{me()} account list` names them." if accounts else f"`{me()} account add` makes one.",
        )
    return str(chosen[0].get("name"))


def _say(call: Call, name: str, found: dict[str, Any], timeline: dict[str, Any]) -> None:
    terminal = call.terminal
    say_message(terminal, found, timeline, True)
    terminal.line()
    states = {each.get("state") for each in found.get("recipients", ())}
    if states == {"sent"}:
        terminal.line(Cell("It works.", "good"), f" The server took the message; look whether it arrives. ({name})")
    else:
        terminal.line(Cell("It did not go.", "bad"), " What to mend stands above, with the recipient.")
