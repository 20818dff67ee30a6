"""The connection dies after every single byte, both ways, however messages are sent: what is then said is true.

Nothing the host took is called untouched, nothing it did not take is called delivered, and in doubt is exactly what
was not refused, had its end in a write that began, and got no answer.
"""

from __future__ import annotations

import pytest

from postroom.model.account import Encryption
from postroom.smtp.client import Opened, Recipient, Reply, SessionSettings, Transmission, open_session, transfer
from tests.dialogues.mailhost import MailHost
from tests.dialogues.stage import Stage, ends_before_marks

WAYS = {"one by one": (), "pipelined": ("PIPELINING",), "chunked": ("PIPELINING", "CHUNKING", "SIZE 1000")}
ENDS = {key: f"end of {key}\r\n".encode() for key in ("first", "second", "third")}
MESSAGES = [
    Transmission("first", "a@x.org", (Recipient("ann@y.org"),), b"Subject: 1\r\n\r\n.dot\r\n" + ENDS["first"]),
    Transmission(
        "second", "a@x.org", (Recipient("nobody@y.org"), Recipient("bob@y.org")), b"S: 2\r\n\r\n" + ENDS["second"]
    ),
    Transmission("third", "a@x.org", (Recipient("cid@y.org"),), b"Subject: 3\r\n\r\n" + ENDS["third"]),
]


def play(host: MailHost) -> Stage:
    stage = Stage(host, MESSAGES)
    opened = stage.play(open_session(SessionSettings("app.example.org", Encryption.NONE)))
    if isinstance(opened, Opened):
        stage.play(transfer(opened))
    return stage


def check(stage: Stage, host: MailHost) -> None:
    assert ends_before_marks(stage.events, {end: key for key, end in ENDS.items()}) == []
    given = {event[1] for event in stage.events if event[0] == "next"}
    assert set(stage.outcomes) == given
    for message in MESSAGES:
        if message.key not in given:
            continue
        outcome = stage.outcomes[message.key]
        assert len(outcome.recipients) == len(message.recipients)
        began = any(event[0] == "sent" and ENDS[str(message.key)] in event[1] for event in stage.events)
        for recipient, result in zip(message.recipients, outcome.recipients, strict=True):
            taken = any(recipient.address in one.recipients and one.content == message.content for one in host.taken)
            answered = isinstance(result.reply, Reply)
            if taken:
                assert result.delivered or result.in_doubt
            if result.delivered:
                assert taken
            if not host.tells_written:
                assert result.in_doubt == (began and not answered)
            assert not (result.in_doubt and answered)


def whole(way: str) -> MailHost:
    host = MailHost(WAYS[way])
    stage = play(host)
    assert [result.delivered for key in ENDS for result in stage.outcomes[key].recipients] == [True, False, True, True]
    check(stage, host)
    return host


@pytest.mark.parametrize("silently", [False, True], ids=["replies arrive", "replies are lost too"])
@pytest.mark.parametrize("way", WAYS)
def test_the_server_dies_after_each_byte_it_gets(way: str, silently: bool) -> None:
    for size in range(whole(way).received):
        host = MailHost(WAYS[way], dies_after=size, silently=silently)
        check(play(host), host)


@pytest.mark.parametrize("way", WAYS)
def test_the_connection_dies_after_each_byte_of_the_replies(way: str) -> None:
    for size in range(whole(way).said):
        host = MailHost(WAYS[way], mute_after=size)
        check(play(host), host)


@pytest.mark.parametrize("way", WAYS)
def test_who_knows_what_was_written_has_no_needless_doubt(way: str) -> None:
    """When the end of a body certainly never left, nobody is in doubt; and still nothing that was taken is denied."""
    for size in range(whole(way).received):
        host = MailHost(WAYS[way], dies_after=size, silently=True, tells_written=True)
        stage = play(host)
        check(stage, host)
        doubtful = {key for key, outcome in stage.outcomes.items() if outcome.in_doubt}
        assert doubtful == {key for key in doubtful if any(one.content.endswith(ENDS[str(key)]) for one in host.taken)}
