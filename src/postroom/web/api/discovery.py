"""`/v1/discover`: from an e-mail address to a mail server that works."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response

from postroom.model.account import Encryption, Login
from postroom.office.discovering import Discovered, at_last
from postroom.policy.candidates import Source
from postroom.policy.sentences import tell
from postroom.web.api.answers import plain
from postroom.web.api.describing import answers, json_answer, object_of, ref
from postroom.web.api.eventful import as_events, event, events_answer, wants_events
from postroom.web.api.login import SettingsWriter
from postroom.web.api.requests import At, Chosen, Route, Tongue, Values, words_of

__all__ = ["router", "schemas"]

router = APIRouter(prefix="/v1/discover", tags=["accounts"], route_class=Route)

_ADDRESS = object_of(
    address={"type": "string", "description": "Whose mail is to leave."},
    connector={"type": "string", "description": "Look through this connector, by id or name."},
) | {"required": ["address"]}


@router.post(
    "",
    **as_events(
        answers(ref("Discovered"), "What was found.", takes=_ADDRESS, example={"address": "you@example.com"}), "200"
    ),
)
async def discover(
    actor: SettingsWriter, desk: At, tenant: Chosen, values: Values, tongue: Tongue, request: Request
) -> Response:
    """Find the mail server of an address

    Asks the DNS and the domain, and tries the likely servers: greeting, EHLO, STARTTLS, never a password. The best one
    is the first; its `values` fill the form of an account. Takes up to half a minute. Nothing is saved. Who accepts
    `text/event-stream` gets all that is known so far as an event `found`, whenever there is more of it, until `over`;
    hanging up ends the search.
    """
    given = words_of(values, {"address": None, "connector": ""})
    search = desk.office.searched(actor, given["address"], given["connector"] or None, tenant)
    found = await anext(search)
    if wants_events(request):
        return events_answer(_events(found, search, tongue), tongue)
    return json_answer(_told(await at_last(search), tongue))


async def _events(
    found: Discovered, search: AsyncGenerator[Discovered, None], tongue: str
) -> AsyncGenerator[str, None]:
    async with aclosing(search):
        yield event("found", _told(found, tongue))
        async for found in search:
            yield event("found", _told(found, tongue))


def _told(found: Discovered, tongue: str) -> dict[str, Any]:
    """As JSON, in this language."""
    shown = plain(found, "")
    for offer, told in zip(found.offers, shown["offers"], strict=True):
        told["reasons"] = [tell(one, tongue) for one in offer.reasons]
        told["cautions"] = [tell(one, tongue) for one in offer.cautions]
    for name, words in (("heard", [one.words for one in found.heard]), ("tried", [one.words for one in found.tried])):
        for told, text in zip(shown[name], words, strict=True):
            told["words"] = tell(text, tongue)
    return shown


def _text(sentence: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "string"} | ({"description": sentence} if sentence else {}) | more


def _texts(sentence: str) -> dict[str, Any]:
    return {"type": "array", "items": _text(), "description": sentence}


def _many(shape: str, sentence: str) -> dict[str, Any]:
    return {"type": "array", "items": ref(shape), "description": sentence}


_PORT: dict[str, Any] = {"type": "integer"}
_MS = {"type": "number", "description": "How long it took, in milliseconds."}
_ENCRYPTION = _text(enum=[one.value for one in Encryption])


def schemas() -> dict[str, dict[str, Any]]:
    """The shapes of these answers, by name."""
    return {
        "Discovered": object_of(
            address=_text(),
            domain=_text(),
            offers=_many("DiscoveredServer", "The servers that work, the best first."),
            heard=_many("DiscoveredFact", "What was asked before, and what came of it."),
            tried=_many("DiscoveredFailure", "What was tried in vain."),
            ms=_MS,
            over={"type": "boolean", "description": "Nothing more comes."},
            left={"type": "integer", "description": "How many servers are still being tried."},
        ),
        "DiscoveredServer": object_of(
            host=_text(),
            port=_PORT,
            encryption=_ENCRYPTION,
            login=_text(enum=[one.value for one in Login]),
            logins=_texts("The login mechanisms it offers."),
            user=_text("The user name that is likely."),
            preset=_text("The provider, as an account names it."),
            source=_text("How it came to be tried.", enum=[one.value for one in Source]),
            reasons=_texts("Why it stands where it stands."),
            cautions=_texts("What to look at before it is used."),
            tls=_text("The encryption that came about."),
            ms=_MS,
            values={"type": "object", "description": "For the form of an account."},
        ),
        "DiscoveredFact": object_of(what=_text(), words=_text()),
        "DiscoveredFailure": object_of(
            host=_text(),
            port=_PORT,
            encryption=_ENCRYPTION,
            source=_text(enum=[one.value for one in Source]),
            diagnosis=_text("What explains it."),
            words=_text(),
            ms=_MS,
        ),
    }
