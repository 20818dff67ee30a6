"""The shapes of versions in JSON Schema. As in `shapes`, tables of sentences."""

from __future__ import annotations

from typing import Any

from postroom.web.api.people_shapes import FLAG, MOMENT, NUMBER, TEXT, shape, told

__all__ = ["schemas"]

_VALUES = told({"type": "object"}, "Every field; never a password, only `has_secret`.")
_VERSION = {
    "version": told(NUMBER, "As attempts name it."),
    "at": told(MOMENT, "When it was made."),
    "who": told(TEXT, "Who made it; empty where nobody knows."),
    "deleted": told(FLAG, "It was deleted, so it has no values."),
    "values": _VALUES,
}
_COMPARISON = {
    "before": told(NUMBER, "The earlier version."),
    "after": told(NUMBER, "The later version."),
    "at": told(MOMENT, "When the later one was made."),
    "who": told(TEXT, "Who made the later one."),
    "differences": {"type": "array", "items": {"$ref": "#/components/schemas/Difference"}},
}
_RETURNED = {
    "version": told(NUMBER, "The new version, with the values of the old one."),
    "kept": told({"type": "array", "items": TEXT}, "Fields left as they are: what they named then is deleted."),
    "secret_dropped": told(FLAG, "The kept password is not for the server of that version; type it again."),
    "needs": told({"type": "array", "items": TEXT}, "What is missing before mail can leave, in sentences."),
}
_DELETABLE = ["account", "sender", "connector", "kind", "webhook", "template", "layout"]
_NOUN = told({"type": "string", "enum": _DELETABLE}, "What it was.")
_DELETED = {
    "id": told(TEXT, "The id that it had, and has again when it is restored."),
    "noun": _NOUN,
    "name": told(TEXT, "The name, of a sender the address."),
    "at": told(MOMENT, "When it was deleted."),
    "who": told(TEXT, "Who deleted it; empty where nobody knows."),
    "version": told(NUMBER, "Its last version."),
    "values": _VALUES,
}


def schemas() -> dict[str, dict[str, Any]]:
    """Every shape, by name."""
    return {
        "Version": shape("What something looked like after a change.", _VERSION),
        "Comparison": shape("What differs between two versions.", _COMPARISON),
        "Difference": shape("A field that differs.", {"field": TEXT, "before": {}, "after": {}}),
        "Returned": shape("What a return did.", _RETURNED),
        "Deleted": shape("Something that is deleted and can be restored.", _DELETED),
        "Restored": shape("What is there again.", {"id": TEXT, "noun": _NOUN, **_RETURNED}),
    }
