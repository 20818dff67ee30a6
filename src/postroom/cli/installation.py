"""`postroom config`, `rotate-key` and `openapi`: the installation itself, rather than its mail."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from postroom.cli.command import Call
from postroom.cli.desk import load_settings
from postroom.cli.sections import RUNNING, Page
from postroom.cli.terminal import Cell

if TYPE_CHECKING:
    from postroom.settings import Settings

__all__ = ["page"]

page = Page(RUNNING)
Example = Annotated[bool, typer.Option("--example", help="Print a postroom.toml in which every setting is explained.")]
Long = Annotated[bool, typer.Option("--long", help="With what each setting means.")]


@page.command("config")
def config(call: Call, example: Example = False, long: Long = False) -> None:
    """Shows the settings of this machine's Postroom, and where each value comes from."""
    from postroom.settings import example as example_file

    if example:
        print(example_file(), end="", file=call.terminal.out)
        return
    rows = _rows(load_settings(call.where))
    call.answer({row["name"]: row for row in rows}, lambda: _show(call, rows, long))


@page.command("rotate-key")
def rotate_key(call: Call) -> None:
    """Makes a new key in the key ring and seals every stored secret with it."""
    answer = call.desk.post("/v1/settings/rotate-key")
    count = answer.get("sealed", 0)
    call.answer(answer, lambda: call.terminal.line(f"There is a new key; {count} passwords were sealed with it anew."))


@page.command("openapi", json=False)
def openapi(call: Call) -> None:
    """Prints the OpenAPI document of the HTTP API."""
    print(json.dumps(call.desk.get("/v1/openapi.json"), indent=2), file=call.terminal.out)


def _rows(settings: Settings) -> list[dict[str, Any]]:
    from postroom.settings import describe

    return [
        {
            "name": row.name,
            "value": _shown(getattr(settings, row.name), row.type),
            "origin": settings.origins.get(row.name, "default"),
            "variable": row.variable,
            "type": row.type,
            "default": row.default,
            "meaning": row.sentence,
        }
        for row in describe()
    ]


def _shown(value: object, kind: str) -> str:
    """A value as it would be written; a secret one only as being there (its own `str` sees to that)."""
    if isinstance(value, int) and kind.startswith("size"):
        return _sized(value)
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return shlex.join(str(part) for part in value)
    return str(value)


def _sized(octets: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if octets and octets % size == 0:
            return f"{octets // size} {unit}"
    return str(octets)


def _show(call: Call, rows: list[dict[str, Any]], long: bool) -> None:
    if not long:
        body = [
            (row["name"], row["value"] or Cell("empty", "dim"), Cell(row["origin"], _style(row["origin"])))
            for row in rows
        ]
        call.terminal.columns(("SETTING", "VALUE", "FROM"), body)
        return
    for row in rows:
        call.terminal.line(Cell(row["name"], "strong"), f" = {row['value'] or 'empty'}")
        call.terminal.paragraph(row["meaning"], indent="  ")
        call.terminal.line(Cell(f"  {row['variable']}: {row['type']}; without it {row['default']}.", "dim"))
        call.terminal.line(Cell(f"  From: {row['origin']}", "dim"))
        call.terminal.line()


def _style(origin: str) -> str:
    return "dim" if origin == "default" else "good"
