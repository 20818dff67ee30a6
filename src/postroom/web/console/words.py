"""The console's words: written in English where they are used, and told in the reader's language.

Catalogues are gettext's `.po` files under `words/LANGUAGE/`, one per group of pages, read once at the start; a
text without a translation is shown in English. `tests/house/test_console_words.py` keeps them whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from markupsafe import Markup

from postroom.policy.sentences import tell
from postroom.policy.tongue import ENGLISH, LANGUAGES

__all__ = ["FOLDER", "N_", "Words", "messages_of", "words_in"]

FOLDER = Path(__file__).parent / "words"


def N_(text: str) -> str:  # noqa: N802 - what gettext calls a text that is told later
    return text


class Words:
    """What is said in one language."""

    def __init__(self, language: str, told: Mapping[str, tuple[str, ...]]) -> None:
        self.language = language
        self._told = told

    def say(self, text: str, /, **named: Any) -> str:
        """The text, with `%(name)s` filled in where something is named; without names nothing is special in it, and
        sentences of errors and findings are told as well.
        """
        told = self._told.get(text)
        if told is None and not named:
            return tell(text, self.language)
        said = told[0] if told else text
        return said % named if named else said

    def say_html(self, text: str, /, **named: Any) -> Markup:
        """The same for a text with markup of ours in it; what is filled in is escaped."""
        return Markup(self._told.get(text, (text,))[0]) % named  # noqa: S704 - our own words; names are escaped

    def count(self, one: str, many: str, number: int, /, **named: Any) -> str:
        """A text that depends on a number, which is `%(number)s` in it."""
        forms = self._told.get(one, (one, many))
        shown = forms[0] if number == 1 else forms[-1]
        return shown % {"number": number, **named}


@cache
def words_in(language: str) -> Words:
    """The words of a language; English for one there is none of."""
    if language == ENGLISH or language not in LANGUAGES:
        return Words(ENGLISH, {})
    told: dict[str, tuple[str, ...]] = {}
    for message in messages_of(language):
        forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
        key = message.id[0] if isinstance(message.id, tuple | list) else message.id
        if all(forms):
            told[str(key)] = tuple(str(form) for form in forms)
    return Words(language, told)


def messages_of(language: str) -> Iterator[Message]:
    """Every message of the language's catalogues, without their headers."""
    for path in sorted((FOLDER / language).glob("*.po")):
        with path.open("rb") as file:
            yield from (message for message in read_po(file, locale=language) if message.id)
