"""`/v1/accounts/{account}/grant`: how an account that logs in with OAuth2 gets its tokens. None is ever shown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from postroom.errors import BadInput, Fault, NotFound
from postroom.model.application import Actor, Scope
from postroom.model.attempt import Result
from postroom.model.grant import OAuth2Flow
from postroom.office.changes import require
from postroom.office.grants import GrantView, meaning
from postroom.policy.token import Returned, read_return
from postroom.secrets import Secret
from postroom.web.api.answers import moment, plain
from postroom.web.api.describing import answers, answers_nothing, json_answer, object_of, ref
from postroom.web.api.login import SettingsReader, SettingsWriter
from postroom.web.api.requests import At, Chosen, OptionalValues, Route, Values, words_of
from postroom.web.desk import Desk

__all__ = ["BEGUN", "CONSENT", "FINISH", "begun", "connected", "grant_json", "redeem", "router"]

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], route_class=Route)

CONSENT = object_of(
    redirect_url={
        "type": "string",
        "description": "A port of the caller's own machine, like `http://localhost:8400/`, where he waits for the "
        "answer. Without it people come back to Postroom's own page.",
    }
) | {"required": []}
BEGUN = object_of(
    url={"type": "string", "description": "Where the person consents. It holds the state, so show it to nobody else."},
    redirect_url={"type": "string", "description": "Has to be registered with the provider, to the letter."},
    expires_at={"type": "string", "format": "date-time"},
)
FINISH = object_of(
    answer={"type": "string", "description": "The whole address that the provider sent the person back to."},
    refresh_token={"type": "string", "description": "Or a refresh token that was got elsewhere."},
) | {"required": []}


def grant_json(view: GrantView) -> dict[str, Any]:
    told = plain(view, "", without=("verdict",))
    verdict = view.verdict
    wrong = None if verdict is None else plain(verdict, "", without=("scope", "severity", "action"))
    return told | {"wrong": wrong}


@router.get("/{account}/grant", **answers(ref("Grant"), "How it stands.", conflicts=True))
async def read_grant(account: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Read how an account's OAuth2 grant stands"""
    return json_answer(grant_json(await asyncio.wrap_future(desk.office.grant(actor, account, tenant))))


@router.post(
    "/{account}/grant/consent",
    **answers(BEGUN, "Where to consent.", takes=CONSENT, example={}, may_be_empty=True, conflicts=True),
)
async def begin_consent(
    account: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: OptionalValues
) -> Response:
    """Begin to connect an account

    Answers with a link to the provider, good once and for fifteen minutes. Somebody who may speak for the mailbox opens
    it and consents.
    """
    return json_answer(await begun(desk, actor, account, values, tenant))


async def begun(
    desk: Desk, actor: Actor, account: str, values: Mapping[str, Any], tenant: int | None
) -> dict[str, Any]:
    """A consent that is begun, for an account or the id of a mailbox."""
    back = words_of(values, {"redirect_url": ""})["redirect_url"]
    consent = await asyncio.wrap_future(desk.office.begin_consent(actor, account, back, tenant))
    return {"url": consent.url, "redirect_url": consent.redirect_url, "expires_at": moment(consent.expires_ms)}


@router.post(
    "/{account}/grant",
    **answers(ref("Grant"), "It is connected.", takes=FINISH, example={"answer": "http://localhost:8400/?code=…"},
              conflicts=True),
)  # fmt: skip
async def connect_account(account: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Connect an account: with what the consent gave, or with a refresh token

    The consent has to be one that the same user or key began.
    """
    return json_answer(await connected(desk, actor, account, values, tenant))


async def connected(
    desk: Desk, actor: Actor, account: str, values: Mapping[str, Any], tenant: int | None
) -> dict[str, Any]:
    """How the grant stands that came of it. Raises BadInput with what to mend."""
    given = words_of(values, {"answer": "", "refresh_token": ""})
    if bool(given["answer"]) == bool(given["refresh_token"]):
        raise BadInput([Fault("answer", "or refresh_token is wanted: one of the two.", "Give exactly one.")])
    finding = desk.office.oauth_account(actor, account, OAuth2Flow.REFRESH_TOKEN, tenant)
    found = await asyncio.wrap_future(finding)
    if given["answer"]:
        await redeem(desk, read_return(given["answer"]), actor, found.id)
    else:
        refused = await desk.grants.accept(actor, found, Secret(given["refresh_token"]))
        if refused is not None:
            raise _refusal(meaning(found, refused), refused)
    return grant_json(await asyncio.wrap_future(desk.office.grant(actor, account, tenant)))


@router.delete("/{account}/grant", **answers_nothing("The tokens are deleted.", conflicts=True))
async def forget_grant(account: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Disconnect an account

    Its mail waits from then on. What the provider knows of the consent is taken back there, not here.
    """
    if not await asyncio.wrap_future(desk.office.forget_grant(actor, account, tenant)):
        raise NotFound("The account is not connected.")
    return Response(status_code=204)


async def redeem(desk: Desk, returned: Returned, actor: Actor | None = None, account_id: int | None = None) -> str:
    """Uses up a consent that came back; the account's name. Raises BadInput with what to mend, NotFound.

    With an `actor` it has to be one that he began, for the account `account_id`.
    """
    if actor is not None:
        require(actor, Scope.SETTINGS_WRITE)
    if not returned.state:
        problem = "is not the address that the provider sent the person back to: it holds no state."
        raise BadInput([Fault("answer", problem, "Copy the whole address from the browser.")])
    consented = await asyncio.wrap_future(desk.office.take_consent(returned.state, actor, account_id))
    refused = returned.refused or await desk.grants.connect(consented, Secret(returned.code))
    if refused is not None:
        raise _refusal(meaning(consented.account, refused), refused)
    return consented.account.name


def _refusal(verdict: Any, refused: Result) -> BadInput:
    told = f"{verdict.title} {verdict.explanation} (The identity provider: {refused.text})"
    return BadInput([Fault(verdict.field or "account", told, verdict.remedy)])
