"""What errors and findings say, told in the reader's language: every sentence is written in English where it is needed.

Catalogues are gettext's `.po` files in the folder of a language beside this module, read at the first use by somebody
who reads it. A sentence without a translation is told in English; `tests/house/test_sentences.py` keeps them whole.
Places in a sentence are `str.format`'s; what stands in one is told too, if it is a sentence of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from postroom.policy.tongue import ENGLISH, LANGUAGES
from postroom.policy.translation import told_title
from postroom.sentence import Filling, Sentence

__all__ = ["FOLDER", "catalogue", "tell"]

FOLDER = Path(__file__).parent
_PLACE = re.compile(r"\{[^{}]*\}")
_LETTER = re.compile(r"[^\W\d_]")


def tell(text: str, language: str) -> str:
    """The sentence in this language, or as it is where there are no words for it."""
    if language == ENGLISH or language not in LANGUAGES:
        return text
    known = catalogue(language)
    if not isinstance(text, Sentence):
        return known.get(text) or told_title(text, language) or text
    words = known.get(text.pattern)
    if words is None and _LETTER.search(_PLACE.sub("", text.pattern)) is None:
        words = text.pattern  # nothing but places and signs between them
    if words is None:
        return text
    return _Filling(language).vformat(words, (), text.named)


class _Filling(Filling):
    """Fills places in: sentences in the language, and numbers with its sign between thousands."""

    def __init__(self, language: str) -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, str) and not format_spec and " " in value:  # a single word is a name or a code
            return tell(value, self._language)
        return _grouped(super().format_field(value, format_spec), format_spec, self._language)


def _grouped(text: str, spec: str, language: str) -> str:
    return text.replace(",", ".") if "," in spec and language == "de" else text


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """English → this language, of everything in its catalogues."""
    return dict(_read(language))


def _read(language: str) -> Iterator[tuple[str, str]]:
    from babel.messages.pofile import read_po  # late: only who reads another language needs it

    for path in sorted((FOLDER / language).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language):
                if message.id and message.string:
                    yield str(message.id), str(message.string)
