"""The shapes of templates, layouts and previews in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from postroom.model.template import VariableType

__all__ = ["template_schemas"]

Schema = dict[str, Any]


def _text(sentence: str, **more: Any) -> Schema:
    return {"type": "string", "description": sentence} | more


def _object(sentence: str, properties: Schema, *, required: bool = True) -> Schema:
    made: Schema = {"type": "object", "description": sentence, "properties": properties}
    return made | ({"required": list(properties)} if required else {})


def _ref(shape: str) -> Schema:
    return {"$ref": f"#/components/schemas/{shape}"}


_WORDING = {
    "subject": _text("The subject, one line; values are put in by `{{ name }}`."),
    "html": _text("The HTML. What is put in is escaped."),
    "text": _text("The text. Without it, one is made from the HTML."),
    "mjml": _text("MJML that the HTML is made from, when it is saved (needs the extra `mjml`)."),
}
_VARIABLE = {
    "name": _text("Its name in the template."),
    "type": _text("What it has to be.", enum=[one.value for one in VariableType]),
    "required": {"type": "boolean", "description": "A message without it is refused."},
    "sample": {"description": "A value for previews."},
    "description": _text("What it is, for who fills it in."),
}
_TEMPLATE = {
    "name": _text("The word that applications name it by. It can't be changed."),
    "kind": _text("The kind of mail it is, where a message names none."),
    "language": _text("For recipients whose language is not known or not there."),
    "layout": _text("The layout it stands in; empty: the tenant's default; `none`: it stands alone."),
}
_LAYOUT = {
    "name": _text("The word that templates name it by. It can't be changed."),
    "html": _text("The frame around the HTML; `{{ content }}` is where that goes."),
    "text": _text("The frame around the text. Empty: the text stands alone."),
    "default": {"type": "boolean", "description": "Templates that name no layout stand in it."},
}
_IDS = {
    "id": _text("Its id."),
    "tenant_id": _text("Whose it is."),
    "created_at": _text("When it was made.", format="date-time"),
    "version": {"type": "integer", "description": "Grows with every change."},
}
_NULL = {"type": "null"}


def template_schemas() -> dict[str, Schema]:
    """Every shape, by name."""
    variables = {"type": "array", "items": _ref("Variable"), "description": "What it wants to be given."}
    given = {"type": "array", "items": _ref("VariableValues"), "description": "What it wants to be given: all of them."}
    texts = {"type": "object", "additionalProperties": _ref("Wording"), "description": "Its words, by language."}
    some = {"anyOf": [_ref("WordingValues"), _NULL]}
    changes = {"type": "object", "additionalProperties": some, "description": "By language; null takes one out."}
    anything = {"type": "object", "additionalProperties": True, "description": "Values for its variables, by name."}
    fault = _object("", {"field": _text("Where."), "problem": _text("What is wrong."), "mend": _text("What to do.")})
    faults = {"type": "array", "items": fault, "description": "Why there would be no mail."}
    return {
        "Wording": _object("What a template says in one language.", _WORDING),
        "WordingValues": _object("What a template says in one language, as it is given.", _WORDING, required=False),
        "Variable": _object("Something that a template wants to be given.", _VARIABLE),
        "VariableValues": _object("A variable, as it is given.", _VARIABLE, required=False),
        "Template": _object("Mail that is written once and sent with variables.", {
            **_IDS, **_TEMPLATE, "texts": texts, "variables": variables,
        }),
        "TemplateValues": _object("A template, as it is given. What is not named stays as it is.", {
            **_TEMPLATE, "texts": changes, "variables": given,
        }, required=False),
        "Layout": _object("A frame around the words of templates.", {**_IDS, **_LAYOUT}),
        "LayoutValues": _object("A layout, as it is given. What is not named stays as it is.", _LAYOUT, required=False),
        "PreviewValues": _object("What to try a template with.", {
            "variables": anything,
            "language": _text("Without it: its default."),
            "values": _ref("TemplateValues"),
        }, required=False),
        "Preview": _object("What a mail would say.", {
            "language": _text("The one that was chosen."),
            "subject": _text("The subject."),
            "html": _text("The HTML, in its layout."),
            "text": _text("The text, also where it is made from the HTML."),
            "faults": faults,
            "variables": anything,
        }),
    }  # fmt: skip
