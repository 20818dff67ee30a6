"""From results to what is written down: every verdict has one spelling as a move, allowed by the table (P4)."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.deliver.conclude import Circumstances, Concluded, conclude, give_back, put_aside
from postroom.model.account import Account, Encryption
from postroom.model.attempt import Action, Failure, Result
from postroom.model.job import Job, JobRecipient
from postroom.model.preference import SUPPRESSED_MS, Why
from postroom.model.state import WAITING, State, may_move
from postroom.policy.retry import Schedule
from postroom.smtp.phase import Phase

NOW = 1_795_167_133_732
HOUR = 3_600_000
ACCOUNT = Account(7, 1, "Relay", "mail.example.org", 587, Encryption.STARTTLS, version=4)
OK = Result("dot", 250, "2.0.0", "Ok: queued")


def job(recipients: int = 1, **changes: Any) -> Job:
    values: dict[str, Any] = {
        "message_id": 11, "tenant_id": 1, "account_id": 7, "fence": 99,
        "recipients": tuple(JobRecipient(n, f"r{n}@example.org", 0) for n in range(recipients)),
        "mail_from": "me@example.org", "content": b"x", "size": 1, "eight_bit": False, "smtputf8": False,
        "since_ms": NOW - 1000, "expires_ms": None, "unknown_policy": "retry", "secret": False, "sender_id": 3,
        "routed": "default", "started_ms": NOW - 20,
    }  # fmt: skip
    return Job(**(values | changes))


def around() -> Circumstances:
    numbers = count(1000)
    return Circumstances(ACCOUNT, "smtp", "", 55, NOW, Schedule(), lambda: next(numbers), lambda: 0.5)


def told(one: Job, *results: Result) -> Concluded:
    return conclude(one, results, "C: …", around())


def test_a_delivered_recipient_is_sent_and_needs_nothing_more() -> None:
    concluded = told(job(), OK)
    (move,) = concluded.settlement.moves
    assert (move.state, move.due_ms, move.tries, move.lease) == ("sent", None, 1, 99)
    assert concluded.worst is None
    assert json.loads(concluded.settlement.events[0][6]) == {"reply": "250 2.0.0 Ok: queued", "account": "Relay"}


def test_one_refused_recipient_does_not_stop_the_others() -> None:
    concluded = told(job(3), OK, Result("rcpt", 550, "5.1.1", "No such user"), Result("rcpt", 450, "4.2.0", "Later"))
    assert [move.state for move in concluded.settlement.moves] == ["sent", "failed", "deferred"]
    assert len(concluded.settlement.events) == 3
    assert concluded.settlement.attempt is not None


@pytest.mark.parametrize(
    ("result", "listed"),
    [
        (Result("rcpt", 550, "5.1.1", "No such user"), True),
        (Result("dot", 550, "5.1.1", "No such user"), False),  # said of the message, and who was meant is a guess
        (Result("rcpt", 550, "5.7.1", "Relay access denied"), False),
        (Result("rcpt", 552, "5.2.2", "Mailbox full"), False),
        (Result("auth", 535, "5.7.8", "Authentication failed"), False),
        (Result("rcpt", 450, "4.1.1", "No such user"), False),
    ],
)
def test_only_a_mailbox_that_does_not_exist_is_suppressed_and_only_where_that_is_wanted(
    result: Result, listed: bool
) -> None:
    wants = around()
    wants.suppresses = True
    found = conclude(job(), [result], "", wants).settlement.suppress
    assert [(one.tenant_id, one.address, one.why, one.message_id) for one in found] == (
        [(1, "r0@example.org", Why.NO_MAILBOX, 11)] if listed else []
    )
    assert all(one.expires_ms == NOW + SUPPRESSED_MS for one in found)
    assert told(job(), result).settlement.suppress == []


def test_a_wrong_password_bounces_nothing() -> None:
    concluded = told(job(2), *[Result("auth", 535, "5.7.8", "Authentication failed")] * 2)
    assert {(move.state, move.due_ms, move.tries) for move in concluded.settlement.moves} == {("queued", NOW, 0)}
    assert concluded.worst is not None
    assert concluded.worst.action is Action.PAUSE


def test_a_refused_sender_holds_its_own_mail_only() -> None:
    concluded = told(job(), Result("mail", 550, "5.7.60", "Client does not have permissions to send as this sender"))
    assert concluded.settlement.moves[0].state == "held"
    assert concluded.worst is not None
    assert concluded.worst.action is Action.HOLD_SENDER


@pytest.mark.parametrize(("policy", "state"), [("retry", "deferred"), ("hold", "unknown")])
def test_an_answer_that_never_came_is_unknown_and_goes_the_way_of_its_policy(policy: str, state: str) -> None:
    concluded = told(job(unknown_policy=policy), Result("dot", 0, "", "", Failure.CLOSED, in_doubt=True))
    assert concluded.settlement.moves[0].state == state
    assert "unknown" in [row[5] for row in concluded.settlement.events]


def test_what_failed_for_now_is_tried_again_until_it_expires() -> None:
    later = Result("rcpt", 451, "4.3.0", "Try again later")
    assert told(job(), later).settlement.moves[0].due_ms is not None
    over = told(job(since_ms=NOW - 6 * 24 * HOUR), later)
    assert over.settlement.moves[0].state == "expired"


def test_too_many_recipients_sends_the_rest_soon_and_counts_no_try() -> None:
    concluded = told(job(2), OK, Result("rcpt", 452, "4.5.3", "Too many recipients"))
    rest = concluded.settlement.moves[1]
    assert (rest.state, rest.tries) == ("queued", 0)
    assert rest.due_ms is not None
    assert NOW < rest.due_ms < NOW + 60_000


def test_a_secret_message_is_wiped_with_its_settlement() -> None:
    assert told(job(secret=True), OK).settlement.wipe == 11
    assert told(job(), OK).settlement.wipe is None


@given(
    st.sampled_from([phase.value for phase in Phase]),
    st.integers(0, 999),
    st.sampled_from(["", "5.7.8", "4.7.0", "5.1.1", "2.0.0", "9.9.9"]),
    st.text(max_size=80),
    st.one_of(st.none(), st.sampled_from(list(Failure))),
    st.booleans(),
    st.sampled_from(["retry", "hold"]),
)
def test_any_answer_ends_in_one_allowed_move_and_never_in_an_error(
    phase: str, code: int, enhanced: str, text: str, failure: Failure | None, in_doubt: bool, policy: str
) -> None:
    result = Result(phase, code, enhanced, text, failure, in_doubt)
    concluded = told(job(2, unknown_policy=policy), result, OK)
    for move in concluded.settlement.moves:
        assert may_move(State.SENDING, State(move.state))
        assert (move.due_ms is not None) == (State(move.state) in WAITING)
    assert in_doubt <= ("unknown" in [row[5] for row in concluded.settlement.events])
    for row in concluded.settlement.events:
        json.loads(row[6])


@pytest.mark.parametrize("state", [State.QUEUED, State.HELD, State.SILENCED, State.DISABLED, State.EXPIRED])
def test_a_job_that_is_put_aside_says_why_for_each_recipient(state: State) -> None:
    due = NOW if state is State.QUEUED else None
    settlement = put_aside(job(3), state, due, 8, "because", around())
    assert [(move.state, move.account_id, move.tries) for move in settlement.moves] == [(state.value, 8, 0)] * 3
    assert all(json.loads(row[6]) == {"why": "because"} for row in settlement.events)
    assert settlement.attempt is None


def test_what_was_not_sent_waits_again_and_no_attempt_is_counted() -> None:
    (move,) = give_back(job(), NOW + 5, "not-sent-yet", around()).moves
    assert (move.state, move.due_ms, move.tries, move.account_id) == ("queued", NOW + 5, 0, 7)
