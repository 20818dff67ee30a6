"""Whatever a server answers: every recipient gets one outcome, and no end of a body leaves before its mark."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.model.account import Encryption
from postroom.smtp.client import LostKind, Opened, Recipient, SessionSettings, Transmission, open_session, transfer
from tests.dialogues.mailhost import MailHost, polite
from tests.dialogues.stage import Stage, ends_before_marks

EXTENSIONS = st.sampled_from(
    [(), ("PIPELINING",), ("PIPELINING", "CHUNKING"), ("CHUNKING",), ("PIPELINING", "SIZE 60")]
)
MOODS = ["polite"] * 12 + [
    "later",
    "never",
    "leave",
    "odd",
    "challenge",
    "garbage",
    "close",
    "silence",
    "reset",
    "many",
]
LIES = ["extra", "nothing", "early"]
FAULTS = {"close": LostKind.CLOSED, "silence": LostKind.TIMEOUT, "reset": LostKind.RESET}
REPLIES = {
    "later": b"451 4.3.0 later\r\n",
    "never": b"550 5.7.1 never\r\n",
    "leave": b"421 4.3.2 bye\r\n",
    "odd": b"220 hello\r\n",
    "challenge": b"334 \r\n",
    "garbage": b"\x00\xff junk\r\n",
    "nothing": b"",
    "early": b"354 go\r\n",
}


class Moody:
    """Answers as the mood has it."""

    def __init__(self, moods: list[str]) -> None:
        self._moods = moods

    def __call__(self, verb: str, argument: str) -> bytes | LostKind:
        mood = self._moods.pop() if self._moods else "polite"
        if mood in FAULTS:
            return FAULTS[mood]
        usual = polite(verb, argument)
        if mood == "many":
            return usual[:3] + b"-one\r\n" + usual
        return usual + b"250 2.0.0 and more\r\n" if mood == "extra" else REPLIES.get(mood, usual)


@st.composite
def letters(draw: st.DrawFn) -> list[Transmission]:
    """Up to five messages to one to three recipients each; some can't be sent at all."""
    names = st.sampled_from(["ann", "bob", "nobody", "jörg", "a b"])
    return [
        Transmission(
            key,
            "app@example.org",
            tuple(Recipient(f"{draw(names)}{n}@{key}.example.net") for n in range(draw(st.integers(1, 3)))),
            f"Subject: {key}\r\n\r\n{draw(st.sampled_from(['', '.', 'ü']))}end of {key}\r\n".encode(),
        )
        for key in range(draw(st.integers(1, 5)))
    ]


def play(host: MailHost, messages: list[Transmission], refused: set[int], waiting: set[int]) -> Stage:
    stage = Stage(host, messages, at_hand=lambda m: m.key not in waiting, marked=lambda m: m.key not in refused)
    opened = stage.play(open_session(SessionSettings("app.example.org", Encryption.NONE)))
    assert isinstance(opened, Opened)
    stage.play(transfer(opened))
    return stage


def check_promises(stage: Stage, messages: list[Transmission]) -> None:
    ends: dict[bytes, object] = {f"end of {message.key}\r\n".encode(): message.key for message in messages}
    assert ends_before_marks(stage.events, ends) == []
    given_keys = [event[1] for event in stage.events if event[0] == "next"]
    assert sorted(event[1] for event in stage.events if event[0] == "done") == sorted(given_keys)
    assert set(stage.outcomes) == set(given_keys)
    for message in messages:
        if message.key in stage.outcomes:
            assert len(stage.outcomes[message.key].recipients) == len(message.recipients)


@settings(max_examples=400, deadline=None)
@given(
    extensions=EXTENSIONS,
    messages=letters(),
    moods=st.lists(st.sampled_from(MOODS), max_size=25),
    refused=st.sets(st.integers(0, 4), max_size=2),
    waiting=st.sets(st.integers(0, 4)),
)
def test_a_moody_server_is_reported_truly(
    extensions: tuple[str, ...], messages: list[Transmission], moods: list[str], refused: set[int], waiting: set[int]
) -> None:
    """Delivered is what the host took, what it took is delivered or in doubt, and only who was meant gets it."""
    host = MailHost(extensions, answer=Moody(moods))
    stage = play(host, messages, refused, waiting)
    check_promises(stage, messages)
    for message in messages:
        taken = {name for one in host.taken if one.content == message.content for name in one.recipients}
        assert taken <= {recipient.address for recipient in message.recipients}
        if message.key in stage.outcomes:
            pairs = zip(message.recipients, stage.outcomes[message.key].recipients, strict=True)
            for recipient, result in pairs:
                assert not result.delivered or recipient.address in taken
                assert recipient.address not in taken or result.delivered or result.in_doubt
        if message.key in refused:
            assert not taken


@settings(max_examples=400, deadline=None)
@given(
    extensions=EXTENSIONS,
    messages=letters(),
    moods=st.lists(st.sampled_from(MOODS + LIES * 3), max_size=25),
    refused=st.sets(st.integers(0, 4), max_size=2),
    waiting=st.sets(st.integers(0, 4)),
)
def test_a_lying_server_breaks_no_promise(
    extensions: tuple[str, ...], messages: list[Transmission], moods: list[str], refused: set[int], waiting: set[int]
) -> None:
    """Replies too many, too few and out of place: still one outcome each, no end before its mark."""
    host = MailHost(extensions, answer=Moody(moods))
    stage = play(host, messages, refused, waiting)
    check_promises(stage, messages)
    for message in messages:
        if message.key in refused:
            assert not any(one.content == message.content for one in host.taken)
