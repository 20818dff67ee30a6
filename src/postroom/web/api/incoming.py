"""`/v1/incoming`: mail that came back, handed in here, and what it was about."""

from __future__ import annotations

import asyncio
import binascii
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from postroom.errors import BadInput, Fault, NotFound
from postroom.ids import decode, encode
from postroom.model.application import Actor, Scope
from postroom.model.incoming import IncomingKind, Received
from postroom.reports import Letter
from postroom.web.api.answers import moment
from postroom.web.api.describing import answers, json_answer, list_of, object_of, ref
from postroom.web.api.faults import Faults
from postroom.web.api.login import ContentReader, Doer, Reader, at
from postroom.web.api.requests import At, Chosen, Route, TenantQuery, Values, chosen
from postroom.web.desk import Desk

__all__ = ["router", "schemas"]

router = APIRouter(prefix="/v1/incoming", tags=["incoming"], route_class=Route)

_EXAMPLE = {"raw": "RnJvbTogYm9iQGV4YW1wbGUub3JnClN1YmplY3Q6IFJlOiBZb3VyIGludm9pY2UKClRoYW5rcyEK"}
_KEPT = {
    "responses": {
        "200": {
            "description": "The mail as it came.",
            "content": {"message/rfc822": {"schema": {"type": "string", "contentMediaType": "message/rfc822"}}},
        }
    }
}
_DONE = {"done": True}
_OCTETS = {
    "responses": {
        "200": {
            "description": "The file.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    }
}
_PAGE = object_of(
    incoming={"type": "array", "items": ref("Received")},
    next={"anyOf": [{"type": "string"}, {"type": "null"}], "description": "The `cursor` of what follows, or null."},
)


class _Listed(TenantQuery):
    kind: str = Field("", description="Only this kind, such as `delivery-report` or `reply`.")
    waiting: bool = Field(False, description="Only what waits for a person: tied to nothing, and not marked as done.")
    limit: int = Field(50, ge=1, le=200, description="How many at once.")
    cursor: str = Field("", description="`next` of the page before.")


class _File(Response):
    media_type = "application/octet-stream"


class _Rfc822(Response):
    media_type = "message/rfc822"


@router.post("", **answers(ref("Received"), "It is kept.", status=201, takes=ref("IncomingMail"), example=_EXAMPLE))
async def take_incoming(actor: Doer, desk: At, tenant: Chosen, values: Values) -> Response:
    """Hand in a mail that came back

    A delivery report, a read receipt, a complaint or an answer is tied to the message it is about and told of in that
    message's timeline. The same mail again changes nothing and answers 200.
    """
    taking = await asyncio.to_thread(desk.outbox.inbox.take, at(actor, tenant), _raw(values))
    taken = await asyncio.wrap_future(taking)
    shown = _json(taken.received, actor)
    return json_answer(shown, 200 if taken.again else 201, {"location": f"/v1/incoming/{shown['id']}"})


@router.get("", **answers(_PAGE, "A page of them, the newest first."))
async def list_incoming(actor: Reader, desk: At, query: Annotated[_Listed, Query()]) -> Response:
    """List mail that came back

    What could not be tied to a message has no `message_id`, and `why` says why.
    """
    older = _number(query.cursor, "cursor") if query.cursor else None
    inbox, who = desk.outbox.inbox, at(actor, chosen(desk, query))
    listing = inbox.list(who, limit=query.limit, before=older, kind=query.kind or None, waiting=query.waiting)
    found = await asyncio.wrap_future(listing)
    following = encode("b", found[-1].id) if len(found) == query.limit else None
    return json_answer({"incoming": [_json(one, actor, brief=True) for one in found], "next": following})


@router.get("/{incoming}", **answers(ref("Received"), "The mail."))
async def read_incoming(incoming: str, actor: Reader, desk: At, tenant: Chosen) -> Response:
    """Read a mail that came back

    `text` is what a person wrote, without what he quoted and signed; only for those who may see contents.
    """
    found = await asyncio.wrap_future(desk.outbox.inbox.get(at(actor, tenant), _number(incoming)))
    return json_answer(_json(found, actor))


@router.patch("/{incoming}", **answers(ref("Received"), "The mail.", takes=ref("IncomingChange"), example=_DONE))
async def change_incoming(incoming: str, actor: Doer, desk: At, tenant: Chosen, values: Values) -> Response:
    """Mark a mail that came back as dealt with, or as still waiting"""
    marking = desk.outbox.inbox.mark(at(actor, tenant), _number(incoming), done=_done(values))
    return json_answer(_json(await asyncio.wrap_future(marking), actor))


@router.get("/{incoming}/attachments", **answers(list_of("attachments", "IncomingAttachment"), "Its files."))
async def list_incoming_attachments(incoming: str, actor: ContentReader, desk: At, tenant: Chosen) -> Response:
    """List the files of a mail that came back"""
    letter = await _letter(incoming, actor, desk, tenant)
    files = await asyncio.to_thread(lambda: letter.files)
    return json_answer(
        {"attachments": [{"number": f.number, "name": f.name, "content_type": f.kind, "size": f.size} for f in files]}
    )


@router.get("/{incoming}/attachments/{number}", response_class=_File, openapi_extra=_OCTETS)
async def read_incoming_attachment(
    incoming: str, number: str, actor: ContentReader, desk: At, tenant: Chosen
) -> Response:
    """Download a file of a mail that came back

    It comes as octets that no browser takes for a page; its name and type are told in the list.
    """
    letter = await _letter(incoming, actor, desk, tenant)
    octets = await asyncio.to_thread(letter.file, number)
    if octets is None:
        raise NotFound("It has no such file.")
    return _File(octets, headers={"content-disposition": "attachment", "x-content-type-options": "nosniff"})


async def _letter(incoming: str, actor: Actor, desk: Desk, tenant: int | None) -> Letter:
    content = await asyncio.wrap_future(desk.outbox.inbox.content(at(actor, tenant), _number(incoming)))
    return await asyncio.to_thread(Letter, content)


@router.get("/{incoming}/content", response_class=_Rfc822, openapi_extra=_KEPT)
async def read_incoming_content(incoming: str, actor: ContentReader, desk: At, tenant: Chosen) -> Response:
    """Download a mail that came back, as it came"""
    content = await asyncio.wrap_future(desk.outbox.inbox.content(at(actor, tenant), _number(incoming)))
    return _Rfc822(content, headers={"content-disposition": f'attachment; filename="{incoming.strip().lower()}.eml"'})


def _raw(values: dict[str, Any]) -> bytes:
    faults = Faults()
    for name in values:
        if name != "raw":
            faults.unknown("", name, ("raw",), {"content": "raw", "message": "raw"})
    text = values.get("raw")
    if not isinstance(text, str):
        faults.add("raw", "is missing or no text.", "Give the mail in base64.")
    if faults or not isinstance(text, str):
        raise BadInput(faults)
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise BadInput((Fault("raw", "is not base64.", "Encode the octets of the mail in base64."),)) from None


def _done(values: dict[str, Any]) -> bool:
    faults = Faults()
    for name in values:
        if name != "done":
            faults.unknown("", name, ("done",), {})
    given = values.get("done")
    if not isinstance(given, bool):
        faults.add("done", "is missing, or neither true nor false.", "Say true when it is dealt with.")
    if faults:
        raise BadInput(faults)
    return bool(given)


def _number(text: str, field: str = "") -> int:
    """Raises BadInput for what is no id in a field; in a path it is one that is not there."""
    number = decode("b", text)
    if number is None and field:
        raise BadInput((Fault(field, "is no cursor of this list.", "Give `next` of the page before."),))
    return -1 if number is None else number


def _json(one: Received, actor: Actor, *, brief: bool = False) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": encode("b", one.id),
        "received_at": moment(one.received_ms),
        "kind": one.kind.value,
        "from": one.sender,
        "subject": one.subject,
        "why": one.why,
        "size": one.size,
        "message_id": None if one.message_id is None else encode("m", one.message_id),
        "recipient": one.n,
        "waits": one.waits,
        "done_at": moment(one.done_ms),
        "done_by": one.done_by,
    }
    return shown if brief or not actor.may(Scope.CONTENT) else shown | {"text": one.text}


def _text(sentence: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "string"} | ({"description": sentence} if sentence else {}) | more


def schemas() -> dict[str, dict[str, Any]]:
    """The shapes of this page in the OpenAPI document."""
    properties = {
        "id": _text(),
        "received_at": _text(format="date-time"),
        "kind": _text("What it is.", enum=[kind.value for kind in IncomingKind]),
        "from": _text("Who wrote it, as the mail says."),
        "subject": _text(),
        "why": _text("How a program was recognised, or why it could not be tied to a message."),
        "size": {"type": "integer", "description": "Octets."},
        "message_id": {"anyOf": [_text("The message that it is about."), {"type": "null"}]},
        "waits": {"type": "boolean", "description": "Whether a person has to look at it."},
        "done_at": {"anyOf": [_text(format="date-time"), {"type": "null"}]},
        "done_by": _text("Who marked it as dealt with."),
        "recipient": {"anyOf": [{"type": "integer", "description": "Its recipient's number."}, {"type": "null"}]},
    }
    return {
        "IncomingMail": {
            "type": "object",
            "description": "A mail that came back.",
            "properties": {"raw": _text("The mail (RFC 5322) in base64.", contentEncoding="base64")},
            "required": ["raw"],
        },
        "IncomingChange": {
            "type": "object",
            "description": "What is to be changed of a mail that came back.",
            "properties": {"done": {"type": "boolean", "description": "Whether it is dealt with."}},
            "required": ["done"],
        },
        "IncomingAttachment": {
            "type": "object",
            "description": "A file of a mail that came back.",
            "properties": {
                "number": _text("Its place in the mail, which it is fetched by."),
                "name": _text("As the mail says; not to be trusted as a path."),
                "content_type": _text("As the mail says."),
                "size": {"type": "integer", "description": "Octets, as it is sent."},
            },
            "required": ["number", "name", "content_type", "size"],
        },
        "Received": {
            "type": "object",
            "description": "A mail that came back, and what it was about.",
            "properties": properties | {"text": _text("What a person wrote, without quotes and signature.")},
            "required": list(properties),
        },
    }
