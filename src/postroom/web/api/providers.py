"""`/v1/providers`, `/v1/sign-in`, `/v1/sessions/provider`: identity providers, and signing in by one (OpenID Connect).

The provider sends the browser back to `/sign-in/provider` below the public address. The page there hands on what came
in its address, with the `attempt` that it kept since it sent the browser away; without that nobody can finish.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response

from postroom.ids import encode
from postroom.model.provider import Provider
from postroom.web.api.answers import moment, plain
from postroom.web.api.describing import answers, answers_nothing, json_answer, list_of, object_of, ref
from postroom.web.api.login import Administrator, Anybody, UserManager
from postroom.web.api.requests import At, Chosen, Route, Values, words_of
from postroom.web.api.signing_in import From, signed_in_answer

__all__ = ["router"]

router = APIRouter(prefix="/v1", route_class=Route)

_WORD = {"type": "string"}
_SECRET = {"type": "string", "writeOnly": True}
_EXAMPLE = {"name": "Acme", "issuer": "https://login.example.com", "client_id": "postroom", "client_secret": "…"}
_BEGIN = object_of(provider={"type": "string", "description": "Its id, like `i_…`."})
_RETURN = object_of(
    attempt={"type": "string", "writeOnly": True, "description": "The one of the beginning, kept by the browser."},
    state={"type": "string", "description": "As it came back."},
    code={**_SECRET, "description": "As it came back."},
    iss={"type": "string", "description": "As it came back, if it did."},
    error={"type": "string", "description": "As it came back, if it did."},
    error_description=_WORD,
) | {"required": ["attempt", "state"]}


def provider_json(provider: Provider) -> dict[str, Any]:
    groups: dict[str, list[str]] = {}
    for group, role in provider.roles:
        groups.setdefault(group, []).append(role)
    return plain(provider, "i", without=["roles"]) | {"roles": groups}


# -- setting them up --------------------------------------------------------------------------------------------------


@router.get("/providers", tags=["providers"], **answers(list_of("providers", "Provider"), "In the order of making."))
async def list_providers(actor: Administrator, desk: At, tenant: Chosen) -> Response:
    """List the identity providers"""
    found = await asyncio.wrap_future(desk.office.providers(actor, tenant))
    return json_answer({"providers": [provider_json(one) for one in found]})


@router.post(
    "/providers",
    tags=["providers"],
    **answers(
        ref("Provider"), "It is made.", status=201, takes=ref("ProviderValues"), example=_EXAMPLE, conflicts=True
    ),
)
async def create_provider(actor: Administrator, desk: At, tenant: Chosen, values: Values) -> Response:
    """Set up an identity provider

    It lets people into the tenant that is named. Only the installation's administrator does this.
    """
    made = await asyncio.wrap_future(desk.office.create_provider(actor, values, tenant))
    return json_answer(provider_json(made), 201)


@router.get("/providers/{provider}", tags=["providers"], **answers(ref("Provider"), "The provider."))
async def read_provider(provider: str, actor: Administrator, desk: At, tenant: Chosen) -> Response:
    """Read an identity provider, by id or name"""
    return json_answer(provider_json(await asyncio.wrap_future(desk.office.provider(actor, provider, tenant))))


@router.patch(
    "/providers/{provider}",
    tags=["providers"],
    **answers(
        ref("Provider"), "It is changed.", takes=ref("ProviderValues"), example={"create_users": True}, conflicts=True
    ),
)
async def change_provider(provider: str, actor: Administrator, desk: At, tenant: Chosen, values: Values) -> Response:
    """Change an identity provider

    Another issuer or client id wants the secret again; another issuer also means that nobody of its people is known.
    """
    changing = desk.office.change_provider(actor, provider, values, tenant)
    return json_answer(provider_json(await asyncio.wrap_future(changing)))


@router.delete("/providers/{provider}", tags=["providers"], **answers_nothing("It is gone."))
async def delete_provider(provider: str, actor: Administrator, desk: At, tenant: Chosen) -> Response:
    """Delete an identity provider

    Its people stay users, and are signed out.
    """
    await asyncio.wrap_future(desk.office.delete_provider(actor, provider, tenant))
    return Response(status_code=204)


@router.post("/providers/{provider}/check", tags=["providers"], **answers(ref("ProviderCheck"), "What it said."))
async def check_provider(provider: str, actor: Administrator, desk: At, tenant: Chosen) -> Response:
    """Ask an identity provider what it says of itself

    `trouble` says why nobody could sign in by it now; the client secret is not tried by this.
    """
    return json_answer(plain(await desk.office.check_provider(actor, provider, tenant), "i"))


# -- signing in -------------------------------------------------------------------------------------------------------


@router.get("/sign-in", tags=["self"], **answers(ref("SigningIn"), "By what people may sign in."))
async def read_signing_in(desk: At) -> Response:
    """See by what people may sign in"""
    found = await asyncio.wrap_future(desk.office.offered())
    shown = [{"id": encode("i", one.id), "name": one.name} for one in found.providers]
    return json_answer({"providers": shown, "passkeys": found.passkeys})


@router.post(
    "/sessions/provider/begin",
    tags=["self"],
    **answers(
        ref("SentToProvider"),
        "Where to send the browser.",
        takes=_BEGIN,
        example={"provider": "i_0000000000000"},
        conflicts=True,
        signs_in=True,
        asks=True,
    ),
)
async def begin_by_provider(desk: At, values: Values, source: From) -> Response:
    """Begin to sign in by an identity provider

    Keep `attempt` where only this browser has it, and send the browser to `address`.
    """
    provider = words_of(values, {"provider": None})["provider"]
    sent = await desk.office.begin_by_provider(provider, address=source["address"])
    return json_answer({"attempt": sent.attempt, "address": sent.address, "expires_at": moment(sent.expires_ms)})


@router.post(
    "/sessions/provider",
    tags=["self"],
    **answers(
        ref("SignedIn"),
        "The session has begun.",
        status=201,
        takes=_RETURN,
        example={"attempt": "pq_…", "state": "…", "code": "…"},
        conflicts=True,
        signs_in=True,
        asks=True,
    ),
)
async def sign_in_by_provider(desk: At, values: Values, source: From) -> Response:
    """Sign in with what the identity provider sent the browser back with

    The attempt is used up by it. 401 says what the provider got wrong, but not who is a user here; 502, that it did not
    answer as it should.
    """
    known = {"attempt": None, "state": None, "code": "", "iss": "", "error": "", "error_description": ""}
    given = words_of(values, known)
    return signed_in_answer(await desk.office.sign_in_by_provider(given.pop("attempt"), given, **source))


@router.post("/me/sign-out", tags=["self"], **answers(ref("SignedOut"), "This session has ended."))
async def sign_out(actor: Anybody, desk: At) -> Response:
    """Sign out, here and at the identity provider

    `address`: where the browser goes to be signed out there as well; null where there is nothing to do.
    """
    return json_answer({"address": await desk.office.sign_out(actor) or None})


# -- whom they know ---------------------------------------------------------------------------------------------------


@router.get(
    "/users/{user}/identities",
    tags=["people"],
    **answers(list_of("identities", "Identity"), "In the order they were linked."),
)
async def list_identities(user: str, actor: UserManager, desk: At, tenant: Chosen) -> Response:
    """List the identity providers that know a user"""
    found = await asyncio.wrap_future(desk.office.identities_of(actor, user, tenant))
    shown = [plain(one, "x", without=["tenant_id", "user_id"]) | {"provider": name} for one, name in found]
    return json_answer({"identities": shown})


@router.delete("/users/{user}/identities/{identity}", tags=["people"], **answers_nothing("It is not known any more."))
async def unlink_identity(user: str, identity: str, actor: UserManager, desk: At, tenant: Chosen) -> Response:
    """Unlink a user from an identity provider

    His sessions end.
    """
    await asyncio.wrap_future(desk.office.unlink_identity(actor, user, identity, tenant))
    return Response(status_code=204)
