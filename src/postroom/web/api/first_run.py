"""`/v1/first-run`: the first user of an installation that has none, by the link that was printed when it started."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from postroom.web.api.describing import answers, object_of, ref
from postroom.web.api.requests import At, Route, Values, words_of
from postroom.web.api.signing_in import From, signed_in_answer

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["self"], route_class=Route)

_WORD = {"type": "string"}
_SECRET = {"type": "string", "writeOnly": True}
_OWNER = object_of(
    token=_SECRET,
    login=_WORD,
    password=_SECRET,
    name=_WORD,
    organisation={"type": "string", "description": "What the installation is called."},
) | {"required": ["token", "login", "password"]}


@router.post(
    "/first-run",
    **answers(
        ref("SignedIn"),
        "There is an administrator, and his session has begun.",
        status=201,
        takes=_OWNER,
        example={"token": "pf_…", "login": "ann@example.com", "password": "four words in a row", "name": "Ann"},
        conflicts=True,
        signs_in=True,
    ),
)
async def first_run(desk: At, values: Values, source: From) -> Response:
    """Become the first user

    `token` is what follows `token=` in the link that `serve` printed. It is good while there is no user, for a day.
    """
    given = words_of(values, {"token": None, "login": None, "password": None, "name": "", "organisation": ""})
    token, password = given.pop("token"), given.pop("password")
    return signed_in_answer(await asyncio.wrap_future(desk.office.first_run(token, given, password, **source)))
