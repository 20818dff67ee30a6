"""`/v1/bulks`: what became of calls that sent one template to many, and taking them back. Sending is `bulk_posting`."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response

from postroom import ids
from postroom.errors import NotFound
from postroom.model.bulk import Bulk, BulkCounts
from postroom.outbox.bulks import Bulks
from postroom.web.api.answers import identity, moment
from postroom.web.api.describing import answers, json_answer, list_of, ref
from postroom.web.api.login import Doer, Reader
from postroom.web.api.requests import At, Route

__all__ = ["bulk_schemas", "router"]

router = APIRouter(prefix="/v1/bulks", tags=["templates"], route_class=Route)

_TEXT: dict[str, Any] = {"type": "string"}
_COUNT: dict[str, Any] = {"type": "integer"}
_MOMENT: dict[str, Any] = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
_BULK: dict[str, dict[str, Any]] = {
    "id": _TEXT | {"description": "Like `q_…`."},
    "template": _TEXT,
    "template_version": _COUNT,
    "kind": _TEXT,
    "application_id": {"anyOf": [_TEXT, {"type": "null"}]},
    "who": _TEXT | {"description": "Whose key began it."},
    "created_at": _MOMENT,
    "finished_at": _MOMENT | {"description": "When all its rows had come; null: they still come, or it was cut off."},
    "cancelled_at": _MOMENT,
    "refused": _COUNT | {"description": "Rows that were not accepted."},
}
_COUNTS = {
    **_BULK,
    "accepted": _COUNT | {"description": "Messages of it that are still kept."},
    "states": {"type": "object", "additionalProperties": _COUNT, "description": "How many are in which state."},
    "suppressed": _COUNT | {"description": "Of the failed ones, those whose recipient is on the suppression list."},
    "declined": _COUNT | {"description": "Of the cancelled ones, those whose recipient does not want this kind."},
}


def bulk_schemas() -> dict[str, dict[str, Any]]:
    return {
        name: {"type": "object", "description": sentence, "properties": shape, "required": list(shape)}
        for name, sentence, shape in (
            ("Bulk", "A call that sent one template to many.", _BULK),
            ("BulkCounts", "What became of a bulk.", _COUNTS),
        )
    }


def _json(bulk: Bulk) -> dict[str, Any]:
    return {
        "id": ids.encode("q", bulk.id),
        "template": bulk.template,
        "template_version": bulk.template_version,
        "kind": bulk.kind,
        "application_id": identity("p", bulk.application_id),
        "who": bulk.who,
        "created_at": moment(bulk.created_ms),
        "finished_at": moment(bulk.finished_ms),
        "cancelled_at": moment(bulk.cancelled_ms),
        "refused": bulk.refused,
    }


def _counted(counts: BulkCounts) -> Response:
    more = {
        "accepted": counts.accepted,
        "states": dict(counts.states),
        "suppressed": counts.suppressed,
        "declined": counts.declined,
    }
    return json_answer(_json(counts.bulk) | more)


def _at(desk: At) -> Bulks:
    return Bulks(desk.store, desk.office, desk.outbox)


def _number(text: str) -> int:
    number = ids.decode("q", text)
    if number is None:
        raise NotFound("There is no bulk with this id.")
    return number


@router.get("", **answers(list_of("bulks", "Bulk"), "The newest hundred, the newest first."))
async def list_bulks(actor: Reader, desk: At) -> Response:
    """List the bulks"""
    found = await asyncio.wrap_future(_at(desk).bulks(actor))
    return json_answer({"bulks": [_json(one) for one in found]})


@router.get("/{bulk}", **answers(ref("BulkCounts"), "What became of it."))
async def read_bulk(bulk: str, actor: Reader, desk: At) -> Response:
    """See what became of a bulk"""
    return _counted(await asyncio.wrap_future(_at(desk).counts(actor, _number(bulk))))


@router.post("/{bulk}/cancel", **answers(ref("BulkCounts"), "What had not left is taken back."))
async def cancel_bulk(bulk: str, actor: Doer, desk: At) -> Response:
    """Cancel a bulk

    Takes back what has not left; a call that still sends it takes no more rows.
    """
    return _counted(await asyncio.wrap_future(_at(desk).cancel(actor, _number(bulk))))
