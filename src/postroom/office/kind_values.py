"""What can be set of a kind of mail, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from postroom.model.kind import Files, Kind, Way
from postroom.office.fields import Reader, Reading, Unfit, flag, line, name, one_of

__all__ = ["apply", "read"]

_WAYS: dict[str, Way] = {"instantly": Way.AT_ONCE, "now": Way.AT_ONCE, "not-at-all": Way.NONE, "off": Way.NONE}


def _word(value: object) -> str:
    """The applications' word: short, and nothing that a header or a list with commas would change."""
    text: str = name(value)
    if not text.isascii() or "," in text or not text.isprintable():
        raise Unfit("holds a comma, or a letter outside ASCII.", "Applications write it in headers: news, invoice …")
    return text


_READERS: dict[str, Reader] = {
    "name": _word,
    "title": line(100),
    "title_de": line(100),
    "description": line(500),
    "description_de": line(500),
    "way": one_of(Way, _WAYS),
    "mandatory": flag,
    "bulk": flag,
    "attachments": one_of(Files),
}


def read(given: Mapping[str, object], reading: Reading) -> dict[str, Any]:
    """The values by our names."""
    for typed, value in given.items():
        field = typed.strip().lower().replace("-", "_")
        if field in _READERS:
            reading.take(field, _READERS[field], value)
        else:
            reading.unknown(typed, _READERS)
    return reading.values


def apply(kind: Kind, values: Mapping[str, Any], reading: Reading) -> Kind:
    """The kind with these values; adds a fault where they don't fit together."""
    new = replace(kind, **values)
    if new.mandatory and new.way is not Way.AT_ONCE:
        problem = "does not go with mandatory: security mail leaves at once."
        reading.fault("way", problem, "Leave it at at-once, or say that the kind is not mandatory.")
    if new.mandatory and new.bulk:
        problem = "does not go with mandatory: who gets bulk mail may stop it."
        reading.fault("bulk", problem, "Choose one of the two.")
    if kind.name and new.name != kind.name:
        problem = "can't be changed: applications name it, and recipients chose by it."
        reading.fault("name", problem, "Change the title, or make a new kind.")
    return new
