"""Sending messages through an open session: which bytes leave together, and when.

Rules kept here:
- Promise P3: the last byte of a body, the final dot or a BDAT chunk is in no step before `Marked` gave True.
- One round trip a message in the steady state: with CHUNKING, envelope and body leave in one step; with PIPELINING
  alone, the body leaves together with the next message's envelope (RFC 2920, 3.1: DATA is the last command of its
  group); with neither, every command waits for its reply. The next message's mark is asked for early, so that the
  journal writes it during that round trip.
- A large body is not copied in order to join it to commands, and while one leaves no other message is at hand: memory
  is worth more then than a round trip.
- Every transmission that `Next` gave gets exactly one `Done`, at once when its outcome is known.
- After 421, a reply out of step or a lost connection nothing more is sent. A transaction that failed is reset, and
  the reset is confirmed before another begins: no message can reach the recipients of the one before it.

What a reply means for a recipient is `delivery`'s business.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from postroom.smtp import command
from postroom.smtp.delivery import Delivery, prepare
from postroom.smtp.fault import Lost, LostKind
from postroom.smtp.phase import Phase
from postroom.smtp.reply import Reply
from postroom.smtp.session import Opened
from postroom.smtp.steps import Done, Marked, MarkSoon, Next, Send, Step
from postroom.smtp.transmission import Outcome

Ending = Reply | Lost | None

_CLOSING = 421
_WAIT = Next(wait=True)
_AT_HAND = Next(wait=False)
_LARGE = 262_144
"""Octets of a body beyond which a round trip hardly matters, and a copy does."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over. `cause` is None when it was ended on purpose, with QUIT."""

    cause: Ending


def transfer(opened: Opened) -> Generator[Step, Any, Ended]:
    """Send what `Next` gives until it gives None."""
    capabilities = opened.capabilities
    if not capabilities.pipelining:
        cause = yield from _one_by_one(opened)
    elif capabilities.chunking:
        cause = yield from _chunked(opened)
    else:
        cause = yield from _pipelined(opened)
    if cause is None:
        yield Send(command.QUIT, 1, opened.timeouts.quit)
    return Ended(cause)


def probe(opened: Opened) -> Generator[Step, Any, Reply | Lost | None]:
    """Whether a connection that has been idle still lives: None if so, else what came instead.

    RSET and not NOOP: an answer shows that no transaction is open, too. Nothing can be lost or doubled here, so a
    failure means no more than that a new connection is needed.
    """
    heard = yield Send(command.RSET, 1, opened.timeouts.probe)
    return _complaint(heard)


def _fetch(opened: Opened, *, wait: bool, chunked: bool) -> Generator[Step, Any, Delivery | None]:
    """The next message that can be sent, its mark asked for; what can't be sent is done with at once."""
    while (transmission := (yield _WAIT if wait else _AT_HAND)) is not None:
        prepared = prepare(transmission, opened.capabilities, chunked)
        if isinstance(prepared, Outcome):
            yield Done(transmission, prepared)
        else:
            yield MarkSoon(transmission)
            return prepared
    return None


def _fetch_beside(opened: Opened, delivery: Delivery, *, chunked: bool) -> Generator[Step, Any, Delivery | None]:
    """The message after `delivery`, if there is one at hand and room for both."""
    if delivery.size > _LARGE:
        return None
    return (yield from _fetch(opened, wait=False, chunked=chunked))


def _send(first: bytes, second: bytes, replies: int, timeout: float) -> Send:
    """Both in one write, unless they are large."""
    if len(first) + len(second) > _LARGE:
        return Send(first, replies, timeout, tail=second)
    return Send(first + second, replies, timeout)


def _chunked(opened: Opened) -> Generator[Step, Any, Ending]:
    """MAIL, RCPT and BDAT with the body in one step. The next message is fetched early for its mark's sake."""
    following: Delivery | None = None
    while True:
        delivery = following or (yield from _fetch(opened, wait=True, chunked=True))
        if delivery is None:
            return None
        if not (yield Marked(delivery.transmission)):
            following = None
            yield _abandoned(delivery, Phase.MAIL)
            continue
        following = yield from _fetch_beside(opened, delivery, chunked=True)
        commands = b"".join(delivery.lines)
        step = _send(commands, delivery.body, len(delivery.lines), opened.timeouts.dot)
        replies, lost = _heard((yield step))
        delivery.transcript.sent(step.began, commands)
        delivery.transcript.body(step.began, delivery.size)
        _record(delivery, step, replies, lost)
        delivery.hear_everything(replies, lost, step.size)
        yield Done(delivery.transmission, delivery.outcome)
        ending = delivery.ending
        if ending is None and not delivery.anyone_delivered:
            ending = yield from _reset(opened)
        if ending is not None:
            if following is not None:
                yield _unsent(following)
            return ending


def _pipelined(opened: Opened) -> Generator[Step, Any, Ending]:
    """MAIL, RCPT and DATA in one step, the body in the next one together with the following message's envelope."""
    delivery: Delivery | None = None
    ready = False
    ending: Ending = None
    while ending is None:
        if delivery is None:
            delivery = yield from _fetch(opened, wait=True, chunked=False)
            if delivery is None:
                return None
            step = Send(b"".join(delivery.lines), len(delivery.lines), opened.timeouts.envelope)
            replies, lost = _heard((yield step))
            ready = _hear_group(delivery, step, replies, lost)
        if ready:
            ready, delivery, ending = yield from _send_body(opened, delivery)
        else:
            yield Done(delivery.transmission, delivery.outcome)
            ending = delivery.ending or (yield from _reset(opened))
            delivery = None
    return ending


def _send_body(opened: Opened, delivery: Delivery) -> Generator[Step, Any, tuple[bool, Delivery | None, Ending]]:
    """The body of one message and the envelope of the next, if there is one at hand.

    Gives that next one, whether the server waits for its body, and the end of the session when there is no next one
    to tell of it.
    """
    if not (yield Marked(delivery.transmission)):
        yield _abandoned(delivery, Phase.DATA)
        return False, None, _ABANDONED
    following = yield from _fetch_beside(opened, delivery, chunked=False)
    body = delivery.body if delivery.anyone_open else command.DOT
    if following is None:
        step = Send(body, 1, opened.timeouts.dot)
    else:
        step = _send(body, b"".join(following.lines), 1 + len(following.lines), opened.timeouts.dot)
    replies, lost = _heard((yield step))
    _hear_dot(delivery, step, body, replies[:1], lost)
    yield Done(delivery.transmission, delivery.outcome)
    if following is None:
        return False, None, delivery.ending
    if delivery.ending is None:
        return _hear_group(following, step, replies[1:], lost), following, None
    following.end(delivery.ending, Phase.MAIL)
    return False, following, None


def _one_by_one(opened: Opened) -> Generator[Step, Any, Ending]:
    """Every command waits for its reply. The mark is asked for before DATA, where RSET is still a way back."""
    ending: Ending = None
    while ending is None:
        delivery = yield from _fetch(opened, wait=True, chunked=False)
        if delivery is None:
            return None
        yield from _ask_envelope(opened, delivery)
        if not delivery.anyone_open:
            yield Done(delivery.transmission, delivery.outcome)
        elif (yield Marked(delivery.transmission)):
            yield from _ask_data(opened, delivery)
            yield Done(delivery.transmission, delivery.outcome)
        else:
            yield _abandoned(delivery, Phase.RCPT)
        ending = delivery.ending
        if ending is None and not delivery.anyone_delivered:
            ending = yield from _reset(opened)
    return ending


def _ask_envelope(opened: Opened, delivery: Delivery) -> Generator[Step, Any, None]:
    """MAIL and each RCPT, one after the other, as far as it makes sense to go on."""
    replies: list[Reply] = []
    lost: Lost | None = None
    timeout = opened.timeouts.mail
    for line in delivery.lines[:-1]:
        heard = yield from _say(delivery, line, timeout)
        if isinstance(heard, Lost):
            lost = heard
            break
        replies.append(heard)
        if heard.code == _CLOSING or heard.intermediate or not replies[0].positive:
            break
        timeout = opened.timeouts.rcpt
    delivery.hear_envelope(replies)
    if lost is not None or delivery.ending is not None:
        delivery.cut_short(replies, lost)


def _ask_data(opened: Opened, delivery: Delivery) -> Generator[Step, Any, None]:
    """DATA and, when the server wants it, the body."""
    heard = yield from _say(delivery, command.DATA, opened.timeouts.data)
    if isinstance(heard, Lost):
        delivery.end(heard, Phase.DATA)
    elif delivery.hear_data(heard):
        step = Send(delivery.body, 1, opened.timeouts.dot)
        replies, lost = _heard((yield step))
        _hear_dot(delivery, step, delivery.body, replies, lost)


def _say(delivery: Delivery, line: bytes, timeout: float) -> Generator[Step, Any, Reply | Lost]:
    """One command and its reply."""
    step = Send(line, 1, timeout)
    answer = yield step
    replies, lost = _heard(answer)
    delivery.transcript.sent(step.began, line)
    _record(delivery, step, replies, lost)
    return replies[0] if replies else answer


def _reset(opened: Opened) -> Generator[Step, Any, Ending]:
    """End a transaction that came to nothing; to the server it may still be open (RFC 5321, 4.1.1.5; RFC 3030, 2)."""
    heard = yield Send(command.RSET, 1, opened.timeouts.command)
    return _complaint(heard)


def _complaint(heard: Sequence[Reply] | Lost) -> Ending:
    """What is wrong with the answer to RSET, if anything is."""
    replies, lost = _heard(heard)
    if replies and not replies[0].positive:
        return replies[0]
    return lost.at(Phase.MAIL) if lost is not None else None


def _hear_group(delivery: Delivery, step: Send, replies: Sequence[Reply], lost: Lost | None) -> bool:
    delivery.transcript.sent(step.began, b"".join(delivery.lines))
    _record(delivery, step, replies, lost)
    return delivery.hear_group(replies, lost)


def _hear_dot(delivery: Delivery, step: Send, body: bytes, replies: Sequence[Reply], lost: Lost | None) -> None:
    if body is delivery.body:
        delivery.transcript.body(step.began, delivery.size)
    else:
        delivery.transcript.sent(step.began, body)
    if replies:
        delivery.transcript.heard(step.ended, replies)
        delivery.hear_dot(replies[0])
    elif lost is not None:
        _record(delivery, step, (), lost)
        delivery.miss_dot(lost, len(body))


def _record(delivery: Delivery, step: Send, replies: Sequence[Reply], lost: Lost | None) -> None:
    delivery.transcript.heard(step.ended, replies)
    if lost is not None:
        delivery.transcript.note(step.ended, str(lost))


def _heard(answer: Sequence[Reply] | Lost) -> tuple[Sequence[Reply], Lost | None]:
    return (answer.replies, answer) if isinstance(answer, Lost) else (answer, None)


def _abandoned(delivery: Delivery, phase: Phase) -> Done:
    delivery.give_up(_ABANDONED, phase)
    return Done(delivery.transmission, delivery.outcome)


def _unsent(delivery: Delivery) -> Done:
    delivery.give_up(_UNSENT, Phase.MAIL)
    return Done(delivery.transmission, delivery.outcome)


_ABANDONED = Lost(LostKind.ABANDONED, "The lease on the message was lost before its end was sent.", Phase.DATA)
_UNSENT = Lost(LostKind.UNSENT, "The session ended before this message's turn; nothing of it was sent.", Phase.MAIL)
