"""The page that a link by mail leads to: choose a password. A form that works without script, and has none.

The token comes in the address and goes on in the form, where it stands for the session that other forms have; the page
is kept by no cache, sends no referrer and may be framed by nobody. It looks like the console's pages.
"""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from postroom.errors import BadInput, Fault, PostroomError
from postroom.web.api.login import client_address
from postroom.web.console.app import marked
from postroom.web.console.forms import Form, read_form
from postroom.web.console.visit import Visit

__all__ = ["choose"]


async def choose(request: Request) -> Response:
    """GET shows the form, POST chooses the password."""
    visit = Visit(request, request.app.state.desk)
    try:
        response = await _answer(visit)
    except PostroomError as error:
        response = visit.page("choose_password.html", error.status, form=visit.form.refused(error), done="")
    response.headers["referrer-policy"] = "no-referrer"
    return marked(response)


async def _answer(visit: Visit) -> Response:
    if visit.request.method != "POST":
        token = visit.request.query_params.get("token", "")
        return visit.page("choose_password.html", form=Form.of({"token": token}), done="")
    visit.form = form = await read_form(visit.request.receive)
    if form.text("password") != form.text("again"):
        raise BadInput([Fault("again", "differs from the first.", "Type the new password twice.")])
    choosing = visit.office.redeem(form.text("token"), form.text("password"), address=client_address(visit.request))
    user = await visit.wait(choosing)
    return visit.page("choose_password.html", form=form, done=user.login)
