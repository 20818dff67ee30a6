"""What an identity provider answers is read without trust: tokens within bounds, refusals as data (P6)."""

from __future__ import annotations

import json

import pytest

from postroom.model.attempt import Failure, Result
from postroom.policy.token import Issued, read_answer, read_return


def issued(**told: object) -> Issued | Result:
    return read_answer(200, json.dumps({"access_token": "a", "token_type": "Bearer", **told}).encode())


def failure(status: int, body: object) -> tuple[Failure | None, str]:
    found = read_answer(status, body if isinstance(body, bytes) else json.dumps(body).encode())
    assert isinstance(found, Result)
    return found.failure, found.text


@pytest.mark.parametrize(
    ("told", "seconds"),
    [(3600, 3600), ("3599", 3599), (1, 60), (-5, 60), (10**9, 86_400), (None, 3600), ("soon", 3600), (True, 3600),
     (1e9, 86_400), ("9" * 400, 3600)],
)  # fmt: skip
def test_a_token_is_used_for_a_minute_at_least_and_a_day_at_most(told: object, seconds: int) -> None:
    assert issued(expires_in=told) == Issued("a", "", seconds)


@pytest.mark.parametrize("refresh", [None, "", 7, "a b", "a\r\nb", "\u00e9", "x" * 9_001])
def test_a_refresh_token_that_can_be_none_is_none(refresh: object) -> None:
    assert issued(refresh_token=refresh) == Issued("a", "", 3600)


@pytest.mark.parametrize("access", [None, "", 7, "a b", "a\r\nRCPT TO:<x>", "\u00e9", "x" * 9_001, ["a"]])
def test_an_access_token_that_no_login_can_carry_is_none(access: object) -> None:
    found = issued(access_token=access)
    assert isinstance(found, Result)
    assert found.failure is Failure.GRANT_LATER


def test_a_token_of_another_type_than_bearer_is_none() -> None:
    assert isinstance(issued(token_type="mac"), Result)
    assert isinstance(issued(token_type="BEARER"), Issued)


@pytest.mark.parametrize(
    ("status", "error", "later"),
    [
        (400, "invalid_grant", False),
        (401, "invalid_client", False),
        (400, "temporarily_unavailable", True),
        (400, "slow_down", True),
        (429, "invalid_grant", True),
        (503, "invalid_grant", True),
    ],
)
def test_a_refusal_for_good_is_told_from_one_for_now(status: int, error: str, later: bool) -> None:
    told = {"error": error, "error_description": "so it is"}
    assert failure(status, told) == (Failure.GRANT_LATER if later else Failure.GRANT, f"{error}: so it is")


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b""), (200, b"[1]"), (200, b"[" * 100_000), (400, b"{}"), (400, b'{"error": 5}'), (302, b'{"error": "x"}'),
     (500, b"<h1>"), (200, b"\xff\x00"), (200, b'{"access_token": "a", "expires_in": NaN')],
)  # fmt: skip
def test_what_is_no_answer_is_trouble_that_passes(status: int, body: bytes) -> None:
    assert failure(status, body)[0] is Failure.GRANT_LATER


def test_the_providers_words_are_bounded_and_printable() -> None:
    _, words = failure(400, {"error": "x\x1b[31m\r\n", "error_description": "\u202e" + "y" * 5_000})
    assert words.isprintable()
    assert len(words) <= 600


def test_secrets_are_in_no_repr() -> None:
    assert "canary" not in repr(issued(access_token="canary", refresh_token="canary"))
    assert "canary" not in repr(read_return("http://localhost/?state=canary&code=canary"))


def test_what_a_person_comes_back_with() -> None:
    back = read_return(" http://localhost:1/?state=s&code=c%2Fd \n")
    assert (back.state, back.code, back.refused) == ("s", "c/d", None)
    declined = read_return("http://localhost:1/?state=s&error=access_denied&error_description=no%0Athanks")
    assert (declined.state, declined.code) == ("s", "")
    assert declined.refused is not None
    assert declined.refused.text == "access_denied: no thanks"


@pytest.mark.parametrize("address", ["", "x", "http://[", "?" + "a=1&" * 60, "http://h/?state=s#code=c"])
def test_an_address_that_says_nothing_is_data_too(address: str) -> None:
    back = read_return(address)
    assert back.code == ""
    assert back.refused is not None
