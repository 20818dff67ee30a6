"""The oracle of the kill tests: it must find each kind of wrong, or a green kill test means nothing."""

from __future__ import annotations

import pytest

from tests.rigs.ledger import Acknowledged
from tests.rigs.oracle import Account, Findings, judge
from tests.rigs.sink import Record

PROMISED = [Acknowledged("r-1", "m_1", ("x@t", "y@t"), 1)]
INTENDED = {"r-1": ("x@t", "y@t"), "r-2": ("z@t",)}
BOTH_SENT = {"m_1": Account({"x@t": "sent", "y@t": "sent"})}


def record(*recipients: str, message_id: str = "<1@p>", sha256: str = "a") -> Record:
    return Record(
        sequence=1,
        taken=True,
        behaviour="ok",
        message_id=message_id,
        sender="a@test",
        recipients=recipients,
        refused={},
        parameters={},
        sha256=sha256,
        body_sha256="b",
        size=1,
        connection=1,
        tls=False,
        user=None,
        began=0.0,
        at=0.0,
    )


def found(accounts: dict[str, Account], *records: Record) -> Findings:
    return judge(PROMISED, INTENDED, accounts, records)


def test_it_is_content_when_all_is_well() -> None:
    assert found(BOTH_SENT, record("x@t", "y@t"), record("z@t", message_id="<2@p>")).wrong == {}


@pytest.mark.parametrize("state", ["failed", "held", "unknown", "cancelled", "silenced"])
def test_it_takes_a_visible_outcome_for_an_answer(state: str) -> None:
    assert found({"m_1": Account({"x@t": "sent", "y@t": state})}, record("x@t")).wrong == {}


def test_it_finds_what_is_lost() -> None:
    assert found({}, record("x@t", "y@t")).lost == ["r-1 (m_1): Postroom does not know it"]
    assert found(BOTH_SENT, record("x@t")).lost == ["y@t: called sent, never arrived"]
    assert found({"m_1": Account({"x@t": "sent"})}, record("x@t")).lost == ["y@t: no such recipient of m_1"]


def test_it_finds_what_is_still_on_its_way() -> None:
    assert found({"m_1": Account({"x@t": "sent", "y@t": "deferred"})}, record("x@t")).unfinished == ["y@t: deferred"]


def test_it_wants_a_doubt_for_each_further_copy() -> None:
    twice = (record("x@t", "y@t"), record("x@t"))
    assert found(BOTH_SENT, *twice).repeated == ["x@t: 2 copies, 0 doubts"]
    doubted = {"m_1": Account(BOTH_SENT["m_1"].states, {"x@t": 1})}
    assert found(doubted, *twice).wrong == {}
    assert found(doubted, *twice).explained == ["x@t"]
    assert found(doubted, *twice, record("x@t")).repeated == ["x@t: 3 copies, 1 doubts"]


def test_it_finds_mail_that_went_astray_or_changed() -> None:
    good = record("x@t", "y@t")
    assert found(BOTH_SENT, good, record("w@t", message_id="<2@p>")).strays == ["w@t: not addressed by anybody"]
    assert found(BOTH_SENT, good, record("z@t")).strays == ["z@t: got <1@p>, the message of r-1"]
    assert found(BOTH_SENT, good, record("x@t", sha256="c")).altered == ["<1@p>: 2 different contents"]


def test_what_is_wrong_fails_the_test_with_the_names() -> None:
    with pytest.raises(AssertionError, match=r"lost:.*y@t"):
        found(BOTH_SENT, record("x@t")).assert_nothing_wrong()
