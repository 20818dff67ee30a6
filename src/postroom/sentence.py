"""A sentence with places that were filled in, which remembers how it was made, so that a door can tell it again.

Sentences for people are written in English where they are needed, also those of errors. One without places is a plain
`str`. One with places is a `Sentence`: everywhere it is the English text, and whoever tells it to a person in another
language finds the words and what was filled in apart (`policy.sentences`).
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

__all__ = ["N_", "Filling", "Sentence", "kept", "restored"]


class Filling(string.Formatter):
    """Fills places in as `str.format` does; several sentences in one place, as a tuple, follow each other."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, tuple):
            return " ".join(self.format_field(one, "") for one in value)
        return str(super().format_field(value, format_spec))


_ENGLISH = Filling()


def N_(text: str) -> str:  # noqa: N802 - what gettext calls a text that is told later
    """Marks a sentence for the catalogues where nothing else does."""
    return text


class Sentence(str):
    """`pattern`: the words with places like `{most}` (`str.format`). `named`: what stands in them; a sentence may, and
    a tuple of sentences. Cut, joined or put into other text it becomes a plain `str`, which is told in English only.
    """

    __slots__ = ("named", "pattern")
    pattern: str
    named: Mapping[str, Any]

    def __new__(cls, pattern: str, /, **named: Any) -> Sentence:
        made = super().__new__(cls, _ENGLISH.vformat(pattern, (), named))
        made.pattern, made.named = pattern, named
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.pattern, dict(self.named))


def _again(pattern: str, named: Mapping[str, Any]) -> Sentence:
    return Sentence(pattern, **named)


_PATTERN = "say"
"""The key that tells a kept sentence from other objects; what stands in its places is beside it, under `with`."""


def kept(value: Any) -> Any:
    """The value as JSON can keep it (objects, lists, plain values), with every sentence in it as an object."""
    if isinstance(value, Sentence):
        return {_PATTERN: value.pattern, "with": {name: kept(one) for name, one in value.named.items()}}
    if isinstance(value, dict):
        return {name: kept(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [kept(one) for one in value]
    return value if value is None or isinstance(value, str | int | float) else str(value)


def restored(value: Any) -> Any:
    """The reverse of `kept`; lists in a sentence are tuples again."""
    if isinstance(value, list):
        return [restored(one) for one in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get(_PATTERN), str) and isinstance(value.get("with"), dict) and len(value) == 2:
        named = {name: restored(one) for name, one in value["with"].items()}
        return Sentence(value[_PATTERN], **{n: tuple(v) if isinstance(v, list) else v for n, v in named.items()})
    return {name: restored(one) for name, one in value.items()}
