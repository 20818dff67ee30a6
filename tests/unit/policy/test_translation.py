"""Whoever reads German is told the same as whoever reads English: every rule, every place, and by the same rule."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.model.attempt import Failure, Result
from postroom.policy.diagnosis import catalogue
from postroom.policy.rule import Case, Context
from postroom.policy.rulebook import PHASES
from postroom.policy.tongue import LANGUAGES, of_locale, preferred
from postroom.policy.translation import faults, told, translations
from postroom.policy.verdict import judge

OTHERS = [language for language in LANGUAGES if language != "en"]
KNOWN = Context(host="mail.example.org", port=587, user="robot@example.org", sender="news@example.org")
CASE = Case("rcpt", 550, None, "", None, False)


def test_a_missing_rule_a_missing_word_and_a_lost_place_are_told() -> None:
    rule = catalogue().by_id["connection-refused"]
    told_of = faults("de", [replace(rule, id="brand-new"), replace(rule, title="{host} and {user} and {port}")])
    assert [fault.field for fault in told_of] == ["brand-new", "connection-refused"]
    assert "has no words in de" in str(told_of[0])
    assert "other places in its title" in str(told_of[1])


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_reads_as_sentences_with_and_without_the_names(language: str) -> None:
    for rule in catalogue().rules:
        for context in (KNOWN, Context()):
            for words in told(rule, CASE, context, language):
                assert words.endswith((".", "?", ")")), (rule.id, words)
                assert not re.search(r"[{}]| ,| \.( |$)|  ", words.replace(" …", "")), (rule.id, words)


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_is_one(language: str) -> None:
    """Nothing was left in English: no title is the same, but for rules that have no words of their own."""
    same = [rule.id for rule in catalogue().rules if translations()[language][rule.id].title == rule.title]
    assert same == []


def test_sie_is_written_with_a_capital_and_nobody_is_told_du() -> None:
    for words in translations()["de"].values():
        assert not re.search(r"\b(du|dein|deine|deinen|dir|dich)\b", " ".join(words), re.IGNORECASE), words


def test_who_asks_for_a_language_that_is_not_there_reads_english() -> None:
    rule = catalogue().by_id["no-such-mailbox"]
    assert told(rule, CASE, KNOWN, "fr") == told(rule, CASE, KNOWN)


def test_commands_keep_their_arguments_when_a_name_is_not_known() -> None:
    remedy = told(catalogue().by_id["m365-send-as-denied"], CASE, Context(), "de").remedy
    assert "Add-RecipientPermission (sender) -Trustee (user) -AccessRights SendAs" in remedy
    assert (
        told(catalogue().by_id["connect-timeout"], CASE, Context(), "de").title
        == "Der Server antwortet auf Port (unbekannt) nicht."
    )


@given(
    code=st.integers(0, 999),
    enhanced=st.text(max_size=12),
    text=st.text(max_size=300),
    phase=st.sampled_from(("", *PHASES)),
    failure=st.none() | st.sampled_from(list(Failure)),
    in_doubt=st.booleans(),
    family=st.sampled_from(["", "microsoft365", "google", "zoho", "exim"]),
    names=st.text(max_size=20),
)
def test_words_and_deeds_come_from_one_rule_whatever_was_answered(
    code: int,
    enhanced: str,
    text: str,
    phase: str,
    failure: Failure | None,
    in_doubt: bool,
    family: str,
    names: str,
) -> None:
    """Any bytes, any phase: a verdict, its English and its German are those of the rule that is named in it."""
    context = Context(family, host=names, user=names, sender=names)
    result = Result(phase, code, enhanced, text, failure, in_doubt)
    verdict = judge(result, context)
    if result.delivered:
        return
    rule, case = catalogue().by_id[verdict.diagnosis], Case.of(result)
    assert (verdict.scope, verdict.action, verdict.severity) == (rule.scope, rule.action, rule.severity)
    assert (verdict.title, verdict.explanation, verdict.remedy) == rule.words(case, context)
    german = told(rule, case, context, "de")
    assert all(german)
    assert ("widersprechen" in german.explanation) is case.contradicts_itself


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("en,de;q=0.9", "en"),
        ("fr, de;q=0.4", "de"),
        ("fr", "en"),
        ("*", "en"),
        ("de;q=0", "en"),
        ("DE-de", "de"),
        ("de;q=nonsense, en;q=0.1", "en"),
        ("de" * 4000, "en"),
        ("\x00,;q=;;,de", "de"),
    ],
)
def test_the_language_of_a_header_is_the_best_that_we_have(header: str, language: str) -> None:
    assert preferred(header) == language


@given(st.text())
def test_no_header_and_no_locale_is_too_odd(text: str) -> None:
    assert preferred(text) in LANGUAGES
    assert of_locale(text) in LANGUAGES


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("de_DE.UTF-8", "de"),
        ("de", "de"),
        ("C", "en"),
        ("C.UTF-8", "en"),
        ("", "en"),
        ("fr_FR", "en"),
        ("de@euro", "de"),
    ],
)
def test_the_language_of_a_locale(locale: str, language: str) -> None:
    assert of_locale(locale) == language
