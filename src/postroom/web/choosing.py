"""The page that a link by mail leads to: choose a password. A form that works without script.

The token comes in the address and goes on in the form; the page is kept by no cache, sends no referrer, loads nothing
and may be framed by nobody. Whatever is wrong is said above the form, escaped.
"""

from __future__ import annotations

import asyncio
import html
from urllib.parse import parse_qs

from fastapi import Request
from fastapi.responses import HTMLResponse

from postroom.errors import PostroomError
from postroom.office.passwords import LEAST
from postroom.web.api.body import read_body
from postroom.web.api.login import client_address

__all__ = ["choose"]

_LONGEST = 4_096
_HEADERS = {
    "content-security-policy": "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


async def choose(request: Request) -> HTMLResponse:
    """GET shows the form, POST chooses the password."""
    if request.method != "POST":
        return _page(_form(request.query_params.get("token", "")))
    body = await read_body(request.receive, _LONGEST)
    given = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    token, first, second = (given.get(name, [""])[0] for name in ("token", "password", "again"))
    if first != second:
        return _page(_form(token, "The two passwords differ."), 422)
    try:
        choosing = request.app.state.desk.office.redeem(token, first, address=client_address(request))
        user = await asyncio.wrap_future(choosing)
    except PostroomError as error:
        return _page(_form(token, error.text), error.status)
    return _page(f"<p>Your password is set. You can sign in as <b>{html.escape(user.login)}</b> now.</p>")


def _form(token: str, wrong: str = "") -> str:
    told = f'<p role="alert"><b>{html.escape(wrong)}</b></p>' if wrong else ""
    return (
        f'{told}<form method="post" action="?"><input type="hidden" name="token" value="{html.escape(token)}">'
        f"<p><label>New password, at least {LEAST} characters<br>"
        '<input type="password" name="password" autocomplete="new-password" required autofocus></label></p>'
        "<p><label>The same again<br>"
        '<input type="password" name="again" autocomplete="new-password" required></label></p>'
        "<p><button>Choose this password</button></p></form>"
    )


def _page(content: str, status: int = 200) -> HTMLResponse:
    head = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Choose a password</title>'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1"></head><body><main>'
    end = "</main></body></html>"
    return HTMLResponse(f"{head}{view}<h1>Choose a password</h1>{content}{end}", status, _HEADERS)
