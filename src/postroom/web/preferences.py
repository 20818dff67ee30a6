"""The recipients' own door: a page behind a sealed link, the one click of their mail programs, and files of digests.

No login, no cookie, no script. GET and HEAD change nothing, whoever follows links (scanners do); POST does. The link is
the whole right, so a page from it is kept by no cache, sends no referrer and may be framed by nobody. Links that are
none of ours are all answered alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qs, quote

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse

from postroom.compose.media import check_media_type
from postroom.compose.reading import read_parts
from postroom.errors import BadInput, NotFound, PostroomError
from postroom.office.preferences import Reader
from postroom.policy.tongue import preferred
from postroom.web.api.body import read_body
from postroom.web.desk import Desk
from postroom.web.preference_page import HEADERS, invalid_page, page

__all__ = ["hand_out_file", "own_page"]

_LONGEST = 64 * 1024
_DONE = ("saved", "stopped")


async def own_page(request: Request) -> Response:
    """GET shows, POST chooses; a POST of a mail program stops the kinds of its mail (RFC 8058, 3.2)."""
    desk: Desk = request.app.state.desk
    try:
        reader = desk.office.reader(request.path_params["token"])
        if request.method == "POST":
            body = await read_body(request.receive, _LONGEST)
            return await _chosen(request, desk, reader, body)
        return await _page(request, desk, reader)
    except NotFound:
        return HTMLResponse(invalid_page(_language(request, "")), 404, HEADERS)


async def _chosen(request: Request, desk: Desk, reader: Reader, body: bytes) -> Response:
    if _is_one_click(request.headers.get("content-type", ""), body):
        await asyncio.wrap_future(desk.office.stop(reader))
        return PlainTextResponse("Done.\n", headers=HEADERS)
    given = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1_000)
    values = {name: found[-1] for name, found in given.items()}
    if values.pop("do", "") == "stop":
        await asyncio.wrap_future(desk.office.stop(reader))
        return _again(request, "stopped")
    try:
        await asyncio.wrap_future(desk.office.choose(reader, _wanted(values)))
    except BadInput as bad:
        wrong = [f"{fault.field} {fault.problem} {fault.mend}" for fault in bad.faults]
        return await _page(request, desk, reader, wrong=wrong)
    return _again(request, "saved")


def _is_one_click(media: str, body: bytes) -> bool:
    """Both forms that RFC 8058 allows: of a plain form and of one in parts."""
    if media.lower().startswith("multipart/form-data"):
        return b'name="List-Unsubscribe"' in body and b"One-Click" in body
    return parse_qs(body.decode("utf-8", "replace"), max_num_fields=1_000).get("List-Unsubscribe") == ["One-Click"]


def _wanted(values: Mapping[str, str]) -> dict[str, object]:
    ways = {name[4:]: value for name, value in values.items() if name.startswith("way.")}
    plain: dict[str, object] = {name: value for name, value in values.items() if not name.startswith("way.")}
    return plain | {"ways": ways}


def _again(request: Request, done: str) -> Response:
    """Shows the page anew, so that loading it once more sends nothing twice."""
    return RedirectResponse(f"{request.url.path}?done={done}", 303, HEADERS)


async def _page(request: Request, desk: Desk, reader: Reader, wrong: list[str] | None = None) -> Response:
    view = await asyncio.wrap_future(desk.office.own_preference(reader))
    chosen = view.preference.language
    language = chosen or _language(request, view.language)
    done = request.query_params.get("done", "")
    html = page(
        view, language, came_for=reader.kinds, done=done if done in _DONE and not wrong else "", wrong=wrong or ()
    )
    return HTMLResponse(html, 422 if wrong else 200, HEADERS)


def _language(request: Request, otherwise: str) -> str:
    accepted = request.headers.get("accept-language", "")
    return preferred(accepted) if accepted else otherwise


# -- files of digests -------------------------------------------------------------------------------------------------


async def hand_out_file(request: Request) -> Response:
    """A file of a mail whose digest links to it, as a download: what is in it is never shown as a page of ours."""
    desk: Desk = request.app.state.desk
    try:
        content, number = await asyncio.wrap_future(desk.office.linked_file(request.path_params["token"]))
    except PostroomError:
        return HTMLResponse(invalid_page(_language(request, "")), 404, HEADERS)
    part = next((one for one in read_parts(content) if one.number == number), None)
    if part is None:
        return HTMLResponse(invalid_page(_language(request, "")), 404, HEADERS)
    kind = part.kind if check_media_type("", part.kind) is None else "application/octet-stream"
    octets = bytes(part.body) if part.kind == "message/rfc822" else part.octets()
    headers = HEADERS | {
        "content-disposition": f"attachment; filename*=utf-8''{quote(part.filename or 'file', safe='')}",
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
    }
    return Response(octets, 200, headers, media_type=kind)
