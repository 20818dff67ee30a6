"""Every sentence that errors and findings tell people is told in every language, whole, with the same places in it."""

from __future__ import annotations

import string

import pytest

from postroom.policy.sentences import catalogue
from postroom.policy.tongue import ENGLISH, LANGUAGES
from postroom.web.console.words import words_in
from tools.sentences import found, missing, sentences

OTHERS = [one for one in LANGUAGES if one != ENGLISH]


def test_no_sentence_is_put_together_so_that_it_cannot_be_told_again() -> None:
    """Where something is filled in, it is a `Sentence`: an f-string is English for ever."""
    assert [f"{one.text} ({one.place})" for one in found() if one.wrong] == []


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_told(language: str) -> None:
    assert [f"{one.text!r} ({one.place})" for one in missing(language)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_is_left_over(language: str) -> None:
    used = {one.text for one in sentences()}
    assert [text for text in catalogue(language) if text not in used] == []


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_filled_in_is_the_same(language: str) -> None:
    filled = {one.text for one in sentences() if one.filled}
    told = [(text, catalogue(language).get(text, text)) for text in filled]
    assert [pair for pair in told if _places(pair[0]) != _places(pair[1])] == []


@pytest.mark.parametrize("language", OTHERS)
def test_the_console_tells_no_sentence_otherwise(language: str) -> None:
    """A text that is both in the console's catalogues and here is told in one way."""
    both = {text: (words_in(language).say(text), told) for text, told in catalogue(language).items()}
    assert {text: pair for text, pair in both.items() if pair[0] != pair[1]} == {}


def _places(text: str) -> list[str]:
    return sorted(f"{name}:{spec}" for _, name, spec, _ in string.Formatter().parse(text) if name is not None)
