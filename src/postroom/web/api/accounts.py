"""`/v1/accounts`: the ways out, as the office keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from postroom.clock import now_ms
from postroom.errors import BadInput
from postroom.office.views import AccountView
from postroom.policy.presets import of_preset
from postroom.policy.speed import Learnt, full_again_ms
from postroom.web.api.answers import moment, plain
from postroom.web.api.describing import answers, answers_nothing, json_answer, list_of, object_of, receipt_answer, ref
from postroom.web.api.fields import in_json_names
from postroom.web.api.login import SettingsReader, SettingsWriter
from postroom.web.api.requests import At, Chosen, OptionalValues, Route, TenantQuery, Values, chosen, flags_of, words_of

__all__ = ["router"]

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], route_class=Route)

_EXAMPLE = {
    "name": "Main relay",
    "host": "smtp.example.com",
    "encryption": "starttls",
    "login": "password",
    "user": "news@example.com",
    "secret": "the password",
    "sender_address": "news@example.com",
}
_PAUSE = object_of(reason={"type": "string", "description": "Why; shown with its mail."}) | {"required": []}
_TEST = object_of(
    to={"type": "string", "description": "Who gets the message."},
    subject={"type": "string", "default": "Test message from Postroom"},
    text={"type": "string"},
) | {"required": ["to"]}
_DEFAULT = object_of(
    force={"type": "boolean", "default": False, "description": "Although no test message has left through it."}
) | {"required": []}
_APPLY = object_of(
    diagnosis={"type": "string", "description": "The diagnosis whose mend is to be applied."},
    secret={"type": "string", "writeOnly": True, "description": "The password, where it has to be typed again."},
) | {"required": ["diagnosis"]}
_SUBJECT = "Test message from Postroom"
_TEXT = "This message was sent to prove that mail leaves through this account. It did.\n"


def account_json(view: AccountView) -> dict[str, Any]:
    return plain(view.account, "a") | {
        "default": view.is_default,
        "needs": list(view.needs),
        "warnings": list(view.warnings),
        "health": view.health.value,
        "secret_set_by": view.secret_set_by,
        "secret_dropped": view.secret_dropped,
        "slowed": _slowed_json(view.pace.learnt),
        "troubled_at": moment(view.pace.troubled_ms),
        "trouble": view.pace.trouble,
        "certificates": plain(view.certificates, ""),
        "from_preset": sorted(of_preset(view.account)),
    }


def _slowed_json(learnt: Learnt) -> dict[str, Any] | None:
    """What its server has taught and still holds."""
    now = now_ms()
    if not learnt.holds(now):
        return None
    return {
        "per_minute": learnt.rate(now),
        "connections": learnt.lanes(now),
        "rests_until": moment(learnt.since_ms) if learnt.rests(now) else None,
        "full_at": moment(full_again_ms(learnt)),
        "why": learnt.why,
    }


@router.get("", **answers(list_of("accounts", "Account"), "The accounts."))
async def list_accounts(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the accounts"""
    found = await asyncio.wrap_future(desk.office.accounts(actor, tenant))
    return json_answer({"accounts": [account_json(view) for view in found]})


@router.post("", **answers(ref("Account"), "It is made.", status=201, takes=ref("AccountValues"), example=_EXAMPLE))
async def create_account(actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Make an account

    The first one becomes the tenant's default. Words of other products for these fields are understood.
    """
    view = await asyncio.wrap_future(desk.office.create_account(actor, values, tenant_id=tenant))
    made = account_json(view)
    return json_answer(made, 201, {"location": f"/v1/accounts/{made['id']}"})


@router.get("/{account}", **answers(ref("Account"), "The account."))
async def read_account(account: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Read an account, by id or name"""
    return json_answer(account_json(await asyncio.wrap_future(desk.office.account(actor, account, tenant))))


@router.patch(
    "/{account}", **answers(ref("Account"), "It is changed.", takes=ref("AccountValues"), example={"enabled": True})
)
async def change_account(account: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Change an account

    What is not named stays. A new server, port, encryption or user needs the password again: the old one is deleted,
    and `secret_dropped` says so.
    """
    view = await asyncio.wrap_future(desk.office.change_account(actor, account, values, tenant_id=tenant))
    return json_answer(account_json(view))


class _Heir(TenantQuery):
    move_to: str = Field("", description="The account that takes over, by id or name.")


@router.delete("/{account}", **answers_nothing("It is deleted, with its password.", conflicts=True))
async def delete_account(account: str, actor: SettingsWriter, desk: At, query: Annotated[_Heir, Query()]) -> Response:
    """Delete an account

    `move_to` names the account that takes over its waiting mail, its senders and being the default.
    """
    tenant = chosen(desk, query)
    await asyncio.wrap_future(desk.office.delete_account(actor, account, query.move_to or None, tenant))
    return Response(status_code=204)


@router.post(
    "/{account}/default",
    **answers(ref("Account"), "It is the default now.", takes=_DEFAULT, may_be_empty=True, conflicts=True),
)
async def set_default_account(
    account: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: OptionalValues
) -> Response:
    """Make an account the default

    Waiting mail that followed the old default moves along. A tenant's own server takes over from the installation's
    default once a test message has left through it; then it does so by itself.
    """
    force = flags_of(values, ("force",))["force"]
    setting = desk.office.set_default_account(actor, account, tenant, force=force)
    return json_answer(account_json(await asyncio.wrap_future(setting)))


@router.post(
    "/{account}/pause",
    **answers(ref("Account"), "It is paused.", takes=_PAUSE, example={"reason": "Being moved"}, may_be_empty=True),
)
async def pause_account(
    account: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: OptionalValues
) -> Response:
    """Pause an account

    Its mail is kept; nothing bounces.
    """
    reason = words_of(values, {"reason": ""})["reason"]
    return json_answer(
        account_json(await asyncio.wrap_future(desk.office.pause_account(actor, account, reason, tenant)))
    )


@router.post("/{account}/resume", **answers(ref("Account"), "It goes on."))
async def resume_account(account: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Resume a paused account"""
    return json_answer(account_json(await asyncio.wrap_future(desk.office.resume_account(actor, account, tenant))))


@router.post(
    "/{account}/test",
    **answers(ref("Receipt"), "What became of it.", takes=_TEST, example={"to": "you@example.org"}),
)
async def test_account(account: str, actor: SettingsWriter, desk: At, values: Values) -> Response:
    """Send a real message through an account

    On the production road and whatever the mode is; the answer is what the server said.
    """
    given: Mapping[str, str] = words_of(values, {"to": None, "subject": _SUBJECT, "text": _TEXT})
    try:
        receipt = await asyncio.wrap_future(
            desk.outbox.test_account(actor, account, given["to"], given["subject"], given["text"])
        )
    except BadInput as error:
        raise in_json_names(error) from None
    return receipt_answer(receipt)


@router.post(
    "/{account}/apply",
    **answers(
        ref("Account"),
        "It is changed.",
        takes=_APPLY,
        example={"diagnosis": "too-many-connections"},
        conflicts=True,
    ),
)
async def apply_diagnosis(account: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Apply what mends a diagnosis

    Changes the account's own settings as the diagnosis says (`apply`), like any other change: with a version, in the
    audit trail. A new server, port, encryption or user needs the password again; it can be given here.
    """
    given = words_of(values, {"diagnosis": None, "secret": ""})
    applying = desk.office.apply_diagnosis(actor, account, given["diagnosis"], given["secret"] or None, tenant)
    return json_answer(account_json(await asyncio.wrap_future(applying)))
