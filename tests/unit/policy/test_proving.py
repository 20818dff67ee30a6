"""Which senders are proven over which accounts, what an answer proves, and when it is asked again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from postroom.model.account import AccountState, Login
from postroom.model.attempt import Failure, Result
from postroom.model.clone import Clone
from postroom.model.proof import Pair, ProofState
from postroom.model.tenant import Mode
from postroom.policy.proving import (
    DAY_MS,
    Answer,
    again_ms,
    answer_of,
    basis_of,
    first_due_ms,
    may_be_probed,
    pairs_of,
    wanted,
)
from postroom.policy.verdict import Context, judge
from tests.unit.policy.settings import ACME, BACKUP, FOREIGN, MAIN, OTHER, SHARED, usual

NOW = 1_700_000_000_000
MICROSOFT = Context(family="microsoft365", sender="a@acme.example")
SENDAS = Result("dot", 554, "5.2.252", "SendAsDenied; main@acme.example not allowed to send as a@acme.example")


def wants(**snapshot: Any) -> set[tuple[str, int]]:
    return {(pair.address, pair.account_id) for pair in wanted(usual(**snapshot)) if pair.tenant_id == ACME}


def test_the_ways_that_mail_takes_are_probed_by_themselves() -> None:
    assert wants() == {
        ("support@acme.example", MAIN.id),
        ("sales@acme.example", BACKUP.id),
        ("mail@acme.example", MAIN.id),
    }
    fallen_back = wants(main=replace(MAIN, fallback_account_id=BACKUP.id))
    assert ("support@acme.example", BACKUP.id) in fallen_back


@pytest.mark.parametrize("mode", [Mode.SILENT, Mode.DISABLED, Mode.NATIVE])
def test_nothing_is_probed_by_itself_where_mail_does_not_leave_by_smtp(mode: Mode) -> None:
    assert wants(mode=mode) == set()


def test_nothing_is_probed_while_the_database_may_be_a_copy() -> None:
    assert wanted(replace(usual(), clone=Clone(1, 0, "here", "there"))) == {}


@pytest.mark.parametrize(
    "values",
    [
        {"state": AccountState.PAUSED},
        {"enabled": False},
        {"login": Login.PASSWORD, "user": "x"},
        {"login": Login.OAUTH2},
        {"rewrite_from": True},
    ],
)
def test_an_account_that_can_not_send_is_not_bothered(values: dict[str, Any]) -> None:
    assert may_be_probed(MAIN)
    assert not may_be_probed(replace(MAIN, **values))
    assert ("support@acme.example", MAIN.id) not in wants(main=replace(MAIN, **values))


def test_the_matrix_holds_the_tenant_s_own_and_what_it_inherits_and_nobody_else_s() -> None:
    accounts = {pair.account_id for pair in pairs_of(usual(), ACME)}
    assert accounts == {MAIN.id, BACKUP.id}
    assert {pair.account_id for pair in pairs_of(usual(), OTHER)} == {FOREIGN.id, SHARED.id}


def test_a_whole_message_that_was_taken_proves_and_an_envelope_does_not() -> None:
    taken = Result("dot", 250, "2.0.0", "queued")
    assert answer_of(taken, judge(taken, MICROSOFT), whole=True).state is ProofState.PROVEN
    envelope = answer_of(taken, judge(taken, MICROSOFT), whole=False)
    assert envelope.state is None
    assert "probe address" in envelope.words


def test_a_refusal_of_the_sender_counts_and_any_other_trouble_proves_nothing() -> None:
    refused = answer_of(SENDAS, judge(SENDAS, MICROSOFT), whole=True)
    assert refused.state is ProofState.REFUSED
    assert refused.diagnosis
    for result in (
        Result("mail", 451, "4.7.1", "try again later"),
        Result("rcpt", 550, "5.1.1", "no such mailbox"),
        Result("auth", 535, "5.7.8", "wrong password"),
        Result("dot", 552, "5.2.2", "mailbox full"),
        Result("connect", failure=Failure.REFUSED, text="refused"),
        Result("dot", failure=Failure.CLOSED, text="gone", in_doubt=True),
    ):
        assert answer_of(result, judge(result, Context()), whole=True).state is None, result


def test_what_a_proof_rests_on_changes_with_the_server_and_the_login_and_with_nothing_else() -> None:
    basis = basis_of(MAIN)
    for values in ({"host": "other"}, {"port": 25}, {"user": "x"}, {"secret_set_ms": 5}, {"granted_ms": 5}):
        assert basis_of(replace(MAIN, **values)) != basis
    for values in ({"name": "x"}, {"version": 9}, {"footer_text": "x"}, {"state": AccountState.PAUSED}):
        assert basis_of(replace(MAIN, **values)) == basis


def test_many_are_spread_and_what_is_certain_is_asked_again_after_a_day() -> None:
    pairs = [Pair(1, f"a{n}@x.test", 1) for n in range(100)]
    dues = {first_due_ms(pair, NOW, many=True) for pair in pairs}
    assert len(dues) > 90
    assert max(dues) - min(dues) > 300_000
    assert first_due_ms(pairs[0], NOW, many=False) == first_due_ms(pairs[1], NOW, many=False) > NOW
    certain = again_ms(Answer(ProofState.PROVEN, ""), 9, NOW, 0.5) - NOW
    assert certain == DAY_MS
    waits = [again_ms(Answer(None, ""), tries, NOW, 0.5) for tries in (0, 1, 2, 3, 4, 99)]
    assert waits == sorted(waits)
    assert waits[0] < NOW + DAY_MS // 24
