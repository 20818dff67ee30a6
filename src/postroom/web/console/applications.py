"""Applications: who hands messages over, what each may use, and its keys, each shown once."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from starlette.responses import Response

from postroom.errors import BadInput, Fault, NotFound, PostroomError
from postroom.ids import decode, encode
from postroom.model.application import Application, Key, Scope
from postroom.model.proof import ProofState
from postroom.office.proofs import ProofView
from postroom.policy.rights import SENTENCES, beyond
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_

__all__ = ["LABELS", "pages"]

pages = Pages()

_FIELDS = ("name", "senders", "kinds", "per_minute")
_ORDER = (ProofState.PROVEN, ProofState.UNTESTED, ProofState.REFUSED)
LABELS = {
    "name": N_("Name"),
    "senders": N_("Senders it may use"),
    "kinds": N_("Kinds of mail it may name"),
    "per_minute": N_("Messages a minute"),
    "scopes": N_("What the key may do"),
    "expires": N_("Last day"),
}


@pages.get("/applications", Scope.SETTINGS_READ)
async def list_applications(visit: Visit) -> Response:
    found = await visit.wait(visit.office.applications(visit.actor, visit.tenant))
    keys = await visit.wait(visit.office.keys(visit.actor, visit.tenant))
    return visit.page(
        "applications/list.html",
        found=found,
        live={
            one.id: [key for key in keys if key.application_id == one.id and key.revoked_ms is None] for one in found
        },
    )


@pages.get("/applications/new", Scope.APPLICATIONS)
async def begin(visit: Visit) -> Response:
    return await _form(visit, Form())


@pages.post("/applications/new", Scope.APPLICATIONS)
async def create(visit: Visit) -> Response:
    values = _values(visit.form)
    name = str(values.pop("name", ""))
    try:
        made = await visit.wait(visit.office.create_application(visit.actor, name, visit.tenant, values))
    except PostroomError as error:
        return await _form(visit, visit.form.refused(error), status=error.status)
    return visit.go(_path(made), visit.say("%(name)s is there. Make a key for it now.", name=made.name))


@pages.get("/applications/{application}", Scope.SETTINGS_READ)
async def show(visit: Visit) -> Response:
    one = await _meant(visit)
    stored = {"name": one.name, "per_minute": one.per_minute}
    texts = {"senders": "\n".join(one.senders), "kinds": "\n".join(one.kinds)}
    return await _page(visit, one, Form.of(stored | texts | {"scopes": [Scope.SEND.value]}))


@pages.post("/applications/{application}", Scope.APPLICATIONS)
async def change(visit: Visit) -> Response:
    one = await _meant(visit)
    try:
        changing = visit.office.change_application(visit.actor, one.id, _values(visit.form), visit.tenant)
        changed = await visit.wait(changing)
    except PostroomError as error:
        return await _page(visit, one, visit.form.refused(error), status=error.status)
    return visit.go(_path(changed), visit.say("%(name)s is changed.", name=changed.name))


@pages.post("/applications/{application}/suspended", Scope.APPLICATIONS)
async def suspend(visit: Visit) -> Response:
    one, wanted = await _meant(visit), visit.form.flag("suspended")
    await visit.wait(visit.office.suspend_application(visit.actor, one.id, wanted, visit.tenant))
    said = visit.say("Suspended: its keys are refused.") if wanted else visit.say("It may hand over mail again.")
    return visit.go(_path(one), said)


@pages.post("/applications/{application}/keys", Scope.APPLICATIONS)
async def create_key(visit: Visit) -> Response:
    """A new key; it is on this one page and nowhere else."""
    one, form = await _meant(visit), visit.form
    try:
        making = visit.office.create_key(visit.actor, one.id, form.all("scopes"), _expiry(visit), visit.tenant)
        made = await visit.wait(making)
    except PostroomError as error:
        kept = Form.of({"name": one.name, "per_minute": one.per_minute, "senders": "\n".join(one.senders)})
        form = kept.with_values(kinds="\n".join(one.kinds), scopes=form.all("scopes"), expires=form.text("expires"))
        refused = form.refused(error).renamed("expires_ms", "expires").renamed("expires_at", "expires")
        return await _page(visit, one, refused, status=error.status)
    settings = visit.desk.settings
    base = settings.public_url.rstrip("/") or str(visit.request.base_url).rstrip("/").removesuffix("/console")
    return visit.page("applications/new_key.html", application=one, made=made, base=base, back=_path(one))


@pages.get("/applications/{application}/keys/{key}/revoke", Scope.APPLICATIONS)
async def ask_revoke(visit: Visit) -> Response:
    one = await _meant(visit)
    key = await _key(visit, one)
    told = [visit.say("Whoever uses it is refused from this moment on. It can't be undone; make a new key instead.")]
    if key.last_used_ms is None:
        told.append(visit.say("It was never used."))
    return visit.page(
        "confirm.html",
        form=Form(),
        title=visit.say("Revoke the key %(prefix)s?", prefix=f"pr_{key.prefix}…"),
        sentence=visit.say("A key of %(name)s.", name=one.name),
        consequences=told,
        action=visit.url(f"{_path(one)}/keys/{encode('k', key.id)}/revoke"),
        save=visit.say("Revoke"),
        cancel=visit.url(_path(one)),
    )


@pages.post("/applications/{application}/keys/{key}/revoke", Scope.APPLICATIONS)
async def revoke(visit: Visit) -> Response:
    one = await _meant(visit)
    key = await _key(visit, one)
    await visit.wait(visit.office.revoke_key(visit.actor, key.id, visit.tenant))
    return visit.go(_path(one), visit.say("The key is revoked."))


async def _page(visit: Visit, one: Application, form: Form, *, status: int = 200) -> Response:
    keys = await visit.wait(visit.office.keys(visit.actor, visit.tenant))
    held = visit.actor.scopes
    scopes = [
        (scope.value, scope.value, visit.say(SENTENCES[scope]))
        for scope in Scope
        if not beyond(held, [scope], sending=True)
    ]
    return visit.page(
        "applications/show.html",
        status,
        one=one,
        id=encode("p", one.id),
        form=form,
        keys=[key for key in keys if key.application_id == one.id],
        scopes=scopes,
        labels={name: visit.say(text) for name, text in LABELS.items()},
        may_write=visit.may(Scope.APPLICATIONS),
        offered=await _offered(visit),
    )


async def _form(visit: Visit, form: Form, *, status: int = 200) -> Response:
    labels = {name: visit.say(text) for name, text in LABELS.items()}
    return visit.page("applications/new.html", status, form=form, labels=labels, offered=await _offered(visit))


async def _offered(visit: Visit) -> list[ProofView]:
    """The senders that mail leaves from, with the proof of their way; the proven ones first."""
    if not visit.may(Scope.SETTINGS_READ):
        return []
    views = await visit.wait(visit.office.proofs(visit.actor, visit.tenant, visit.language))
    return sorted((one for one in views if one.used), key=lambda one: (_ORDER.index(one.state), one.sender))


def _values(form: Form) -> dict[str, object]:
    values: dict[str, object] = dict(form.given(*_FIELDS))
    for name in ("senders", "kinds"):
        if name in values:
            values[name] = [part.strip() for part in str(values[name]).replace("\n", ",").split(",") if part.strip()]
    if values.get("per_minute") == "":
        values["per_minute"] = None
    return values


def _expiry(visit: Visit) -> int | None:
    """The end of the day that was typed, in the reader's zone. Raises BadInput."""
    text = visit.form.text("expires").strip()
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
        end = datetime.combine(day + timedelta(days=1), time(), visit.zone)
        return round(end.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadInput([Fault("expires", "is no day.", "Write it like 2027-05-31.")]) from None


async def _meant(visit: Visit) -> Application:
    """Raises NotFound."""
    ref = visit.request.path_params["application"]
    number = decode("p", ref)
    for one in await visit.wait(visit.office.applications(visit.actor, visit.tenant)):
        if one.id == number or one.name == ref:
            return one
    raise NotFound("There is no such application here.")


async def _key(visit: Visit, one: Application) -> Key:
    number = decode("k", visit.request.path_params["key"])
    for key in await visit.wait(visit.office.keys(visit.actor, visit.tenant)):
        if key.id == number and key.application_id == one.id:
            return key
    raise NotFound("There is no such key here.")


def _path(one: Application) -> str:
    return f"/applications/{encode('p', one.id)}"
