"""`/v1/messages/{message}/evidence`: all that is known of one message, as one file for somebody else's help desk."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from postroom.reports.evidence import pack
from postroom.web.api.login import Reader
from postroom.web.api.requests import At, Chosen, Route, Tongue, message_number

__all__ = ["router"]

router = APIRouter(prefix="/v1/messages", tags=["messages"], route_class=Route)

_ZIP = "application/zip"
_FILE = {
    "responses": {
        "200": {
            "description": "The file.",
            "content": {_ZIP: {"schema": {"type": "string", "contentMediaType": _ZIP}}},
        }
    }
}


class _Zip(Response):
    media_type = _ZIP


@router.get("/{message}/evidence", response_class=_Zip, openapi_extra=_FILE)
async def read_evidence(message: str, actor: Reader, desk: At, tenant: Chosen, tongue: Tongue) -> Response:
    """Download the evidence of a message

    One zip for a provider's help desk: the message, where each recipient stands and why, the timeline, every
    conversation, the account's settings at each attempt without secrets. The message itself is in it for who may see
    contents, the settings for who may see settings; the README says what is missing, and why, in the language of
    Accept-Language, as far as Postroom knows it (English, German).
    """
    found = await asyncio.wrap_future(desk.reports.evidence(actor, message_number(message), tenant, tongue))
    name = f"evidence-{message.strip().lower()}.zip"
    octets = await asyncio.to_thread(pack, found)
    return _Zip(octets, headers={"content-disposition": f'attachment; filename="{name}"'})
