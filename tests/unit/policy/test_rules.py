"""Every rule is reached by its recorded answers and by no others, and no rule goes against the classification."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from postroom.model.attempt import Action, Failure, Scope, Severity
from postroom.model.tenant import UnknownPolicy
from postroom.policy.diagnosis import catalogue
from postroom.policy.family import FAMILIES
from postroom.policy.rule import Case, Context, Rule
from postroom.policy.rulebook import PHASES, SUPPRESSING, read_answer
from postroom.smtp.phase import Phase

RULES = catalogue().rules


def circumstances(rule: Rule) -> Iterator[tuple[str, Context]]:
    """Every phase, family and kind of account that a rule is for."""
    for phase in sorted(rule.phases) or ["quit", "native", ""]:
        for family in sorted(rule.families) or [""]:
            for encryption in [word.value for word in rule.encryption] or [""]:
                login = min(rule.login, default="")
                yield phase, Context(family, rule.attempts, encryption, login, rule.unknown or "retry")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_recorded_answer_is_explained_by_its_own_rule_wherever_it_may_come(rule: Rule) -> None:
    found = {
        (text, phase, context.family): catalogue().find(Case.of(read_answer(text, phase, rule)), context).id
        for text in rule.answers
        for phase, context in circumstances(rule)
    }
    assert {key: name for key, name in found.items() if name != rule.id} == {}


@pytest.mark.parametrize("rule", [rule for rule in RULES if not rule.families], ids=lambda rule: rule.id)
def test_a_server_of_an_unknown_family_is_explained_by_the_same_generic_rules(rule: Rule) -> None:
    for text in rule.answers:
        for phase, context in circumstances(rule):
            plain = catalogue().find(Case.of(read_answer(text, phase, rule)), context)
            known = replace(context, family="unheard-of")
            assert catalogue().find(Case.of(read_answer(text, phase, rule)), known) is plain


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.families], ids=lambda rule: rule.id)
def test_without_its_family_an_answer_never_ends_a_message_that_its_family_would_keep(rule: Rule) -> None:
    """Before the greeting is known, and behind a host of one's own name, generic rules have to be enough for safety:
    what a family's rule knows to be the account's trouble before MAIL must not fail anybody's mail."""
    for text in rule.answers:
        for phase, context in circumstances(rule):
            unknown = catalogue().find(Case.of(read_answer(text, phase, rule)), Context(attempts=context.attempts))
            if phase in ("greeting", "ehlo", "starttls", "auth"):
                assert unknown.severity is Severity.TEMPORARY, (text, unknown.id)
            if unknown.action is Action.SUPPRESS:
                assert rule.action is Action.SUPPRESS, (text, unknown.id)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_nothing_bounces_because_of_an_account(rule: Rule) -> None:
    if rule.action in (Action.PAUSE, Action.HOLD_DAY, Action.HOLD_SENDER):
        assert rule.severity is Severity.TEMPORARY
    if rule.severity is Severity.PERMANENT:
        assert rule.scope in (Scope.RECIPIENT, Scope.MESSAGE)
        assert rule.action in (Action.FAIL, Action.SUPPRESS)
        assert not rule.phases & {"resolve", "connect", "tls", "greeting", "ehlo", "starttls", "auth"}


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.action is Action.SUPPRESS], ids=lambda rule: rule.id)
def test_only_an_exact_code_for_no_such_mailbox_bars_an_address(rule: Rule) -> None:
    assert {pattern.exact for pattern in rule.enhanced} <= SUPPRESSING
    assert rule.phases == {"rcpt"}
    assert all(500 <= code < 600 for code in rule.codes)


def test_every_local_failure_has_a_rule_for_whatever_phase_and_words() -> None:
    for failure in Failure:
        for phase in ("", *PHASES):
            rule = catalogue().find(Case(phase, 0, None, "", failure, False), Context())
            assert failure in rule.failures


def test_the_phases_are_those_of_the_protocol() -> None:
    assert set(PHASES) == {phase.value for phase in Phase}


def test_every_family_named_by_a_rule_is_one_that_servers_are_told_apart_by() -> None:
    assert {family for rule in RULES for family in rule.families} <= set(FAMILIES)


def test_a_person_reads_sentences() -> None:
    for rule in RULES:
        for words in (rule.title, rule.explanation, rule.remedy):
            assert words.endswith((".", "?", ")")), (rule.id, words)
            assert words[0].isupper() or words.startswith(("{", '"', "iCloud")) or words[0].isdigit(), (rule.id, words)


def test_there_is_a_rule_for_each_policy_about_missing_answers() -> None:
    assert {rule.unknown for rule in RULES if rule.unknown} == set(UnknownPolicy)
