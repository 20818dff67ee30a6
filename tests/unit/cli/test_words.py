"""Every state and event has words, and every piece of advice names a move that the table of states allows."""

from __future__ import annotations

import pytest

from postroom.cli.words import EVENTS, MODES, SENDING, STATES, advice, state_cell
from postroom.model.event import EventKind
from postroom.model.state import OVER, State
from postroom.model.tenant import Mode, Sending


def test_nothing_is_without_words() -> None:
    assert set(STATES) == set(State)
    assert set(EVENTS) == set(EventKind)
    assert set(MODES) == set(Mode)
    assert set(SENDING) == set(Sending)


@pytest.mark.parametrize("state", list(State))
def test_advice_fits_the_state(state: State) -> None:
    command = STATES[state][1]
    assert command in ("", "retry", "resend", "release", "settle")
    if command == "resend":
        assert state in OVER
    if command in ("retry", "release", "settle"):
        assert state not in OVER
    if command:
        assert f"{command} m_1" in advice(state, "m_1")


def test_a_state_nobody_knows_is_shown_and_gets_no_advice() -> None:
    assert state_cell("new-fangled").text == "new-fangled"
    assert state_cell(None).style == ""
    assert advice("new-fangled", "m_1") == ""
