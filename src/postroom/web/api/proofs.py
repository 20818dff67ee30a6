"""`/v1/proofs`: which sender gets through which account, and what applications are offered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from postroom.model.proof import ProofState, ToldBy
from postroom.office.proofs import ProofView
from postroom.web.api.answers import plain
from postroom.web.api.describing import answers, json_answer, list_of, object_of
from postroom.web.api.login import Sending, SettingsReader, SettingsWriter
from postroom.web.api.requests import At, Chosen, OptionalValues, Route, TenantQuery, Tongue, chosen, words_of

__all__ = ["router", "schemas"]

router = APIRouter(prefix="/v1", tags=["senders"], route_class=Route)

_PATIENCE = 20.0
_PAUSE = 0.2
_WHICH = object_of(
    sender={"type": "string", "description": "Only this sender, by address or id."},
    account={"type": "string", "description": "Only this account, by name or id."},
) | {"required": []}


class _Waiting(TenantQuery):
    wait: bool = Field(False, description="Answer when nothing is pending any more.")


def _shown(views: Sequence[ProofView]) -> dict[str, Any]:
    return {"proofs": [plain(view, "") for view in views]}


@router.get("/proofs", **answers(list_of("proofs", "Proof"), "Each sender over each account."))
async def list_proofs(actor: SettingsReader, desk: At, query: Annotated[_Waiting, Query()], tongue: Tongue) -> Response:
    """Show which sender gets through which account

    `proven`: the server took a whole message of this sender through this account. `refused`: it said no to the sender.
    `untested`: nobody knows for certain, or the account was changed since. With `wait` the answer comes when nothing is
    pending any more, after 20 seconds at the latest.
    """
    tenant, ends = chosen(desk, query), time.monotonic() + _PATIENCE
    while True:
        views = await asyncio.wrap_future(desk.office.proofs(actor, tenant, tongue))
        if not query.wait or not any(view.pending for view in views) or time.monotonic() > ends:
            return json_answer(_shown(views))
        await asyncio.sleep(_PAUSE)


@router.post(
    "/proofs",
    **answers(
        list_of("proofs", "Proof"),
        "What is asked for.",
        status=202,
        takes=_WHICH,
        example={},
        may_be_empty=True,
        conflicts=True,
    ),
)
async def prove(actor: SettingsWriter, desk: At, tenant: Chosen, values: OptionalValues, tongue: Tongue) -> Response:
    """Prove senders now

    Without a name, every sender over the accounts that its mail takes. The worker asks the servers a moment later;
    `pending` is true until it has.
    """
    given = words_of(values, {"sender": "", "account": ""})
    asking = desk.office.prove(actor, given["sender"], given["account"], tenant, tongue)
    views = await asyncio.wrap_future(asking)
    return json_answer(_shown(views), 202)


@router.get("/offered-senders", **answers(list_of("senders", "OfferedSender"), "The proven ones first."))
async def list_offered_senders(actor: Sending, desk: At, tongue: Tongue) -> Response:
    """List the senders that this application may use

    Each with the proof of the way that its mail takes, and why it is refused.
    """
    found = await asyncio.wrap_future(desk.office.offered_senders(actor, tongue))
    return json_answer({"senders": [plain(one, "") for one in found]})


def _text(sentence: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "string"} | ({"description": sentence} if sentence else {}) | more


def _moment(sentence: str) -> dict[str, Any]:
    return {"anyOf": [_text(format="date-time"), {"type": "null"}], "description": sentence}


_STATE = _text(enum=[one.value for one in ProofState])


def schemas() -> dict[str, dict[str, Any]]:
    """The shapes of these answers, by name."""
    return {
        "Proof": object_of(
            sender=_text("The address."),
            account_id=_text(),
            account=_text("The account's name."),
            state=_STATE,
            told_at=_moment("Since when that is known."),
            told_by=_text("What the server answered: a probe, or somebody's mail.", enum=[one.value for one in ToldBy]),
            words=_text("What the server said."),
            diagnosis=_text("The rule that explains a refusal."),
            title=_text(),
            explanation=_text(),
            remedy=_text("What to do about a refusal."),
            tried_at=_moment("The last probe that was not certain."),
            trouble=_text("Why it was not."),
            next_at=_moment("When it is probed next by itself."),
            used={"type": "boolean", "description": "Whether mail takes this way by itself; then it is probed daily."},
            pending={"type": "boolean", "description": "Whether somebody asked for it and waits."},
        ),
        "OfferedSender": object_of(
            address=_text(),
            name=_text(),
            default={"type": "boolean"},
            state=_STATE,
            told_at=_moment("Since when that is known."),
            why=_text("Why it is refused."),
        ),
    }
