"""Versions of whatever has versions: listed, compared, returned to; and what was deleted, restored."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from starlette.responses import Response

from postroom.errors import NotFound, PostroomError
from postroom.ids import decode, encode
from postroom.model.application import Scope
from postroom.model.version import NOUNS, Difference, Version
from postroom.office.changes import Ref
from postroom.web.api.answers import plain_value
from postroom.web.console.field_labels import field_label
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_

__all__ = ["NOUN_WORDS", "pages", "told_value"]

pages = Pages()

LETTERS = {
    "account": "a",
    "sender": "s",
    "connector": "x",
    "application": "p",
    "tenant": "t",
    "kind": "d",
    "webhook": "h",
    "template": "v",
    "layout": "l",
    "mailbox": "z",
}
PATHS = {
    "account": "/accounts",
    "sender": "/senders",
    "connector": "/connectors",
    "application": "/applications",
    "tenant": "/outgoing",
    "kind": "/kinds",
    "webhook": "/webhooks",
    "template": "/templates",
    "layout": "/layouts",
    "mailbox": "/mailboxes",
}
NOUN_WORDS = {
    "account": N_("Account"),
    "sender": N_("Sender"),
    "connector": N_("Connector"),
    "application": N_("Application"),
    "tenant": N_("Outgoing mail"),
    "kind": N_("Kind of mail"),
    "webhook": N_("Webhook"),
    "template": N_("Template"),
    "layout": N_("Layout"),
    "mailbox": N_("Mailbox"),
}


class _Row(NamedTuple):
    """A field of a comparison, as text."""

    field: str
    before: str
    after: str


@pages.get("/history/{noun}/{thing}", Scope.SETTINGS_READ)
async def versions(visit: Visit) -> Response:
    """The versions, and what differs between the two that are chosen; at first what the last change changed."""
    noun, ref = _meant(visit)
    every = await visit.wait(visit.office.versions(visit.actor, noun, ref, visit.tenant))
    before, after = _number(visit.query.get("before")), _number(visit.query.get("after"))
    comparing = visit.office.compare(visit.actor, noun, ref, before, after, visit.tenant)
    compared = await visit.wait(comparing)
    name = _name(noun, every)
    return visit.page(
        "history/versions.html",
        noun=noun,
        noun_word=NOUN_WORDS[noun],
        thing=visit.request.path_params["thing"],
        name=name or visit.say("Outgoing mail"),
        every=every,
        compared=compared,
        rows=_rows(visit, noun, compared.differences),
        form=Form.of({"before": compared.before.version, "after": compared.after.version}),
        back=_back(noun, visit.request.path_params["thing"]),
        list_path=PATHS[noun],
        may_return=visit.may(Scope.APPLICATIONS if noun == "application" else Scope.SETTINGS_WRITE),
    )  # fmt: skip


@pages.post("/history/{noun}/{thing}/return", Scope.SETTINGS_READ)
async def return_to(visit: Visit) -> Response:
    """Asks first, with what would change; then does it."""
    noun, ref = _meant(visit)
    visit.need(Scope.APPLICATIONS if noun == "application" else Scope.SETTINGS_WRITE)
    version = _number(visit.form.text("version"))
    if version is None:
        raise NotFound("There is no such version of it.")
    thing = visit.request.path_params["thing"]
    form = Form()
    status = 200
    if visit.form.flag("sure"):
        try:
            done = await visit.wait(visit.office.return_to(visit.actor, noun, ref, version, visit.tenant))
        except PostroomError as error:
            form, status = form.refused(error), error.status
        else:
            said = visit.say("It is as in version %(old)s; that is version %(new)s now.", old=version, new=done.version)
            if done.secret_dropped:
                said += " " + visit.say("Its password has to be typed again before mail can leave.")
            return visit.go(_back(noun, thing), said, "trouble" if done.secret_dropped else "done")
    every = await visit.wait(visit.office.versions(visit.actor, noun, ref, visit.tenant))
    comparing = visit.office.compare(visit.actor, noun, ref, every[0].version, version, visit.tenant)
    found = await visit.wait(comparing)
    return visit.page(
        "confirm.html",
        status,
        form=form,
        title=visit.say("Return to version %(version)s?", version=version),
        sentence=visit.say("That is a change like any other, with a version of its own. This becomes different:")
        if found.differences else visit.say("It is just as it is now. Nothing becomes different."),
        consequences=[
            f"{one.field}: {one.before} → {one.after}"
            for one in _rows(visit, noun, found.differences)
        ],
        action=visit.url(f"/history/{noun}/{thing}/return"),
        hidden={"version": version, "sure": "true"},
        save=visit.say("Return to it"),
        cancel=visit.url(f"/history/{noun}/{thing}"),
        danger=False,
    )  # fmt: skip


@pages.get("/deleted", Scope.SETTINGS_READ)
async def deleted(visit: Visit) -> Response:
    """What was deleted and can be restored."""
    return await _deleted_page(visit, Form())


@pages.post("/deleted/{thing}/restore", Scope.SETTINGS_WRITE)
async def restore(visit: Visit) -> Response:
    thing = visit.request.path_params["thing"]
    try:
        done = await visit.wait(visit.office.restore_deleted(visit.actor, thing, None, visit.tenant))
    except PostroomError as error:
        return await _deleted_page(visit, visit.form.refused(error), status=error.status)
    said = visit.say("It is there again. A password went with it, and has to be typed again.")
    return visit.go(_back(done.noun, encode(LETTERS[done.noun], done.id)), said, "note")


async def _deleted_page(visit: Visit, form: Form, *, status: int = 200) -> Response:
    found = await visit.wait(visit.office.deleted(visit.actor, visit.tenant))
    shown = [
        (
            encode(LETTERS[one.mark.noun], one.mark.noun_id),
            NOUN_WORDS[one.mark.noun],
            _name(one.mark.noun, [one.last]),
            one.mark,
        )
        for one in found
    ]
    return visit.page("history/deleted.html", status, form=form, shown=shown)


def _meant(visit: Visit) -> tuple[str, Ref]:
    """The noun and the thing of the address. Raises NotFound."""
    noun, thing = visit.request.path_params["noun"], visit.request.path_params["thing"]
    if noun not in NOUNS:
        raise NotFound("There is no such page.")
    if noun != "tenant":
        return noun, thing
    number = decode("t", thing)
    if number is None:
        raise NotFound("There is no such tenant here.")
    return noun, number


def _back(noun: str, thing: str) -> str:
    return PATHS[noun] if noun == "tenant" else f"{PATHS[noun]}/{thing}"


def _rows(visit: Visit, noun: str, found: Iterable[Difference]) -> list[_Row]:
    return [
        _Row(
            field_label(visit, noun, one.field),
            told_value(visit, one.field, one.before),
            told_value(visit, one.field, one.after),
        )
        for one in found
    ]


def _name(noun: str, every: list[Version]) -> str:
    values = next((one.values for one in every if one.values), {})
    return str(values.get("address" if noun == "sender" else "name", ""))


def told_value(visit: Visit, field: str, value: Any) -> str:
    """A value of a setting as a reader sees it."""
    if value in (None, "", []):
        return visit.say("not set")
    if isinstance(value, bool):
        return visit.say("yes") if value else visit.say("no")
    told = plain_value(field, value)
    text = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


_MOST_SHOWN = 300


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < _DIGITS else None


_DIGITS = 18
