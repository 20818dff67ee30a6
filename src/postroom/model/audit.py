"""An entry of the audit trail: who did what to which thing, when, from where, what it was before and is after.

Values come in by field and go out as JSON. What is a secret is never one of them: only that it was set or removed. A
value of a kind that is not known to be harmless is written as `***`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from postroom.model.application import Actor

__all__ = ["NOUNS", "Entry", "difference", "shown"]

NOUNS: dict[str, str] = {
    "tenant": "t",
    "account": "a",
    "sender": "s",
    "application": "p",
    "key": "k",
    "user": "u",
    "role": "r",
    "session": "n",
    "message": "m",
    "provider": "i",
    "connector": "x",
    "agent": "g",
    "kind": "d",
    "webhook": "h",
    "template": "v",
    "layout": "l",
    "bulk": "q",
    "mailbox": "z",
    "preference": "",
    "suppression": "",
    "dkim-key": "y",
    "incoming": "b",
    "job": "j",
    "filter": "o",
}
"""What an entry may be about, and the letter of its ids."""

_LONGEST = 4_000
_UNTOLD = frozenset(
    {"id", "tenant_id", "created_ms", "version", "has_secret", "secret_set_ms", "granted_ms", "has_client_key"}
)


@dataclass(frozen=True, slots=True)
class Entry:
    """`verb` is `noun.what-happened`; `tenant_id` the tenant whose thing it is; `who_kind`: user, key or postroom."""

    tenant_id: int
    verb: str
    at_ms: int
    thing_id: int | None = None
    thing: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    who_kind: str = "postroom"
    who_id: int | None = None
    who: str = ""
    door: str = ""
    address: str = ""
    id: int = 0

    @property
    def noun(self) -> str:
        return self.verb.partition(".")[0]

    def by(self, actor: Actor | None) -> Entry:
        """The same, done by this one; by Postroom itself without anybody."""
        if actor is None:
            return self
        kind, number = ("user", actor.user_id) if actor.user_id is not None else ("key", actor.key_id)
        return dataclasses.replace(
            self, who_kind=kind, who_id=number, who=actor.name, door=actor.door, address=actor.address
        )


def difference(old: Any, new: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields in which two of a noun differ, before and after; None for a noun that is not there."""
    before = {} if old is None else _fields(old)
    after = {} if new is None else _fields(new)
    changed = [name for name in before | after if before.get(name) != after.get(name)]
    told_before = {name: before[name] for name in changed if name in before}
    told_after = {name: after[name] for name in changed if name in after}
    _tell_secret(old, new, told_before, told_after)
    return told_before, told_after


def _tell_secret(old: Any, new: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
    """That a secret was set, replaced or removed; not what it is."""
    _tell_client_key(old, new, before, after)
    had, has = getattr(old, "has_secret", False), getattr(new, "has_secret", False)
    if had == has and (not has or getattr(old, "secret_set_ms", None) == getattr(new, "secret_set_ms", None)):
        return
    before["secret"] = "kept" if had else "none"
    after["secret"] = ("replaced" if had else "set") if has else "removed"


def _tell_client_key(old: Any, new: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
    """A key belongs to its certificate, so a new one is told by that."""
    had, has = getattr(old, "has_client_key", False), getattr(new, "has_client_key", False)
    if had != has:
        before["client_key"] = "kept" if had else "none"
        after["client_key"] = "set" if has else "removed"


def _fields(noun: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in dataclasses.fields(noun):
        if one.name in _UNTOLD:
            continue
        value = getattr(noun, one.name)
        if one.name == "settings" and dataclasses.is_dataclass(value):
            found |= {each.name: shown(getattr(value, each.name)) for each in dataclasses.fields(value)}
        else:
            found[one.name] = shown(value)
    return found


def shown(value: Any) -> Any:
    """A value as JSON holds it."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float):
        return value
    if type(value) is str:
        return value if len(value) <= _LONGEST else value[:_LONGEST] + "…"
    if isinstance(value, frozenset | set):
        return sorted(str(shown(one)) for one in value)
    if isinstance(value, tuple | list):
        return [shown(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): shown(one) for name, one in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: shown(getattr(value, one.name)) for one in dataclasses.fields(value)}
    return "***"
