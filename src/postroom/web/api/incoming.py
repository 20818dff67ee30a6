"""`/v1/incoming`: mail that came back, handed in here, and what it was about."""

from __future__ import annotations

import asyncio
import binascii
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from postroom.errors import BadInput, Fault
from postroom.ids import decode, encode
from postroom.model.application import Actor, Scope
from postroom.model.incoming import IncomingKind, Received
from postroom.web.api.answers import moment
from postroom.web.api.describing import answers, json_answer, object_of, ref
from postroom.web.api.faults import Faults
from postroom.web.api.login import ContentReader, Doer, Reader, at
from postroom.web.api.requests import At, Chosen, Route, TenantQuery, Values, chosen

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
_PAGE = object_of(
    incoming={"type": "array", "items": ref("Received")},
    next={"anyOf": [{"type": "string"}, {"type": "null"}], "description": "The `cursor` of what follows, or null."},
)


class _Listed(TenantQuery):
    kind: str = Field("", description="Only this kind, such as `delivery-report` or `reply`.")
    limit: int = Field(50, ge=1, le=200, description="How many at once.")
    cursor: str = Field("", description="`next` of the page before.")


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
    found = await asyncio.wrap_future(inbox.list(who, limit=query.limit, before=older, kind=query.kind or None))
    following = encode("b", found[-1].id) if len(found) == query.limit else None
    return json_answer({"incoming": [_json(one, actor, brief=True) for one in found], "next": following})


@router.get("/{incoming}", **answers(ref("Received"), "The mail."))
async def read_incoming(incoming: str, actor: Reader, desk: At, tenant: Chosen) -> Response:
    """Read a mail that came back

    `text` is what a person wrote, without what he quoted and signed; only for those who may see contents.
    """
    found = await asyncio.wrap_future(desk.outbox.inbox.get(at(actor, tenant), _number(incoming)))
    return json_answer(_json(found, actor))


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
        "recipient": {"anyOf": [{"type": "integer", "description": "Its recipient's number."}, {"type": "null"}]},
    }
    return {
        "IncomingMail": {
            "type": "object",
            "description": "A mail that came back.",
            "properties": {"raw": _text("The mail (RFC 5322) in base64.", contentEncoding="base64")},
            "required": ["raw"],
        },
        "Received": {
            "type": "object",
            "description": "A mail that came back, and what it was about.",
            "properties": properties | {"text": _text("What a person wrote, without quotes and signature.")},
            "required": list(properties),
        },
    }
