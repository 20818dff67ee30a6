"""No diagnosis goes out in one language only: whoever writes a rule writes its words in every language."""

from __future__ import annotations

from postroom.policy.diagnosis import catalogue
from postroom.policy.tongue import ENGLISH, LANGUAGES
from postroom.policy.translation import faults


def test_every_rule_is_told_in_every_language() -> None:
    wrong = [fault for language in LANGUAGES if language != ENGLISH for fault in faults(language, catalogue().rules)]
    assert [str(fault) for fault in wrong] == []


def test_every_rule_says_since_when_it_is_known() -> None:
    assert [rule.id for rule in catalogue().rules if not rule.as_of] == []
