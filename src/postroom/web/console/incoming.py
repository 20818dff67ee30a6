"""Mail that came back: the list, what waits for a person, and one mail with what it is about.

Everything in it comes from outside (P9): what a person wrote is shown as text, HTML in the frame of `content` alone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response

from postroom.errors import NotFound
from postroom.ids import decode, encode
from postroom.model.application import Scope
from postroom.model.incoming import IncomingKind, Received
from postroom.reports import Letter
from postroom.web.console.content import FRAME_HEADERS, FRAMED, download
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.words import N_

if TYPE_CHECKING:
    from postroom.web.console.visit import Visit

__all__ = ["pages"]

pages = Pages()

_KINDS = {
    IncomingKind.REPORT: ("bad", N_("delivery report")),
    IncomingKind.RECEIPT: ("good", N_("read receipt")),
    IncomingKind.COMPLAINT: ("bad", N_("complaint")),
    IncomingKind.AUTOMATIC: ("idle", N_("automatic answer")),
    IncomingKind.REPLY: ("good", N_("reply")),
    IncomingKind.OTHER: ("wait", N_("something else")),
}
"""What a mail was taken for: the colour and the words."""
_WHY = (
    N_("It answers nothing and reports nothing."),
    N_("It does not say which message it is about."),
    N_("It is about a message that Postroom did not send, or does not keep any more."),
    N_("It is mail of this Postroom itself, which came back."),
    N_("It came to an address that leads to this message, but says nothing that Postroom understands."),
    N_("Its sender answers within two minutes again and again: that goes round."),
    N_("Its sender answers more often than anybody reads: that goes round."),
    N_("It comes from a mailing list."),
    N_("Its envelope names no sender, as programs write."),
    N_("Its sender reads no mail."),
    N_("Its subject is that of an automatic answer."),
)
"""Sentences that `receive` keeps with a mail; those with names of fields in them are told as they are."""
_PAGE = 50


@pages.get("/incoming", Scope.READ)
async def all_incoming(visit: Visit) -> Response:
    return await _list(visit, waiting=False)


@pages.get("/incoming/waiting", Scope.READ)
async def waiting(visit: Visit) -> Response:
    """What could not be tied to a message, or not be understood."""
    return await _list(visit, waiting=True)


@pages.get("/incoming/{mail}", Scope.READ)
async def shown(visit: Visit) -> Response:
    one = await visit.wait(visit.outbox.inbox.get(visit.there, _number(visit)))
    letter = None
    if visit.may(Scope.CONTENT) and visit.query.get("as") in ("mail", "text"):
        content = await visit.wait(visit.outbox.inbox.content(visit.there, one.id))
        letter = await asyncio.to_thread(Letter, content)
    return visit.page("incoming/show.html", **_told(visit, one), letter=letter)


@pages.post("/incoming/{mail}", Scope.ACT)
async def mark(visit: Visit) -> Response:
    done = visit.form.text("act") != "reopen"
    one = await visit.wait(visit.outbox.inbox.mark(visit.there, _number(visit), done=done))
    said = visit.say("It is dealt with.") if done else visit.say("It waits for somebody again.")
    path = "/incoming/waiting" if visit.form.text("from") == "waiting" else f"/incoming/{encode('b', one.id)}"
    return visit.go(path, said=said)


@pages.get("/incoming/{mail}/frame", Scope.CONTENT)
async def frame(visit: Visit) -> Response:
    """The HTML alone, for the frame."""
    letter = await _letter(visit)
    html = await asyncio.to_thread(lambda: letter.html)
    if not html:
        raise NotFound("It has no HTML.")
    return HTMLResponse(FRAMED + html, headers=FRAME_HEADERS)


@pages.get("/incoming/{mail}/file/{part}", Scope.CONTENT)
async def file(visit: Visit) -> Response:
    """One file of it, or with `eml` the whole."""
    number, wanted = _number(visit), visit.request.path_params["part"]
    if wanted == "eml":
        content = await visit.wait(visit.outbox.inbox.content(visit.there, number))
        return download(content, f"{encode('b', number)}.eml")
    letter = await _letter(visit)
    octets = await asyncio.to_thread(letter.file, wanted)
    if octets is None:
        raise NotFound("It has no such file.")
    return download(octets, next(one.name for one in letter.files if one.number == wanted))


async def _list(visit: Visit, *, waiting: bool) -> Response:
    form = Form.of({"kind": visit.query.get("kind", "")})
    kind = form.text("kind") if form.text("kind") in list(IncomingKind) else None
    before = decode("b", visit.query.get("before", ""))
    found = await visit.wait(
        visit.outbox.inbox.list(visit.there, limit=_PAGE + 1, before=before, kind=kind, waiting=waiting)
    )
    more = len(found) > _PAGE
    return visit.page(
        "incoming/list.html",
        found=[_told(visit, one) for one in found[:_PAGE]],
        form=form,
        waiting=waiting,
        filtered=kind is not None,
        first=visit.here(before=None) if before else "",
        following=visit.here(before=encode("b", found[_PAGE - 1].id)) if more else "",
        options=[("", visit.say("all")), *((kind.value, visit.say(text)) for kind, (_, text) in _KINDS.items())],
    )


def _told(visit: Visit, one: Received) -> dict[str, object]:
    tone, word = _KINDS[one.kind]
    about = "" if one.message_id is None else visit.url(f"/log/{encode('m', one.message_id)}")
    why = visit.say(one.why) if one.why in _WHY else one.why
    return {"mail": one, "id": encode("b", one.id), "tone": tone, "kind": visit.say(word), "about": about, "why": why}


async def _letter(visit: Visit) -> Letter:
    content = await visit.wait(visit.outbox.inbox.content(visit.there, _number(visit)))
    return await asyncio.to_thread(Letter, content)


def _number(visit: Visit) -> int:
    """Raises NotFound."""
    number = decode("b", visit.request.path_params["mail"])
    if number is None:
        raise NotFound("There is no such mail here.")
    return number
