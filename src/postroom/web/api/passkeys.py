"""`/v1/me/passkeys`, `/v1/sessions/passkey`, `/v1/users/{user}/passkeys`: passkeys, one's own and other people's.

`options` go to the browser as they are (`PublicKeyCredential.parseCreationOptionsFromJSON` and
`parseRequestOptionsFromJSON`), and what it answers comes back as it is (`toJSON()`), with the `attempt` that came
with the options.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response

from postroom.errors import BadInput
from postroom.model.passkey import Passkey
from postroom.office.passkeys import Asked
from postroom.web.api.answers import moment, plain
from postroom.web.api.describing import answers, answers_nothing, json_answer, list_of, object_of, ref
from postroom.web.api.faults import Faults, kind_of
from postroom.web.api.login import Anybody, UserManager
from postroom.web.api.requests import At, Chosen, OptionalValues, Route, Values, words_of
from postroom.web.api.signing_in import From, signed_in_answer

__all__ = ["router"]

router = APIRouter(prefix="/v1", route_class=Route)

_WORD = {"type": "string"}
_SECRET = {"type": "string", "writeOnly": True}
_ANSWER = {"type": "object", "description": "What the browser answered, by its `toJSON()`."}
_ATTEMPT = {"type": "string", "writeOnly": True, "description": "The one that came with the options."}
_PASSWORD = object_of(password={**_SECRET, "description": "One's own; not for those who have none."}) | {"required": []}
_NEW = object_of(attempt=_ATTEMPT, name={"type": "string", "description": "What to call it."}, credential=_ANSWER)
_PRESENTED = object_of(attempt=_ATTEMPT, credential=_ANSWER)
_TOKEN = object_of(token={**_SECRET, "description": "Of a first step, to finish it. Without it: a passkey alone."}) | {
    "required": []
}
_EXAMPLE = {"password": "four words in a row"}
_CREDENTIAL = {"id": "…", "rawId": "…", "type": "public-key", "response": {}}


def passkey_json(passkey: Passkey) -> dict[str, Any]:
    return plain(passkey, "w", without=["tenant_id", "user_id"])


def _asked(asked: Asked) -> Response:
    body = {"attempt": asked.attempt, "options": dict(asked.options), "expires_at": moment(asked.expires_ms)}
    return json_answer(body)


def _taken(values: dict[str, Any], *words: str) -> tuple[dict[str, str], dict[str, Any]]:
    """The texts of a body, and the browser's answer. Raises BadInput."""
    credential = values.get("credential")
    faults = Faults()
    if type(credential) is not dict:
        problem = "is missing." if credential is None else f"is {kind_of(credential)}, but has to be an object."
        faults.add("credential", problem, "Give what the browser answered.")
    try:
        given = words_of({k: v for k, v in values.items() if k != "credential"}, dict.fromkeys(words))
    except BadInput as error:
        faults += error.faults
        given = {}
    if faults or type(credential) is not dict:
        raise BadInput(faults)
    return given, credential


# -- one's own --------------------------------------------------------------------------------------------------------


@router.get("/me/passkeys", tags=["self"], **answers(list_of("passkeys", "Passkey"), "In the order they were added."))
async def list_passkeys(actor: Anybody, desk: At) -> Response:
    """List one's passkeys"""
    found = await asyncio.wrap_future(desk.office.passkeys(actor))
    return json_answer({"passkeys": [passkey_json(one) for one in found]})


@router.post(
    "/me/passkeys/options",
    tags=["self"],
    **answers(ref("PasskeyOptions"), "For the browser.", takes=_PASSWORD, example=_EXAMPLE, conflicts=True, slows=True),
)
async def begin_passkey(actor: Anybody, desk: At, values: Values) -> Response:
    """Begin to add a passkey

    What `navigator.credentials.create` needs. Whoever has no password signs in again first, at most ten minutes before.
    """
    password = words_of(values, {"password": ""})["password"]
    return _asked(await asyncio.wrap_future(desk.office.begin_passkey(actor, password)))


@router.post(
    "/me/passkeys",
    tags=["self"],
    **answers(
        ref("AddedPasskey"),
        "It is added, and every other session has ended.",
        status=201,
        takes=_NEW,
        example={"attempt": "pq_…", "name": "My telephone", "credential": _CREDENTIAL},
        conflicts=True,
    ),
)
async def add_passkey(actor: Anybody, desk: At, values: Values) -> Response:
    """Add a passkey

    From now on a password alone does not sign in: the passkey, by itself or after the password, or a recovery code. The
    first passkey comes with recovery codes.
    """
    given, credential = _taken(values, "attempt", "name")
    adding = desk.office.add_passkey(actor, given["attempt"], given["name"], credential)
    done = await asyncio.wrap_future(adding)
    return json_answer(passkey_json(done.passkey) | {"recovery_codes": list(done.recovery_codes)}, 201)


@router.patch(
    "/me/passkeys/{passkey}",
    tags=["self"],
    **answers(ref("Passkey"), "It is renamed.", takes=object_of(name=_WORD), example={"name": "The blue key"}),
)
async def rename_passkey(passkey: str, actor: Anybody, desk: At, values: Values) -> Response:
    """Rename a passkey"""
    name = words_of(values, {"name": None})["name"]
    return json_answer(passkey_json(await asyncio.wrap_future(desk.office.rename_passkey(actor, passkey, name))))


@router.post(
    "/me/passkeys/{passkey}/remove",
    tags=["self"],
    **answers(object_of(), "It opens nothing any more.", takes=_PASSWORD, example=_EXAMPLE, slows=True),
)
async def remove_passkey(passkey: str, actor: Anybody, desk: At, values: Values) -> Response:
    """Take a passkey away

    Every other session ends.
    """
    password = words_of(values, {"password": ""})["password"]
    await asyncio.wrap_future(desk.office.remove_passkey(actor, passkey, password))
    return json_answer({})


# -- signing in -------------------------------------------------------------------------------------------------------


@router.post(
    "/sessions/passkey/options",
    tags=["self"],
    **answers(
        ref("PasskeyOptions"),
        "For the browser.",
        takes=_TOKEN,
        example={},
        may_be_empty=True,
        conflicts=True,
        signs_in=True,
    ),
)
async def ask_passkey(desk: At, values: OptionalValues, source: From) -> Response:
    """Begin to sign in with a passkey

    What `navigator.credentials.get` needs. With the `token` of a first step it is the second one.
    """
    token = words_of(values, {"token": ""})["token"]
    return _asked(await asyncio.wrap_future(desk.office.ask_passkey(token, address=source["address"])))


@router.post(
    "/sessions/passkey",
    tags=["self"],
    **answers(
        ref("SignedIn"),
        "The session has begun.",
        status=201,
        takes=_PRESENTED,
        example={"attempt": "pq_…", "credential": _CREDENTIAL},
        conflicts=True,
        signs_in=True,
    ),
)
async def sign_in_by_passkey(desk: At, values: Values, source: From) -> Response:
    """Sign in with a passkey

    401 for whatever is wrong, in the same words; the attempt is used up by it.
    """
    given, credential = _taken(values, "attempt")
    signing = desk.office.sign_in_by_passkey(given["attempt"], credential, **source)
    return signed_in_answer(await asyncio.wrap_future(signing))


# -- somebody else's --------------------------------------------------------------------------------------------------


@router.get(
    "/users/{user}/passkeys",
    tags=["people"],
    **answers(list_of("passkeys", "Passkey"), "In the order they were added."),
)
async def list_passkeys_of_user(user: str, actor: UserManager, desk: At, tenant: Chosen) -> Response:
    """List a user's passkeys"""
    found = await asyncio.wrap_future(desk.office.passkeys_of(actor, user, tenant))
    return json_answer({"passkeys": [passkey_json(one) for one in found]})


@router.delete("/users/{user}/passkeys/{passkey}", tags=["people"], **answers_nothing("It opens nothing any more."))
async def remove_passkey_of_user(user: str, passkey: str, actor: UserManager, desk: At, tenant: Chosen) -> Response:
    """Take a passkey of a user away

    For somebody who lost a key. His sessions end.
    """
    await asyncio.wrap_future(desk.office.remove_passkey_of(actor, user, passkey, tenant))
    return Response(status_code=204)
