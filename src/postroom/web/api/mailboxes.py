"""`/v1/mailboxes`: the mailboxes that are read, as the office keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from postroom.errors import BadInput, NotFound
from postroom.ids import encode
from postroom.model.application import Actor as Asking
from postroom.model.attempt import Verdict
from postroom.model.mailbox import MailboxEvent
from postroom.office.mailbox_health import health, wrong_of
from postroom.office.mailboxes import MAILBOX, MailboxView
from postroom.web.api.answers import moment, plain
from postroom.web.api.describing import answers, answers_nothing, json_answer, list_of, ref
from postroom.web.api.faults import Faults, kind_of
from postroom.web.api.grants import BEGUN, CONSENT, FINISH, begun, connected, grant_json
from postroom.web.api.login import Doer, SettingsReader, SettingsWriter
from postroom.web.api.mailbox_shapes import TRIAL
from postroom.web.api.requests import At, Chosen, OptionalValues, Route, Values
from postroom.web.desk import Desk
from postroom.work.mailboxes import MailboxTrial

__all__ = ["mailbox_json", "router"]

router = APIRouter(prefix="/v1", tags=["mailboxes"], route_class=Route)

_EXAMPLE = {
    "name": "Bounces",
    "host": "imap.example.com",
    "user": "bounces@example.com",
    "secret": "the password",
    "afterwards": "move",
    "move_to": "Done",
}
_TRIAL_EXAMPLE = {
    "values": {"host": "imap.example.com", "user": "bounces@example.com"},
    "secret": "the password",
}


def mailbox_json(view: MailboxView) -> dict[str, Any]:
    state, wrong = view.state, wrong_of(view)
    return plain(view.mailbox, MAILBOX) | {
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


@router.get("/mailboxes", **answers(list_of("mailboxes", "Mailbox"), "The mailboxes."))
async def list_mailboxes(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the mailboxes, and how each stands"""
    found = await asyncio.wrap_future(desk.office.mailboxes(actor, tenant))
    return json_answer({"mailboxes": [mailbox_json(view) for view in found]})


@router.post(
    "/mailboxes",
    **answers(ref("Mailbox"), "It is made.", status=201, takes=ref("MailboxValues"), example=_EXAMPLE, conflicts=True),
)
async def create_mailbox(actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Make a mailbox

    It is read from now on: what arrives in its folder comes in as if it were handed to `POST /v1/incoming`.
    """
    made = mailbox_json(await asyncio.wrap_future(desk.office.create_mailbox(actor, values, tenant_id=tenant)))
    return json_answer(made, 201, {"location": f"/v1/mailboxes/{made['id']}"})


@router.get("/mailboxes/{mailbox}", **answers(ref("Mailbox"), "The mailbox."))
async def read_mailbox(mailbox: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Read a mailbox, by id or name"""
    return json_answer(mailbox_json(await asyncio.wrap_future(desk.office.mailbox(actor, mailbox, tenant))))


@router.patch(
    "/mailboxes/{mailbox}",
    **answers(ref("Mailbox"), "It is changed.", takes=ref("MailboxValues"), example={"enabled": False}),
)
async def change_mailbox(mailbox: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Change a mailbox

    What is not named stays. A new server, port, encryption or user needs the password again: the old one is deleted,
    and `secret_dropped` says so. Another server, user or folder is read from its beginning; mail that came in already
    changes nothing.
    """
    changing = desk.office.change_mailbox(actor, mailbox, values, tenant_id=tenant)
    return json_answer(mailbox_json(await asyncio.wrap_future(changing)))


@router.delete("/mailboxes/{mailbox}", **answers_nothing("It is deleted, with its password and its log."))
async def delete_mailbox(mailbox: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Delete a mailbox

    The mail that was taken in stays.
    """
    await asyncio.wrap_future(desk.office.delete_mailbox(actor, mailbox, tenant))
    return Response(status_code=204)


@router.post("/mailboxes/{mailbox}/fetch", **answers(ref("Mailbox"), "It is read within a moment.", conflicts=True))
async def fetch_mailbox(mailbox: str, actor: Doer, desk: At, tenant: Chosen) -> Response:
    """Read a mailbox now

    Without waiting for its next turn. Which process reads it does not matter; `looked_at` and `taken` tell when.
    """
    view = await asyncio.wrap_future(desk.office.fetch_mailbox(actor, mailbox, tenant))
    desk.mailboxes.wake(view.mailbox.id)
    return json_answer(mailbox_json(view))


@router.get("/mailboxes/{mailbox}/log", **answers(list_of("events", "MailboxEvent"), "The log, the newest line first."))
async def read_mailbox_log(mailbox: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Read what happened to a mailbox"""
    found = await asyncio.wrap_future(desk.office.mailbox_log(actor, mailbox, tenant_id=tenant))
    return json_answer({"events": [_event_json(event) for event in found]})


# -- testing ----------------------------------------------------------------------------------------------------------


@router.post(
    "/mailboxes/{mailbox}/test",
    **answers(
        ref("MailboxTrial"), "How far it came.", takes=TRIAL, example={}, may_be_empty=True, conflicts=True, slows=True
    ),
)
async def test_mailbox(
    mailbox: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: OptionalValues
) -> Response:
    """Try a mailbox, step by step

    Up to its folder, which is only looked at: nothing is marked, moved or taken in. With `values` it tries what is not
    saved yet, only with a secret given along.
    """
    return json_answer(trial_json(await desk.mailboxes.test(actor, mailbox, *_to_try(values), tenant)))


@router.post(
    "/mailbox-tests",
    **answers(ref("MailboxTrial"), "How far it came.", takes=TRIAL, example=_TRIAL_EXAMPLE, conflicts=True, slows=True),
)
async def test_mailbox_values(actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Try the values of a mailbox that is not saved

    As the test of a mailbox; nothing is saved by it.
    """
    return json_answer(trial_json(await desk.mailboxes.test(actor, None, *_to_try(values), tenant)))


def trial_json(trial: MailboxTrial) -> dict[str, Any]:
    steps = [{"step": one.step, "ok": one.ok, "words": one.words, "ms": round(one.ms, 1)} for one in trial.steps]
    wrong = None if trial.verdict is None else wrong_json(trial.verdict, trial.said)
    return {
        "ok": trial.ok,
        "sentence": trial.sentence,
        "steps": steps,
        "wrong": wrong,
        "lines": list(trial.lines),
    }


def _to_try(values: Mapping[str, Any]) -> tuple[Mapping[str, Any], str | None]:
    faults = Faults()
    for name in values.keys() - {"values", "secret"}:
        faults.unknown("", name, ("values", "secret"), {})
    given, secret = values.get("values") or {}, values.get("secret") or None
    if not isinstance(given, dict):
        faults.add("values", f"is {kind_of(given)}, but has to be an object.", 'Write {"host": "imap.example.com"}.')
    if secret is not None and not isinstance(secret, str):
        faults.add("secret", f"is {kind_of(secret)}, but has to be text.", "Give text in quotes.")
    if faults:
        raise BadInput(faults)
    return given, secret


# -- OAuth2 -----------------------------------------------------------------------------------------------------------


async def _id(desk: Desk, actor: Asking, mailbox: str, tenant: int | None) -> str:
    view = await asyncio.wrap_future(desk.office.mailbox(actor, mailbox, tenant))
    return encode(MAILBOX, view.mailbox.id)


@router.get("/mailboxes/{mailbox}/grant", **answers(ref("Grant"), "How it stands.", conflicts=True))
async def read_mailbox_grant(mailbox: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Read how a mailbox's OAuth2 grant stands"""
    number = await _id(desk, actor, mailbox, tenant)
    return json_answer(grant_json(await asyncio.wrap_future(desk.office.grant(actor, number, tenant))))


@router.post(
    "/mailboxes/{mailbox}/grant/consent",
    **answers(BEGUN, "Where to consent.", takes=CONSENT, example={}, may_be_empty=True, conflicts=True),
)
async def begin_mailbox_consent(
    mailbox: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: OptionalValues
) -> Response:
    """Begin to connect a mailbox

    As for an account. What is asked for is reading mail.
    """
    number = await _id(desk, actor, mailbox, tenant)
    return json_answer(await begun(desk, actor, number, values, tenant))


@router.post(
    "/mailboxes/{mailbox}/grant",
    **answers(ref("Grant"), "It is connected.", takes=FINISH, example={"answer": "http://localhost:8400/?code=…"},
              conflicts=True),
)  # fmt: skip
async def connect_mailbox(mailbox: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Connect a mailbox: with what the consent gave, or with a refresh token"""
    number = await _id(desk, actor, mailbox, tenant)
    return json_answer(await connected(desk, actor, number, values, tenant))


@router.delete("/mailboxes/{mailbox}/grant", **answers_nothing("The tokens are deleted.", conflicts=True))
async def forget_mailbox_grant(mailbox: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Disconnect a mailbox

    It is not read from then on. What the provider knows of the consent is taken back there, not here.
    """
    number = await _id(desk, actor, mailbox, tenant)
    if not await asyncio.wrap_future(desk.office.forget_grant(actor, number, tenant)):
        raise NotFound("The mailbox is not connected.")
    return Response(status_code=204)
