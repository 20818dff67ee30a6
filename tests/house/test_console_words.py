"""Every word of the console is told in every language, whole: nothing empty, nothing doubtful, the same names in it."""

from __future__ import annotations

import re

import pytest

from postroom.policy.tongue import ENGLISH, LANGUAGES
from postroom.web.console.words import messages_of
from tools.words import missing, told

OTHERS = [one for one in LANGUAGES if one != ENGLISH]
_NAMED = re.compile(r"%\((\w+)\)[sd]|</?\w+")


def _forms(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_told(language: str) -> None:
    assert [f"{one.id!r} ({one.place})" for one in missing(language)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_is_empty_or_doubtful(language: str) -> None:
    assert [key for key, text in told(language).items() if not all(_forms(text))] == []
    assert [message.id for message in messages_of(language) if message.fuzzy] == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_is_told_in_two_ways(language: str) -> None:
    """Catalogues may share a text, as their pages do; then they tell it alike."""
    ways: dict[str, set[str]] = {}
    for message in messages_of(language):
        ways.setdefault(str(message.id), set()).add(str(message.string))
    assert {text: told for text, told in ways.items() if len(told) > 1} == {}


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_filled_in_and_marked_up_is_the_same(language: str) -> None:
    wrong = [
        key
        for key, text in told(language).items()
        for english, form in zip(_forms(key), _forms(text), strict=True)
        if sorted(_NAMED.findall(form)) != sorted(_NAMED.findall(english))
    ]
    assert wrong == []
