"""`/v1/templates` and `/v1/layouts`: mail written once, in several languages, and sent with variables."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

from fastapi import APIRouter, Response

from postroom.errors import BadInput
from postroom.ids import encode
from postroom.model.template import Layout, Template
from postroom.office.templates import Preview
from postroom.web.api.answers import moment, plain
from postroom.web.api.describing import answers, answers_nothing, json_answer, list_of, object_of, ref
from postroom.web.api.faults import Faults, kind_of
from postroom.web.api.login import SettingsReader, SettingsWriter
from postroom.web.api.requests import At, Chosen, OptionalValues, Route, Values, words_of

__all__ = ["preview_json", "router", "template_json"]

router = APIRouter(prefix="/v1", tags=["templates"], route_class=Route)

_WORDS = {"subject": "Welcome, {{ name }}", "html": "<p>Hello {{ name }}, it is good to have you here.</p>"}
_EXAMPLE = {
    "name": "welcome",
    "kind": "account",
    "texts": {"en": _WORDS},
    "variables": [{"name": "name", "type": "text", "sample": "Ann"}],
}
_LAYOUT = {"name": "house", "html": "<html><body>{{ content }}</body></html>", "default": True}


def template_json(template: Template) -> dict[str, Any]:
    return {
        "id": encode("v", template.id),
        "tenant_id": encode("t", template.tenant_id),
        "name": template.name,
        "kind": template.kind,
        "language": template.language,
        "layout": template.layout,
        "texts": {language: dataclasses.asdict(one) for language, one in template.texts.items()},
        "variables": [dataclasses.asdict(one) | {"type": one.type.value} for one in template.variables],
        "created_at": moment(template.created_ms),
        "version": template.version,
    }


def preview_json(preview: Preview) -> dict[str, Any]:
    written = preview.written
    return {
        "language": preview.language,
        "subject": written.subject if written else "",
        "html": (written.html or "") if written else "",
        "text": preview.text,
        "faults": [{"field": one.field, "problem": one.problem, "mend": one.mend} for one in preview.faults],
        "variables": preview.values,
    }


def _layout(layout: Layout) -> dict[str, Any]:
    return plain(layout, "l")


@router.get("/templates", **answers(list_of("templates", "Template"), "The templates, by name."))
async def list_templates(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the templates

    The tenant's own, and those that it inherits from the installation.
    """
    found = await asyncio.wrap_future(desk.office.templates(actor, tenant))
    return json_answer({"templates": [template_json(one) for one in found]})


@router.post(
    "/templates", **answers(ref("Template"), "It is made.", status=201, takes=ref("TemplateValues"), example=_EXAMPLE)
)
async def create_template(actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Make a template

    What is wrong with its words is told with the line. Values are put in by `{{ name }}`; they are escaped in HTML.
    """
    made = template_json(await asyncio.wrap_future(desk.office.create_template(actor, values, tenant)))
    return json_answer(made, 201, {"location": f"/v1/templates/{made['id']}"})


@router.get("/templates/{template}", **answers(ref("Template"), "The template."))
async def read_template(template: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Read a template, by id or name"""
    return json_answer(template_json(await asyncio.wrap_future(desk.office.template(actor, template, tenant))))


@router.patch(
    "/templates/{template}",
    **answers(ref("Template"), "It is changed.", takes=ref("TemplateValues"), example={"kind": "account"}),
)
async def change_template(template: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Change a template

    What is not named stays, also within `texts`; a language that is null goes. Mail that was accepted stays as it is.
    """
    changed = await asyncio.wrap_future(desk.office.change_template(actor, template, values, tenant))
    return json_answer(template_json(changed))


@router.delete("/templates/{template}", **answers_nothing("It is deleted."))
async def delete_template(template: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Delete a template

    Messages that name it are refused from then on. It can be restored.
    """
    await asyncio.wrap_future(desk.office.delete_template(actor, template, tenant))
    return Response(status_code=204)


@router.put(
    "/templates/{template}/texts/{language}",
    **answers(ref("Template"), "It is written.", takes=ref("WordingValues"), example=_WORDS),
)
async def write_template(
    template: str, language: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values
) -> Response:
    """Write a template in one language

    All of it: what is not named is empty. Without text, one is made from the HTML.
    """
    whole = {"subject": "", "html": "", "text": "", "mjml": "", **values}
    if values.get("mjml") is None:
        whole["mjml"] = ""
    changing = desk.office.change_template(actor, template, {"texts": {language: whole}}, tenant)
    return json_answer(template_json(await asyncio.wrap_future(changing)))


@router.delete("/templates/{template}/texts/{language}", **answers(ref("Template"), "It is taken out."))
async def unwrite_template(template: str, language: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Take a language out of a template"""
    changing = desk.office.change_template(actor, template, {"texts": {language: None}}, tenant)
    return json_answer(template_json(await asyncio.wrap_future(changing)))


@router.post(
    "/templates/{template}/preview",
    **answers(
        ref("Preview"),
        "What a mail would say, or in `faults` why there would be none.",
        takes=ref("PreviewValues"),
        example={"language": "en", "variables": {"name": "Ann"}},
    ),
)
async def preview_template(template: str, actor: SettingsReader, desk: At, tenant: Chosen, values: Values) -> Response:
    """Try a template

    With `variables`, or else with the samples of the template; with `values`, as it would be with these changes.
    Nothing is saved or sent.
    """
    return await _previewed(template, actor, desk, tenant, values)


@router.post(
    "/preview",
    **answers(
        ref("Preview"),
        "What a mail would say, or in `faults` why there would be none.",
        takes=ref("PreviewValues"),
        example={"values": {"texts": {"en": _WORDS}, "variables": [{"name": "name", "sample": "Ann"}]}},
    ),
)
async def preview_values(actor: SettingsReader, desk: At, tenant: Chosen, values: Values) -> Response:
    """Try a template that does not exist yet

    `values` is what it would be made with. Nothing is saved or sent.
    """
    return await _previewed(None, actor, desk, tenant, values)


async def _previewed(
    template: str | None, actor: Any, desk: At, tenant: int | None, values: dict[str, Any]
) -> Response:
    faults = Faults()
    for name, value in values.items():
        if name not in _PREVIEW:
            faults.unknown("", name, _PREVIEW, {})
        elif value is not None and type(value) is not _PREVIEW[name]:
            faults.add(name, f"is {kind_of(value)}.", "The documentation at /docs says what it has to be.")
    if faults:
        raise BadInput(faults)
    previewing = desk.office.preview_template(
        actor,
        template,
        values.get("values"),
        variables=values.get("variables"),
        language=values.get("language") or "",
        tenant_id=tenant,
    )
    return json_answer(preview_json(await asyncio.wrap_future(previewing)))


_PREVIEW: dict[str, type] = {"variables": dict, "language": str, "values": dict}


# -- ready ones -------------------------------------------------------------------------------------------------------


@router.get("/ready-templates", **answers(list_of("templates", "Template"), "The ready templates."))
async def list_ready_templates(actor: SettingsReader, desk: At) -> Response:
    """List the ready templates

    What most applications send, in English and German. They are there to be taken over.
    """
    return json_answer({"templates": [template_json(one) for one in desk.office.ready_templates(actor)]})


@router.post(
    "/ready-templates/{ready}",
    **answers(
        ref("Template"),
        "It is yours now.",
        status=201,
        takes=object_of(name={"type": "string", "description": "Call it so; without it, as it is called."})
        | {"required": []},
        example={"name": "welcome"},
        may_be_empty=True,
    ),
)
async def use_ready_template(
    ready: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: OptionalValues
) -> Response:
    """Take a ready template over

    From then on it is a template like others, to send with and to change. Where there is no default layout, you get
    that of the ready templates too.
    """
    called = words_of(values, {"name": ""})["name"]
    made = template_json(await asyncio.wrap_future(desk.office.use_ready(actor, ready, called, tenant)))
    return json_answer(made, 201, {"location": f"/v1/templates/{made['id']}"})


# -- layouts ----------------------------------------------------------------------------------------------------------


@router.get("/layouts", **answers(list_of("layouts", "Layout"), "The layouts, by name."))
async def list_layouts(actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """List the layouts

    The tenant's own, and those that it inherits from the installation.
    """
    found = await asyncio.wrap_future(desk.office.layouts(actor, tenant))
    return json_answer({"layouts": [_layout(one) for one in found]})


@router.post(
    "/layouts", **answers(ref("Layout"), "It is made.", status=201, takes=ref("LayoutValues"), example=_LAYOUT)
)
async def create_layout(actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Make a layout

    The frame around the words of templates: `{{ content }}` is where they go. The first one is the default.
    """
    made = _layout(await asyncio.wrap_future(desk.office.create_layout(actor, values, tenant)))
    return json_answer(made, 201, {"location": f"/v1/layouts/{made['id']}"})


@router.get("/layouts/{layout}", **answers(ref("Layout"), "The layout."))
async def read_layout(layout: str, actor: SettingsReader, desk: At, tenant: Chosen) -> Response:
    """Read a layout, by id or name"""
    return json_answer(_layout(await asyncio.wrap_future(desk.office.layout(actor, layout, tenant))))


@router.patch(
    "/layouts/{layout}",
    **answers(ref("Layout"), "It is changed.", takes=ref("LayoutValues"), example={"default": True}),
)
async def change_layout(layout: str, actor: SettingsWriter, desk: At, tenant: Chosen, values: Values) -> Response:
    """Change a layout

    What is not named stays. Making one the default takes the word from the other.
    """
    return json_answer(_layout(await asyncio.wrap_future(desk.office.change_layout(actor, layout, values, tenant))))


@router.delete("/layouts/{layout}", **answers_nothing("It is deleted.", conflicts=True))
async def delete_layout(layout: str, actor: SettingsWriter, desk: At, tenant: Chosen) -> Response:
    """Delete a layout

    Not while templates name it.
    """
    await asyncio.wrap_future(desk.office.delete_layout(actor, layout, tenant))
    return Response(status_code=204)
