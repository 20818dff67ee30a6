"""The answers of the API: what the facades' nouns look like in JSON.

`plain` turns any noun into an object by its fields: ids become text with their letter, `…_ms` becomes RFC 3339 as
`…_at`, words and lists stay what they are. Nothing can slip out by it that is not a field of the noun, and no noun has
a field for a secret (P7).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from enum import Enum
from json.encoder import encode_basestring as _quoted
from typing import Any

from postroom import ids
from postroom.clock import iso
from postroom.outbox import Receipt, RecipientReceipt

__all__ = ["identity", "message_path", "moment", "plain", "plain_value", "receipt_json"]

_LETTERS = {
    "tenant_id": "t",
    "parent_id": "t",
    "account_id": "a",
    "fallback_account_id": "a",
    "default_account_id": "a",
    "sender_id": "s",
    "default_sender_id": "s",
    "application_id": "p",
    "resend_of": "m",
    "message_id": "m",
    "user_id": "u",
    "session_id": "n",
    "provider_id": "i",
    "connector_id": "x",
    "webhook_id": "h",
    "mailbox_id": "z",
}


def moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else iso(at_ms)


def identity(letter: str, number: int | None) -> str | None:
    """An id as text, or None when there is none."""
    return None if number is None else ids.encode(letter, number)


def message_path(number: int) -> str:
    return f"/v1/messages/{ids.encode('m', number)}"


def plain(noun: Any, letter: str, *, without: Iterable[str] = ()) -> dict[str, Any]:
    """A noun (a dataclass) as an object; `letter` is that of its own id."""
    left_out = set(without)
    found: dict[str, Any] = {}
    for field in dataclasses.fields(noun):
        if field.name in left_out:
            continue
        value = getattr(noun, field.name)
        if field.name.endswith("_ms"):
            found[f"{field.name[:-3]}_at"] = moment(value)
        elif field.name == "id":
            found["id"] = ids.encode(letter, value)
        else:
            found[field.name] = plain_value(field.name, value)
    return found


def plain_value(name: str, value: Any) -> Any:
    """One value as it is shown; an id is told by the name of its field."""
    letter = _LETTERS.get(name)
    return ids.encode(letter, value) if letter and isinstance(value, int) else _value(value)


def _value(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset):
        return sorted(_value(one) for one in value)
    if isinstance(value, tuple | list):
        return [_value(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): _value(one) for name, one in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(value, "")
    return value


def receipt_json(receipt: Receipt) -> str:
    """What the sender of a message is told, as JSON text.

    Written out and not by the encoder of `json`, which costs as much as all the rest of the answer on the hot path.
    """
    places = ",".join([_place(one) for one in receipt.recipients])
    name = ids.encode("m", receipt.message_id)
    return f'{{"id":"{name}","state":"{receipt.state}","recipients":[{places}]}}'


def _place(one: RecipientReceipt) -> str:
    n, address, state, reply, diagnosis, explanation, due_ms, attempts = one
    due = "null" if due_ms is None else f'"{iso(due_ms)}"'
    return (
        f'{{"n":{n},"address":{_quoted(address)},"state":"{state}","reply":{_quoted(reply)},'
        f'"diagnosis":{_quoted(diagnosis)},"explanation":{_quoted(explanation)},"due_at":{due},"attempts":{attempts}}}'
    )
