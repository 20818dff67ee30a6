"""The texts of the console that have to be translated: finds them, and puts those that no catalogue has into one.

    PYTHONPATH=. .venv/bin/python tools/words.py            says what is missing, and what is left over
    PYTHONPATH=. .venv/bin/python tools/words.py accounts   puts what is missing into words/de/accounts.po

A text is `_("…")`, `_html("…")`, `_count("…", "…", number)` in a template and `visit.say("…")`, `N_("…")` in Python.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from postroom.policy.tongue import ENGLISH, LANGUAGES
from postroom.web.console.words import FOLDER, messages_of

CONSOLE = FOLDER.parent
_KEYWORDS = {"_": None, "_html": None, "_count": (1, 2), "say": None, "say_html": None, "count": (1, 2), "N_": None}
MessageId = str | tuple[str, ...]


class Found(NamedTuple):
    """A text and the first place where it is used."""

    id: MessageId
    place: str


def used() -> dict[MessageId, Found]:
    """Every text of the console that is written down where it is used."""
    found: dict[MessageId, Found] = {}
    for path in sorted([*CONSOLE.rglob("*.html"), *CONSOLE.rglob("*.py")]):
        for line, text in _texts(path):
            found.setdefault(text, Found(text, f"{path.relative_to(CONSOLE)}:{line}"))
    return found


def _texts(path: Path) -> Iterator[tuple[int, MessageId]]:
    with path.open("rb") as file:
        if path.suffix == ".html":
            options = {"trim_blocks": "true", "lstrip_blocks": "true"}
            for line, name, text, _ in babel_extract(file, list(_KEYWORDS), [], options):
                plain = _in_template(name, text)
                if plain:
                    yield line, plain
        else:
            for line, text, _, _ in extract("python", file, keywords=_KEYWORDS):
                if text and text != ("",):
                    yield line, text


def _in_template(name: str, text: object) -> MessageId:
    """Jinja gives every argument of a call, None for those that are no text."""
    given = [one for one in (text if isinstance(text, tuple) else (text,)) if isinstance(one, str)]
    if not given:
        return ""
    return (given[0], given[1]) if name in ("_count", "count") and len(given) > 1 else given[0]


def told(language: str) -> dict[MessageId, str | tuple[str, ...]]:
    """What the catalogues have."""
    found: dict[MessageId, str | tuple[str, ...]] = {}
    for message in messages_of(language):
        key = tuple(message.id) if isinstance(message.id, list | tuple) else str(message.id)
        text = message.string
        found[key] = tuple(text) if isinstance(text, list | tuple) else str(text or "")
    return found


def missing(language: str) -> list[Found]:
    known = told(language)
    return [one for key, one in used().items() if key not in known]


def main(group: str = "") -> int:
    for language in (one for one in LANGUAGES if one != ENGLISH):
        lacking = missing(language)
        if group:
            _put(FOLDER / language / f"{group}.po", language, lacking)
        for one in lacking:
            print(f"{language}: {one.id!r} ({one.place})")
        for key in told(language).keys() - used().keys():
            print(f"{language}: left over, or looked up by a variable: {key!r}")
    return 0


def _put(path: Path, language: str, lacking: list[Found]) -> None:
    catalogue = Catalog(locale=language, fuzzy=False)
    if path.exists():
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language)
    for one in lacking:
        catalogue.add(one.id, None)
    with path.open("wb") as file:
        write_po(file, catalogue, width=120, omit_header=True, no_location=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
