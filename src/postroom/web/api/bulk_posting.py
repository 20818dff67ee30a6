"""POST /v1/bulks: one template to many, read line by line as it comes in, answered line by line.

The body is NDJSON (one JSON object a line): first what all messages have in common, then one line for each recipient.
The answer is NDJSON as well: first the bulk, then one line for each row with its message or with what is wrong, last
the sum. Rows are taken in batches that share their commits; what is in memory at once is a batch, however many rows
come. A call that was cut off is repeated with its `Idempotency-Key`, and nobody gets it twice.

Plain ASGI like `posting`, whose room it shares: a batch waits for it, so bulk mail gives way to single messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from contextlib import suppress
from typing import Any

from postroom.errors import BadInput, Fault, PostroomError, TooMany
from postroom.ids import encode
from postroom.model.application import Actor, Scope
from postroom.model.bulk import Bulk
from postroom.model.message import Draft
from postroom.outbox import Receipt
from postroom.outbox.bulks import Bulks
from postroom.web.api import front
from postroom.web.api.admission import Admission, Stay
from postroom.web.api.body import CHUNK_SECONDS, parse_json
from postroom.web.api.faults import Faults, kind_of
from postroom.web.api.fields import draft_from, in_json_names
from postroom.web.api.login import SCHEME, actor_of, need
from postroom.web.api.posting import LONGEST_KEY, idempotency_key
from postroom.web.api.problems import RequestError, encode_json, problem_of
from postroom.web.api.spool import Spool
from postroom.web.desk import Desk

__all__ = ["BULKS_PATH", "BulkPosting", "bulk_operation"]

BULKS_PATH = "/v1/bulks"
_NDJSON = (b"application/x-ndjson", b"application/jsonl", b"application/ndjson", b"application/json")
_LONGEST_LINE = 256 * 1024
_BATCH = 200
_SUFFIX = 12
_BUSY_SECONDS = 0.25
_HEAD = (
    "template", "language", "variables", "from", "reply_to", "return_path", "headers", "kind", "send_at", "expires_at",
    "tags", "metadata", "account", "hold", "secret", "unknown",
)  # fmt: skip
_ROW = ("to", "variables", "language", "metadata")


class BulkPosting:
    """The ASGI endpoint. `admission` is the room that all new mail shares."""

    def __init__(self, desk: Desk, admission: Admission) -> None:
        self._desk = desk
        self._admission = admission

    async def __call__(self, scope: front.Scope, receive: front.Receive, send: front.Send) -> None:
        given = dict(scope["headers"])
        identity = front.request_id(given.get(b"x-request-id"))
        try:
            if scope["query_string"]:
                raise BadInput([Fault("query", "is not taken here.", "Give everything in the body.")])
            actor = await actor_of(self._desk, given)
            need(actor, Scope.SEND)
            _refuse_other_media(given)
            key = _key(given)
            bulks = Bulks(self._desk.store, self._desk.office, self._desk.outbox)
            lines = _lines(receive)
            head = _head(await anext(lines, b""))
            try:
                begun = bulks.begin(actor, _draft(head, {}, ()), key)
            except BadInput as error:
                raise in_json_names(error) from None
            bulk = await asyncio.wrap_future(begun)
        except Exception as error:
            await front.tell(send, problem_of(error, identity), identity)
            return
        await self._stream(_Run(bulks, self._admission, actor, bulk, head, identity), lines, send, identity)

    async def _stream(self, run: _Run, lines: AsyncIterator[bytes], send: front.Send, identity: str) -> None:
        spool = Spool()
        telling = asyncio.create_task(_tell(spool, send, identity))
        try:
            await run.take(lines, spool)
        finally:
            spool.end()
            with suppress(Exception):  # whoever asked is gone; what was accepted stays
                await telling
            spool.close()


class _Run:
    """One call: its rows in batches, and the sum of what became of them."""

    def __init__(
        self, bulks: Bulks, admission: Admission, actor: Actor, bulk: Bulk, head: Mapping[str, Any], identity: str
    ) -> None:
        self._bulks = bulks
        self._admission = admission
        self._actor = actor
        self._bulk = bulk
        self._head = head
        self._identity = identity
        self._rows = self._accepted = self._replayed = self._refused = 0
        self._suppressed = self._declined = 0
        self._cancelled = False

    async def take(self, lines: AsyncIterator[bytes], spool: Spool) -> None:
        bulk = self._bulk
        name = encode("q", bulk.id)
        spool.write(_line({"bulk": name, "template": bulk.template, "template_version": bulk.template_version}))
        batch: list[tuple[int, bytes]] = []
        try:
            async for line in lines:
                self._rows += 1
                batch.append((self._rows, line))
                if len(batch) >= _BATCH:
                    await self._batch(batch, spool)
                    batch = []
                if self._cancelled:
                    break
            if batch and not self._cancelled:
                await self._batch(batch, spool)
        except Exception as error:
            spool.write(_line({"problem": problem_of(error, self._identity).members(), "rows": self._rows}))
            return
        if self._cancelled:
            await asyncio.wrap_future(self._bulks.sweep(self._actor, bulk.id))
        await asyncio.wrap_future(self._bulks.finish(bulk, self._refused))
        spool.write(_line({"bulk": name, **self._sum()}))

    def _sum(self) -> dict[str, Any]:
        return {
            "rows": self._rows,
            "accepted": self._accepted,
            "replayed": self._replayed,
            "refused": self._refused,
            "suppressed": self._suppressed,
            "declined": self._declined,
            "cancelled": self._cancelled,
            "complete": True,
        }

    async def _batch(self, batch: Sequence[tuple[int, bytes]], spool: Spool) -> None:
        outcomes: dict[int, Receipt | PostroomError | RequestError] = {}
        drafts: dict[int, Draft] = {}
        for row, line in batch:
            try:
                drafts[row] = _row(self._head, line)
            except (PostroomError, RequestError) as error:
                outcomes[row] = error
        stay = Stay(self._admission)
        try:
            await self._enter(stay, len(drafts), sum(len(line) for _, line in batch))
            await self._hand_over(drafts, outcomes)
        finally:
            stay.leave()
        self._cancelled = not await asyncio.wrap_future(self._bulks.is_open(self._bulk))
        spool.write(b"".join([self._told(row, drafts.get(row), outcomes[row]) for row, _ in batch]))

    @staticmethod
    async def _enter(stay: Stay, messages: int, octets: int) -> None:
        """Waits for room for as long as it takes: others go first."""
        while True:
            try:
                await stay.enter(messages, octets)
            except RequestError:
                await asyncio.sleep(_BUSY_SECONDS)
            else:
                return

    async def _hand_over(
        self, drafts: Mapping[int, Draft], outcomes: dict[int, Receipt | PostroomError | RequestError]
    ) -> None:
        """A row that comes too soon for the application's rate comes again when there is room for it."""
        left = dict(drafts)
        while left:
            rows = list(left)
            handing = self._bulks.hand_over(self._actor, self._bulk, list(left.values()), rows)
            seconds = 0
            found = await asyncio.wrap_future(handing)
            for row, outcome in zip(rows, found, strict=True):
                if isinstance(outcome, TooMany):
                    seconds = max(seconds, 1)
                    continue
                outcomes[row] = in_json_names(outcome) if isinstance(outcome, BadInput) else outcome
                del left[row]
            if seconds:
                await asyncio.sleep(seconds)

    def _told(self, row: int, draft: Draft | None, outcome: Receipt | PostroomError | RequestError) -> bytes:
        told: dict[str, Any] = {"row": row}
        if draft is not None:
            told["to"] = draft.to[0] if draft.to else ""
        if not isinstance(outcome, Receipt):
            self._refused += 1
            return _line(told | {"problem": problem_of(outcome, self._identity).members()})
        self._accepted += 1
        self._replayed += outcome.again
        reason = _why(outcome)
        self._suppressed += reason == "suppressed"
        self._declined += reason == "declined"
        told |= {"message": encode("m", outcome.message_id), "state": outcome.state, "replayed": outcome.again}
        return _line(told | {"reason": reason} if reason else told)


def _why(receipt: Receipt) -> str:
    return next((one.explanation for one in receipt.recipients if one.explanation), "")


async def _tell(spool: Spool, send: front.Send, identity: str) -> None:
    headers = [(b"content-type", b"application/x-ndjson"), (b"x-request-id", identity.encode()), *front.SECURITY]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async for piece in spool.pieces():
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _lines(receive: front.Receive) -> AsyncIterator[bytes]:
    """The lines of the body that are not empty, as they come. Raises RequestError."""
    rest, more = b"", True
    while more:
        message = await _next_piece(receive)
        if message["type"] != "http.request":
            raise RequestError("malformed", "The connection ended before the whole body had come.")
        more = bool(message.get("more_body", False))
        *whole, rest = (rest + message.get("body", b"")).split(b"\n")
        for line in whole:
            if line.strip():
                yield _bounded(line)
        _bounded(rest)
    if rest.strip():
        yield rest


def _bounded(line: bytes) -> bytes:
    if len(line) > _LONGEST_LINE:
        raise RequestError("malformed", f"A line is longer than {_LONGEST_LINE:,} octets.")
    return line


async def _next_piece(receive: front.Receive) -> MutableMapping[str, Any]:
    try:
        return await asyncio.wait_for(receive(), 3 * CHUNK_SECONDS)
    except TimeoutError:
        raise RequestError("too-slow", "No part of the body came for a minute.", [("connection", "close")]) from None


def _key(given: Mapping[bytes, bytes]) -> str | None:
    key = idempotency_key(given.get(b"idempotency-key"))
    if key is not None and len(key) > LONGEST_KEY - _SUFFIX:
        problem = f"is longer than {LONGEST_KEY - _SUFFIX} characters, the most for a bulk."
        raise BadInput([Fault("Idempotency-Key", problem, "Send a UUID.")])
    return key


def _refuse_other_media(headers: Mapping[bytes, bytes]) -> None:
    if headers.get(b"content-encoding", b"identity").lower() not in (b"identity", b""):
        raise RequestError("unsupported-media-type", "Send the body without Content-Encoding.")
    declared = headers.get(b"content-type", b"application/x-ndjson").partition(b";")[0].strip().lower()
    if declared not in _NDJSON:
        raise RequestError("unsupported-media-type", "Send the body as Content-Type: application/x-ndjson.")


def _object(line: bytes, known: Sequence[str], what: str) -> dict[str, Any]:
    """Raises RequestError, BadInput with every field that is not known."""
    value = parse_json(line)
    if type(value) is not dict:
        raise BadInput([Fault("", f"is {kind_of(value)}, but {what} is an object.", 'Write {"to": …}.')])
    faults = Faults()
    for name in value:
        if name not in known:
            faults.unknown("", name, known, {})
    if faults:
        raise BadInput(faults)
    return value


def _head(line: bytes) -> dict[str, Any]:
    if not line:
        raise RequestError("malformed", "The body is empty; its first line says what all messages have in common.")
    return _object(line, _HEAD, "the first line")


def _draft(head: Mapping[str, Any], row: Mapping[str, Any], to: Sequence[str]) -> Draft:
    both = {**head, **row}
    for name in ("variables", "metadata"):
        if isinstance(head.get(name), dict) and isinstance(row.get(name), dict):
            both[name] = head[name] | row[name]
    faults = Faults()
    draft = draft_from(both | ({"to": list(to)} if to else {}), faults)
    if faults:
        raise BadInput(faults)
    return draft


def _row(head: Mapping[str, Any], line: bytes) -> Draft:
    given = _object(line, _ROW, "a row")
    to = given.get("to")
    if not isinstance(to, str) or not to.strip():
        raise BadInput([Fault("to", "is not one address.", "Each row is for one recipient.")])
    return _draft(head, {name: value for name, value in given.items() if name != "to"}, (to,))


def _line(value: object) -> bytes:
    return encode_json(value).encode() + b"\n"


def bulk_operation() -> dict[str, Any]:
    """The operation for the OpenAPI document."""
    text = {"type": "string"}
    head = '{"template": "news", "kind": "news", "variables": {"title": "November"}}\n'
    rows = '{"to": "Ann <ann@example.org>", "variables": {"name": "Ann"}, "language": "de"}\n'
    lines = {"application/x-ndjson": {"schema": text, "example": head + rows}}
    answer = '{"row": 1, "to": "ann@example.org", "message": "m_06a1b2c3d4e5f", "state": "queued", "replayed": false}\n'
    return {
        "tags": ["templates"],
        "summary": "Send one template to many",
        "description": "The body is NDJSON, read as it comes: the first line is what all messages have in common "
        f"({', '.join(f'`{name}`' for name in _HEAD)}), each further line is a recipient "
        f"({', '.join(f'`{name}`' for name in _ROW)}). The answer is NDJSON as well: the bulk, a line for each row "
        "with its message or its `problem`, and the sum, which says `complete`. A call that was cut off is repeated "
        "with the same `Idempotency-Key` and the same lines; nobody gets it twice. Its kind has to be one of bulk "
        "mail, which recipients may stop; its messages leave after all others.",
        "operationId": "send_bulk",
        "security": [{SCHEME: [Scope.SEND.value]}],
        "parameters": [
            {"name": "Idempotency-Key", "in": "header", "schema": {**text, "maxLength": LONGEST_KEY - _SUFFIX},
             "description": "Makes the call safe to repeat."},
        ],
        "requestBody": {"required": True, "content": lines},
        "responses": {
            "200": {"description": "The answer has begun; its last line says how it ended.",
                    "content": {"application/x-ndjson": {"schema": text, "example": answer}}},
            "409": {"description": "The key was used for another bulk, or the bulk was cancelled."},
        },
    }  # fmt: skip
