"""What can be set on a sender. The address may be given with its name in front (`Name <local@domain>`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from postroom.addresses import Address, BadAddress
from postroom.office.fields import Reader, Reading, address, addresses, line, reference
from postroom.sentence import Sentence

__all__ = ["read"]


_READERS: dict[str, Reader] = {
    "name": line(256),
    "reply_to": addresses,
    "return_path": address,
    "confirmation_address": address,
    "account_id": reference,
}
_ALIASES = {"account": "account_id", "email": "address", "sender_address": "address", "sender_name": "name"}


def read(given: Mapping[str, object], reading: Reading) -> dict[str, Any]:
    """The values by our names; `account_id` is left as it was given (an id or a name)."""
    for typed, value in given.items():
        plain = typed.strip().lower().replace("-", "_")
        field = _ALIASES.get(plain, plain)
        if field == "address":
            _take_address(typed, value, reading)
        elif field in _READERS:
            reading.take(field, _READERS[field], value)
        else:
            reading.unknown(typed, ["address", *_READERS, *_ALIASES])
    return reading.values


def _take_address(typed: str, value: object, reading: Reading) -> None:
    try:
        parsed = Address.parse(value.strip() if isinstance(value, str) else "")
    except BadAddress as bad:
        reading.fault(typed, Sentence("is no address. {problem}", problem=bad.problem), bad.mend)
        return
    reading.values["address"] = parsed.spec
    if parsed.name:
        reading.values.setdefault("name", parsed.name)
