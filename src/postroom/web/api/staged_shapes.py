"""The shapes of staged tests in the OpenAPI document."""

from __future__ import annotations

from enum import Enum
from typing import Any

from postroom.model.staged import Finding, StagedState, StepName

__all__ = ["schemas"]

Schema = dict[str, Any]


def _text(sentence: str) -> Schema:
    return {"type": "string", "description": sentence}


def _word(kind: type[Enum], sentence: str) -> Schema:
    return {"type": "string", "enum": [one.value for one in kind], "description": sentence}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _moment(sentence: str) -> Schema:
    return {"type": "string", "format": "date-time", "description": sentence}


def _flag(sentence: str) -> Schema:
    return {"type": "boolean", "description": sentence}


_EXPLAINED: dict[str, Schema] = {
    "id": _text("The diagnosis, a stable word."),
    "family": _text("The kind of server, or empty."),
    "scope": _text("Whose trouble it is."),
    "severity": _text("What it means for mail."),
    "action": _text("What Postroom does when mail meets it."),
    "title": _text("What it is, in one sentence."),
    "explanation": _text("What happened."),
    "remedy": _text("What to do."),
    "field": _text("The setting to look at, or empty."),
    "apply": {"type": "object", "description": "What to set on the account, where that mends it."},
}
_STEP: dict[str, Schema] = {
    "n": {"type": "integer", "description": "The report's number. A later one of the same step takes its place."},
    "step": _word(StepName, "Which step."),
    "name": _text("What it is called."),
    "finding": _word(Finding, "Only `passed` is success; `not-needed`: this way has no such step."),
    "at": _moment("When it was over."),
    "ms": {"type": "integer", "description": "How long it took, in milliseconds."},
    "sentence": _text("What was found, or why it was not tested."),
    "said": _text("The server's words, or those of the failure."),
    "answered": _flag("`said` is an answer of the server's."),
    "seen": {"type": "object", "description": "What was seen: addresses, certificates, what is offered, and so on."},
    "lines": {"type": "array", "items": {"type": "string"}, "description": "The conversation, secrets blanked."},
    "diagnosis": _or_null({"type": "object", "properties": _EXPLAINED, "required": list(_EXPLAINED)}),
}
_TEST: dict[str, Schema] = {
    "id": _text("Its id."),
    "account_id": _or_null(_text("The account, null when it is not saved.")),
    "account": _text("Its name."),
    "edited": _flag("Values that are not saved were tested."),
    "state": _word(StagedState, "`passed`: the server took the message. It may have arrived or not."),
    "started_at": _moment("When it began."),
    "ended_at": _or_null(_moment("When it was over.")),
    "by": _text("Who started it."),
    "to": _text("Who gets the message."),
    "subject": _text("Its subject."),
    "host": _text("The server."),
    "port": {"type": "integer"},
    "user": _text("The login."),
    "sender": _text("The return path."),
    "mode": _text("What becomes of other mail."),
    "message_id": _or_null(_text("The message, where it was handed to the queue.")),
}


def _answer(sentence: str, properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "description": sentence, "properties": properties, "required": list(properties)}


def schemas() -> dict[str, Schema]:
    """Every shape, by name."""
    steps: Schema = {"type": "array", "items": {"$ref": "#/components/schemas/TestStep"}}
    return {
        "TestStep": _answer("What was found at one step of a test.", _STEP),
        "TestLine": _answer("A test, without its steps.", _TEST),
        "Test": _answer("A test of an account, with the reports of its steps.", _TEST | {"steps": steps}),
    }
