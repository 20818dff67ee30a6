"""Templates: their list and the ready ones, an editor with a preview beside it, a mail to oneself to try them.

What a template makes is no part of a page of ours: it is an answer of its own, in a frame without any right, as foreign
mail is (see `content`). The editor's form is sent to each of four frames by a button of its own, so what is not saved
can be looked at too, with script and without.
"""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

from starlette.responses import HTMLResponse, Response

from postroom.errors import BadInput, Fault, PostroomError
from postroom.ids import encode
from postroom.model.application import Scope
from postroom.model.message import Draft
from postroom.model.template import Template, Variable, VariableType, Wording
from postroom.office.templates import Preview
from postroom.web.console.content import FRAME_HEADERS
from postroom.web.console.forms import Form
from postroom.web.console.routes import Pages
from postroom.web.console.visit import Visit
from postroom.web.console.words import N_

__all__ = ["LABELS", "pages"]

pages = Pages()

LABELS = {
    "name": N_("The word that applications use"),
    "kind": N_("Kind of mail"),
    "layout": N_("Layout"),
    "language": N_("Language for everybody else"),
    "tongue": N_("Language of these words"),
    "subject": N_("Subject"),
    "html": N_("HTML"),
    "text": N_("Text"),
    "mjml": N_("MJML"),
    "variables": N_("Variables"),
    "to": N_("Send it to"),
    "texts": N_("Languages"),
}
TYPES = {
    VariableType.TEXT: N_("text"),
    VariableType.NUMBER: N_("number"),
    VariableType.DATE: N_("date"),
    VariableType.URL: N_("link"),
    VariableType.BOOLEAN: N_("yes or no"),
    VariableType.LIST: N_("list"),
    VariableType.OBJECT: N_("object"),
}
_WORDS = ("subject", "html", "text", "mjml")
_PARTS = ("v-name", "v-type", "v-required", "v-sample", "v-description")
_ROOM = 2
_THEMES = {"dark": ("(min-width: 0)", "(max-width: 0)"), "light": ("(max-width: 0)", "(min-width: 0)")}
_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_PAPER = {"light": ("#ffffff", "#1d2129"), "dark": ("#16191d", "#e6e8eb")}


@pages.get("/templates", Scope.SETTINGS_READ)
async def list_templates(visit: Visit) -> Response:
    found = await visit.wait(visit.office.templates(visit.actor, visit.tenant))
    layouts = await visit.wait(visit.office.layouts(visit.actor, visit.tenant))
    names = {one.name.casefold() for one in found}
    return visit.page(
        "templates/list.html",
        found=found,
        layouts=layouts,
        mine=visit.tenant_id,
        ready=[one for one in visit.office.ready_templates(visit.actor) if one.name not in names],
    )


# -- ready ones -------------------------------------------------------------------------------------------------------


@pages.get("/templates/ready/{ready}", Scope.SETTINGS_READ)
async def look_at_ready(visit: Visit) -> Response:
    name = visit.request.path_params["ready"]
    tongue = "de" if visit.language == "de" else "en"
    preview = visit.office.preview_ready(visit.actor, name, tongue, visit.tenant)
    return visit.page("templates/ready.html", name=name, preview=preview, views=_views(visit))


@pages.get("/templates/ready/{ready}/frame", Scope.SETTINGS_READ)
async def ready_frame(visit: Visit) -> Response:
    name = visit.request.path_params["ready"]
    tongue = "de" if visit.language == "de" else "en"
    return _framed(visit, visit.office.preview_ready(visit.actor, name, tongue, visit.tenant))


@pages.post("/templates/ready/{ready}", Scope.SETTINGS_WRITE)
async def use_ready(visit: Visit) -> Response:
    name = visit.request.path_params["ready"]
    made = await visit.wait(visit.office.use_ready(visit.actor, name, "", visit.tenant))
    return visit.go(_path(made), visit.say("%(name)s is yours now. It can be sent with at once.", name=made.name))


# -- the editor -------------------------------------------------------------------------------------------------------


@pages.get("/templates/new", Scope.SETTINGS_WRITE)
async def begin(visit: Visit) -> Response:
    tongue = "de" if visit.language == "de" else "en"
    return await _editor(visit, _stored(Template(0, 0, "", language=tongue), tongue), None)


@pages.post("/templates/new", Scope.SETTINGS_WRITE)
async def create(visit: Visit) -> Response:
    form = visit.form
    try:
        values = _values(form) | {"name": form.text("name"), "language": form.text("tongue")}
        made = await visit.wait(visit.office.create_template(visit.actor, values, visit.tenant))
    except PostroomError as error:
        return await _editor(visit, _refused(form, error), None, status=error.status)
    return visit.go(_path(made), visit.say("%(name)s is there. Applications name it from now on.", name=made.name))


@pages.post("/templates/new/frame", Scope.SETTINGS_READ)
async def frame_of_new(visit: Visit) -> Response:
    return await _tried(visit, None)


@pages.get("/templates/{template}", Scope.SETTINGS_READ)
async def show(visit: Visit) -> Response:
    one = await _meant(visit)
    tongue = visit.query.get("language") or one.language
    return await _editor(visit, _stored(one, tongue), one)


@pages.post("/templates/{template}", Scope.SETTINGS_WRITE)
async def change(visit: Visit) -> Response:
    one, form = await _meant(visit), visit.form
    try:
        values = _values(form) | form.given("language")
        changed = await visit.wait(visit.office.change_template(visit.actor, one.id, values, visit.tenant))
    except PostroomError as error:
        return await _editor(visit, _refused(form, error), one, status=error.status)
    said = visit.say("%(name)s is changed.", name=changed.name)
    return visit.go(_path(changed), said, language=form.text("tongue"))


@pages.post("/templates/{template}/remove", Scope.SETTINGS_WRITE)
async def remove_language(visit: Visit) -> Response:
    one, tongue = await _meant(visit), visit.form.text("tongue")
    try:
        values = {"texts": {tongue: None}}
        await visit.wait(visit.office.change_template(visit.actor, one.id, values, visit.tenant))
    except PostroomError as error:
        return await _editor(visit, _refused(_stored(one, tongue), error), one, status=error.status)
    return visit.go(_path(one), visit.say("%(name)s is changed.", name=one.name))


@pages.get("/templates/{template}/frame", Scope.SETTINGS_READ)
async def frame(visit: Visit) -> Response:
    """As it is saved."""
    one = await _meant(visit)
    tongue = visit.query.get("language") or one.language
    trying = visit.office.preview_template(visit.actor, one.id, language=tongue, tenant_id=visit.tenant)
    return _framed(visit, await visit.wait(trying))


@pages.post("/templates/{template}/frame", Scope.SETTINGS_READ)
async def frame_of_changed(visit: Visit) -> Response:
    """As the form has it."""
    return await _tried(visit, (await _meant(visit)).id)


@pages.post("/templates/{template}/test", Scope.SEND)
async def send_to_oneself(visit: Visit) -> Response:
    """A real message with the samples, as it is saved."""
    one, tongue = await _meant(visit), visit.form.text("tongue")
    trying = visit.office.preview_template(visit.actor, one.id, language=tongue, tenant_id=visit.tenant)
    preview = await visit.wait(trying)
    draft = Draft((visit.form.text("to"),), template=one.name, language=tongue, variables=dict(preview.values))
    try:
        receipt = await visit.wait(visit.outbox.send(visit.there, draft))
    except PostroomError as error:
        form = _stored(one, tongue).with_values(to=visit.form.text("to"))
        refused = form.refused(error)
        for name in [fault.field for fault in refused.faults if fault.field.startswith("to[")]:
            refused = refused.renamed(name, "to")
        return await _editor(visit, refused, one, status=error.status)
    return visit.go(f"/log/{encode('m', receipt.message_id)}", visit.say("It is on its way."))


@pages.get("/templates/{template}/delete", Scope.SETTINGS_WRITE)
async def ask_delete(visit: Visit) -> Response:
    one = await _meant(visit)
    return visit.page(
        "confirm.html",
        form=Form(),
        title=visit.say("Delete %(name)s?", name=one.name),
        sentence=visit.say("It can be restored."),
        consequences=[visit.say("Messages that name it are refused from then on.")],
        action=visit.url(f"{_path(one)}/delete"),
        save=visit.say("Delete"),
        cancel=visit.url(_path(one)),
    )


@pages.post("/templates/{template}/delete", Scope.SETTINGS_WRITE)
async def delete(visit: Visit) -> Response:
    one = await _meant(visit)
    await visit.wait(visit.office.delete_template(visit.actor, one.id, visit.tenant))
    return visit.go("/templates", visit.say("%(name)s is deleted.", name=one.name))


async def _editor(visit: Visit, form: Form, one: Template | None, *, status: int = 200) -> Response:
    layouts = await visit.wait(visit.office.layouts(visit.actor, visit.tenant))
    path = _path(one) if one else "/templates/new"
    own = one is None or one.tenant_id == visit.tenant_id
    rows = max((len(form.values.get(name, ())) for name in _PARTS), default=0)
    return visit.page(
        "templates/editor.html",
        status,
        form=form if "to" in form.values else form.with_values(to=visit.user.email if visit.user else ""),
        one=one,
        id=encode("v", one.id) if one else "",
        path=path,
        tongue=form.text("tongue"),
        tongues=[
            (visit.url(path, language=each), each, each == form.text("tongue")) for each in (one.texts if one else ())
        ],
        rows=[{name[2:]: _at(form, name, row) for name in _PARTS} for row in range(rows)],
        types=[(kind.value, visit.say(text)) for kind, text in TYPES.items()],
        layouts=[("", visit.say("the default one")), ("none", visit.say("none")), *((a.name, a.name) for a in layouts)],
        kinds=[kind.name for kind in visit.office.snapshot.kinds_of(visit.tenant_id)],
        labels={name: visit.say(text) for name, text in LABELS.items()},
        may_write=own and visit.may(Scope.SETTINGS_WRITE),
        may_send=visit.may(Scope.SEND),
        views=_views(visit),
    )


def _views(visit: Visit) -> list[tuple[str, str, str]]:
    """Width, theme and what it is called."""
    return [
        ("phone", "light", visit.say("Phone, light")),
        ("phone", "dark", visit.say("Phone, dark")),
        ("desk", "light", visit.say("Desk, light")),
        ("desk", "dark", visit.say("Desk, dark")),
    ]


def _at(form: Form, name: str, row: int) -> str:
    values = form.values.get(name, [])
    return values[row] if row < len(values) else ""


def _stored(one: Template, tongue: str) -> Form:
    words = one.texts.get(tongue, Wording())
    listed: list[Variable | None] = [*one.variables, *[None] * _ROOM]
    return Form.of(
        {
            "name": one.name,
            "kind": one.kind,
            "layout": one.layout,
            "language": one.language,
            "tongue": tongue,
            **{name: getattr(words, name) for name in _WORDS},
            "v-name": [v.name if v else "" for v in listed],
            "v-type": [v.type.value if v else "text" for v in listed],
            "v-required": [("yes" if v.required else "no") if v else "yes" for v in listed],
            "v-sample": [_sample(v) if v else "" for v in listed],
            "v-description": [v.description if v else "" for v in listed],
        }
    )


def _sample(variable: Variable) -> str:
    if variable.sample is None or isinstance(variable.sample, str):
        return variable.sample or ""
    return json.dumps(variable.sample, ensure_ascii=False)


def _values(form: Form) -> dict[str, object]:
    """What the form says, as the office takes it. Raises BadInput."""
    words: dict[str, object] = dict(form.given(*_WORDS))
    if words.get("mjml"):
        words.pop("html", None)
    return {
        **form.given("kind", "layout"),
        "texts": {form.text("tongue") or "en": words},
        "variables": _variables(form),
    }


def _variables(form: Form) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for row in range(len(form.values.get("v-name", ()))):
        name, kind, sample = (_at(form, part, row).strip() for part in ("v-name", "v-type", "v-sample"))
        if not name:
            continue
        one: dict[str, object] = {"name": name, "type": kind, "required": _at(form, "v-required", row) != "no"}
        one["description"] = _at(form, "v-description", row)
        if sample:
            one["sample"] = _typed(sample, kind)
        found.append(one)
    return found


def _typed(sample: str, kind: str) -> Any:
    """What does not fit stays text, and is refused by who knows why."""
    if kind in ("text", "date", "url"):
        return sample
    try:
        return json.loads(sample)
    except (ValueError, RecursionError):
        return sample


def _refused(form: Form, error: PostroomError) -> Form:
    """With the faults at the fields of this page, which shows one language."""
    refused = form.refused(error)
    mine = f"texts.{form.text('tongue')}."
    for fault in refused.faults:
        if fault.field.startswith(mine):
            refused = refused.renamed(fault.field, fault.field.removeprefix(mine))
    return refused


async def _tried(visit: Visit, ref: int | None) -> Response:
    form = visit.form
    tongue = form.text("tongue") or "en"
    try:
        trying = visit.office.preview_template(visit.actor, ref, _values(form), language=tongue, tenant_id=visit.tenant)
        return _framed(visit, await visit.wait(trying))
    except BadInput as error:
        return _framed(visit, Preview(tongue, None, tuple(error.faults), {}))


def _framed(visit: Visit, preview: Preview) -> Response:
    """The mail alone, as a reader with this theme sees it: a frame takes its theme from the reader of the page."""
    theme = "dark" if visit.query.get("theme") == "dark" else "light"
    paper, ink = _PAPER[theme]
    head = (
        f'<!doctype html><html lang="{escape(preview.language)}"><meta charset="utf-8">'
        f"<title>{escape(visit.say('Preview'))}</title>"
        f"<style>html{{background:{paper};color:{ink};font:16px/1.5 system-ui,sans-serif}}</style>"
    )
    written = preview.written
    if written is None:
        told = "".join(_fault(visit, fault) for fault in preview.faults)
        return HTMLResponse(f"{head}<ul>{told}</ul>", headers=FRAME_HEADERS)
    if not written.html:
        return HTMLResponse(f"{head}<p>{escape(preview.text).replace(chr(10), '<br>')}</p>", headers=FRAME_HEADERS)
    dark, light = _THEMES[theme]
    html = _SCHEME.sub(lambda found: dark if found[1].lower() == "dark" else light, written.html)
    whole = html.lstrip()[:9].lower().startswith(("<!doctype", "<html"))
    return HTMLResponse(html if whole else head + html, headers=FRAME_HEADERS)


def _fault(visit: Visit, fault: Fault) -> str:
    words = visit.words
    return f"<li><b>{escape(fault.field)}</b> {escape(words.say(fault.problem))} {escape(words.say(fault.mend))}</li>"


def _path(one: Template) -> str:
    return f"/templates/{encode('v', one.id)}"


async def _meant(visit: Visit) -> Template:
    return await visit.wait(visit.office.template(visit.actor, visit.request.path_params["template"], visit.tenant))
