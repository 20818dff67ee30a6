"""What can be set for an application: its name, what it may use, how much it may hand over, and if it may at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from postroom.addresses import Address, BadAddress
from postroom.office.fields import Reader, Reading, Unfit, count, flag, line, name, optional
from postroom.sentence import Sentence

__all__ = ["FIELDS", "read"]

_MOST = 100
_WILD = re.compile(r"\*?@(.+)")


def _texts(value: object) -> list[str]:
    """A list, or one text with commas; None is the empty list."""
    if value is None:
        return []
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise Unfit("is no list of texts.", 'Write ["news@example.com"].')
    found = [part.strip() for part in parts if part.strip()]
    if len(found) > _MOST:
        raise Unfit(
            Sentence("holds more than {most} entries.", most=_MOST), "Allow a whole domain, like *@example.com."
        )
    return found


def _senders(value: object) -> tuple[str, ...]:
    """Addresses, as they are compared, and `*@domain` for every address of a domain."""
    found = []
    for text in _texts(value):
        wild = _WILD.fullmatch(text)
        try:
            address = Address.parse(f"any@{wild.group(1)}" if wild else text)
        except BadAddress as error:
            raise Unfit(Sentence("holds what is no address: {problem}", problem=error.problem), error.mend) from None
        found.append(f"*@{address.domain}" if wild else address.key)
    return tuple(dict.fromkeys(found))


def _kinds(value: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line(100)(text) for text in _texts(value)))


FIELDS: dict[str, Reader] = {
    "name": name,
    "suspended": flag,
    "senders": _senders,
    "kinds": _kinds,
    "per_minute": optional(count(1, 1_000_000)),
}


def read(given: Mapping[str, object], reading: Reading) -> dict[str, Any]:
    """The values by our names."""
    for typed, value in given.items():
        field = typed.strip().lower().replace("-", "_")
        if field in FIELDS:
            reading.take(field, FIELDS[field], value)
        else:
            reading.unknown(typed, list(FIELDS))
    return reading.values
