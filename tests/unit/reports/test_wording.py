"""Reasons that no server gave are told in German as in English."""

from __future__ import annotations

from postroom.reports import wording
from postroom.reports.wording_german import BY_REASON


def test_every_reason_has_its_german_words_and_advice_where_there_is_some() -> None:
    english = wording._REASONS
    assert set(BY_REASON) == set(english)
    assert {reason for reason, words in BY_REASON.items() if words[1]} == {
        reason for reason, words in english.items() if words.remedy
    }
