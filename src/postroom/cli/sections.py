"""The order of the help pages: what one meets first comes first, under a title that says what it is for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from postroom.cli.command import runnable
from postroom.cli.fields import Field

__all__ = ["MAIL", "RUNNING", "SETUP", "START", "Page", "Sections"]

START = "Start"
MAIL = "Mail"
SETUP = "Set-up"
RUNNING = "The installation"


class Sections(TyperGroup):
    """Lists commands by their panel, in the order in which they were registered."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        width = max((len(name) for name in self.commands), default=0)
        for name, each in self.commands.items():
            sentence = (each.help or "").partition(". ")[0].rstrip(".")
            panel = getattr(each, "rich_help_panel", None)
            sections.setdefault(panel if isinstance(panel, str) else "Commands", []).append((name, sentence))
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), sentence) for name, sentence in rows])


class Page:
    """The commands of one module. With a `group` they stand below a command of that name, like `account add`."""

    def __init__(self, panel: str, group: str = "", sentence: str = "", *, tenant: bool = False) -> None:
        """`tenant`: the commands can be about another tenant than the key's own."""
        self._panel = panel
        self._group = group
        self._sentence = sentence
        self._tenant = tenant
        self._commands: list[tuple[str, Callable[..., None]]] = []

    def command(
        self, name: str, *, fields: Sequence[Field] = (), json: bool = True, tenant: bool = True
    ) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Adds a function as a command. With `fields` it also gets `values`: API name → what was typed."""

        def add(function: Callable[..., None]) -> Callable[..., None]:
            self._commands.append((name, runnable(function, fields, json=json, tenant=tenant and self._tenant)))
            return function

        return add

    def attach(self, app: typer.Typer) -> None:
        """Puts the page into the program."""
        if self._group:
            below = typer.Typer(cls=Sections, help=self._sentence, no_args_is_help=True, rich_markup_mode=None)
            app.add_typer(below, name=self._group, rich_help_panel=self._panel)
            app = below
        for name, function in self._commands:
            app.command(name, rich_help_panel=None if self._group else self._panel)(function)
