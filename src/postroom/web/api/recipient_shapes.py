"""The shapes of kinds of mail, preferences and suppressions in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from postroom.model.kind import Files, Way
from postroom.model.preference import Why
from postroom.policy.tongue import LANGUAGES

__all__ = ["schemas"]

Schema = dict[str, Any]


def _text(sentence: str = "", **more: Any) -> Schema:
    return {"type": "string"} | ({"description": sentence} if sentence else {}) | more


def _flag(sentence: str) -> Schema:
    return {"type": "boolean", "description": sentence}


def _number(sentence: str, least: int, most: int) -> Schema:
    return {"type": "integer", "description": sentence, "minimum": least, "maximum": most}


def _moment(sentence: str) -> Schema:
    return {"anyOf": [_text(sentence, format="date-time"), {"type": "null"}]}


def _list(items: Schema, sentence: str) -> Schema:
    return {"type": "array", "items": items, "description": sentence}


_WAYS = [way.value for way in Way]
_KIND = {
    "name": _text("The word that applications name it by. It can't be changed."),
    "title": _text("What recipients are told it is."),
    "title_de": _text("The same in German."),
    "description": _text("What it is about, in a sentence for recipients."),
    "description_de": _text("The same in German."),
    "way": _text("How who chose nothing gets it: at once, in a digest, or not at all.", enum=_WAYS),
    "mandatory": _flag("Security mail: it always passes, and at once, whatever its recipient chose."),
    "bulk": _flag("Mail to many: its recipients may stop it even where they choose nothing else."),
    "attachments": _text(
        "Attachments of a mail that goes into a digest: kept in it, or linked from it.",
        enum=[files.value for files in Files],
    ),
}
_LANGUAGE = _text("What he reads; empty: as the tenant has it.", enum=["", *LANGUAGES])
_CHOSEN = {
    "language": _LANGUAGE,
    "time_zone": _text("His time zone, like Europe/Prague; empty: as the tenant has it."),
    "hour": _number("The hour of his daily and weekly digests, by his clock.", 0, 23),
    "weekday": _number("The day of his weekly digest; 0 is Monday.", 0, 6),
}
_SUPPRESSION = {
    "address": _text("The mailbox."),
    "why": _text("Why nothing but security mail goes to it.", enum=[why.value for why in Why]),
    "note": _text("For people; of a delivery, the server's words."),
}


def _answer(sentence: str, properties: Schema) -> Schema:
    return {"type": "object", "description": sentence, "properties": properties, "required": list(properties)}


def _given(sentence: str, properties: Schema) -> Schema:
    return {"type": "object", "description": sentence, "properties": properties}


def schemas() -> dict[str, Schema]:
    """Every shape, by name."""
    return _of_kinds_and_preferences() | _of_suppressions()


def _of_kinds_and_preferences() -> dict[str, Schema]:
    return {
        "KindValues": _given("A kind of mail, as it is given. What is not named stays as it is.", _KIND),
        "Kind": _answer(
            "A kind of mail.",
            {"id": _text("Like `d_…`."), "tenant_id": _text()}
            | _KIND
            | {"created_at": _text(format="date-time"), "version": _number("Grows with each change.", 1, 1 << 53)},
        ),
        "PreferenceValues": _given(
            "What a recipient chooses. What is not named stays as it is.",
            _CHOSEN
            | {
                "ways": {
                    "type": "object",
                    "description": "Kind → how he gets it; null: as the kind has it.",
                    "additionalProperties": {"anyOf": [_text(enum=_WAYS), {"type": "null"}]},
                }
            },
        ),
        "Preference": _answer(
            "What a recipient chose, and what he may choose.",
            {
                "address": _text("The mailbox."),
                **_CHOSEN,
                "kinds": _list({"$ref": "#/components/schemas/ChosenKind"}, "The tenant's kinds of mail."),
                "suppressed": _text("Why nothing but security mail goes to it; empty: it is not suppressed."),
                "updated_at": _moment("When it was changed last."),
            },
        ),
        "ChosenKind": _answer(
            "A kind of mail, as one recipient gets it.",
            {
                "name": _KIND["name"],
                "title": _text("What it is, in the language that was asked for."),
                "description": _text("What it is about, in that language."),
                "way": _text("How he gets it.", enum=_WAYS),
                "chosen": _flag("Whether he chose that himself."),
                "may": _list(_text(enum=_WAYS), "What he may choose; nothing of what is mandatory."),
            },
        ),
        "PreferenceLink": _answer(
            "A link to the page on which he chooses himself.",
            {"url": _text(format="uri"), "expires_at": _text(format="date-time")},
        ),
    }


def _of_suppressions() -> dict[str, Schema]:
    return {
        "SuppressionValues": _given(
            "Somebody whom nothing but security mail shall go to.",
            _SUPPRESSION | {"expires_at": _moment("Until when; null: for good.")},
        )
        | {"required": ["address"]},
        "Suppression": _answer(
            "Somebody whom nothing but security mail goes to.",
            _SUPPRESSION
            | {
                "source": _text("`delivery`, `report`, `import`, `recipient`, or who did it."),
                "created_at": _text(format="date-time"),
                "expires_at": _moment("Until when; null: for good."),
                "message_id": {"anyOf": [_text("The mail that showed it."), {"type": "null"}]},
            },
        ),
        "SuppressionImport": _answer(
            "What an import did.", {"added": _number("How many are new or changed.", 0, 1 << 53)}
        ),
    }
