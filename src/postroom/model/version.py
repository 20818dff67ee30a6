"""Versions of settings: what a tenant, an account, a sender, a connector, an application, a kind of mail,
a webhook or a mailbox was after each change.

A version holds what people set, and no secret. Whether the thing is paused, or was tested, is no setting; of a secret
it tells only that there was one. The last version of what was deleted holds nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

__all__ = ["NOUNS", "Difference", "Version", "content_of", "differences", "plural"]

NOUNS = ("tenant", "account", "sender", "connector", "application", "kind", "webhook", "template", "layout", "mailbox")
"""What has versions."""

_NO_SETTING = frozenset(
    {
        "id", "tenant_id", "parent_id", "created_ms", "version", "deleted_ms", "state", "paused_reason", "paused_by",
        "paused_ms", "resume_ms", "secret_set_ms", "tested_ms", "granted_ms",
    }
)  # fmt: skip


def plural(noun: str) -> str:
    """What several of a noun are called."""
    return f"{noun}es" if noun.endswith("x") else f"{noun}s"


@dataclass(frozen=True, slots=True)
class Version:
    """`noun` is one of `NOUNS`; `who` the name of who made the change, empty where nobody knows any more. Without
    `values`, it was deleted.
    """

    tenant_id: int
    noun: str
    noun_id: int
    version: int
    at_ms: int
    who: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def deleted(self) -> bool:
        return not self.values


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which two versions differ. None where one of them does not have it."""

    field: str
    before: Any
    after: Any


def content_of(thing: Any) -> dict[str, Any]:
    """What is set on one of the nouns, as JSON holds it; what is nested stands flat, `limits.size`."""
    found: dict[str, Any] = {}
    for one in dataclasses.fields(thing):
        if one.name in _NO_SETTING:
            continue
        value = getattr(thing, one.name)
        if dataclasses.is_dataclass(value):
            prefix = "" if one.name == "settings" else f"{one.name}."
            found |= {prefix + each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
        else:
            found[one.name] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """In the order of the fields. Of a field that holds others by name, those that differ: `texts.en.subject`."""
    found = []
    for name in [*after, *(name for name in before if name not in after)]:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += [Difference(f"{name}.{one.field}", one.before, one.after) for one in differences(old, new)]
        else:
            found.append(Difference(name, old, new))
    return found
