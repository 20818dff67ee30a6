"""What the command line prints: columns, facts, headings, complaints, JSON.

Colour only on a terminal, and not with NO_COLOR.

Rules it keeps: text from outside reaches a terminal with its control characters written out and its bidirectional
overrides gone (P9), so a subject can't move the cursor, recolour the screen or fake a line. What is not a terminal gets
plain text, never cut and never wrapped.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import IO, Any, NamedTuple

from postroom.cli.complaint import CommandError

__all__ = ["Cell", "Terminal", "plain"]

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"})
_HARMLESS = frozenset({"\u200d", "\u200c", "\u00ad"})  # joiners of many scripts and the soft hyphen
_STYLES = {
    "good": "32",
    "bad": "31",
    "wait": "33",
    "kept": "36",
    "dim": "2",
    "strong": "1",
    "": "",
}


def plain(text: object, *, lines: bool = False) -> str:
    """Text from outside as one line (or several, with `lines`) that holds nothing a terminal would obey."""
    return "".join(_shown(char, lines) for char in str(text))


def _shown(char: str, lines: bool) -> str:
    if char.isprintable() or char in _HARMLESS or (lines and char in "\n\t"):
        return char
    if unicodedata.category(char) not in _HIDDEN:
        return " "  # the odd kinds of space
    number = ord(char)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


class Cell(NamedTuple):
    """A piece of a line and how it looks: good, bad, wait, kept, dim, strong or nothing."""

    text: str
    style: str = ""


class Terminal:
    """Where a command prints. `out` for what was asked for, `err` for everything else."""

    def __init__(self, out: IO[str] | None = None, err: IO[str] | None = None) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.interactive = sys.stdin is not None and sys.stdin.isatty() and self.out.isatty()
        self._colour = _wants_colour(self.out)
        self._width = _width() if self.out.isatty() else 0

    # What was asked for

    def line(self, *cells: Cell | str) -> None:
        """One line; cells are joined as they are."""
        print("".join(self._dressed(cell) for cell in cells).rstrip(), file=self.out)

    def text(self, text: str, indent: str = "") -> None:
        """Several lines from outside."""
        for part in plain(text, lines=True).splitlines():
            print(f"{indent}{part}".rstrip(), file=self.out)

    def heading(self, text: str) -> None:
        print(file=self.out)
        self.line(Cell(text, "strong"))

    def facts(self, rows: Iterable[tuple[str, Cell | str]], indent: str = "") -> None:
        """Names and values, aligned; empty values are left out."""
        kept = [(name, value) for name, value in rows if _words(value)]
        width = max((len(name) for name, _ in kept), default=0) + 2
        for name, value in kept:
            self.line(indent, Cell(name.ljust(width), "dim"), value)

    def columns(self, head: Sequence[str], rows: Iterable[Sequence[Cell | str]], indent: str = "") -> None:
        """A table without lines. On a terminal the last column is cut where the line ends."""
        body = [[_cell(value) for value in row] for row in rows]
        titled = [[Cell(title, "dim") for title in head], *body] if any(head) else body
        widths = [max((cells(row[i].text) for row in titled), default=0) for i in range(len(head))]
        for row in titled:
            self.line(indent, *self._laid_out(row, widths, len(indent)))

    def json(self, value: Any) -> None:
        print(json.dumps(value, ensure_ascii=not _speaks_unicode(self.out), indent=2), file=self.out)

    def paragraph(self, text: str, indent: str = "", style: str = "") -> None:
        """Words for people, wrapped on a terminal."""
        import textwrap

        words = plain(text)
        width = min(self._width, 100) - len(indent)
        for part in textwrap.wrap(words, width) if width > 20 else [words]:
            self.line(indent, Cell(part, style))

    # Everything else

    def note(self, text: str) -> None:
        """Something worth knowing that was not asked for."""
        print(plain(text), file=self.err)

    def complain(self, complaint: CommandError, *, as_json: bool = False) -> None:
        if as_json:
            print(json.dumps(dict(complaint.problem), indent=2), file=self.err)
            return
        print(f"postroom: {plain(complaint.sentence)}", file=self.err)
        for fault in complaint.faults:
            print(f"  {plain(fault)}", file=self.err)
        if complaint.hint:
            print(f"  {plain(complaint.hint)}", file=self.err)

    def _laid_out(self, row: Sequence[Cell], widths: Sequence[int], used: int) -> list[Cell]:
        laid: list[Cell] = []
        for place, cell in enumerate(row):
            last = place == len(row) - 1
            room = self._width - used if self._width else 0
            text = _cut(cell.text, room) if last and room > 8 else cell.text
            gap = "" if last else " " * (widths[place] - cells(text) + 2)
            laid += [Cell(text, cell.style), Cell(gap)]
            used += widths[place] + 2
        return laid

    def _dressed(self, cell: Cell | str) -> str:
        text, style = _cell(cell)
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self._colour and style and text else text


def cells(text: str) -> int:
    """How many columns of a terminal the text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _cut(text: str, room: int) -> str:
    if cells(text) <= room:
        return text
    from rich.cells import set_cell_size

    return set_cell_size(text, room - 1).rstrip() + "…"


def _cell(value: Cell | str) -> Cell:
    return Cell(plain(value.text), value.style) if isinstance(value, Cell) else Cell(plain(value))


def _words(value: Cell | str) -> str:
    return value.text if isinstance(value, Cell) else value


def _wants_colour(stream: IO[str]) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _speaks_unicode(stream: IO[str]) -> bool:
    return (getattr(stream, "encoding", None) or "").lower().replace("-", "") == "utf8"


def _width() -> int:
    import shutil

    return shutil.get_terminal_size((100, 24)).columns
