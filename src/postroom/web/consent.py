"""The page that an identity provider sends people back to after they consented. It has no script and loads nothing.

The state in the address says which consent it is; it is good once. Whatever is wrong is said on the page, escaped. The
code in the address is of no use to whoever reads it later, for it is used up and bound to a verifier kept here.
"""

from __future__ import annotations

import html

from fastapi import Request
from fastapi.responses import HTMLResponse

from postroom.errors import BadInput, PostroomError
from postroom.policy.token import read_return
from postroom.web.api.grants import redeem

__all__ = ["come_back"]

_FAILED = "<h1>The account is not connected</h1>"
_HEADERS = {
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


async def come_back(request: Request) -> HTMLResponse:
    """GET, from the provider."""
    try:
        name = await redeem(request.app.state.desk, read_return(str(request.url)))
    except BadInput as error:
        told = "".join(f"<p>{html.escape(f'{one.problem} {one.mend}')}</p>" for one in error.faults)
        return _page(f'{_FAILED}<div role="alert">{told}</div>', error.status)
    except PostroomError as error:
        return _page(f'{_FAILED}<p role="alert">{html.escape(error.text)}</p>', error.status)
    told = f"Postroom may send mail through <b>{html.escape(name)}</b> now. You can close this page."
    return _page(f"<h1>Connected</h1><p>{told}</p>")


def _page(content: str, status: int = 200) -> HTMLResponse:
    head = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Connecting an account</title>'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1"></head><body><main>'
    return HTMLResponse(f"{head}{view}{content}</main></body></html>", status, _HEADERS)
