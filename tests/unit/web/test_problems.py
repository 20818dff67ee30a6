"""Errors are told as RFC 9457 says, with nothing in them that was not meant to be shown."""

from __future__ import annotations

import json
import logging

import pytest

from postroom import errors
from postroom.errors import BadInput, Fault, StoreFull, StoreUnavailable, Unauthenticated
from postroom.store.engine import explain_failure
from postroom.web.api.problems import KINDS, MOST_FAULTS, problem_of, problem_of_status

_STARTING_ONLY = {errors.BadSettings, errors.StoreLocked, errors.SchemaTooNew, errors.KeyUnreadable}


def test_every_error_of_ours_is_documented_as_a_problem() -> None:
    slugs = {kind.slug for kind in KINDS}
    every = [getattr(errors, name) for name in errors.__all__ if name != "Fault"]
    assert {error.slug for error in every if error not in _STARTING_ONLY} <= slugs
    assert len(slugs) == len(KINDS)


def test_a_problem_names_all_faults_at_once() -> None:
    body = json.loads(problem_of(BadInput([Fault("a", "p", "m"), Fault("b", "q", "n")])).body("r1"))
    assert body["status"] == 422
    assert body["type"] == "/docs#problem-bad-input"
    assert body["instance"] == "urn:postroom:request:r1"
    assert body["faults"] == [
        {"field": "a", "problem": "p", "mend": "m"},
        {"field": "b", "problem": "q", "mend": "n"},
    ]


def test_an_unexpected_error_shows_and_logs_nothing_of_its_words(caplog: pytest.LogCaptureFixture) -> None:
    """An error's text may quote a password or a message (P7)."""

    def fails() -> None:
        raise RuntimeError("the password is canary-7")

    with caplog.at_level(logging.DEBUG), pytest.raises(RuntimeError) as caught:
        fails()
    with caplog.at_level(logging.DEBUG):
        problem = problem_of(caught.value, "r1")
    assert problem.status == 500
    assert "canary" not in problem.body("r1").decode()
    assert "canary" not in caplog.text
    assert "RuntimeError" in caplog.text
    assert "fails" in caplog.text


def test_answers_carry_the_headers_they_need() -> None:
    assert dict(problem_of(Unauthenticated()).headers)["www-authenticate"].startswith("Bearer")
    assert dict(problem_of(StoreUnavailable()).headers)["retry-after"]
    assert problem_of(StoreFull()).status == 507
    assert dict(problem_of_status(405, ["GET"]).headers)["allow"] == "GET"


def test_a_problem_can_always_be_written_and_is_never_endless() -> None:
    faults = [Fault("x" * 100_000, "half \ud800 of a pair", "m")] * 100_000
    body = problem_of(BadInput(faults)).body()
    assert len(json.loads(body)["faults"]) == MOST_FAULTS
    assert len(body) < 1_000_000


def test_what_failed_inside_is_logged_by_kind_and_place_and_told_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    error = explain_failure(ZeroDivisionError("canary"))
    problem = problem_of(error, "r1")
    assert problem.status == 503
    assert "request r1 failed: ZeroDivisionError" in caplog.text
    assert "canary" not in caplog.text + problem.body("r1").decode()
