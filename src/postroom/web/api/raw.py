"""POST /v1/messages/raw: a message composed elsewhere. Its octets stay, but for what the rules of submission mend.

Two spellings of the same call: the message itself as the body (`message/rfc822`, the envelope in the query), or JSON
with the message in base64, for envelopes that are longer than an address may be. Without recipients those of To, Cc and
Bcc are meant; without a sender the settings decide. What the message asks for stands in its `X-Postroom-` fields.

Plain ASGI like `posting`, whose room it shares; what a message may say and whom it may name is `outbox.submit`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from postroom.addresses import Address, BadAddress
from postroom.compose.submitted import with_crlf
from postroom.compose.submitted_header import Header, mailboxes
from postroom.errors import BadInput, Fault, PostroomError
from postroom.model.application import Scope
from postroom.model.submission import Origin, Submission, SubmittedRecipient
from postroom.outbox import Receipt
from postroom.web.api import front
from postroom.web.api.admission import Admission, Stay
from postroom.web.api.body import declared_length, parse_json, read_body, refuse_other_media
from postroom.web.api.faults import Faults, kind_of
from postroom.web.api.fields import ATTACHMENT, MESSAGE, Field
from postroom.web.api.login import SCHEME, actor_of, need
from postroom.web.api.posting import JSON, LONGEST_KEY, Headers, idempotency_key, told
from postroom.web.api.problems import RequestError, problem_of
from postroom.web.desk import Desk

__all__ = ["RAW", "RAW_PATH", "RawPosting", "raw_operation"]

RAW_PATH = "/v1/messages/raw"
_RFC822 = b"message/rfc822"
_SENDER = "The envelope's sender, where it is another than From; empty for none (RFC 5321 section 4.5.5)."
_TO = "The envelope's recipients. Without it: those of To, Cc and Bcc."

RAW: dict[str, Field] = {
    "raw": Field(
        "raw",
        ATTACHMENT["content"].check,
        {"type": "string", "contentEncoding": "base64"},
        "The message (RFC 5322) in base64.",
        "VG86IGFubkBleGFtcGxlLm9yZwpTdWJqZWN0OiBZb3VyIGludm9pY2UKCkRlYXIgQW5uLCDigKYK",
    ),
    "from": Field("from", MESSAGE["from"].check, MESSAGE["from"].schema, _SENDER),
    "to": Field("to", MESSAGE["to"].check, MESSAGE["to"].schema, _TO, ["ann@example.org"]),
}
"""Every field of the JSON spelling; the query of the other one has the last two."""


class RawPosting:
    """The ASGI endpoint. `admission` is the room that all new mail shares."""

    def __init__(self, desk: Desk, admission: Admission) -> None:
        self._desk = desk
        self._admission = admission
        self._limit = desk.settings.max_body_bytes

    async def __call__(self, scope: front.Scope, receive: front.Receive, send: front.Send) -> None:
        given = dict(scope["headers"])
        identity = front.request_id(given.get(b"x-request-id"))
        stay = Stay(self._admission)
        try:
            status, body, headers = await self._answer(given, scope["query_string"], receive, stay)
        except Exception as error:
            await front.tell(send, problem_of(error, identity), identity)
            return
        finally:
            stay.leave()
        headers += (JSON, (b"x-request-id", identity.encode()))
        await front.answer(send, status, body, headers)

    async def _answer(
        self, given: Mapping[bytes, bytes], query: bytes, receive: front.Receive, stay: Stay
    ) -> tuple[int, bytes, Headers]:
        actor = await actor_of(self._desk, given)
        need(actor, Scope.SEND)
        plain = _is_plain(given)
        declared = declared_length(given, self._limit)
        key = idempotency_key(given.get(b"idempotency-key"))
        await stay.enter(1, self._limit if declared is None else declared)
        body = await read_body(receive, self._limit)
        values = _from_query(query, body) if plain else _from_json(query, body)
        submission = _submission(values, self._desk.settings.ehlo_name)
        outcome: asyncio.Future[Receipt | PostroomError] = asyncio.get_running_loop().create_future()

        def done(answer: Receipt | PostroomError) -> None:
            if not outcome.done():  # the caller may be gone
                outcome.set_result(answer)

        self._desk.outbox.submit(actor, submission, key, done)
        del body, values, submission  # what is written down is another copy; a large one need not be kept twice
        receipt = await outcome
        if not isinstance(receipt, Receipt):
            raise receipt
        return told(receipt)


def _is_plain(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the body is the message itself. Raises RequestError for media nobody knows."""
    if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != _RFC822:
        refuse_other_media(headers)
        return False
    if headers.get(b"content-encoding", b"identity").lower() not in (b"identity", b""):
        raise RequestError("unsupported-media-type", "Send the body without Content-Encoding.")
    return True


def _from_query(query: bytes, body: bytes) -> dict[str, Any]:
    faults, values = Faults(), dict[str, Any](raw=body)
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=10_000)
    except ValueError:
        raise BadInput([Fault("query", "can't be read.", "Percent-encode UTF-8.")]) from None
    for name, value in pairs:
        if name == "to":
            values.setdefault("to", []).append(value)
        elif name == "from" and "from" not in values:
            values["from"] = value
        elif name == "from":
            faults.add("from", "is given twice.", "Give one.")
        else:
            faults.unknown("", name, ("from", "to"), {})
    if faults:
        raise BadInput(faults)
    return values


def _from_json(query: bytes, body: bytes) -> dict[str, Any]:
    if query:
        raise BadInput([Fault("query", "is not taken with a JSON body.", "Give everything in the body.")])
    value = parse_json(body)
    faults, values = Faults(), dict[str, Any]()
    if type(value) is not dict:
        problem = f"is {kind_of(value)}, but has to be an object."
        raise BadInput([Fault("body", problem, 'Write {"raw": …, "to": …}.')])
    for name, one in value.items():
        row = RAW.get(name)
        if row is None:
            faults.unknown("", name, RAW, {"message": "raw", "content": "raw", "sender": "from", "recipients": "to"})
        elif one is not None:
            values[name] = row.check(one, name, faults)
        if faults.full:
            break
    if value.get("raw") is None:
        faults.add("raw", "is missing.", RAW["raw"].sentence)
    if faults:
        raise BadInput(faults)
    return values


def _submission(values: Mapping[str, Any], host: str) -> Submission:
    """Raises BadInput with every address that is none."""
    content = with_crlf(values["raw"])
    faults: list[Fault] = []
    named = values.get("from")
    sender = _address("from", named, faults) if named not in (None, "", "<>") else None
    to = _given(values["to"], faults) if values.get("to") else _of_headers(content, faults)
    if faults:
        raise BadInput(faults)
    recipients = tuple([SubmittedRecipient(address) for address in to])
    origin = Origin("http", host or "localhost", protocol="HTTP")
    return Submission(sender, recipients, content, origin, unnamed=named is None)


def _given(texts: Sequence[str], faults: list[Fault]) -> list[Address]:
    found = [_address(f"to[{place}]", text, faults) for place, text in enumerate(texts)]
    return [address for address in found if address is not None]


def _address(where: str, text: str, faults: list[Fault]) -> Address | None:
    try:
        return Address.parse(text)
    except BadAddress as error:
        faults.append(Fault(where, error.problem, error.mend))
        return None


def _of_headers(content: bytes, faults: list[Fault]) -> list[Address]:
    header, _ = Header.split(content)
    found: list[Address] = []
    for name in ("to", "cc", "bcc"):
        for field in header.all(name):
            try:
                found += mailboxes(field)
            except BadAddress as error:
                faults.append(Fault(name, error.problem, error.mend))
    return found


def raw_operation() -> dict[str, Any]:
    """The operation for the OpenAPI document."""
    receipt = {"application/json": {"schema": {"$ref": "#/components/schemas/Receipt"}}}
    location = {"Location": {"description": "Where the message can be read.", "schema": {"type": "string"}}}
    text = {"type": "string"}
    example = {name: row.example for name, row in RAW.items() if row.example is not None}
    return {
        "tags": ["messages"],
        "summary": "Send a message that is composed already",
        "description": "The octets stay as they are, but for what a submission server mends (RFC 6409): Date and "
        "Message-ID where they are missing, Bcc taken out, a footer where the settings say so. Its `X-Postroom-` "
        "fields (`Kind`, `Priority`, `Send-At`, `Expires-At`, `Tag`, `Idempotency-Key`) are obeyed and removed.",
        "operationId": "send_raw_message",
        "security": [{SCHEME: [Scope.SEND.value]}],
        "parameters": [
            {"name": "Idempotency-Key", "in": "header", "schema": {**text, "maxLength": LONGEST_KEY},
             "description": "As for every message; it goes before the field in the message."},
            {"name": "from", "in": "query", "schema": text, "description": f"With message/rfc822. {_SENDER}"},
            {"name": "to", "in": "query", "schema": {"type": "array", "items": text},
             "description": f"With message/rfc822, once for each. {_TO}"},
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/RawMessage"}, "example": example},
                "message/rfc822": {"schema": {**text, "contentMediaType": "message/rfc822"}},
            },
        },
        "responses": {
            "200": {"description": "It was sent instantly; this is the outcome.", "content": receipt,
                    "headers": location},
            "202": {"description": "It is accepted and on the disk.", "content": receipt, "headers": location},
            "409": {"description": "The idempotency key was used for another request."},
            "429": {"description": "More than is taken in this time; `Retry-After` says when to come again."},
        },
    }  # fmt: skip
