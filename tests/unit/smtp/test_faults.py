"""Losses and refusals are data that say what they are, and times are those of the standard."""

from __future__ import annotations

import dataclasses

import pytest

from postroom.model.attempt import Failure
from postroom.smtp.fault import Lost, LostKind, Refusal
from postroom.smtp.phase import Phase
from postroom.smtp.reply import Reply, Unintelligible
from postroom.smtp.timeouts import Timeouts


def test_a_loss_in_its_place() -> None:
    lost = Lost(LostKind.TIMEOUT, "no reply", replies=(Reply(250, None, ""),), written=7)
    assert lost.at(Phase.DOT) == Lost(LostKind.TIMEOUT, "no reply", Phase.DOT)
    assert str(lost) == "timeout: no reply"
    assert str(Lost(LostKind.RESET)) == "reset"


@pytest.mark.parametrize(("written", "left"), [(None, True), (0, False), (99, False), (100, True), (101, True)])
def test_what_may_have_left(written: int | None, left: bool) -> None:
    """Not to know is to assume the worst."""
    assert Lost(LostKind.CLOSED, written=written).may_have_left(100) is left


def test_what_a_reader_did_not_understand() -> None:
    replies = (Reply(250, None, ""),)
    assert Lost.unintelligible(Unintelligible("no reply", "xyz"), replies) == Lost(
        LostKind.UNINTELLIGIBLE, "no reply: xyz", replies=replies
    )
    assert Lost.unintelligible(Unintelligible("no end", "", True)) == Lost(LostKind.TOO_LONG, "no end")


def test_a_reply_out_of_step_is_quoted() -> None:
    lost = Lost.out_of_step(Reply(250, "2.0.0", "ok"), Phase.DATA)
    assert lost == Lost(LostKind.OUT_OF_STEP, "unexpected reply: 250 2.0.0 ok", Phase.DATA)


def test_refusals_speak() -> None:
    assert str(Refusal(Failure.TOO_BIG, "5.3.4", "Too big.")) == "5.3.4 Too big."
    assert str(Refusal(Failure.NO_LOGIN, None, "No login.")) == "No login."


def test_timeouts_are_those_of_rfc_5321() -> None:
    """4.5.3.2, in seconds."""
    times = Timeouts()
    assert (times.greeting, times.mail, times.rcpt, times.data) == (300, 300, 300, 120)
    assert (times.block, times.dot, times.envelope) == (180, 600, 300)


def test_timeouts_scale_in_proportion() -> None:
    scaled = Timeouts().scaled(0.001)
    for field in dataclasses.fields(Timeouts):
        assert getattr(scaled, field.name) == pytest.approx(getattr(Timeouts(), field.name) / 1000)
