"""The words of the settings check: in every language, filled without harm, and leading to commands that exist."""

from __future__ import annotations

import shlex

import pytest

from postroom.cli.program import make_app
from postroom.model.problem import Finding, Weight
from postroom.policy.checks import catalogue, faults, order, told, weight_of
from postroom.policy.tongue import ENGLISH, LANGUAGES
from postroom.settings import describe

CHECKS = list(catalogue().values())


def test_every_check_is_told_in_every_language() -> None:
    wrong = [fault for language in LANGUAGES if language != ENGLISH for fault in faults(language, CHECKS)]
    assert [str(fault) for fault in wrong] == []


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_every_check_says_what_is_so_and_who_can_mend_it(check: object) -> None:
    words = told(Finding(check.id, 1, values={"name": "Main"}))  # type: ignore[attr-defined]
    assert words.ask.endswith(".")
    assert "{" not in f"{words}"


def test_every_command_that_a_check_names_exists() -> None:
    import typer

    root = typer.main.get_command(make_app())
    for check in CHECKS:
        if not check.command:
            continue
        words = shlex.split(check.command)
        assert words[0] == "postroom", check.id
        below = root.commands[words[1]]  # type: ignore[attr-defined]
        if hasattr(below, "commands"):
            below = below.commands[words[2]]
        options = {option for parameter in below.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= options, check.id


def test_a_name_can_neither_change_a_command_nor_fill_another_place() -> None:
    """P9: what somebody called his account is pasted into nobody's shell."""
    finding = Finding("account-password-missing", 1, "a_1", {"name": "x; rm -rf ~ {why}"})
    assert shlex.split(told(finding).command)[3] == "x; rm -rf ~ {why}"
    assert told(finding).about == "x; rm -rf ~ {why}"


def test_what_weighs_most_comes_first_and_a_finding_may_weigh_more_than_its_check() -> None:
    late = Finding("application-secret-ends", 1, "a_2", {"day": "2026-11-21"}, Weight.PROBLEM)
    soon = Finding("application-secret-ends", 1, "a_1", {"day": "2026-12-20"})
    stops = Finding("account-paused", 1, "a_3")
    note = Finding("password-held-back", 1, "a_4")
    assert sorted([note, soon, late, stops], key=order) == [stops, late, soon, note]
    assert weight_of(soon) is Weight.WARNING
    assert (late.key, Finding("mode-silent", 1).key) == ("application-secret-ends:a_2", "mode-silent")


def test_every_setting_that_a_check_names_is_one() -> None:
    known = {row.name for row in describe()}
    assert {"tls_minimum", "smtp_certificate", "data"} <= known
