"""`/v1/sessions`, `/v1/me`, `/v1/passwords`, `/v1/password-resets`: signing in, and what people do with their own.

Signing in needs no key. A token goes into the Authorization header like a key, so no foreign page can use it.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from postroom import ids
from postroom.errors import NotFound
from postroom.model.person import User, UserSession
from postroom.office.signing_in import SignedIn
from postroom.web.api.answers import identity, moment, plain
from postroom.web.api.describing import answers, answers_nothing, json_answer, list_of, object_of, ref
from postroom.web.api.login import Anybody, client_address
from postroom.web.api.requests import At, Route, Values, words_of
from postroom.web.letters import send_in_background

__all__ = ["From", "router", "session_json", "signed_in_answer", "user_json"]

router = APIRouter(prefix="/v1", tags=["self"], route_class=Route)

_WORD = {"type": "string"}
_SECRET = {"type": "string", "writeOnly": True}
_CREDENTIALS = object_of(login=_WORD, password=_SECRET)
_SECOND = object_of(token=_SECRET, code=_SECRET)
_CHOICE = object_of(token=_SECRET, password=_SECRET)
_CHANGE = object_of(old=_SECRET, new=_SECRET)
_PASSWORD = object_of(password=_SECRET)
_CODE = object_of(code=_SECRET)
_LOGIN = object_of(login=_WORD)
_PROFILE = object_of(name=_WORD, language=_WORD, time_zone=_WORD, look=_WORD) | {"required": []}
_SETUP = object_of(
    secret={"type": "string", "description": "For the authenticator app, this one time."},
    address={"type": "string", "description": "The same as an `otpauth:` address, for a QR code."},
)
_CODES = object_of(
    recovery_codes={"type": "array", "items": _WORD, "description": "Each good once. Shown this one time."}
)
_EXAMPLE = {"password": "four words in a row"}
_ENDED = object_of(ended={"type": "integer", "description": "How many sessions ended."})


async def _from(request: Request) -> dict[str, str]:
    """Where the request comes from, and by which program."""
    agent = request.headers.get("user-agent", "")
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in agent)
    return {"address": client_address(request), "agent": shown}


From = Annotated[dict[str, str], Depends(_from)]


def user_json(user: User) -> dict[str, Any]:
    return plain(user, "u")


def session_json(session: UserSession, current: int | None) -> dict[str, Any]:
    return plain(session, "n", without=["pending"]) | {"current": session.id == current}


def signed_in_answer(done: SignedIn) -> Response:
    pending = done.session.pending
    body = {
        "token": done.token,
        "second_step": pending,
        "second_step_by": _second_steps(done.user) if pending else [],
        "expires_at": moment(done.session.expires_ms),
        "user": None if pending else user_json(done.user),
    }
    return json_answer(body, 201)


def _second_steps(user: User) -> list[str]:
    """By what a session that waits for its second step can go on."""
    found = (("code", user.second_factor), ("passkey", user.passkeys > 0), ("recovery-code", True))
    return [word for word, there in found if there]


# -- signing in -------------------------------------------------------------------------------------------------------


@router.post(
    "/sessions",
    **answers(
        ref("SignedIn"),
        "The session has begun, or waits for the second step.",
        status=201,
        takes=_CREDENTIALS,
        example={"login": "ann@example.com", "password": "four words in a row"},
        signs_in=True,
    ),
)
async def sign_in(desk: At, values: Values, source: From) -> Response:
    """Sign in with login and password

    401 for whatever is wrong, in the same words; 429 after too many tries.
    """
    given = words_of(values, {"login": None, "password": None})
    return signed_in_answer(await asyncio.wrap_future(desk.office.sign_in(given["login"], given["password"], **source)))


@router.post(
    "/sessions/second-step",
    **answers(
        ref("SignedIn"),
        "The session has begun.",
        status=201,
        takes=_SECOND,
        example={"token": "ps_…", "code": "123456"},
        signs_in=True,
    ),
)
async def second_step(desk: At, values: Values, source: From) -> Response:
    """Finish signing in with a code, or a recovery code

    `token` is the one of the first step; it is worthless afterwards, and the answer has another.
    """
    given = words_of(values, {"token": None, "code": None})
    return signed_in_answer(await asyncio.wrap_future(desk.office.second_step(given["token"], given["code"], **source)))


@router.post(
    "/password-resets",
    **answers(object_of(), "Taken.", status=202, takes=_LOGIN, example={"login": "ann@example.com"}, signs_in=True),
)
async def forget_password(desk: At, values: Values, source: From) -> Response:
    """Ask for a link to choose a new password

    The answer is the same whether there is such a user or not. The link goes to his own address.
    """
    login = words_of(values, {"login": None})["login"]
    send_in_background(desk, desk.office.forgotten(login, address=source["address"]))
    return json_answer({}, 202)


@router.post(
    "/passwords",
    **answers(
        ref("User"),
        "It is set, and every session has ended.",
        takes=_CHOICE,
        example={"token": "pl_…", "password": "four words in a row"},
        signs_in=True,
    ),
)
async def choose_password(desk: At, values: Values, source: From) -> Response:
    """Choose a password by a link

    `token` is what follows `token=` in the link. It is good once. 404 when it is not good any more.
    """
    given = words_of(values, {"token": None, "password": None})
    choosing = desk.office.redeem(given["token"], given["password"], address=source["address"])
    return json_answer(user_json(await asyncio.wrap_future(choosing)))


# -- one's own --------------------------------------------------------------------------------------------------------


@router.get("/me", **answers(ref("Me"), "Who asks."))
async def read_me(actor: Anybody, desk: At) -> Response:
    """See who one is and what one may do"""
    user: dict[str, Any] | None = None
    left: int | None = None
    if actor.user_id is not None:
        user = user_json(await asyncio.wrap_future(desk.office.me(actor)))
        left = await asyncio.wrap_future(desk.office.recovery_codes_left(actor))
    body = {
        "name": actor.name,
        "tenant_id": identity("t", actor.tenant_id),
        "everywhere": actor.everywhere,
        "scopes": sorted(actor.scopes),
        "user": user,
        "session_id": identity("n", actor.session_id),
        "recovery_codes": left,
    }
    return json_answer(body)


@router.patch(
    "/me",
    **answers(ref("User"), "It is changed.", takes=_PROFILE, example={"language": "de", "time_zone": "Europe/Berlin"}),
)
async def change_me(actor: Anybody, desk: At, values: Values) -> Response:
    """Change what one says of oneself

    Name, language, time zone, light or dark. What is not named stays; empty is what the browser wants.
    """
    return json_answer(user_json(await asyncio.wrap_future(desk.office.change_me(actor, values))))


@router.get("/sessions", **answers(list_of("sessions", "Session"), "The newest first."))
async def list_sessions(actor: Anybody, desk: At) -> Response:
    """List where one is signed in"""
    found = await asyncio.wrap_future(desk.office.sessions(actor))
    return json_answer({"sessions": [session_json(one, actor.session_id) for one in found]})


@router.delete("/sessions", **answers(_ENDED, "They have ended."))
async def end_other_sessions(actor: Anybody, desk: At) -> Response:
    """Sign out everywhere else"""
    return json_answer({"ended": await asyncio.wrap_future(desk.office.end_other_sessions(actor))})


@router.delete("/sessions/{session}", **answers_nothing("It has ended."))
async def end_session(session: str, actor: Anybody, desk: At) -> Response:
    """Sign out

    One's own session by its id; `current` is this one.
    """
    number = actor.session_id if session == "current" else ids.decode("n", session)
    if number is None:
        await asyncio.wrap_future(desk.office.me(actor))
        raise NotFound("There is no such session.")
    await asyncio.wrap_future(desk.office.end_session(actor, number))
    return Response(status_code=204)


@router.post(
    "/me/password",
    **answers(
        object_of(),
        "It is changed, and every other session has ended.",
        takes=_CHANGE,
        example={"old": "four words in a row", "new": "four other words in a row"},
        slows=True,
    ),
)
async def change_password(actor: Anybody, desk: At, values: Values) -> Response:
    """Change one's password"""
    given = words_of(values, {"old": None, "new": None})
    await asyncio.wrap_future(desk.office.change_password(actor, given["old"], given["new"]))
    return json_answer({})


@router.post(
    "/me/second-factor",
    **answers(
        _SETUP, "To be confirmed with a first code.", takes=_PASSWORD, example=_EXAMPLE, conflicts=True, slows=True
    ),
)
async def begin_second_factor(actor: Anybody, desk: At, values: Values) -> Response:
    """Set up codes from an authenticator app (TOTP)"""
    password = words_of(values, {"password": None})["password"]
    setup = await asyncio.wrap_future(desk.office.begin_second_factor(actor, password))
    return json_answer({"secret": setup.secret, "address": setup.address})


@router.post(
    "/me/second-factor/confirm",
    **answers(
        _CODES, "It is asked for from now on.", takes=_CODE, example={"code": "123456"}, conflicts=True, slows=True
    ),
)
async def confirm_second_factor(actor: Anybody, desk: At, values: Values) -> Response:
    """Confirm the authenticator app with its first code

    Every other session ends.
    """
    code = words_of(values, {"code": None})["code"]
    return json_answer({"recovery_codes": await asyncio.wrap_future(desk.office.confirm_second_factor(actor, code))})


@router.post(
    "/me/second-factor/remove",
    **answers(
        object_of(), "It is not asked for any more.", takes=_PASSWORD, example=_EXAMPLE, conflicts=True, slows=True
    ),
)
async def remove_second_factor(actor: Anybody, desk: At, values: Values) -> Response:
    """Take one's second factor away"""
    password = words_of(values, {"password": None})["password"]
    await asyncio.wrap_future(desk.office.remove_second_factor(actor, password))
    return json_answer({})


@router.post(
    "/me/recovery-codes",
    **answers(_CODES, "The old ones are worthless.", takes=_PASSWORD, example=_EXAMPLE, conflicts=True, slows=True),
)
async def renew_recovery_codes(actor: Anybody, desk: At, values: Values) -> Response:
    """Make new recovery codes"""
    password = words_of(values, {"password": None})["password"]
    return json_answer({"recovery_codes": await asyncio.wrap_future(desk.office.renew_recovery_codes(actor, password))})
