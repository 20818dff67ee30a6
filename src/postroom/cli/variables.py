"""Values for a template's variables, as they are typed: `--var name=Ann --var total:=12.5`, or a file of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from postroom.cli.complaint import usage

__all__ = ["Pairs", "ValueFile", "typed", "values_of"]

Pairs = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", help="A variable of the template; NAME:=JSON for lists and objects."),
]
ValueFile = Annotated[
    Path | None, typer.Option("--vars-file", metavar="FILE", help="A file with the variables as a JSON object.")
]


def values_of(pairs: list[str] | None, file: Path | None, types: Mapping[str, str] | None = None) -> dict[str, Any]:
    """`types`: what each variable has to be, where that is known. Raises CommandError (usage)."""
    values = _of_file(file) if file is not None else {}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        if not equals or not name.strip(": "):
            raise usage(f"--var “{pair}” has no name.", hint="Write it like --var name=Ann.")
        if name.endswith(":"):
            values[name[:-1]] = _json(text, pair)
        else:
            values[name] = typed(text, (types or {}).get(name, "text"))
    return values


def typed(text: str, kind: str) -> Any:
    """What was typed, as JSON has it; what does not fit stays text, and is refused by who knows why."""
    if kind == "boolean" and text.strip().lower() in ("true", "yes", "false", "no"):
        return text.strip().lower() in ("true", "yes")
    if kind in ("number", "list", "object"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _json(text: str, pair: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise usage(f"--var “{pair}” is no JSON after :=.") from None


def _of_file(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise usage(f"{path} can't be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise usage(f"{path} is no JSON object.", hint='It holds something like {"name": "Ann"}.')
    return found
