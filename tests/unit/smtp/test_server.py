"""Our server's conversation against anything a client may send: it never raises, keeps its bounds, and says the same
however the octets arrive. What it says to whom is told in the dialogues.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.addresses import Address
from postroom.smtp.reply import Reply, ReplyReader
from postroom.smtp.server import MAX_COMMAND, Accept, Conversation, LogIn, ServerSettings, StartTls

SIZE = 200
LOGIN = base64.b64encode(b"\0webshop\0pr_key").decode()
WORDS = [
    b"EHLO app.example.org\r\n",
    b"HELO app\r\n",
    b"MAIL FROM:<a@x.org>\r\n",
    b"MAIL FROM:<> SIZE=3 RET=FULL\r\n",
    b"MAIL FROM:<a@x.org> SMTPUTF8\r\n",
    b"RCPT TO:<b@y.org>\r\n",
    b"RCPT TO:<c@y.org> NOTIFY=NEVER\r\n",
    b"RCPT TO:<nobody@y.org>\r\n",
    b"DATA\r\n",
    b"Subject: x\r\n\r\nbody\r\n.\r\n",
    b".\r\n",
    b"\r\n.\r\n",
    b"..\r\n",
    b"\n.\n",
    b"\r",
    b"\n",
    b"\0",
    b"BDAT 5\r\nabcde",
    b"BDAT 7 LAST\r\nx\r\ny\r\n\r",
    b"BDAT 0 LAST\r\n",
    b"BDAT 100000\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"STARTTLS\r\n",
    b"AUTH PLAIN " + LOGIN.encode() + b"\r\n",
    b"AUTH LOGIN\r\n",
    b"d2Vic2hvcA==\r\n",
    b"*\r\n",
    b"QUIT\r\n",
    b"x" * 300,
    "MAIL FROM:<jörg@x.org>\r\n".encode(),
]
STREAMS = st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=40)), max_size=40).map(b"".join)


@dataclass
class Driver:
    """Surroundings with room for some, and answers to what is asked for, written down."""

    trusted: bool = True
    encrypted: bool = True
    room: int = 500
    held: int = 0
    most_held: int = 0
    events: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        terms = ServerSettings("mail.example.org", SIZE, 3, trusted=self.trusted, errors=50, junk=50)
        self.conversation = Conversation(terms, self, encrypted=self.encrypted)
        self.conversation.begin()
        self.said = self.conversation.take()

    def may_send(self, sender: Address | None) -> Reply | None:
        return None

    def may_receive(self, address: Address) -> Reply | None:
        return Reply(550, "5.1.1", "nobody") if address.local == "nobody" else None

    def has_room(self, octets: int) -> bool:
        return self.held + octets <= self.room

    def take_room(self, octets: int) -> bool:
        fits = self.has_room(octets)
        self.held += octets if fits else 0
        self.most_held = max(self.held, self.most_held)
        return fits

    def give_room(self, octets: int) -> None:
        self.held -= octets
        assert self.held >= 0

    def hear(self, data: bytes) -> None:
        self.conversation.receive(data)
        while (request := self.conversation.request) is not None:
            self._answer(request)
        self.said += self.conversation.take()

    def _answer(self, request: LogIn | Accept | StartTls) -> None:
        conversation = self.conversation
        if isinstance(request, LogIn):
            self.events.append(("login", request.presented.user))
            conversation.logged_in(None if request.presented.password == "pr_key" else Reply(535, "5.7.8", "no"))
        elif isinstance(request, Accept):
            self.events.append(("accept", request.content, len(request.envelope.recipients)))
            conversation.accepted(Reply(250, "2.0.0", "Ok"))
        else:
            self.events.append("tls")
            conversation.tls_started()


def replies_of(said: bytes) -> list[Reply]:
    reader = ReplyReader()
    replies = reader.feed(said)
    assert reader.fault is None
    assert not reader.pending
    return replies


@given(STREAMS, st.booleans(), st.booleans())
@settings(max_examples=400, deadline=None)
def test_whatever_comes_it_answers_in_smtp_and_keeps_its_bounds(stream: bytes, trusted: bool, encrypted: bool) -> None:
    driver = Driver(trusted, encrypted)
    driver.hear(stream)
    replies = replies_of(driver.said)
    assert replies[0].code == 220
    assert all(200 <= reply.code < 600 for reply in replies)
    assert all(len(line) <= 510 for line in driver.said.split(b"\r\n"))
    assert driver.most_held <= driver.room
    assert len(driver.conversation._input) <= max(MAX_COMMAND, SIZE)
    driver.conversation.drop()
    assert driver.held == 0


@given(STREAMS, st.integers(1, 5))
@settings(max_examples=300, deadline=None)
def test_it_says_the_same_however_the_octets_arrive(stream: bytes, piece: int) -> None:
    """STARTTLS apart, where what arrives together with it is the difference between a command and an injection."""
    stream = stream.replace(b"STARTTLS", b"NOOP    ")
    whole, pieces = Driver(), Driver()
    whole.hear(stream)
    for start in range(0, len(stream), piece):
        pieces.hear(stream[start : start + piece])
    assert pieces.events == whole.events
    assert pieces.said == whole.said or (whole.conversation.over and pieces.conversation.over)


@given(STREAMS)
@settings(max_examples=200, deadline=None)
def test_no_message_has_a_line_end_that_stands_alone(stream: bytes) -> None:
    driver = Driver()
    driver.hear(b"EHLO x\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@y.org>\r\nDATA\r\n" + stream + b"\r\n.\r\n")
    for event in driver.events:
        if isinstance(event, tuple) and event[0] == "accept":
            content = event[1].replace(b"\r\n", b"")
            assert b"\r" not in content
            assert b"\n" not in content
            assert b"\0" not in content


@given(st.lists(st.binary(max_size=30).filter(lambda line: not set(line) & set(b"\r\n\0")), max_size=20))
@settings(max_examples=200, deadline=None)
def test_what_is_stuffed_comes_out_as_it_was(lines: list[bytes]) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    stuffed = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
    if len(stuffed) > SIZE:
        return
    for data in (b"DATA\r\n" + stuffed + b".\r\n", b"BDAT %d LAST\r\n" % len(content) + content):
        driver = Driver()
        driver.hear(b"EHLO x\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@y.org>\r\n" + data)
        assert driver.events == [("accept", content, 1)]


def test_ten_thousand_pipelined_recipients_are_read_in_linear_time() -> None:
    """Counted, not timed: what is left of the input is cut off once for a chunk and not once for a line."""
    driver = Driver()
    driver.conversation.settings = ServerSettings("mail.example.org", SIZE, 20_000, trusted=True)
    driver.hear(b"EHLO x\r\nMAIL FROM:<a@x.org>\r\n" + b"RCPT TO:<b@y.org>\r\n" * 10_000 + b"DATA\r\nx\r\n.\r\n")
    assert driver.events == [("accept", b"x\r\n", 10_000)]


def test_octets_ahead_of_an_answer_are_bounded() -> None:
    driver = Driver()
    conversation = driver.conversation
    conversation.receive(b"EHLO x\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@y.org>\r\nDATA\r\nx\r\n.\r\n")
    for _ in range(2_000):
        conversation.receive(b"x" * 1_000)
    assert conversation.over
    assert b"421 4.7.0" in conversation.take()
    conversation.accepted(Reply(250, "2.0.0", "Ok"))
    assert conversation.take() == b""
    assert driver.held == 0


def test_the_key_is_in_no_repr() -> None:
    driver = Driver(trusted=False)
    driver.conversation.receive(b"EHLO x\r\nAUTH PLAIN " + LOGIN.encode() + b"\r\n")
    assert isinstance(driver.conversation.request, LogIn)
    assert "pr_key" not in repr(driver.conversation.request)


def test_answers_nobody_waits_for_change_nothing() -> None:
    driver = Driver()
    driver.conversation.logged_in(None)
    driver.conversation.accepted(Reply(250, "2.0.0", "Ok"))
    assert driver.conversation.take() == b""
    assert driver.conversation.user == ""
