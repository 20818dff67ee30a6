"""An answer is read as people paste it, and explained like the one that a server gave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.model.attempt import Failure
from postroom.policy.asked import read_asked
from postroom.policy.diagnosis import catalogue
from postroom.policy.rule import Case, Context


@pytest.mark.parametrize(
    ("text", "family", "diagnosis"),
    [
        ("550 5.1.1 User unknown", "", "no-such-mailbox"),
        ("  550-5.1.1 User\n550 5.1.1 unknown\n", "", "no-such-mailbox"),
        ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", "microsoft365",
         "m365-password-login-off"),
        ("550 5.7.60 SMTP; Client does not have permissions to send as this sender", "microsoft365",
         "microsoft-send-as-login"),
        ("454 4.7.1 <a@example.org>: Relay access denied", "postfix", "postfix-relay-denied"),
        ("connection-refused: [Errno 111] Connection refused", "", "connection-refused"),
        ("connection-refused", "", "connection-refused"),
        ("certificate-refused: certificate has expired", "", "certificate-expired"),
    ],
)  # fmt: skip
def test_what_is_pasted_is_explained(text: str, family: str, diagnosis: str) -> None:
    result = read_asked(text)
    assert result is not None
    assert catalogue().find(Case.of(result), Context(family)).id == diagnosis


@pytest.mark.parametrize("text", ["", "hello", "123 what", "55 0", "tired: of it", "550x"])
def test_what_is_no_answer_is_none(text: str) -> None:
    found = read_asked(text)
    assert found is None or found.code == 550


def test_a_phase_that_is_given_stands() -> None:
    result = read_asked("550 5.1.1 User unknown", "dot")
    assert result is not None
    assert result.phase == "dot"


def test_every_local_failure_can_be_asked_for() -> None:
    assert {read_asked(f"{word}: why").failure for word in Failure} == set(Failure)  # type: ignore[union-attr]


@given(st.text(max_size=6_000), st.sampled_from(["", "rcpt", "auth"]))
def test_nothing_that_is_pasted_is_too_odd(text: str, phase: str) -> None:
    result = read_asked(text, phase)
    if result is not None:
        assert catalogue().find(Case.of(result), Context())
