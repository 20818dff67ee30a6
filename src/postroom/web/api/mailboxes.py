"""`/v1/mailboxes`: the mailboxes that are read, as the office keeps them."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response

from postroom.model.attempt import Verdict
from postroom.model.mailbox import MailboxEvent
from postroom.office.mailbox_health import health, wrong_of
from postroom.office.mailboxes import MailboxView
from postroom.web.api.answers import moment, plain
from postroom.web.api.describing import answers, answers_nothing, json_answer, list_of, ref
from postroom.web.api.login import Doer, SettingsReader, SettingsWriter
from postroom.web.api.requests import At, Chosen, Route, Values

__all__ = ["mailbox_json", "router"]

router = APIRouter(prefix="/v1/mailboxes", tags=["mailboxes"], route_class=Route)

_EXAMPLE = {
    "name": "Bounces",
    "host": "imap.example.com",
    "user": "bounces@example.com",
    "secret": "the password",
    "afterwards": "move",
    "move_to": "Done",
}


def mailbox_json(view: MailboxView) -> dict[str, Any]:
    state, wrong = view.state, wrong_of(view)
    return plain(view.mailbox, "z") | {
        "secret_set_by": view.secret_set_by,
        "secret_dropped": view.secret_dropped,
        "needs": list(view.needs),
        "health": health(view),
        "looked_at": moment(state.looked_ms),
        "taken": state.taken,
        "taken_at": moment(state.taken_ms),
        "passed": state.passed,
        "idles": state.idles,
        "trouble": state.trouble,
        "trouble_at": moment(state.trouble_ms),
        "wrong": None if wrong is None else wrong_json(wrong, state.fault),
    }


def wrong_json(verdict: Verdict, said: str) -> dict[str, Any]:
    return plain(verdict, "", without=("scope", "severity", "action")) | {"said": said}


def _event_json(event: MailboxEvent) -> dict[str, Any]:
    return {"at": moment(event.at_ms), "trouble": event.trouble, "text": event.text}


@router.get("", **answers(list_of("mailboxes", "Mailbox"), "The mailboxes."))
async def list_mailboxes(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the mailboxes, and how each stands"""
    found = await asyncio.wrap_future(desk.office.mailboxes(actor, tenant))
    return json_answer({"mailboxes": [mailbox_json(view) for view in found]})


@router.post(
    "",
    **answers(ref("Mailbox"), "It is made.", status=201, takes=ref("MailboxValues"), example=_EXAMPLE, conflicts=True),
)
async def create_mailbox(actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Make a mailbox

    It is read from now on: what arrives in its folder comes in as if it were handed to `POST /v1/incoming`.
    """
    made = mailbox_json(await asyncio.wrap_future(desk.office.create_mailbox(actor, values, tenant_id=tenant)))
    return json_answer(made, 201, {"location": f"/v1/mailboxes/{made['id']}"})


@router.get("/{mailbox}", **answers(ref("Mailbox"), "The mailbox."))
async def read_mailbox(mailbox: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Read a mailbox, by id or name"""
    return json_answer(mailbox_json(await asyncio.wrap_future(desk.office.mailbox(actor, mailbox, tenant))))


@router.patch(
    "/{mailbox}", **answers(ref("Mailbox"), "It is changed.", takes=ref("MailboxValues"), example={"enabled": False})
)
async def change_mailbox(mailbox: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Change a mailbox

    What is not named stays. A new server, port, encryption or user needs the password again: the old one is deleted,
    and `secret_dropped` says so. Another server, user or folder is read from its beginning; mail that came in already
    changes nothing.
    """
    changing = desk.office.change_mailbox(actor, mailbox, values, tenant_id=tenant)
    return json_answer(mailbox_json(await asyncio.wrap_future(changing)))


@router.delete("/{mailbox}", **answers_nothing("It is deleted, with its password and its log."))
async def delete_mailbox(mailbox: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Delete a mailbox

    The mail that was taken in stays.
    """
    await asyncio.wrap_future(desk.office.delete_mailbox(actor, mailbox, tenant))
    return Response(status_code=204)


@router.post("/{mailbox}/fetch", **answers(ref("Mailbox"), "It is read within a moment.", conflicts=True))
async def fetch_mailbox(mailbox: str, actor: Doer, desk: At, tenant: Chosen) -> Response:
    """Read a mailbox now

    Without waiting for its next turn. Which process reads it does not matter; `looked_at` and `taken` tell when.
    """
    return json_answer(mailbox_json(await asyncio.wrap_future(desk.office.fetch_mailbox(actor, mailbox, tenant))))


@router.get("/{mailbox}/log", **answers(list_of("events", "MailboxEvent"), "The log, the newest line first."))
async def read_mailbox_log(mailbox: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Read what happened to a mailbox"""
    found = await asyncio.wrap_future(desk.office.mailbox_log(actor, mailbox, tenant_id=tenant))
    return json_answer({"events": [_event_json(event) for event in found]})
