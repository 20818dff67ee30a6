"""A small reader of JSON Schema, enough for our own document: does this answer have the shape that was promised?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

__all__ = ["misfits"]

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def misfits(document: Mapping[str, Any], schema: Mapping[str, Any], value: Any, where: str = "") -> list[str]:
    """Everything in `value` that the schema does not allow, and every property it does not know."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        return misfits(document, document["components"]["schemas"][name], value, where)
    for several in ("oneOf", "anyOf"):
        if several in schema:
            tries = [misfits(document, one, value, where) for one in schema[several]]
            return [] if [] in tries else min(tries, key=len)
    kind = schema.get("type")
    if kind is not None and (not isinstance(value, _TYPES[kind]) or (kind == "integer" and isinstance(value, bool))):
        return [f"{where}: {value!r} is no {kind}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where}: {value!r} is none of {schema['enum']}"]
    if schema.get("format") == "date-time" and not (_MOMENT.fullmatch(value) and datetime.fromisoformat(value)):
        return [f"{where}: {value!r} is no time"]
    if isinstance(value, list):
        items = schema.get("items", {})
        return [
            found for place, one in enumerate(value) for found in misfits(document, items, one, f"{where}[{place}]")
        ]
    return _misfits_of_object(document, schema, value, where) if isinstance(value, dict) else []


def _misfits_of_object(
    document: Mapping[str, Any], schema: Mapping[str, Any], value: dict[str, Any], where: str
) -> list[str]:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    found = [f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in value]
    for name, one in value.items():
        if name in properties:
            found += misfits(document, properties[name], one, f"{where}.{name}")
        elif isinstance(others, Mapping):
            found += misfits(document, others, one, f"{where}.{name}")
        elif properties:
            found.append(f"{where}.{name} is not documented")
    return found
