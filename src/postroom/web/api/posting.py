"""POST /v1/messages: the hot path, plain ASGI, a fraction of what a FastAPI route costs.

In order: who asks, how long the body is, whether there is room, the body, its JSON, its fields; then the message is
the outbox's, and one future is waited for. 202 with the id once it is on the disk, 200 with the outcome when it was
sent instantly. A batch answers for each of its messages: 202 when all were accepted, 207 when some were not. What is
said here is written down in `document`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from postroom.errors import BadInput, Fault, PostroomError, StoreUnavailable, TooLarge
from postroom.model.application import Actor, Scope
from postroom.model.message import Draft
from postroom.outbox import Outbox, Receipt
from postroom.web.api import front
from postroom.web.api.admission import Admission, Stay
from postroom.web.api.answers import message_path, receipt_json
from postroom.web.api.body import declared_length, parse_json, read_body, refuse_other_media
from postroom.web.api.faults import MOST, Faults, kind_of
from postroom.web.api.fields import draft_from, in_json_names
from postroom.web.api.login import actor_of, key_text, need
from postroom.web.api.problems import encode_json, problem_of
from postroom.web.desk import Desk

__all__ = ["JSON", "LONGEST_KEY", "Headers", "Posting", "idempotency_key", "told"]

LONGEST_KEY = 255
_SUFFIX = 5
"""Room for the `/999` that makes the keys of a batch's messages from the one that was sent."""
_FAULTS_OF_A_BATCH = 1_000
_FEWEST_FAULTS = 10
_BREATH = 50
"""So many messages of a batch are handed over before the loop is given to others."""

JSON = (b"content-type", b"application/json")
_REPLAYED = (b"idempotency-replayed", b"true")
Headers = list[tuple[bytes, bytes]]
Outcome = Receipt | PostroomError


class Posting:
    """The ASGI endpoint."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._office = desk.office
        self._outbox = desk.outbox
        self._limit = desk.settings.max_body_bytes
        self._most = desk.settings.max_batch
        self.admission = Admission(desk.settings.admission_messages, desk.settings.admission_bytes)

    async def __call__(self, scope: front.Scope, receive: front.Receive, send: front.Send) -> None:
        given = dict(scope["headers"])
        identity = front.request_id(given.get(b"x-request-id"))
        stay = Stay(self.admission)
        try:
            if scope["query_string"]:
                raise BadInput([Fault("query", "is not taken here.", "Give everything in the body.")])
            status, body, headers = await self._answer(given, receive, stay, identity)
        except Exception as error:
            await front.tell(send, problem_of(error, identity), identity)
            return
        finally:
            stay.leave()
        headers += (JSON, (b"x-request-id", identity.encode()))
        await front.answer(send, status, body, headers)

    async def _answer(
        self, given: Mapping[bytes, bytes], receive: front.Receive, stay: Stay, identity: str
    ) -> tuple[int, bytes, Headers]:
        actor = self._office.authenticated(key_text(given.get(b"authorization"))) or await actor_of(self._desk, given)
        need(actor, Scope.SEND)
        refuse_other_media(given)
        declared = declared_length(given, self._limit)
        key = idempotency_key(given.get(b"idempotency-key"))
        first = await receive()
        if first.get("more_body", False):
            await stay.enter(1, self._limit if declared is None else declared)
        else:
            await stay.enter(1, len(first.get("body", b"")))
        value = parse_json(await read_body(receive, self._limit, first))
        if type(value) is dict and "messages" not in value:
            outcome = self._handed_over(actor, value, key)
            del value  # what is written down is another copy; a large one need not be kept twice
            return _one_told(await outcome)
        items = self._items(value)
        await stay.become(len(items))
        return await self._batch(actor, items, key, identity)

    def _handed_over(self, actor: Actor, value: dict[str, Any], key: str | None) -> asyncio.Future[Outcome]:
        faults = Faults()
        draft = draft_from(value, faults)
        if faults:
            raise BadInput(faults)
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(answer: Outcome) -> None:
            if not outcome.done():  # the caller may be gone
                outcome.set_result(answer)

        try:
            self._outbox.post(actor, draft, key, done)
        except BadInput as error:
            raise in_json_names(error) from None
        return outcome

    def _items(self, value: Any) -> list[Any]:
        if type(value) is dict:
            others = [name for name in value if name != "messages"]
            if others:
                faults = Faults()
                for name in others:
                    faults.unknown("", name, ("messages",), {})
                raise BadInput(faults)
            value = value["messages"]
        if type(value) is not list:
            raise BadInput([Fault("messages", f"is {kind_of(value)}, but has to be a list.", "Write [{…}, {…}].")])
        if not value:
            raise BadInput([Fault("messages", "is an empty list.", "Give at least one message.")])
        if len(value) > self._most:
            raise TooLarge(f"These are {len(value):,} messages; one call may bring {self._most:,} (max_batch).")
        return value

    async def _batch(
        self, actor: Actor, items: list[Any], key: str | None, identity: str
    ) -> tuple[int, bytes, Headers]:
        if key is not None and len(key) > LONGEST_KEY - _SUFFIX:
            raise _bad_key(f"is longer than {LONGEST_KEY - _SUFFIX} characters, the most for a batch.")
        most = max(_FEWEST_FAULTS, min(MOST, _FAULTS_OF_A_BATCH // len(items)))
        parts: list[_Part] = []
        for start in range(0, len(items), _BREATH):
            part = _Part([_checked(item, most) for item in items[start : start + _BREATH]])
            part.hand_over(self._outbox, actor, None if key is None else f"{key}/", start)
            parts.append(part)
            await asyncio.sleep(0)  # composing takes time, and others want the loop too
        outcomes = [outcome for part in parts for outcome in await part.outcomes()]
        return _batch_answer(outcomes, identity)


def _one_told(outcome: Outcome) -> tuple[int, bytes, Headers]:
    if not isinstance(outcome, Receipt):
        raise in_json_names(outcome) if isinstance(outcome, BadInput) else outcome
    return told(outcome)


def told(receipt: Receipt) -> tuple[int, bytes, Headers]:
    """The answer for one message: status, body, headers."""
    headers = [(b"location", message_path(receipt.message_id).encode())]
    if receipt.again:
        headers.append(_REPLAYED)
    return 200 if receipt.instantly else 202, receipt_json(receipt).encode(), headers


def _checked(item: Any, most: int) -> Draft | BadInput:
    faults = Faults(most)
    draft = draft_from(item, faults)
    return BadInput(faults) if faults else draft


class _Part:
    """A part of a batch: what is well formed is handed over together, and everything is answered in its place."""

    def __init__(self, checked: list[Draft | BadInput]) -> None:
        self._checked = checked
        self._told: asyncio.Future[list[Outcome]] | PostroomError | None = None

    def hand_over(self, outbox: Outbox, actor: Actor, key: str | None, start: int) -> None:
        drafts = [one for one in self._checked if isinstance(one, Draft)]
        places = [start + place for place, one in enumerate(self._checked) if isinstance(one, Draft)]
        if not drafts:
            return
        keys = [None if key is None else f"{key}{place}" for place in places]
        try:
            self._told = asyncio.wrap_future(outbox.send_many(actor, drafts, keys))
        except PostroomError as error:  # told for each, because parts before this one may have been accepted
            self._told = error

    async def outcomes(self) -> list[Outcome]:
        told = self._told
        answers = iter(await told if isinstance(told, asyncio.Future) else [told] * len(self._checked))
        found: list[Outcome] = []
        for one in self._checked:
            answer = one if isinstance(one, BadInput) else next(answers)
            if answer is not None:
                found.append(in_json_names(answer) if isinstance(answer, BadInput) else answer)
        return found


def _batch_answer(outcomes: list[Outcome], identity: str) -> tuple[int, bytes, Headers]:
    """A database that took nothing is one error and not a thousand; anything else is told message by message."""
    first = outcomes[0]
    if isinstance(first, StoreUnavailable) and all(type(outcome) is type(first) for outcome in outcomes):
        raise first
    results = ",".join([_result(outcome, identity) for outcome in outcomes])
    accepted = sum(isinstance(outcome, Receipt) for outcome in outcomes)
    body = f'{{"accepted":{accepted},"refused":{len(outcomes) - accepted},"results":[{results}]}}'
    return 202 if accepted == len(outcomes) else 207, body.encode(), []


def _result(outcome: Outcome, identity: str) -> str:
    if isinstance(outcome, Receipt):
        status, again = 200 if outcome.instantly else 202, "true" if outcome.again else "false"
        return f'{{"status":{status},"replayed":{again},"message":{receipt_json(outcome)}}}'
    problem = problem_of(outcome, identity)
    return encode_json({"status": problem.status, "problem": problem.members()})


def idempotency_key(given: bytes | None) -> str | None:
    """The key of the Idempotency-Key header, with or without the quotes of the draft standard. Raises BadInput."""
    if given is None:
        return None
    if len(given) >= 2 and given[:1] == given[-1:] == b'"':
        given = given[1:-1]
    if not given or len(given) > LONGEST_KEY:
        raise _bad_key("is empty." if not given else f"is longer than {LONGEST_KEY} characters.")
    if not given.isascii() or not given.decode("ascii").isprintable():
        raise _bad_key("holds characters other than printable ASCII.")
    return given.decode("ascii")


def _bad_key(problem: str) -> BadInput:
    return BadInput([Fault("Idempotency-Key", problem, "Send a UUID, or another text that names this request alone.")])
