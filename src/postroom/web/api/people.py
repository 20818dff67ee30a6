"""`/v1/users`, `/v1/roles`: who may sign in, and what he may do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from postroom.errors import BadInput
from postroom.model.person import Role, User
from postroom.office.people import NewLink
from postroom.office.roles import role_word
from postroom.web.api.answers import moment
from postroom.web.api.describing import answers, answers_nothing, json_answer, list_of, object_of, ref
from postroom.web.api.faults import Faults, kind_of
from postroom.web.api.login import UserManager
from postroom.web.api.requests import At, Chosen, OptionalValues, Route, Values
from postroom.web.api.signing_in import session_json, user_json
from postroom.web.desk import Desk
from postroom.web.letters import Mailed, address_of, send_link

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["people"], route_class=Route)

_MAIL = object_of(mail={"type": "boolean", "description": "Send it (without this: true), or show it here."}) | {
    "required": []
}
_ENDED = object_of(ended={"type": "integer", "description": "How many sessions ended."})


# -- users ------------------------------------------------------------------------------------------------------------


@router.get("/users", **answers(list_of("users", "User"), "The users, in the order in which they were made."))
async def list_users(actor: UserManager, desk: At, tenant: Chosen) -> Response:
    """List the users"""
    found = await asyncio.wrap_future(desk.office.users(actor, tenant))
    return json_answer({"users": [user_json(user) for user in found]})


@router.post(
    "/users",
    **answers(
        ref("InvitedUser"),
        "He is made, and invited.",
        status=201,
        takes=ref("NewUserValues"),
        example={"login": "ann@example.com", "name": "Ann", "email": "ann@example.com", "roles": ["support"]},
        conflicts=True,
    ),
)
async def create_user(actor: UserManager, desk: At, tenant: Chosen, values: Values) -> Response:
    """Make a user and invite him

    He gets a link by mail that lets him choose a password. Where no mail can leave, the answer has the link.
    """
    mail, others = _mail_wanted(values)
    link = await asyncio.wrap_future(desk.office.create_user(actor, others, tenant))
    return await _invited(desk, link, mail, 201)


def _mail_wanted(values: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Whether the link goes by mail, and what else was given. Raises BadInput."""
    mail = values.get("mail", True)
    if not isinstance(mail, bool):
        faults = Faults()
        faults.add("mail", f"is {kind_of(mail)}, but has to be true or false.", "Say false to see the link here.")
        raise BadInput(faults)
    return mail, {name: value for name, value in values.items() if name != "mail"}


async def _invited(desk: Desk, link: NewLink, mail: bool, status: int = 200) -> Response:
    mailed = await send_link(desk, link) if mail else Mailed(False)
    shown = {
        "mailed": mailed.sent,
        "fallback": mailed.why or None,
        "link": None if mailed.sent else address_of(desk, link),
        "link_expires_at": moment(link.expires_ms),
    }
    return json_answer(user_json(link.user) | shown, status)


@router.get("/users/{user}", **answers(ref("User"), "The user."))
async def read_user(user: str, actor: UserManager, desk: At, tenant: Chosen) -> Response:
    """Read a user, by id or login"""
    return json_answer(user_json(await asyncio.wrap_future(desk.office.user(actor, user, tenant))))


@router.patch(
    "/users/{user}",
    **answers(ref("User"), "He is changed.", takes=ref("UserValues"), example={"roles": ["reader"]}, conflicts=True),
)
async def change_user(user: str, actor: UserManager, desk: At, tenant: Chosen, values: Values) -> Response:
    """Change a user, deactivate him, or let him in again

    Other roles and deactivation end his sessions at once.
    """
    changed: User = await asyncio.wrap_future(desk.office.change_user(actor, user, values, tenant))
    return json_answer(user_json(changed))


@router.delete("/users/{user}", **answers_nothing("He is gone.", conflicts=True))
async def delete_user(user: str, actor: UserManager, desk: At, tenant: Chosen) -> Response:
    """Delete a user

    What he did stays in the audit trail.
    """
    await asyncio.wrap_future(desk.office.delete_user(actor, user, tenant))
    return Response(status_code=204)


@router.post(
    "/users/{user}/invite",
    **answers(ref("InvitedUser"), "There is a new link.", takes=_MAIL, example={}, may_be_empty=True, conflicts=True),
)
async def invite_user(user: str, actor: UserManager, desk: At, tenant: Chosen, values: OptionalValues) -> Response:
    """Make a new link for a user to choose a password

    Earlier links are worthless from now on; the password he has is good until he uses this one.
    """
    mail, others = _mail_wanted(values)
    if others:
        faults = Faults()
        for name in others:
            faults.unknown("", name, ("mail",), {})
        raise BadInput(faults)
    return await _invited(desk, await asyncio.wrap_future(desk.office.invite(actor, user, tenant)), mail)


@router.post("/users/{user}/remove-second-factor", **answers(ref("User"), "It is not asked for any more."))
async def take_second_factor(user: str, actor: UserManager, desk: At, tenant: Chosen) -> Response:
    """Take a user's second factor away

    For somebody who lost his telephone and his recovery codes. His sessions end.
    """
    return json_answer(user_json(await asyncio.wrap_future(desk.office.take_second_factor(actor, user, tenant))))


@router.get("/users/{user}/sessions", **answers(list_of("sessions", "Session"), "The newest first."))
async def list_sessions_of_user(user: str, actor: UserManager, desk: At, tenant: Chosen) -> Response:
    """List where a user is signed in"""
    found = await asyncio.wrap_future(desk.office.sessions_of(actor, user, tenant))
    return json_answer({"sessions": [session_json(one, actor.session_id) for one in found]})


@router.delete("/users/{user}/sessions", **answers(_ENDED, "They have ended."))
async def end_sessions_of_user(user: str, actor: UserManager, desk: At, tenant: Chosen) -> Response:
    """Sign a user out everywhere"""
    return json_answer({"ended": await asyncio.wrap_future(desk.office.end_sessions_of(actor, user, tenant))})


# -- roles ------------------------------------------------------------------------------------------------------------


def _role(role: Role) -> dict[str, Any]:
    return {
        "id": role_word(role),
        "name": role.name,
        "scopes": sorted(role.scopes),
        "ready": role.ready,
        "sentence": role.sentence,
    }


@router.get("/roles", **answers(list_of("roles", "Role"), "The ready ones, then the tenant's own."))
async def list_roles(actor: UserManager, desk: At, tenant: Chosen) -> Response:
    """List the roles"""
    found = await asyncio.wrap_future(desk.office.roles(actor, tenant))
    return json_answer({"roles": [_role(role) for role in found]})


@router.post(
    "/roles",
    **answers(
        ref("Role"),
        "It is made.",
        status=201,
        takes=ref("RoleValues"),
        example={"name": "Night shift", "scopes": ["messages:read", "messages:act"]},
        conflicts=True,
    ),
)
async def create_role(actor: UserManager, desk: At, tenant: Chosen, values: Values) -> Response:
    """Make a role

    Nobody gives it rights that he does not have himself.
    """
    role = await asyncio.wrap_future(desk.office.create_role(actor, values, tenant))
    return json_answer(_role(role), 201)


@router.patch(
    "/roles/{role}",
    **answers(
        ref("Role"), "It is changed.", takes=ref("RoleValues"), example={"scopes": ["messages:read"]}, conflicts=True
    ),
)
async def change_role(role: str, actor: UserManager, desk: At, tenant: Chosen, values: Values) -> Response:
    """Change a role

    Whoever has it has to sign in again.
    """
    return json_answer(_role(await asyncio.wrap_future(desk.office.change_role(actor, role, values, tenant))))


@router.delete("/roles/{role}", **answers_nothing("It is gone.", conflicts=True))
async def delete_role(role: str, actor: UserManager, desk: At, tenant: Chosen) -> Response:
    """Delete a role that nobody has"""
    await asyncio.wrap_future(desk.office.delete_role(actor, role, tenant))
    return Response(status_code=204)
