"""`/v1/webhooks`: where events are sent to as they happen; `/v1/events`: the same events for those who pull."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi import Query as FromQuery
from pydantic import Field

from postroom.clock import parse_iso
from postroom.errors import BadInput, Fault
from postroom.ids import encode
from postroom.model.webhook import Delivery
from postroom.office.webhooks import OVERLAP_HOURS, WebhookView
from postroom.reports.events import cursor, event_json, pull
from postroom.web.api.answers import moment, plain
from postroom.web.api.describing import answers, answers_nothing, json_answer, list_of, ref
from postroom.web.api.faults import Faults
from postroom.web.api.login import Reader, SettingsReader, SettingsWriter
from postroom.web.api.requests import At, Chosen, OptionalValues, Route, TenantQuery, Values, chosen, words_of
from postroom.web.api.webhook_shapes import REPLAY, ROTATION

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["webhooks"], route_class=Route)

_EXAMPLE = {"name": "Shop", "url": "https://shop.example.com/postroom", "types": ["message.sent", "message.failed"]}
_SHOWN = answers(ref("Webhook"), "The webhook.")


class _Pulled(TenantQuery):
    after: str = Field("", description="The `next` of the answer before; without it, everything that is kept.")
    types: str = Field("", description="Only these types, with commas between them, like message.sent,problem.*")
    limit: int = Field(100, description="How many at most, up to 1,000.")


def _json(view: WebhookView) -> dict[str, Any]:
    progress = view.progress
    shown = plain(view.webhook, "h") | {
        "after": cursor(progress.position),
        "behind": view.behind,
        "tries": progress.tries,
        "failing_since_at": moment(progress.failing_ms),
        "next_try_at": moment(progress.due_ms) if progress.tries else None,
        "answered_at": moment(progress.answered_ms),
        "status": progress.status,
        "fault": progress.fault,
    }
    return shown if view.secret is None else shown | {"secret": view.secret.reveal()}


def _delivery(one: Delivery) -> dict[str, Any]:
    return {
        "at": moment(one.at_ms),
        "event_id": encode("e", one.event_id),
        "type": one.type,
        "ok": one.ok,
        "status": one.status,
        "sentence": one.sentence,
        "ms": one.ms,
        "after": cursor(one.position - 1) if one.position else None,
    }


@router.get("/events", **answers(ref("Events"), "The events, the oldest first."))
async def list_events(query: Annotated[_Pulled, FromQuery()], actor: Reader, desk: At) -> Response:
    """Pull events after a cursor

    They are kept for two weeks, from the first question or the first webhook on. An event has the same id here and in a
    webhook.
    """
    types = tuple(part.strip() for part in query.types.split(",") if part.strip())
    page = await asyncio.wrap_future(pull(desk.store, actor, query.after, types, query.limit, chosen(desk, query)))
    events = [event_json(one) for one in page.entries]
    return json_answer({"events": events, "next": page.next, "more": page.more, "missed": page.missed})


@router.get("/webhooks", **answers(list_of("webhooks", "Webhook"), "The webhooks."))
async def list_webhooks(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the webhooks, and how far each has come"""
    found = await asyncio.wrap_future(desk.office.webhooks(actor, tenant))
    return json_answer({"webhooks": [_json(view) for view in found]})


@router.post(
    "/webhooks",
    **answers(
        ref("NewWebhook"), "It is made.", status=201, takes=ref("WebhookValues"), example=_EXAMPLE, conflicts=True
    ),
)
async def create_webhook(actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Make a webhook

    It is told of what happens from now on. `secret`, which deliveries are signed with, is shown this one time.
    """
    made = _json(await asyncio.wrap_future(desk.office.create_webhook(actor, values, tenant)))
    return json_answer(made, 201, {"location": f"/v1/webhooks/{made['id']}"})


@router.get("/webhooks/{webhook}", **_SHOWN)
async def read_webhook(webhook: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Read a webhook, by id or name"""
    return json_answer(_json(await asyncio.wrap_future(desk.office.webhook(actor, webhook, tenant))))


@router.patch(
    "/webhooks/{webhook}",
    **answers(ref("Webhook"), "It is changed.", takes=ref("WebhookValues"), example={"types": ["message.*"]}),
)
async def change_webhook(webhook: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Change a webhook

    Another server gets another secret, which is then in the answer as `secret`.
    """
    return json_answer(_json(await asyncio.wrap_future(desk.office.change_webhook(actor, webhook, values, tenant))))


@router.delete("/webhooks/{webhook}", **answers_nothing("It is deleted, with its secret."))
async def delete_webhook(webhook: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Delete a webhook"""
    await asyncio.wrap_future(desk.office.delete_webhook(actor, webhook, tenant))
    return Response(status_code=204)


@router.get(
    "/webhooks/{webhook}/deliveries",
    **answers(list_of("deliveries", "WebhookDelivery"), "The latest deliveries, the newest first."),
)
async def list_webhook_deliveries(webhook: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List a webhook's latest deliveries

    The last fifty attempts, tests too, with what came of each. An event that was not taken is there once for each try.
    """
    found = await asyncio.wrap_future(desk.office.webhook_deliveries(actor, webhook, tenant))
    return json_answer({"deliveries": [_delivery(one) for one in found]})


@router.post("/webhooks/{webhook}/test", **answers(ref("WebhookTrial"), "What came of it."))
async def test_webhook(webhook: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Send one event of the type webhook.test, now

    Signed like any other; it changes nothing of what is delivered next.
    """
    trial = await desk.webhooks.test(actor, webhook, tenant)
    return json_answer(plain(trial, "") | {"ms": round(trial.ms, 1)})


@router.post("/webhooks/{webhook}/pause", **answers(ref("Webhook"), "It is paused."))
async def pause_webhook(webhook: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Send nothing more until it is resumed

    Events wait for it for two weeks.
    """
    return json_answer(_json(await asyncio.wrap_future(desk.office.pause_webhook(actor, webhook, tenant))))


@router.post("/webhooks/{webhook}/resume", **answers(ref("Webhook"), "It goes on."))
async def resume_webhook(webhook: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Go on at once, with what comes next for it"""
    return json_answer(_json(await asyncio.wrap_future(desk.office.resume_webhook(actor, webhook, tenant))))


@router.post(
    "/webhooks/{webhook}/replay",
    **answers(ref("Webhook"), "It goes on from there.", takes=REPLAY, example={"since": "2026-11-20T00:00:00Z"}),
)
async def replay_webhook(webhook: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Deliver again what came after a cursor, or since a time

    With the same ids as before.
    """
    given = words_of(values, {"after": "", "since": ""})
    view = await asyncio.wrap_future(
        desk.office.replay_webhook(
            actor, webhook, after=given["after"], since_ms=_time(given["since"]), tenant_id=tenant
        )
    )
    return json_answer(_json(view))


def _time(text: str) -> int | None:
    try:
        return parse_iso(text) if text else None
    except ValueError as error:
        raise BadInput([Fault("since", f"{error}.", "Write it like 2026-11-20T14:30:00Z.")]) from None


@router.post(
    "/webhooks/{webhook}/rotate-secret",
    **answers(ref("NewWebhook"), "It has a new secret.", takes=ROTATION, example={}, may_be_empty=True),
)
async def rotate_webhook_secret(
    webhook: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: OptionalValues
) -> Response:
    """Give a webhook a new secret, which is shown this one time

    For `overlap_hours` the old one signs beside it, so that the receiver can be changed meanwhile.
    """
    view = await asyncio.wrap_future(desk.office.rotate_webhook_secret(actor, webhook, _overlap(values), tenant))
    return json_answer(_json(view))


def _overlap(values: Mapping[str, Any]) -> int:
    faults = Faults()
    for name in values.keys() - {"overlap_hours"}:
        faults.unknown("", name, ("overlap_hours",), {})
    if faults:
        raise BadInput(faults)
    found: int = values.get("overlap_hours", OVERLAP_HOURS)
    return found
