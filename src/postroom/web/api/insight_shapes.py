"""The shapes of what is looked at rather than set, in the OpenAPI document: diagnoses, health."""

from __future__ import annotations

from enum import Enum
from typing import Any

from postroom.model.attempt import Action, Scope, Severity

__all__ = ["schemas"]

Schema = dict[str, Any]


def _text(sentence: str) -> Schema:
    return {"type": "string", "description": sentence}


def _word(kind: type[Enum], sentence: str) -> Schema:
    return {"type": "string", "enum": [one.value for one in kind], "description": sentence}


def _texts(sentence: str) -> Schema:
    return {"type": "array", "items": {"type": "string"}, "description": sentence}


def _moment(sentence: str) -> Schema:
    return {"type": "string", "format": "date-time", "description": sentence}


_DIAGNOSIS: dict[str, Schema] = {
    "id": _text("A stable word."),
    "families": _texts("Kinds of servers that it is for; empty: any."),
    "scope": _word(Scope, "Whose trouble it is."),
    "severity": _word(Severity, "What it means for the message."),
    "action": _word(Action, "What Postroom does."),
    "title": _text("What it is, in one sentence."),
    "explanation": _text("What happened."),
    "remedy": _text("What to do."),
    "field": _text("The setting to look at, or empty."),
    "apply": {"type": "object", "description": "Settings of the account and their values, where that mends it."},
    "source": _text("Where this is known from."),
    "as_of": _text("The month in which that was last read, like 2026-11."),
    "answers": _texts("Recorded answers that it is for."),
}
_UNKNOWN_ANSWER: dict[str, Schema] = {
    "family": _text("The kind of server, or empty."),
    "phase": _text("Where in the conversation."),
    "code": {"type": "integer", "description": "The reply code, 0 when no reply came."},
    "enhanced": _text("The enhanced status code, or empty."),
    "diagnosis": _text("The general one that explained it meanwhile."),
    "times": {"type": "integer", "description": "How often it came."},
    "first_at": _moment("When it first came."),
    "last_at": _moment("When it last came."),
}


_HEALTH: dict[str, Schema] = {
    "status": {"type": "string", "enum": ["ok", "troubled"]},
    "ready": {"type": "boolean", "description": "Mail can be taken."},
    "delivering": {"type": "boolean", "description": "Somebody delivers."},
    "database": {"type": "string"},
    "now": {"type": "string", "format": "date-time"},
    "oldest_due_at": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
    "problems": _texts("What is wrong, in sentences."),
}


def _answer(sentence: str, properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "description": sentence, "properties": properties, "required": list(properties)}


def schemas() -> dict[str, Schema]:
    """Every shape, by name."""
    return {
        "Diagnosis": _answer("What a rule makes of an answer.", _DIAGNOSIS),
        "Explained": _answer(
            "What Postroom makes of one answer; `apply` is for the account that was named.", _DIAGNOSIS
        ),
        "Health": _answer("Whether all is well.", _HEALTH),
        "UnknownAnswer": _answer("A kind of answer that no rule knows, and how often it came.", _UNKNOWN_ANSWER),
    }
