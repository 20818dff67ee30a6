"""`postroom mode`, `sending`, `settings` and `explain`: what holds for all mail, and which way a message would go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.complaint import usage
from postroom.cli.fields import MESSAGE, read
from postroom.cli.sections import SETUP, Page
from postroom.cli.terminal import Cell
from postroom.cli.words import MODES, SENDING, me
from postroom.model.tenant import Mode

__all__ = ["page", "say_settings"]

page = Page(SETUP, tenant=True)
_STEP_WIDTH = 16
ModeWord = Annotated[
    str, typer.Argument(metavar="[disabled|silent|native|smtp]", help="The new mode.", show_default=False)
]
SendingWord = Annotated[str, typer.Argument(metavar="[instantly|background]", help="The new way.", show_default=False)]
Pairs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME=VALUE]...", help="Values to set; NAME= inherits.", show_default=False),
]


@page.command("mode")
def mode(
    call: Call,
    word: ModeWord = "",
) -> None:
    """Shows or sets what becomes of mail."""
    _one(call, "mode", word, MODES)


@page.command("sending")
def sending(
    call: Call,
    word: SendingWord = "",
) -> None:
    """Shows or sets whether a call waits for the delivery."""
    _one(call, "sending", word, SENDING)


@page.command("settings")
def settings(call: Call, pairs: Pairs = None) -> None:
    """Shows what holds for all mail, and where it comes from; or sets it: settings log_days=90 footer_text=…"""
    words = [word for word in pairs or () if word not in ("show", "set")]
    if not words:
        answer = call.desk.get("/v1/settings")
    else:
        answer = call.desk.patch("/v1/settings", dict(_pair(pair) for pair in words))
    call.answer(answer, lambda: say_settings(call, answer))


@page.command("explain", fields=MESSAGE)
def explain(call: Call, values: dict[str, Any]) -> None:
    """Says which way a made-up message would go, and why; nothing is sent."""
    answer = call.desk.post("/v1/explain", values)
    call.answer(answer, lambda: _explain(call, answer.get("explanations", [])))


def _one(call: Call, name: str, word: str, words: Mapping[str, str]) -> None:
    answer = call.desk.patch("/v1/settings", {name: word}) if word else call.desk.get("/v1/settings")
    value = str(_effective(answer, name))

    def say() -> None:
        call.terminal.line(Cell(value, "strong"), f"  {words.get(value, '')}")
        if word:
            _remark(call, name, value)

    call.answer({name: value}, say)


def _remark(call: Call, name: str, value: str) -> None:
    """What still keeps mail from leaving, where that is easily seen."""
    if (name, value) != ("mode", Mode.SMTP):
        return
    if not call.desk.get("/v1/accounts").get("accounts"):
        call.terminal.note(f"There is no account yet, so mail will wait. `{me()} account add` makes one.")
    if call.desk.here:
        call.terminal.note(f"No Postroom runs at the moment; mail leaves when `{me()} serve` does.")


def _pair(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise usage(f"“{text}” is not NAME=VALUE.", hint="Like: postroom settings log_days=90")
    return name, value or None


def _effective(answer: Mapping[str, Any], name: str) -> Any:
    """The value that holds, here or inherited."""
    effective = read(answer, "effective")
    found = effective.get(name) if isinstance(effective, Mapping) else None
    return found.get("value") if isinstance(found, Mapping) else read(answer, f"settings.{name}")


def say_settings(call: Call, answer: Mapping[str, Any]) -> None:
    """Every value that holds for a tenant or the installation, and who set it."""
    call.terminal.line(Cell(str(answer.get("name", "")), "strong"), "  ", Cell(str(answer.get("id", "")), "dim"))
    if answer.get("suspended"):
        call.terminal.line(Cell("  It is suspended: nothing is taken in.", "wait"))
    effective = answer.get("effective")
    rows: list[tuple[str, Cell | str, Cell]] = []
    for name, found in (effective if isinstance(effective, Mapping) else {}).items():
        value = found.get("value") if isinstance(found, Mapping) else found
        source = str(found.get("source", "")) if isinstance(found, Mapping) else ""
        rows.append((str(name), _value(value), Cell(source, "dim")))
    call.terminal.columns(("SETTING", "VALUE", "FROM"), rows, indent="  ")


def _value(value: Any) -> Cell | str:
    if value is None or value == "":
        return Cell("not set", "dim")
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return "yes" if value is True else "no" if value is False else str(value)


def _explain(call: Call, steps: list[dict[str, Any]]) -> None:
    """What was decided, where it comes from, and the sentence that says why."""
    for step in steps:
        call.terminal.line(
            Cell(str(step.get("step", "")).replace("_", " ").ljust(_STEP_WIDTH), "dim"),
            Cell(str(step.get("value", "")), "strong"),
            Cell(f"  ({step.get('source')})" if step.get("source") else "", "dim"),
        )
        if step.get("sentence"):
            call.terminal.paragraph(str(step["sentence"]), indent=" " * _STEP_WIDTH)
