"""Asking a server about a sender without sending anything: MAIL, RCPT, then RSET and QUIT.

Rules kept here: one command at a time, so that each answer is known before the next is said; after RCPT, whatever the
answer is, RSET takes the transaction back, so no message can come of it. DATA is never said.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from postroom.model.attempt import Failure
from postroom.smtp import command
from postroom.smtp.fault import Lost, Refusal
from postroom.smtp.phase import Phase
from postroom.smtp.reply import Reply
from postroom.smtp.session import Opened
from postroom.smtp.steps import Send, Step
from postroom.smtp.transcript import Transcript

__all__ = ["Inquired", "inquire"]


@dataclass(frozen=True, slots=True)
class Inquired:
    """What the server said of the sender: its answer to RCPT, or where it ended before."""

    phase: Phase
    cause: Reply | Lost | Refusal
    transcript: Transcript


def inquire(opened: Opened, mail_from: str, recipient: str) -> Generator[Step, Any, Inquired]:
    """The answer to an envelope that is not sent. The connection is to be closed afterwards."""
    transcript = Transcript()
    wide = not (mail_from + recipient).isascii()
    if wide and not opened.capabilities.smtputf8:
        text = "The server can't take addresses with letters beyond English."
        return Inquired(Phase.MAIL, Refusal(Failure.NO_SMTPUTF8, "5.6.7", text), transcript)
    try:
        lines = (command.mail(mail_from, smtputf8=wide), command.rcpt(recipient, smtputf8=wide))
    except command.Unwritable as fault:
        return Inquired(Phase.MAIL, Refusal(Failure.UNWRITABLE, "5.5.4", str(fault)), transcript)
    patience = (opened.timeouts.mail, opened.timeouts.rcpt)
    for line, phase, seconds in zip(lines, (Phase.MAIL, Phase.RCPT), patience, strict=True):
        answer = yield from _say(line, phase, seconds, transcript)
        if isinstance(answer, Lost):
            return Inquired(phase, answer, transcript)
        if not answer.positive:
            break
    taken_back = yield from _say(command.RSET, phase, opened.timeouts.probe, transcript)
    if not isinstance(taken_back, Lost):
        yield Send(command.QUIT, 0, opened.timeouts.quit)
    return Inquired(phase, answer, transcript)


def _say(line: bytes, phase: Phase, seconds: float, transcript: Transcript) -> Generator[Step, Any, Reply | Lost]:
    step = Send(line, 1, seconds)
    heard: list[Reply] | Lost = yield step
    transcript.sent(step.began, line)
    if isinstance(heard, Lost):
        transcript.note(step.ended, str(heard))
        return heard.at(phase)
    transcript.heard(step.ended, heard)
    reply = heard[0]
    if reply.positive or reply.temporary or reply.permanent:
        return reply
    return Lost.out_of_step(reply, phase)
