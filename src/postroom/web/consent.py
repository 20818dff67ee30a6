"""The page that an identity provider sends people back to after they consented. It has no script.

The state in the address says which consent it is; it is good once. Whatever is wrong is said on the page, escaped. The
code in the address is of no use to whoever reads it later, for it is used up and bound to a verifier kept here. It
looks like the console's pages.
"""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from postroom.errors import BadInput, PostroomError
from postroom.ids import decode
from postroom.policy.token import read_return
from postroom.web.api.grants import redeem
from postroom.web.console.app import marked
from postroom.web.console.visit import FIRST_RUN, Visit

__all__ = ["come_back"]


async def come_back(request: Request) -> Response:
    """GET, from the provider."""
    desk = request.app.state.desk
    visit, status, name, trouble = Visit(request, desk), 200, "", []
    try:
        name = await redeem(desk, read_return(str(request.url)))
    except BadInput as error:
        status, trouble = error.status, [f"{one.problem} {one.mend}" for one in error.faults]
    except PostroomError as error:
        status, trouble = error.status, [error.text]
    # Who came from the first run goes on there. That page asks whether he may see it.
    first_run = visit.jar.read(FIRST_RUN) if decode("a", visit.jar.read(FIRST_RUN)) is not None else ""
    response = visit.page("consent.html", status, name=name, trouble=trouble, first_run=first_run)
    if first_run and not trouble:
        visit.jar.drop(response, FIRST_RUN)
    response.headers["referrer-policy"] = "no-referrer"
    return marked(response)
