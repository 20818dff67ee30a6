"""The envelope of a message without the message: would the server take this sender, and this recipient?

The commands are those that the message's own delivery would begin with, one at a time, and are taken back (RSET) before
anything of the message is sent: nothing can be delivered by this, and nothing can be in doubt.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from postroom.model.attempt import Failure
from postroom.smtp import command
from postroom.smtp.delivery import Delivery, prepare
from postroom.smtp.fault import Lost, Refusal
from postroom.smtp.phase import Phase
from postroom.smtp.reply import Reply
from postroom.smtp.session import Opened
from postroom.smtp.steps import Send, Step
from postroom.smtp.transcript import Transcript
from postroom.smtp.transmission import Outcome, Transmission

__all__ = ["Rehearsal", "Rehearsed", "inquire"]

_WELCOME = frozenset({250, 251, 252})


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What the server said at this phase, and the conversation. A `Refusal` is our own: the message can't be sent to
    such a server at all."""

    phase: Phase
    cause: Reply | Lost | Refusal
    transcript: Transcript

    @property
    def passed(self) -> bool:
        return isinstance(self.cause, Reply) and self.cause.code in _WELCOME


class Rehearsal:
    """`sender`, then `recipient` (the transmission's first), then `end`; after one that did not pass, nothing more."""

    def __init__(self, opened: Opened, transmission: Transmission) -> None:
        self._opened = opened
        self._prepared = prepare(transmission, opened.capabilities, False)

    def sender(self) -> Generator[Step, Any, Rehearsed]:
        if isinstance(self._prepared, Outcome):
            refused = self._prepared.recipients[0]
            return Rehearsed(refused.phase, refused.reply, Transcript())
        return (yield from _said(self._line(self._prepared, 0), self._opened.timeouts.mail, Phase.MAIL))

    def recipient(self) -> Generator[Step, Any, Rehearsed]:
        return (yield from _said(self._line(self._prepared, 1), self._opened.timeouts.rcpt, Phase.RCPT))

    def end(self) -> Generator[Step, Any, None]:
        """Takes the envelope back and says goodbye. What the server makes of that matters to nobody."""
        return (yield from _taken_back(self._opened))

    @staticmethod
    def _line(prepared: Delivery | Outcome, place: int) -> bytes:
        return b"" if isinstance(prepared, Outcome) else prepared.lines[place]


def inquire(opened: Opened, mail_from: str, recipient: str) -> Generator[Step, Any, Rehearsed]:
    """The same where there is no message, only addresses: the answer to RCPT, or the one that came before it and did
    not pass. The connection is to be closed afterwards.
    """
    lines = _lines(opened, mail_from, recipient)
    if isinstance(lines, Refusal):
        return Rehearsed(Phase.MAIL, lines, Transcript())
    answer = yield from _said(lines[0], opened.timeouts.mail, Phase.MAIL)
    if answer.passed:
        answer = yield from _said(lines[1], opened.timeouts.rcpt, Phase.RCPT)
    if not isinstance(answer.cause, Lost):
        yield from _taken_back(opened)
    return answer


def _lines(opened: Opened, mail_from: str, recipient: str) -> tuple[bytes, bytes] | Refusal:
    wide = not (mail_from + recipient).isascii()
    if wide and not opened.capabilities.smtputf8:
        text = "The server can't take addresses with letters beyond English."
        return Refusal(Failure.NO_SMTPUTF8, "5.6.7", text)
    try:
        return command.mail(mail_from, smtputf8=wide), command.rcpt(recipient, smtputf8=wide)
    except command.Unwritable as fault:
        return Refusal(Failure.UNWRITABLE, "5.5.4", str(fault))


def _taken_back(opened: Opened) -> Generator[Step, Any, None]:
    yield Send(command.RSET, 1, opened.timeouts.probe)
    yield Send(command.QUIT, 1, opened.timeouts.quit)


def _said(line: bytes, seconds: float, phase: Phase) -> Generator[Step, Any, Rehearsed]:
    step, transcript = Send(line, 1, seconds), Transcript()
    answer: list[Reply] | Lost = yield step
    transcript.sent(step.began, line)
    if isinstance(answer, Lost) and not answer.replies:
        lost = answer.at(phase)
        transcript.note(step.ended, str(lost))
        return Rehearsed(phase, lost, transcript)
    reply = answer.replies[0] if isinstance(answer, Lost) else answer[0]
    transcript.heard(step.ended, [reply])
    if reply.code in _WELCOME or reply.temporary or reply.permanent:
        return Rehearsed(phase, reply, transcript)
    return Rehearsed(phase, Lost.out_of_step(reply, phase), transcript)
