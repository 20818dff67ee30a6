"""One question to Postroom as a pure conversation: what to ask, how long to wait, when to ask again, what it means.

    steps = exchange(call, patience)        yields `Ask` and `Pause`, is sent an `Answer` or a `Failure` for each `Ask`

No socket and no clock is used here: whoever drives the conversation owns both (`waiting`, `awaiting`, `plain`), so that
synchronous and asynchronous programs get the very same behaviour.

Rules it keeps: what may have arrived is asked again only when that does no harm (`Call.repeatable`: it reads, or it
carries an idempotency key); what certainly did not arrive is asked again; a refusal never is. The attempts and the
whole time are bounded.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from postroom.client.errors import (
    Busy,
    ClientError,
    Conflict,
    Fault,
    NotAuthorised,
    NotFound,
    Refused,
    TooLarge,
    Unexpected,
    Unreachable,
)

__all__ = ["Answer", "Ask", "Call", "Failure", "Flow", "Patience", "Pause", "exchange", "refusal"]

T = TypeVar("T")

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 15.0
_LONGEST_TEXT = 2_000
_BETWEEN = frozenset({502, 504})
"""Somebody between us and Postroom got no answer from it: the request may have arrived."""
_LATER = frozenset({429, 503})
_REFUSALS: Mapping[int, type[Refused]] = {
    401: NotAuthorised,
    403: NotAuthorised,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
}


@dataclass(frozen=True, slots=True)
class Ask:
    """One HTTP request. `path` holds the query too; `seconds` is how long its answer may take."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing to do for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def document(self) -> Any:
        """The JSON in it, or None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer came, in words; `sent` says that the request may have arrived all the same."""

    words: str
    sent: bool


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call goes on: `attempts` at most, `seconds` in all, `answer_seconds` for one answer.

    `clock` and `chance` (0 to 1) are arguments so that nothing here depends on the time.
    """

    attempts: int = 5
    seconds: float = 90.0
    answer_seconds: float = 60.0
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    def pause(self, attempt: int, wanted: float) -> float:
        """What to wait after the attempt of this number: at least what was asked for, else longer each time."""
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * float(2**attempt))
        return max(wanted, longest * (0.5 + self.chance() / 2))


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A question and how its answer is read."""

    ask: Ask
    read: Callable[[Answer], T]
    repeatable: bool = True
    key: str = ""
    """The idempotency key it carries, for the errors."""


Flow: TypeAlias = Generator[Ask | Pause, Answer | Failure | None, T]


def exchange(call: Call[T], patience: Patience) -> Flow[T]:
    """Asks until there is an answer, a refusal, or no patience left. Raises ClientError."""
    try:
        return (yield from _exchange(call, patience))
    except ClientError as error:
        error.idempotency_key = call.key
        raise


def _exchange(call: Call[T], patience: Patience) -> Flow[T]:
    end = patience.clock() + patience.seconds
    attempt, may_have_arrived = 0, False
    while True:
        left = end - patience.clock()
        ask = call.ask
        heard = yield Ask(ask.method, ask.path, ask.headers, ask.body, max(0.1, min(patience.answer_seconds, left)))
        if isinstance(heard, Answer) and heard.status not in _BETWEEN | _LATER:
            return _read(call, heard)
        trouble, wanted = _trouble(heard)
        may_have_arrived = may_have_arrived or trouble.may_have_arrived
        attempt += 1
        pause = patience.pause(attempt, wanted)
        again = call.repeatable or not trouble.may_have_arrived
        if not again or attempt >= patience.attempts or patience.clock() + pause >= end:
            trouble.may_have_arrived = may_have_arrived
            raise trouble
        yield Pause(pause)


def _trouble(heard: Answer | Failure | None) -> tuple[Unreachable, float]:
    """What to tell if this was the last attempt, and the seconds we were asked to wait."""
    if isinstance(heard, Answer) and heard.status in _LATER:
        wanted = _seconds(heard.headers.get("retry-after", ""))
        return Busy(_words(heard), retry_after=wanted), wanted
    if isinstance(heard, Answer):
        return Unreachable(f"Postroom did not answer (HTTP {heard.status}).", may_have_arrived=True), 0.0
    words, sent = (heard.words, heard.sent) if isinstance(heard, Failure) else ("Nobody answered.", True)
    return Unreachable(words, may_have_arrived=sent), 0.0


def _seconds(text: str) -> float:
    """Retry-After in seconds (RFC 9110 section 10.2.3); a date is taken as "soon"."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0


def _words(answer: Answer) -> str:
    problem = answer.document()
    return _sentence(problem) if isinstance(problem, dict) else f"Postroom is busy (HTTP {answer.status})."


def _read(call: Call[T], answer: Answer) -> T:
    if 200 <= answer.status < 300:
        try:
            return call.read(answer)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Unexpected(_NOT_OURS, status=answer.status) from None
    if 300 <= answer.status < 400:
        raise Unexpected("Postroom is not at this address; the key does not follow redirects.", status=answer.status)
    problem = answer.document()
    if not isinstance(problem, dict) or "title" not in problem:
        raise Unexpected(f"{_NOT_OURS[:-1]} (HTTP {answer.status}).", status=answer.status)
    if answer.status == 507:
        raise Busy(_sentence(problem))
    if answer.status >= 500:
        raise Unexpected(_sentence(problem), status=answer.status)
    raise refusal(answer.status, problem)


_NOT_OURS = "What answered is not Postroom, or another version of it."


def refusal(status: int, problem: Mapping[str, Any]) -> Refused:
    """The error for an `application/problem+json` document (RFC 9457)."""
    given = problem.get("faults")
    faults = [_fault(one) for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    words = _text(problem.get("title")) if faults else _sentence(problem)
    slug = _text(problem.get("type")).rpartition("#problem-")[2]
    return _REFUSALS.get(status, Refused)(f"{words.rstrip('.')}.", status=status, slug=slug, faults=faults)


def _fault(one: Mapping[str, Any]) -> Fault:
    # In Python the sender can't be called `from`.
    where = _text(one.get("field"))
    return Fault("sender" if where == "from" else where, _text(one.get("problem")), _text(one.get("mend")))


def _sentence(problem: Mapping[str, Any]) -> str:
    return _text(problem.get("detail")) or _text(problem.get("title")) or "Postroom gave no reason."


def _text(value: object) -> str:
    """Text of an answer, fit to be shown: bounded, and without what a terminal would obey."""
    if not isinstance(value, str):
        return ""
    return "".join(char if char.isprintable() else " " for char in value[:_LONGEST_TEXT])
