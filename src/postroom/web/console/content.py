"""The content of a message: as mail, its headers, its source, its files. Everything in it comes from outside (P9).

HTML is never part of a page of ours. It is an answer of its own, framed without any right: its policy lets nothing run
and nothing load, pictures stand in it as data, and what would lead a browser elsewhere is sandboxed. Files are only
ever downloaded, under a name without paths and as octets that no browser takes for a page.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import HTMLResponse, Response

from postroom.errors import NotFound
from postroom.ids import encode
from postroom.model.application import Scope
from postroom.reports import Letter, MessageView
from postroom.reports.evidence import pack
from postroom.web.console.message import number_of, views_of
from postroom.web.console.routes import Pages

if TYPE_CHECKING:
    from postroom.web.console.visit import Visit

__all__ = ["FRAMED", "FRAME_HEADERS", "download", "pages"]

pages = Pages()

FRAME_HEADERS = {
    "content-security-policy": (
        "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'"
    ),
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
    "x-dns-prefetch-control": "off",
    "x-content-type-options": "nosniff",
}
_DOWNLOAD = {"content-security-policy": "sandbox; default-src 'none'", "x-content-type-options": "nosniff"}
FRAMED = (
    '<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light">'
    "<style>html{background:#fff;color:#1d2129;font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "img{max-width:100%;height:auto}</style>"
)
_MOST_SOURCE = 1_000_000
_UNSAFE = re.compile(r"[^\w .()+@,=-]+")


@pages.get("/log/{message}/content", Scope.CONTENT)
async def mail(visit: Visit) -> Response:
    """As its reader sees it."""
    view, content = await _content(visit)
    return visit.page("log/content.html", **_values(visit, view), letter=await asyncio.to_thread(Letter, content))


@pages.get("/log/{message}/headers", Scope.CONTENT)
async def headers(visit: Visit) -> Response:
    view, content = await _content(visit)
    letter = await asyncio.to_thread(Letter, content)
    return visit.page("log/headers.html", **_values(visit, view), fields=letter.headers)


@pages.get("/log/{message}/source", Scope.CONTENT)
async def source(visit: Visit) -> Response:
    view, content = await _content(visit)
    text = content[:_MOST_SOURCE].decode("utf-8", "replace").replace("\r\n", "\n")
    return visit.page("log/source.html", **_values(visit, view), source=text, cut=len(content) > _MOST_SOURCE)


@pages.get("/log/{message}/frame", Scope.CONTENT)
async def frame(visit: Visit) -> Response:
    """The HTML alone, for the frame."""
    _, content = await _content(visit)
    html = await asyncio.to_thread(lambda: Letter(content).html)
    if not html:
        raise NotFound("It has no HTML.")
    return HTMLResponse(FRAMED + html, headers=FRAME_HEADERS)


@pages.get("/log/{message}/file/{part}", Scope.CONTENT)
async def file(visit: Visit) -> Response:
    """One file of it, or with `eml` the whole."""
    view, content = await _content(visit)
    wanted = visit.request.path_params["part"]
    if wanted == "eml":
        return download(content, f"{encode('m', view.message.id)}.eml")
    letter = await asyncio.to_thread(Letter, content)
    octets = await asyncio.to_thread(letter.file, wanted)
    if octets is None:
        raise NotFound("It has no such file.")
    return download(octets, next(one.name for one in letter.files if one.number == wanted))


@pages.get("/log/{message}/evidence", Scope.READ)
async def evidence(visit: Visit) -> Response:
    """All that is known of it, as one file for somebody else's help desk; with its content for who may see that."""
    number = number_of(visit)
    found = await visit.wait(visit.reports.evidence(visit.actor, number, visit.tenant, visit.language))
    return download(await asyncio.to_thread(pack, found), f"evidence-{encode('m', number)}.zip")


def download(octets: bytes, name: str) -> Response:
    """As a file with a harmless name, which no browser takes for a page."""
    safe = _UNSAFE.sub("_", name.replace("/", "_").replace("\\", "_")).strip(" .")[:120] or "file"
    plain = safe.encode("ascii", "replace").decode().replace("?", "_")
    told = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe)}"
    return Response(octets, headers={**_DOWNLOAD, "content-disposition": told}, media_type="application/octet-stream")


async def _content(visit: Visit) -> tuple[MessageView, bytes]:
    visit.need(Scope.READ)
    number = number_of(visit)
    view = await visit.wait(visit.reports.message(visit.actor, number, visit.tenant, visit.language))
    return view, await visit.wait(visit.reports.content(visit.actor, number, visit.tenant))


def _values(visit: Visit, view: MessageView) -> dict[str, object]:
    id_ = encode("m", view.message.id)
    return {"view": view, "message": view.message, "id": id_, "tabs": views_of(visit, view)}
