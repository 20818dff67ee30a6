"""The shapes of the settings check in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from postroom.model.problem import Weight

__all__ = ["schemas"]

Schema = dict[str, Any]
_WEIGHTS = [one.value for one in Weight]


def _text(sentence: str) -> Schema:
    return {"type": "string", "description": sentence}


def _moment(sentence: str) -> Schema:
    return {"type": "string", "format": "date-time", "description": sentence}


_PROBLEM: dict[str, Schema] = {
    "id": _text("Stable for as long as it lasts, and the same when it comes back."),
    "check": _text("Which check found it."),
    "weight": {"type": "string", "enum": _WEIGHTS, "description": "How much it matters."},
    "stops": {"type": "boolean", "description": "Mail waits because of it."},
    "tenant_id": _text("Whose it is; the installation's own is a tenant as well."),
    "tenant": _text("The tenant's name."),
    "subject": _text("The id of what it is about, or empty for the tenant as a whole."),
    "about": _text("The name of that."),
    "what": _text("What is so."),
    "ask": _text("Who can mend it."),
    "mend": _text("How."),
    "command": _text("A command that helps, or empty."),
    "field": _text("The setting that it is about, or empty."),
    "since_at": _moment("When it was first found."),
    "over_at": {"anyOf": [_moment("Since when it is over."), {"type": "null"}]},
}
_CHECKS: dict[str, Schema] = {
    "worst": {"anyOf": [{"type": "string", "enum": _WEIGHTS}, {"type": "null"}], "description": "The heaviest of all."},
    "looked_at": _moment("When it was looked at: just now."),
    "problems": {
        "type": "array",
        "items": {"$ref": "#/components/schemas/SettingsProblem"},
        "description": "What is so now, the heaviest first.",
    },
    "over": {
        "type": "array",
        "items": {"$ref": "#/components/schemas/SettingsProblem"},
        "description": "What was, in the last month; the latest first.",
    },
}


def _answer(sentence: str, properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "description": sentence, "properties": properties, "required": list(properties)}


def schemas() -> dict[str, Schema]:
    """Every shape, by name."""
    return {
        "SettingsProblem": _answer("Something that the settings check found.", _PROBLEM),
        "Checks": _answer("What the settings check found.", _CHECKS),
    }
