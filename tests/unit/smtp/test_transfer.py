"""Transfers and deliveries where a dialogue is not the shortest way to say it. Most of it is told in the dialogues."""

from __future__ import annotations

from typing import Any

import pytest

from postroom.model.attempt import Failure
from postroom.smtp import client
from postroom.smtp.capabilities import Capabilities
from postroom.smtp.client import (
    Done,
    Ended,
    Lost,
    LostKind,
    Marked,
    MarkSoon,
    Next,
    Opened,
    Outcome,
    Phase,
    Recipient,
    RecipientOutcome,
    Refusal,
    Reply,
    Send,
    Timeouts,
    Transcript,
    Transmission,
    probe,
    transfer,
)
from postroom.smtp.delivery import prepare

OK = Reply(250, None, "ok")
GO = Reply(354, None, "go")
PIPELINED = Capabilities(pipelining=True)
CHUNKED = Capabilities(pipelining=True, chunking=True)


def opened(capabilities: Capabilities) -> Opened:
    return Opened(capabilities, Transcript(), Reply(220, None, "mx"), None, True, Timeouts())


def letter(key: object = 1, content: bytes = b"Subject: x\r\n\r\ntext\r\n", **more: Any) -> Transmission:
    return Transmission(key, "a@x.org", more.pop("recipients", (Recipient("b@y.org"),)), content, **more)


def play(capabilities: Capabilities, *answers: Any) -> tuple[Ended, list[Any]]:
    """The result, and the steps that led to it; Done and MarkSoon need no answer."""
    conversation = transfer(opened(capabilities))
    steps: list[Any] = []
    answer: Any = None
    coming = iter(answers)
    while True:
        try:
            steps.append(conversation.send(answer))
        except StopIteration as stop:
            return stop.value, steps
        answer = None if isinstance(steps[-1], Done | MarkSoon) else next(coming)


def outcome_of(steps: list[Any]) -> Outcome:
    (done,) = (step for step in steps if isinstance(step, Done))
    result: Outcome = done.outcome
    return result


class TestProbe:
    @pytest.mark.parametrize(
        ("answer", "cause"),
        [
            ([OK], None),
            ([Reply(421, None, "bye")], Reply(421, None, "bye")),
            ([Reply(502, None, "what")], Reply(502, None, "what")),
            (Lost(LostKind.CLOSED, "gone"), Lost(LostKind.CLOSED, "gone", Phase.MAIL)),
            (Lost(LostKind.CLOSED, replies=(Reply(421, None, "bye"),), written=0), Reply(421, None, "bye")),
        ],
    )
    def test_an_idle_connection_lives_if_it_answers_well(self, answer: Any, cause: Any) -> None:
        conversation = probe(opened(PIPELINED))
        step = next(conversation)
        assert isinstance(step, Send)
        assert (step.data, step.replies, step.timeout) == (b"RSET\r\n", 1, 10.0)
        with pytest.raises(StopIteration) as end:
            conversation.send(answer)
        assert end.value.value == cause


def test_a_session_without_messages_says_quit() -> None:
    ended, steps = play(PIPELINED, None, [Reply(221, None, "bye")])
    assert ended == Ended(None)
    assert [type(step) for step in steps] == [Next, Send]
    assert steps[1].data == b"QUIT\r\n"


def test_the_final_dot_is_waited_for_ten_minutes() -> None:
    for capabilities, envelope in ((PIPELINED, [[OK, OK, GO]]), (CHUNKED, []), (Capabilities(), [[OK], [OK]])):
        script: list[Any] = [letter(), *envelope]
        if capabilities is PIPELINED:
            script += [True, None, [OK]]
        elif capabilities is CHUNKED:
            script += [True, None, [OK, OK, OK]]
        else:
            script += [True, [GO], [OK]]
        _, steps = play(capabilities, *script, None, [OK])
        patience = [step.timeout for step in steps if isinstance(step, Send)]
        assert patience[-2:] == [600.0, 5.0]
        assert all(seconds in (300.0, 120.0) for seconds in patience[:-2])


class TestWrittenBytes:
    """What the driver knows of the bytes that left decides about doubt, to the byte."""

    BODY = len(b"Subject: x\r\n\r\ntext\r\n.\r\n")

    @pytest.mark.parametrize(("short", "phase"), [(1, Phase.BODY), (0, Phase.DOT)])
    def test_pipelined(self, short: int, phase: Phase) -> None:
        lost = Lost(LostKind.RESET, written=self.BODY - short)
        _, steps = play(PIPELINED, letter(), [OK, OK, GO], True, None, lost)
        (result,) = outcome_of(steps).recipients
        assert (result.phase, result.in_doubt) == (phase, phase is Phase.DOT)

    @pytest.mark.parametrize("short", [1, 0])
    def test_chunked(self, short: int) -> None:
        _, steps = play(CHUNKED, letter(), True, None, Lost(LostKind.RESET))
        size = next(len(step.data) for step in steps if isinstance(step, Send))
        lost = Lost(LostKind.RESET, written=size - short, replies=(OK,))
        _, steps = play(CHUNKED, letter(), True, None, lost)
        (result,) = outcome_of(steps).recipients
        assert (result.phase, result.in_doubt) == ((Phase.DOT, True) if short == 0 else (Phase.RCPT, False))


def test_the_next_message_is_marked_while_this_one_travels() -> None:
    """MarkSoon of the next comes before the step of this one, in both pipelined ways."""
    _, chunked = play(CHUNKED, letter(1), True, letter(2), [OK] * 3, True, None, [OK] * 3, None, [OK])
    _, pipelined = play(
        PIPELINED, letter(1), [OK, OK, GO], True, letter(2), [OK, OK, OK, GO], True, None, [OK], None, [OK]
    )
    for steps in (chunked, pipelined):
        names = [type(step).__name__ for step in steps]
        assert names[names.index("Marked") :][:4] == ["Marked", "Next", "MarkSoon", "Send"]
        assert [step.wait for step in steps if isinstance(step, Next)] == [True, False, False, True]
        assert [step.transmission.key for step in steps if isinstance(step, Marked)] == [1, 2]


@pytest.mark.parametrize("number", [1, 2, 50])
def test_one_round_trip_a_message_in_the_steady_state(number: int) -> None:
    letters = [letter(key) for key in range(number)]
    rounds = {}
    for capabilities, first in ((CHUNKED, []), (PIPELINED, [[OK, OK, GO]])):
        answers: list[Any] = [letters[0], *first]
        for following in [*letters[1:], None]:
            group = [OK] * 3 if capabilities is CHUNKED else [OK] if following is None else [OK, OK, OK, GO]
            answers += [True, following, group]
        _, steps = play(capabilities, *answers, None, [OK])
        rounds[capabilities.chunking] = sum(isinstance(step, Send) for step in steps) - 1
    assert rounds == {True: number, False: number + 1}


def test_nobody_to_send_to() -> None:
    _, steps = play(PIPELINED, letter(recipients=()), None, [OK])
    assert outcome_of(steps).recipients == ()
    assert not outcome_of(steps).in_doubt


class TestPrepare:
    @pytest.mark.parametrize("content", [b"a\nb\r\n", b"a\rb\r\n", b"\r\n.\r\r\n", b"a\n"])
    def test_bare_line_ends_never_leave(self, content: bytes) -> None:
        refused = prepare(letter(content=content), PIPELINED, False)
        assert isinstance(refused, Outcome)
        (result,) = refused.recipients
        assert isinstance(result.reply, Refusal)
        assert result.reply.id is Failure.UNWRITABLE
        assert not result.delivered

    @pytest.mark.parametrize(("size", "fits"), [(0, True), (20, True), (19, False)])
    def test_size_is_what_will_be_sent(self, size: int, fits: bool) -> None:
        prepared = prepare(letter(content=b"Subject: x\r\n\r\n" + b"text"), Capabilities(size=size), True)
        assert isinstance(prepared, Outcome) != fits
        if not isinstance(prepared, Outcome):
            assert prepared.lines[0].endswith(b" SIZE=20\r\n")
            assert prepared.lines[-1] == b"BDAT 20 LAST\r\n"
            assert prepared.body == b"Subject: x\r\n\r\ntext\r\n"

    def test_content_counts_and_not_its_label(self) -> None:
        """8-bit text that nobody announced is announced, or refused."""
        text = "Subject: x\r\n\r\nü\r\n".encode()
        prepared = prepare(letter(content=text), Capabilities(eightbitmime=True), False)
        assert not isinstance(prepared, Outcome)
        assert prepared.lines[0].endswith(b" BODY=8BITMIME\r\n")
        assert isinstance(prepare(letter(content=text), Capabilities(), False), Outcome)

    def test_a_bad_parameter_is_a_refusal_and_no_traceback(self) -> None:
        refused = prepare(letter(envid="a\r\nb"), Capabilities(dsn=True), False)
        assert isinstance(refused, Outcome)
        (result,) = refused.recipients
        assert isinstance(result.reply, Refusal)


def test_only_a_yes_to_the_dot_is_a_delivery() -> None:
    assert RecipientOutcome(OK, Phase.DOT).delivered
    for phase in (Phase.MAIL, Phase.RCPT, Phase.DATA):
        assert not RecipientOutcome(OK, phase).delivered
    assert not RecipientOutcome(Reply(451, None, ""), Phase.DOT).delivered
    assert not RecipientOutcome(Lost(LostKind.CLOSED), Phase.DOT, in_doubt=True).delivered


def test_the_conversation_of_a_message_is_its_own() -> None:
    """Its envelope, its body by size, its replies: and nothing of its neighbours in the same write."""
    first, second = letter("first"), letter("second", recipients=(Recipient("c@y.org"),))
    _, steps = play(PIPELINED, first, [OK, OK, GO], True, second, [OK, OK, OK, GO], True, None, [OK], None, [OK])
    texts = [step.outcome.transcript.text() for step in steps if isinstance(step, Done)]
    said = [
        "MAIL FROM:<a@x.org>",
        "RCPT TO:<{}>",
        "DATA",
        "250 ok",
        "250 ok",
        "354 go",
        "[20 bytes of message]",
        "250 ok",
    ]
    for text, address in zip(texts, ("b@y.org", "c@y.org"), strict=True):
        assert [line.partition(": ")[2] for line in text.splitlines()] == [line.format(address) for line in said]


def test_the_front_is_complete() -> None:
    """Everything that is promised to drivers can be had from `client`."""
    assert sorted(client.__all__) == client.__all__
    assert all(hasattr(client, name) for name in client.__all__)


class TestLargeBodies:
    """A letter of many megabytes is not copied to be sent, and no other one lies beside it meanwhile."""

    LARGE = b"Subject: x\r\n\r\n" + b"text\r\n" * 100_000

    @pytest.mark.parametrize("capabilities", [PIPELINED, CHUNKED])
    def test_no_other_message_is_fetched_while_one_leaves(self, capabilities: Capabilities) -> None:
        envelope = [] if capabilities.chunking else [[OK, OK, GO]]
        heard = [OK] * 3 if capabilities.chunking else [OK]
        _, steps = play(capabilities, letter(1, self.LARGE), *envelope, True, heard, None, [OK])
        assert [step.wait for step in steps if isinstance(step, Next)] == [True, True]
        assert outcome_of(steps).recipients[0].delivered

    def test_the_very_octets_that_were_handed_over_leave(self) -> None:
        _, steps = play(CHUNKED, letter(1, self.LARGE), True, [OK] * 3, None, [OK])
        step = next(step for step in steps if isinstance(step, Send))
        assert step.tail is self.LARGE
        assert step.data.endswith(b"BDAT %d LAST\r\n" % len(self.LARGE))
        assert step.size == len(step.data) + len(self.LARGE)

    @pytest.mark.parametrize("short", [1, 0])
    def test_doubt_is_known_to_the_byte_as_with_small_ones(self, short: int) -> None:
        _, steps = play(CHUNKED, letter(1, self.LARGE), True, Lost(LostKind.RESET), None)
        size = next(step.size for step in steps if isinstance(step, Send))
        _, steps = play(
            CHUNKED, letter(1, self.LARGE), True, Lost(LostKind.RESET, written=size - short, replies=(OK,)), None
        )
        (result,) = outcome_of(steps).recipients
        assert result.in_doubt == (short == 0)
