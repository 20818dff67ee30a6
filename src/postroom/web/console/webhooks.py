"""Webhooks: which programs are told of what, how far each has come, its last deliveries, and mending what is stuck.

Rules it keeps: a secret is on the one page that made it and nowhere else; what sending again means is said before.
"""

from __future__ import annotations

from datetime import datetime

from starlette.responses import Response

from postroom.errors import BadInput, Fault, PostroomError
from postroom.ids import encode
from postroom.model.application import Scope
from postroom.model.webhook import Webhook, WebhookState
from postroom.office.webhooks import CURSOR, OVERLAP_HOURS, WebhookView
from postroom.web.console.event_types import GROUPS, chosen_types, told_types, type_words
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_
from postroom.work.webhooks import WebhookTrial

__all__ = ["LABELS", "pages"]

pages = Pages()

LABELS = {
    "name": N_("Name"),
    "url": N_("Address that events are sent to"),
    "types": N_("Events"),
    "which": N_("Events"),
    "authority": N_("Own certificate authority, as PEM"),
    "overlap_hours": N_("Hours that the old secret goes on signing beside it"),
    "since": N_("From this time on"),
    "after": N_("Or after this cursor"),
}
_ALL, _SOME = "all", "some"


@pages.get("/webhooks", Scope.SETTINGS_READ)
async def list_webhooks(visit: Visit) -> Response:
    views = await visit.wait(visit.office.webhooks(visit.actor, visit.tenant))
    return visit.page(
        "webhooks/list.html", lines=[(one, _health(one), told_types(visit, one.webhook.types)) for one in views]
    )


@pages.get("/webhooks/new", Scope.SETTINGS_WRITE)
async def begin(visit: Visit) -> Response:
    return _form(visit, Form.of({"which": _ALL}), None)


@pages.post("/webhooks/new", Scope.SETTINGS_WRITE)
async def create(visit: Visit) -> Response:
    try:
        values = _values(visit.form)
        made = await visit.wait(visit.office.create_webhook(visit.actor, values, visit.tenant))
    except PostroomError as error:
        return _form(visit, visit.form.refused(error), None, status=error.status)
    return _secret_page(visit, made)


@pages.get("/webhooks/{webhook}", Scope.SETTINGS_READ)
async def show(visit: Visit) -> Response:
    return await _page(visit, await _meant(visit))


@pages.get("/webhooks/{webhook}/edit", Scope.SETTINGS_WRITE)
async def show_form(visit: Visit) -> Response:
    view = await _meant(visit)
    one = view.webhook
    stored = {"name": one.name, "url": one.url, "authority": one.authority, "which": _SOME if one.types else _ALL}
    return _form(visit, Form.of(stored | {"types": chosen_types(one.types)}), view)


@pages.post("/webhooks/{webhook}/edit", Scope.SETTINGS_WRITE)
async def change(visit: Visit) -> Response:
    view = await _meant(visit)
    try:
        values = _values(visit.form)
        changed = await visit.wait(visit.office.change_webhook(visit.actor, view.webhook.id, values, visit.tenant))
    except PostroomError as error:
        return _form(visit, visit.form.refused(error), view, status=error.status)
    if changed.secret is not None:
        return _secret_page(visit, changed, why=visit.say("It goes to another server now, which gets another secret."))
    return visit.go(_path(changed.webhook), visit.say("%(name)s is changed.", name=changed.webhook.name))


@pages.post("/webhooks/{webhook}/test", Scope.SETTINGS_WRITE)
async def test(visit: Visit) -> Response:
    """One event of the type webhook.test, now."""
    view = await _meant(visit)
    trial = await visit.desk.webhooks.test(visit.actor, view.webhook.id, visit.tenant)
    return await _page(visit, view, trial=trial)


@pages.post("/webhooks/{webhook}/pause", Scope.SETTINGS_WRITE)
async def pause(visit: Visit) -> Response:
    view = await _meant(visit)
    await visit.wait(visit.office.pause_webhook(visit.actor, view.webhook.id, visit.tenant))
    return visit.go(_path(view.webhook), visit.say("Paused. Events are kept for it, for two weeks."))


@pages.post("/webhooks/{webhook}/resume", Scope.SETTINGS_WRITE)
async def resume(visit: Visit) -> Response:
    """Also for one that waits for its next try: it is tried at once."""
    view = await _meant(visit)
    try:
        await visit.wait(visit.office.resume_webhook(visit.actor, view.webhook.id, visit.tenant))
    except PostroomError as error:
        return await _page(visit, view, form=visit.form.refused(error), status=error.status)
    return visit.go(_path(view.webhook), visit.say("It goes on at once."))


@pages.get("/webhooks/{webhook}/secret", Scope.SETTINGS_WRITE)
async def ask_rotate(visit: Visit) -> Response:
    return _rotate_page(visit, await _meant(visit), Form.of({"overlap_hours": OVERLAP_HOURS}))


@pages.post("/webhooks/{webhook}/secret", Scope.SETTINGS_WRITE)
async def rotate(visit: Visit) -> Response:
    view, form = await _meant(visit), visit.form
    try:
        hours = _number(form.text("overlap_hours"))
        rotating = visit.office.rotate_webhook_secret(visit.actor, view.webhook.id, hours, visit.tenant)
        return _secret_page(visit, await visit.wait(rotating))
    except PostroomError as error:
        return _rotate_page(visit, view, form.refused(error), status=error.status)


@pages.get("/webhooks/{webhook}/replay", Scope.SETTINGS_WRITE)
async def ask_replay(visit: Visit) -> Response:
    return _replay_page(visit, await _meant(visit), Form.of({"after": visit.query.get("after", "")}))


@pages.post("/webhooks/{webhook}/replay", Scope.SETTINGS_WRITE)
async def replay(visit: Visit) -> Response:
    view, form = await _meant(visit), visit.form
    try:
        since_ms = _moment(visit, form.text("since").strip())
        replaying = visit.office.replay_webhook(
            visit.actor, view.webhook.id, after=form.text("after").strip(), since_ms=since_ms, tenant_id=visit.tenant
        )
        await visit.wait(replaying)
    except PostroomError as error:
        return _replay_page(visit, view, form.refused(error), status=error.status)
    said = visit.say("It goes on from there.")
    if view.webhook.state is WebhookState.PAUSED:
        said = visit.say("It goes on from there once it is resumed.")
    return visit.go(_path(view.webhook), said)


@pages.get("/webhooks/{webhook}/delete", Scope.SETTINGS_WRITE)
async def ask_delete(visit: Visit) -> Response:
    one = (await _meant(visit)).webhook
    return visit.page(
        "confirm.html",
        form=Form(),
        title=visit.say("Delete %(name)s?", name=one.name),
        sentence=visit.say("Nothing is sent to %(url)s any more.", url=one.url),
        consequences=[
            visit.say("Its secret goes with it: if it is restored, it gets a new one."),
            visit.say("What happens meanwhile it is not told of; the events can be pulled from the API for two weeks."),
        ],
        action=visit.url(f"{_path(one)}/delete"),
        save=visit.say("Delete"),
        cancel=visit.url(_path(one)),
    )


@pages.post("/webhooks/{webhook}/delete", Scope.SETTINGS_WRITE)
async def delete(visit: Visit) -> Response:
    one = (await _meant(visit)).webhook
    await visit.wait(visit.office.delete_webhook(visit.actor, one.id, visit.tenant))
    return visit.go("/webhooks", visit.say("%(name)s is deleted.", name=one.name))


async def _page(
    visit: Visit, view: WebhookView, *, form: Form | None = None, trial: WebhookTrial | None = None, status: int = 200
) -> Response:
    one = view.webhook
    found = await visit.wait(visit.office.webhook_deliveries(visit.actor, one.id, visit.tenant))
    return visit.page(
        "webhooks/show.html",
        status,
        view=view,
        one=one,
        come=view.progress,
        id=encode("h", one.id),
        form=form or Form(),
        trial=trial,
        health=_health(view),
        events=told_types(visit, one.types),
        deliveries=[(each, type_words(visit, each.type), _before(each.position)) for each in found],
        after=encode(CURSOR, view.progress.position),
        paused=one.state is WebhookState.PAUSED,
    )


def _before(position: int) -> str:
    """The cursor that an event of this place comes after; "" for a test, which has no place."""
    return encode(CURSOR, position - 1) if position else ""


def _form(visit: Visit, form: Form, view: WebhookView | None, *, status: int = 200) -> Response:
    return visit.page(
        "webhooks/form.html",
        status,
        form=form,
        view=view,
        groups=[(visit.say(title), [(one, type_words(visit, one)) for one in types]) for title, types in GROUPS],
        labels=_labels(visit),
        back=_path(view.webhook) if view else "/webhooks",
    )


def _secret_page(visit: Visit, view: WebhookView, why: str = "") -> Response:
    secret = "" if view.secret is None else view.secret.reveal()
    return visit.page("webhooks/secret.html", view=view, secret=secret, why=why, back=_path(view.webhook))


def _rotate_page(visit: Visit, view: WebhookView, form: Form, *, status: int = 200) -> Response:
    values = {"form": form, "one": view.webhook, "labels": _labels(visit), "back": _path(view.webhook)}
    return visit.page("webhooks/rotate.html", status, **values)


def _replay_page(visit: Visit, view: WebhookView, form: Form, *, status: int = 200) -> Response:
    values = {"form": form, "one": view.webhook, "labels": _labels(visit), "back": _path(view.webhook)}
    return visit.page("webhooks/replay.html", status, zone=str(visit.zone), **values)


def _labels(visit: Visit) -> dict[str, str]:
    return {name: visit.say(text) for name, text in LABELS.items()}


def _health(view: WebhookView) -> tuple[str, str]:
    """How it stands: the colour and the word."""
    one, come = view.webhook, view.progress
    if one.state is WebhookState.PAUSED:
        return ("bad", N_("given up")) if one.paused_by == "verdict" else ("warn", N_("paused"))
    if not one.has_secret:
        return "warn", N_("without a secret")
    if come.tries:
        return "bad", N_("takes nothing")
    if view.behind:
        return "wait", N_("catching up")
    return ("good", N_("up to date")) if come.answered_ms else ("idle", N_("nothing sent yet"))


def _values(form: Form) -> dict[str, object]:
    """Raises BadInput when only some events are wanted and none is ticked."""
    values: dict[str, object] = dict(form.given("url", "authority"))
    if form.text("name").strip():
        values["name"] = form.text("name")
    if form.text("which") == _SOME:
        if not form.all("types"):
            raise BadInput([Fault("types", N_("has nothing ticked."), N_("Tick at least one, or choose all events."))])
        values["types"] = form.all("types")
    elif "which" in form.values:
        values["types"] = []
    return values


def _number(text: str) -> int:
    """What is no number is the office's to refuse."""
    plain = text.strip()
    return int(plain) if plain.isascii() and plain.isdigit() and len(plain) < _DIGITS else -1


_DIGITS = 6


def _moment(visit: Visit, text: str) -> int | None:
    """A time as browsers write it, in the reader's zone. Raises BadInput."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return round((at if at.tzinfo else at.replace(tzinfo=visit.zone)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadInput([Fault("since", N_("is no time."), N_("Write it like 2026-11-20T14:30."))]) from None


def _path(one: Webhook) -> str:
    return f"/webhooks/{encode('h', one.id)}"


async def _meant(visit: Visit) -> WebhookView:
    return await visit.wait(visit.office.webhook(visit.actor, visit.request.path_params["webhook"], visit.tenant))
