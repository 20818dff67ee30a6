"""Reading settings as code: TOML, with the line of everything that is wrong with it.

A file has the tables `settings`, `connectors`, `accounts`, `senders`, `applications` and `kinds`, each but the first
with a table for every thing, under its name. Elixeum's keys (`SMTP.Server` and so on) are understood as an account and
its sender. What the values mean is for `code_apply`; here a value is whatever TOML says.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from postroom.errors import BadInput, Fault
from postroom.sentence import Sentence

__all__ = ["ELIXEUM", "LONGEST", "MOST", "CodeFile", "Places", "bare_or_quoted", "read_file"]

ELIXEUM = "SMTP"
"""The name of the account that a file with Elixeum's keys makes: stable, so that a new server is a change of it."""
LONGEST = 256 * 1024
"""Characters of a file."""
MOST = 500
"""Things of one kind in a file: all of them are one transaction, and others wait for it."""
_TABLES = ("settings", "connectors", "accounts", "senders", "applications", "kinds")
_ELIXEUM = {
    "server": "host",
    "port": "port",
    "username": "user",
    "password": "secret",
    "sendername": "sender_name",
    "senderaddress": "sender_address",
}
_PARTS = 16
_TOKEN = re.compile("\"\"\"|'''|[\"'#\n=,{}\\[\\].]")
_TOP: tuple[str, ...] = ()
_LINES_READ = 500_000
"""Characters that looking for lines may cost: a file made to be slow gets its faults without lines."""

Tables = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class CodeFile:
    """None: the file says nothing of these, and they are not touched."""

    settings: Mapping[str, Any] | None
    connectors: Tables | None
    accounts: Tables | None
    senders: Tables | None
    applications: Tables | None
    places: Places
    elixeum: Mapping[str, tuple[str, ...]]
    """Field of the account `SMTP` → where Elixeum's key for it stands."""
    owned: frozenset[str]
    """The tables that the file itself has: only of these may anything be deleted."""
    kinds: Tables | None = None

    def place(self, table: str, name: str, field: str = "") -> str:
        """Where a field of a thing stands, or the thing itself."""
        if (table, name) == ("accounts", ELIXEUM) and self.elixeum:
            return self.places.told(*self.elixeum.get(field, (ELIXEUM,)))
        inner = field.split(".") if field.startswith("limits.") else [field] if field else []
        return self.places.told(table, *([name] if name else []), *inner)


class Places:
    """Where in a file something stands."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: dict[tuple[str, ...], int] | None = None

    def told(self, *path: str) -> str:
        """`accounts.Main.port (line 12)`; of what is not in the file, the line of the table that lacks it."""
        if self._lines is None:
            self._lines = _lines_of(self._text)
        shown = ".".join(bare_or_quoted(part[:80]) for part in path)
        known = (self._lines.get(path[:end]) for end in range(len(path), 0, -1))
        line = next((one for one in known if one is not None), None)
        return shown if line is None else f"{shown} (line {line})"


def bare_or_quoted(name: str) -> str:
    """A key as TOML spells it."""
    if re.fullmatch(r"[A-Za-z0-9_-]+", name, re.ASCII):
        return name
    escaped = "".join(_escaped(char) for char in name)
    return f'"{escaped}"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return char if char.isprintable() else f"\\U{ord(char):08x}"


def read_file(text: str) -> CodeFile:
    """Raises BadInput for what is no TOML, or has no such shape."""
    if len(text) > LONGEST:
        raise BadInput(
            [Fault("file", Sentence("is longer than {longest:,} characters.", longest=LONGEST), "Split it by tenant.")]
        )
    if _too_deep(text):
        raise BadInput([Fault("file", "has a key of more parts than any setting has.", "Make it simpler.")])
    document = _parsed_or_faults(text)
    places = Places(text)
    faults: list[Fault] = []
    found: dict[str, Any] = dict.fromkeys(_TABLES)
    elixeum: dict[str, Any] = {}
    for name, value in document.items():
        if name.lower() == ELIXEUM.lower() and isinstance(value, dict):
            elixeum |= {inner: ((name, inner), one) for inner, one in value.items()}
        elif name.lower().startswith(f"{ELIXEUM.lower()}."):
            elixeum[name.partition(".")[2]] = ((name,), value)
        elif name not in _TABLES:
            near = difflib.get_close_matches(name, (*_TABLES, ELIXEUM), n=1)
            mend = (
                Sentence("Did you mean {near}?", near=near[0])
                if near
                else Sentence("There are: {tables}, {elixeum}.", tables=", ".join(_TABLES), elixeum=ELIXEUM)
            )
            faults.append(Fault(places.told(name), "there is no such table.", mend))
        elif not isinstance(value, dict):
            faults.append(Fault(places.told(name), "is no table.", Sentence("Write [{name}].", name=name)))
        else:
            found[name] = value if name == "settings" else _tables(name, value, places, faults)
    origins = _take_elixeum(elixeum, found, places, faults)
    if faults:
        raise BadInput(faults)
    return CodeFile(**found, places=places, elixeum=origins, owned=frozenset(_TABLES) & document.keys())


def _too_deep(text: str) -> bool:
    """Whether a dotted key has more than `_PARTS` parts: TOML's parser takes their number squared in time.

    One pass over what is neither string nor comment; what is no TOML is told by the parser afterwards.
    """
    inside, dots = "", 0
    for found in _TOKEN.finditer(text):
        mark, start = found.group(), found.start()
        if inside in ("", "#"):
            if mark == "\n":
                inside, dots = "", 0
            elif not inside and mark[0] in "\"'#":
                inside = mark
            elif not inside:
                dots = dots + 1 if mark == "." else 0
                if dots > _PARTS:
                    return True
        elif mark == "\n":
            inside = "" if len(inside) == 1 else inside
        elif (
            mark[0] == inside[0]
            and len(mark) >= len(inside)
            and not (inside[0] == '"' and _backslashes(text, start) % 2)
        ):
            inside = ""
    return False


def _backslashes(text: str, end: int) -> int:
    """How many stand right before this place."""
    start = end
    while start and text[start - 1] == "\\":
        start -= 1
    return end - start


def _parsed_or_faults(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at (line \d+, column \d+|end of document)\)", str(error))
        where = f"file ({place.group(1)})" if place else "file"
        raise BadInput(
            [Fault(where, "is no TOML from there on.", "Correct it; quotes around text are needed.")]
        ) from None
    except (RecursionError, ValueError):
        raise BadInput([Fault("file", "is no TOML that can be read.", "Make it simpler.")]) from None


def _tables(name: str, value: Mapping[str, Any], places: Places, faults: list[Fault]) -> Tables:
    if len(value) > MOST:
        faults.append(
            Fault(
                places.told(name), Sentence("holds more than {most:,} things.", most=MOST), "Split the file by tenant."
            )
        )
        return {}
    for inner, one in value.items():
        if not isinstance(one, dict):
            mend = Sentence("Each has a table of its own: [{name}.{inner}].", name=name, inner=bare_or_quoted(inner))
            faults.append(Fault(places.told(name, inner), "is no table.", mend))
    return {inner: one for inner, one in value.items() if isinstance(one, dict)}


def _take_elixeum(
    given: Mapping[str, Any], found: dict[str, Any], places: Places, faults: list[Fault]
) -> dict[str, tuple[str, ...]]:
    """Elixeum's keys as an account and a sender beside whatever else the file has; where each field stands."""
    if not given:
        return {}
    values: dict[str, Any] = {}
    origins: dict[str, tuple[str, ...]] = {}
    for word, (path, value) in given.items():
        field = _ELIXEUM.get(word.lower())
        if field is None:
            known = ", ".join(f"{ELIXEUM}.{name}" for name in ("Server", "Port", "Username", "Password"))
            mend = Sentence(
                "There are: {known}, {elixeum}.SenderName, {elixeum}.SenderAddress.", known=known, elixeum=ELIXEUM
            )
            faults.append(Fault(places.told(*path), "there is no such key.", mend))
        else:
            values[field], origins[field] = value, path
    if any(name.casefold() == ELIXEUM.casefold() for name in found["accounts"] or ()):
        problem = Sentence("makes the account {elixeum}, which has a table of its own as well.", elixeum=ELIXEUM)
        faults.append(Fault(ELIXEUM, problem, "Give only one of them."))
    found["accounts"] = {**(found["accounts"] or {}), ELIXEUM: values}
    address = values.get("sender_address")
    if isinstance(address, str) and address.strip():
        sender = {"account": ELIXEUM} | ({"name": values["sender_name"]} if values.get("sender_name") else {})
        found["senders"] = {address: sender, **(found["senders"] or {})}
    return origins


# -- lines ------------------------------------------------------------------------------------------------------------


def _lines_of(text: str) -> dict[tuple[str, ...], int]:
    """The line of every table and key. The text is TOML, so every statement ends."""
    places: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    lines = text.replace("\r\n", "\n").split("\n")
    number, left = 0, _LINES_READ
    while number < len(lines):
        start, statement = number + 1, lines[number]
        number += 1
        if statement.strip()[:1] in ("", "#"):
            continue
        while (parsed := _parsed(statement)) is None:
            left -= len(statement)
            if number >= len(lines) or left < 0:
                return places
            statement += "\n" + lines[number]
            number += 1
        paths = list(_paths(parsed))
        if statement.lstrip().startswith("["):
            table = max(paths, key=len, default=())
            paths, before = [table], _TOP
        else:
            before = table
        for path in paths:
            for end in range(1, len(path) + 1):
                places.setdefault((*before, *path[:end]), start)
    return places


def _parsed(statement: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(statement)
    except (ValueError, RecursionError):
        return None


def _paths(value: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Of a value that is small or wide, hardly deep: TOML's own parser has bounded it."""
    for name, inner in value.items():
        yield (name,)
        if isinstance(inner, dict):
            for path in _paths(inner):
                yield (name, *path)
