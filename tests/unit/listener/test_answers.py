"""Replies to what became of a message: the trouble by its codes, all of it in words, 4xx only for what passes."""

from __future__ import annotations

import pytest

from postroom import errors
from postroom.errors import BadInput, Fault, PostroomError
from postroom.listener.answers import INTERNAL, refusal_for, reply_to
from postroom.outbox import Receipt
from postroom.outbox.receipt import RecipientReceipt


def kinds(kind: type[PostroomError] = PostroomError) -> list[type[PostroomError]]:
    return [kind, *[found for below in kind.__subclasses__() for found in kinds(below)]]


@pytest.mark.parametrize(
    ("error", "code", "enhanced"),
    [
        (BadInput([Fault("from", "a", "b"), Fault("x", "c", "d")]), 550, "5.7.60"),
        (BadInput([Fault("return_path", "a", "b")]), 550, "5.7.60"),
        (BadInput([Fault("header", "a", "b")]), 550, "5.6.0"),
        (BadInput([Fault("received", "a", "b")]), 554, "5.4.6"),
        (BadInput([Fault("to", "a", "b")]), 554, "5.1.3"),
        (errors.TooLarge(), 552, "5.3.4"),
        (errors.Forbidden(), 550, "5.7.1"),
        (errors.Conflict(), 554, "5.5.0"),
        (errors.TooMany("x", seconds=3), 450, "4.7.1"),
        (errors.NotAvailableYet(), 554, "5.3.3"),
        (errors.StoreUnavailable(), 451, "4.3.0"),
        (errors.StoreLocked(), 451, "4.3.0"),
        (errors.StoreFull(), 452, "4.3.1"),
        (errors.Unauthenticated(), 535, "5.7.8"),
        (PostroomError(), 451, "4.3.0"),
    ],
)
def test_each_trouble_has_its_codes(error: PostroomError, code: int, enhanced: str) -> None:
    reply = refusal_for(error)
    assert (reply.code, reply.enhanced) == (code, enhanced)
    assert not reply.conflict


def test_all_faults_are_told() -> None:
    reply = refusal_for(BadInput([Fault("from", "It is odd.", "Mend it."), Fault("to", "It is empty.", "Fill it.")]))
    assert reply.text == "from: It is odd. Mend it.\nto: It is empty. Fill it."


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_no_error_of_ours_is_a_yes(kind: type[PostroomError]) -> None:
    error = kind([]) if issubclass(kind, BadInput) else kind("words")
    assert refusal_for(error).code >= 400


def test_trouble_of_our_own_is_nobody_elses() -> None:
    assert INTERNAL.temporary


def receipt(*states: str, reply: str = "", **values: bool) -> Receipt:
    recipients = [RecipientReceipt(n, f"r{n}@y.org", state, reply) for n, state in enumerate(states)]
    return Receipt(1, tuple(recipients), **values)


@pytest.mark.parametrize(
    ("given", "code", "beginning"),
    [
        (receipt("queued"), 250, "Ok: queued as m_"),
        (receipt("silenced"), 250, "Ok: kept, nothing leaves while the mode is silent as m_"),
        (receipt("disabled"), 250, "Ok: noted, sending is disabled as m_"),
        (receipt("held"), 250, "Ok: held back as m_"),
        (receipt("sent", again=True), 250, "Ok: m_"),
        (receipt("sent", "sent", instantly=True), 250, "Ok: sent as m_"),
        (receipt("sent", "failed", instantly=True), 250, "Ok: taken as m_"),
        (receipt("deferred", instantly=True), 250, "Ok: taken as m_"),
        (receipt("unknown", instantly=True), 250, "Ok: taken as m_"),
        (receipt("queued", instantly=True), 250, "Ok: taken as m_"),
        (receipt("failed", "failed", instantly=True), 554, "Not sent, m_"),
    ],
)
def test_what_was_taken_is_a_yes_unless_all_of_it_is_over_and_failed(given: Receipt, code: int, beginning: str) -> None:
    """A no for mail that is tried again would have it sent twice."""
    reply = reply_to(given)
    assert reply.code == code
    assert reply.text.startswith(beginning)


def test_the_enhanced_code_of_a_failure_is_the_servers() -> None:
    failed = receipt("failed", reply="550 5.1.1 no such mailbox", instantly=True)
    assert (reply_to(failed).enhanced, reply_to(failed).conflict) == ("5.1.1", False)
    odd = receipt("failed", reply="550 4.1.1 odd", instantly=True)
    assert reply_to(odd).enhanced == "5.0.0"


def test_outcomes_of_many_recipients_are_bounded() -> None:
    reply = reply_to(receipt(*["deferred"] * 500, instantly=True))
    assert len(reply.lines) == 11
