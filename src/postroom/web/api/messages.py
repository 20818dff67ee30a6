"""`/v1/messages`: finding and reading what was handed over, and changing its course. Sending is `posting`'s."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from postroom.errors import BadInput
from postroom.web.api import reading
from postroom.web.api.describing import answers, json_answer, object_of, receipt_answer, ref
from postroom.web.api.faults import Faults, kind_of
from postroom.web.api.fields import in_json_names
from postroom.web.api.login import ContentReader, Doer, Reader, at
from postroom.web.api.requests import (
    At,
    Chosen,
    OptionalValues,
    Route,
    Tongue,
    Values,
    chosen,
    message_number,
)
from postroom.web.api.searching import Filters, searched

__all__ = ["router"]

router = APIRouter(prefix="/v1/messages", tags=["messages"], route_class=Route)

_NUMBERS = {"type": "array", "items": {"type": "integer"}, "description": "Only these recipients, by their `n`."}
_TO = {
    "oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    "description": "To these instead, as a copy.",
}
_SOME = object_of(recipients=_NUMBERS) | {"required": []}
_SOME_TO = object_of(recipients=_NUMBERS, to=_TO) | {"required": []}
_COPY = object_of(to=_TO) | {"required": []}
_SETTLED = object_of(
    sent={"type": "boolean", "description": "true: it was sent. false: it was not, and goes again."},
    recipients=_NUMBERS,
) | {"required": ["sent"]}
_COUNT = object_of(released={"type": "integer", "description": "How many messages."})
_PAGE = object_of(
    messages={"type": "array", "items": ref("MessageLine")},
    next={"anyOf": [{"type": "string"}, {"type": "null"}], "description": "The `cursor` of what follows, or null."},
    searched_to={
        "anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}],
        "description": "How far back was looked: a page may be short, or empty, and still have a `next`.",
    },
)


class _Search(Filters):
    limit: int = Field(50, ge=1, le=200, description="How many at once.")
    cursor: str = Field("", description="`next` of the page before.")


@router.get("", **answers(_PAGE, "A page of messages, the newest first."))
async def list_messages(actor: Reader, desk: At, query: Annotated[_Search, Query()]) -> Response:
    """Find messages

    Every filter that is given has to fit. Without any: all messages.
    """
    page = await asyncio.wrap_future(
        desk.reports.search(actor, searched(query), query.cursor or None, query.limit, chosen(desk, query))
    )
    return json_answer(reading.page_json(page))


@router.get("/{message}", **answers(ref("MessageView"), "The message."))
async def read_message(message: str, actor: Reader, desk: At, tenant: Chosen, tongue: Tongue) -> Response:
    """Read a message, without its content

    Explained in the language of Accept-Language, as far as Postroom knows it (English, German).
    """
    view = await asyncio.wrap_future(desk.reports.message(actor, message_number(message), tenant, tongue))
    return json_answer(reading.message_json(view))


@router.get("/{message}/timeline", **answers(ref("Timeline"), "What happened to it."))
async def read_timeline(message: str, actor: Reader, desk: At, tenant: Chosen, tongue: Tongue) -> Response:
    """Read what happened to a message

    Every event and every attempt, with the conversation; secrets are blanked.
    """
    number = message_number(message)
    timeline = await asyncio.wrap_future(desk.reports.timeline(actor, number, tenant, language=tongue))
    return json_answer(reading.timeline_json(timeline))


_SOURCE = {
    "responses": {
        "200": {
            "description": "The message as it is sent.",
            "content": {"message/rfc822": {"schema": {"type": "string", "contentMediaType": "message/rfc822"}}},
        }
    }
}


class _Rfc822(Response):
    media_type = "message/rfc822"


@router.get("/{message}/content", response_class=_Rfc822, openapi_extra=_SOURCE)
async def read_content(message: str, actor: ContentReader, desk: At, tenant: Chosen) -> Response:
    """Download the content of a message

    Not there once it was wiped, or never kept (mode disabled).
    """
    content = await asyncio.wrap_future(desk.reports.content(actor, message_number(message), tenant))
    return _Rfc822(content, headers={"content-disposition": f'attachment; filename="{message.strip().lower()}.eml"'})


@router.post("/release", **answers(_COUNT, "They are released.", takes=_COPY, example={}, may_be_empty=True))
async def release_all(actor: Doer, desk: At, tenant: Chosen, values: OptionalValues) -> Response:
    """Release all silenced messages

    The oldest first; with `to`, copies of them to that address instead.
    """
    given = _Given(values, ("to",))
    return json_answer({"released": await asyncio.wrap_future(desk.outbox.release_all(at(actor, tenant), given.to))})


@router.post(
    "/{message}/cancel",
    **answers(ref("Receipt"), "It is cancelled.", takes=_SOME, example={}, may_be_empty=True, conflicts=True),
)
async def cancel_message(message: str, actor: Doer, desk: At, tenant: Chosen, values: OptionalValues) -> Response:
    """Cancel a message that has not left"""
    number, given = message_number(message), _Given(values, ("recipients", "n"))
    return receipt_answer(await asyncio.wrap_future(desk.outbox.cancel(at(actor, tenant), number, given.numbers)))


@router.post(
    "/{message}/hold",
    **answers(ref("Receipt"), "It is held.", takes=_SOME, example={}, may_be_empty=True, conflicts=True),
)
async def hold_message(message: str, actor: Doer, desk: At, tenant: Chosen, values: OptionalValues) -> Response:
    """Hold a message until it is released"""
    number, given = message_number(message), _Given(values, ("recipients", "n"))
    return receipt_answer(await asyncio.wrap_future(desk.outbox.hold(at(actor, tenant), number, given.numbers)))


@router.post(
    "/{message}/release",
    **answers(ref("Receipt"), "It is released.", takes=_SOME_TO, example={}, may_be_empty=True, conflicts=True),
)
async def release_message(message: str, actor: Doer, desk: At, tenant: Chosen, values: OptionalValues) -> Response:
    """Release a held or silenced message

    To its recipients, or with `to` as a copy to others: the answer is then the copy's.
    """
    number, given = message_number(message), _Given(values, ("recipients", "n", "to"))
    try:
        receipt = await asyncio.wrap_future(desk.outbox.release(at(actor, tenant), number, given.to, given.numbers))
    except BadInput as error:
        raise in_json_names(error) from None
    return receipt_answer(receipt, moved=receipt.message_id != number)


@router.post(
    "/{message}/retry",
    **answers(ref("Receipt"), "It is due now.", takes=_SOME, example={}, may_be_empty=True, conflicts=True),
)
async def retry_message(message: str, actor: Doer, desk: At, tenant: Chosen, values: OptionalValues) -> Response:
    """Try a waiting message now"""
    number, given = message_number(message), _Given(values, ("recipients", "n"))
    return receipt_answer(await asyncio.wrap_future(desk.outbox.retry(at(actor, tenant), number, given.numbers)))


@router.post(
    "/{message}/resend",
    **answers(
        ref("Receipt"),
        "The new message.",
        status=202,
        takes=_COPY,
        example={"to": ["ann@example.org"]},
        may_be_empty=True,
        conflicts=True,
    ),
)
async def resend_message(message: str, actor: Doer, desk: At, tenant: Chosen, values: OptionalValues) -> Response:
    """Send a message once more

    The same bytes as a new message: to those who did not get it, or to others.
    """
    number, given = message_number(message), _Given(values, ("to",))
    try:
        receipt = await asyncio.wrap_future(desk.outbox.resend(at(actor, tenant), number, given.to))
    except BadInput as error:
        raise in_json_names(error) from None
    return receipt_answer(receipt, 202, moved=True)


@router.post(
    "/{message}/settle",
    **answers(ref("Receipt"), "It is settled.", takes=_SETTLED, example={"sent": True}, conflicts=True),
)
async def settle_message(message: str, actor: Doer, desk: At, tenant: Chosen, values: Values) -> Response:
    """Say what became of a message whose answer never came"""
    number, given = message_number(message), _Given(values, ("sent", "recipients", "n"))
    receipt = await asyncio.wrap_future(
        desk.outbox.settle_unknown(at(actor, tenant), number, sent=given.sent, n=given.numbers)
    )
    return receipt_answer(receipt)


class _Given:
    """The small body of a verb. Raises BadInput with every fault. `n` is another word for `recipients`."""

    def __init__(self, values: Mapping[str, Any], known: Sequence[str]) -> None:
        faults = Faults()
        for name in values:
            if name not in known:
                faults.unknown("", name, known, {})
        self.numbers = _numbers(values, faults)
        self.to = _addresses(values.get("to"), faults)
        self.sent = values.get("sent") is True
        if "sent" in known and not isinstance(values.get("sent"), bool):
            faults.add("sent", f"is {kind_of(values.get('sent'))}, but has to be true or false.", "Say what you know.")
        if self.to and self.numbers:
            faults.add("recipients", "can't be given together with to.", "A copy goes to those in to, and nobody else.")
        if faults:
            raise BadInput(faults)


def _numbers(values: Mapping[str, Any], faults: Faults) -> list[int] | None:
    given = values.get("recipients", values.get("n"))
    listed = [given] if type(given) is int else given
    if listed is None or (listed and isinstance(listed, list) and all(_is_number(one) for one in listed)):
        return listed
    problem = "is an empty list." if listed == [] else "is no list of recipients' numbers."
    faults.add("recipients", problem, "Write numbers like [0, 2], or leave it out to mean everyone.")
    return None


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 31


def _addresses(given: Any, faults: Faults) -> list[str] | None:
    listed = [given] if isinstance(given, str) else given
    if listed is None or (listed and isinstance(listed, list) and all(isinstance(one, str) for one in listed)):
        return listed
    problem = "is an empty list." if listed == [] else "is neither an address nor a list of addresses."
    faults.add("to", problem, 'Write ["ann@example.org"], or leave it out to mean its own recipients.')
    return None
