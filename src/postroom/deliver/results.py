"""From the protocol's nouns to the model's: a reply, a lost reply or a refusal of our own becomes a `Result`."""

from __future__ import annotations

from postroom.model.attempt import Failure, Result
from postroom.smtp.fault import Lost, LostKind, Refusal
from postroom.smtp.reply import Reply
from postroom.smtp.transmission import RecipientOutcome

__all__ = ["not_an_attempt", "result_of", "session_result"]

_FAILURES = {
    LostKind.UNREACHABLE: Failure.UNREACHABLE,
    LostKind.TIMEOUT: Failure.TIMEOUT,
    LostKind.CLOSED: Failure.CLOSED,
    LostKind.RESET: Failure.CLOSED,
    LostKind.TLS: Failure.TLS,
    LostKind.INJECTED: Failure.INJECTED,
    LostKind.UNINTELLIGIBLE: Failure.UNINTELLIGIBLE,
    LostKind.TOO_LONG: Failure.UNINTELLIGIBLE,
    LostKind.OUT_OF_STEP: Failure.UNINTELLIGIBLE,
    LostKind.UNPROVEN: Failure.SERVER_UNPROVEN,
    LostKind.ABANDONED: Failure.INTERNAL,
    LostKind.UNSENT: Failure.CLOSED,
}


def session_result(phase: str, answer: Reply | Lost | Refusal) -> Result:
    """What decided about a session or a recipient, in the model's words."""
    if isinstance(answer, Reply):
        return Result(str(phase), answer.code, answer.enhanced or "", answer.text)
    if isinstance(answer, Refusal):
        return Result(str(phase), 0, answer.enhanced or "", answer.text, answer.id)
    return Result(str(phase), 0, "", answer.detail or answer.kind.value, _FAILURES[answer.kind])


def result_of(outcome: RecipientOutcome) -> Result:
    plain = session_result(outcome.phase.value, outcome.reply)
    if not outcome.in_doubt:
        return plain
    return Result(plain.phase, plain.code, plain.enhanced, plain.text, plain.failure, in_doubt=True)


def not_an_attempt(outcome: RecipientOutcome) -> bool:
    """Whether nothing of the message was sent to the server for this recipient, so that it simply waits again."""
    return isinstance(outcome.reply, Lost) and outcome.reply.kind in (LostKind.UNSENT, LostKind.ABANDONED)
