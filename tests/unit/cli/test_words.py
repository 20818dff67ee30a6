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


def _advice(state: object, **more: object) -> str:
    return advice({"state": state, **more}, {"id": "m_1", "from": "news@example.org"})


@pytest.mark.parametrize("state", list(State))
def test_advice_fits_the_state(state: State) -> None:
    command = STATES[state][1]
    assert command in ("", "retry", "resend", "release", "settle")
    if command == "resend":
        assert state in OVER
    if command in ("retry", "release", "settle"):
        assert state not in OVER
    assert bool(command) == bool(_advice(state))
    assert f"{command} m_1" in _advice(state) or not command


@pytest.mark.parametrize(
    ("recipient", "command"),
    [
        ({"reason": "by-hand"}, "release m_1"),
        ({"reason": "no-account"}, "account add"),
        ({"reason": "sender-held"}, "sender release news@example.org"),
        ({"reason": "account-disabled", "account": "Relay"}, "account edit Relay --enabled"),
        (
            {"due_at": "2026-11-20T09:00:00Z", "account": "My relay; rm -rf /"},
            "account resume 'My relay; rm -rf /'",
        ),
    ],
)
def test_held_mail_is_let_go_by_mending_what_holds_it(recipient: dict[str, object], command: str) -> None:
    """A command to copy is safe to copy, whatever somebody called his account."""
    assert f"{command}`" in _advice("held", **recipient)


def test_a_state_nobody_knows_is_shown_and_gets_no_advice() -> None:
    assert state_cell("new-fangled").text == "new-fangled"
    assert state_cell(None).style == ""
    assert _advice("new-fangled") == ""
