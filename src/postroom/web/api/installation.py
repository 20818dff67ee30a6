"""`/v1/installation`, `/v1/backups`: the installation as a whole, for whoever looks after it."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response

import postroom
from postroom.errors import BadInput, Fault
from postroom.model.clone import Clone
from postroom.web.api.answers import moment
from postroom.web.api.describing import answers, json_answer, object_of, ref
from postroom.web.api.login import Administrator, SettingsReader
from postroom.web.api.requests import At, Route, Values
from postroom.web.desk import Desk

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["installation"], route_class=Route)

_CONFIRM = object_of(original={"type": "boolean", "description": "true: mail leaves again; false: this stays a copy."})
_FIELDS = {"original"}


@router.get("/installation", **answers(ref("Installation"), "The installation."))
async def read_installation(actor: SettingsReader, desk: At) -> Response:
    """See whether this is the real installation or a copy

    `clone` is null for the real one. While it is not, everything is silent and the queue is held.
    """
    return json_answer(_told(desk, desk.office.clone(actor)))


@router.post(
    "/installation/confirm",
    **answers(ref("Installation"), "It is confirmed.", takes=_CONFIRM, example={"original": True}, conflicts=True),
)
async def confirm_installation(actor: Administrator, desk: At, values: Values) -> Response:
    """Say whether a database that found itself in a new place is the real one

    The original's mail leaves again. A copy becomes an installation of its own, in silent mode.
    """
    original = values.get("original")
    faults = [Fault(name, "There is no such field.", "Only original is asked for.") for name in values.keys() - _FIELDS]
    if not isinstance(original, bool):
        faults.append(Fault("original", "is neither true nor false.", "Write one of them, without quotes."))
    if faults or not isinstance(original, bool):
        raise BadInput(faults)
    await asyncio.wrap_future(desk.office.confirm_home(actor, original=original))
    return json_answer(_told(desk, desk.office.clone(actor)))


def _told(desk: Desk, clone: Clone | None) -> dict[str, Any]:
    found: dict[str, Any] = {"version": postroom.__version__, "fingerprint": desk.store.fingerprint, "clone": None}
    if clone is not None:
        found["clone"] = {
            "since_at": moment(clone.since_ms),
            "waiting": clone.waiting,
            "home": clone.home,
            "was": clone.was,
        }
    return found


@router.post("/backups", **answers(ref("Backup"), "It is written.", status=201, conflicts=True))
async def make_backup(actor: Administrator, desk: At) -> Response:
    """Make a backup on the server's disk, while everything goes on

    One file with everything but the key ring: keep a copy of that apart, or no stored password opens again.
    """
    made = await asyncio.wrap_future(desk.office.back_up(actor))
    return json_answer({"file": str(made.file), "octets": made.octets, "messages": made.messages}, 201)
