"""What can be set for an identity provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from postroom.office.fields import Reader, Reading, Unfit, address, flag, line, name
from postroom.secrets import Secret
from postroom.sentence import Sentence
from postroom.wire.http import fault_of_url

__all__ = ["FIELDS", "read"]

_MOST = 200
_LONGEST = 2_000


def _issuer(value: object) -> str:
    text: str = line(500)(value)
    fault = fault_of_url(text, plain_on_loopback=True)
    if fault:
        raise Unfit(
            Sentence("can't be used. {fault}", fault=fault),
            "Copy it from the provider, like https://login.example.com/acme.",
        )
    if "?" in text or "#" in text:
        raise Unfit("holds a ? or a #.", "Give the issuer alone.")
    return text


def _needed(value: object) -> str:
    text: str = line(500)(value)
    if not text:
        raise Unfit("is empty.", "Copy it from the provider.")
    return text


def _texts(value: object) -> list[str]:
    parts = [] if value is None else value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or len(parts) > _MOST:
        raise Unfit(Sentence("is no list of at most {most} texts.", most=_MOST), 'Write ["one", "two"].')
    return [line(_LONGEST)(part) for part in parts if part != ""]


def _scopes(value: object) -> tuple[str, ...]:
    words = _texts(value)
    if any(" " in word or not word.isascii() for word in words):
        raise Unfit("holds what is no scope.", 'Write ["openid", "email"].')
    return tuple(dict.fromkeys(["openid", *words]))


def _domains(value: object) -> tuple[str, ...]:
    found = [address("postmaster@" + word.removeprefix("*").removeprefix("@")) for word in _texts(value)]
    return tuple(dict.fromkeys(one.rpartition("@")[2].lower() for one in found))


def _roles(value: object) -> tuple[tuple[str, str], ...]:
    """Group → role, or several roles; as an object, or as texts `group=role`."""
    pairs: list[tuple[object, object]] = []
    if isinstance(value, str | list | tuple):
        texts = [value] if isinstance(value, str) else value
        for text in texts:
            group, mark, role = text.rpartition("=") if isinstance(text, str) else ("", "", "")
            if not mark:
                raise Unfit("does not say group=role.", 'Write {"Mail admins": "mail-administrator"}.')
            pairs.append((group, role))
    elif isinstance(value, Mapping):
        for group, roles in value.items():
            pairs += [(group, role) for role in (roles if isinstance(roles, list | tuple) else [roles])]
    elif value is not None:
        raise Unfit("is no object of groups and roles.", 'Write {"Mail admins": "mail-administrator"}.')
    if len(pairs) > _MOST:
        raise Unfit(
            Sentence("names more than {most} groups.", most=_MOST), "Name only those that may do something here."
        )
    read = line(_LONGEST)
    found = [(read(group), read(role)) for group, role in pairs]
    if not all(group and role for group, role in found):
        raise Unfit("names an empty group or role.", 'Write {"Mail admins": "mail-administrator"}.')
    return tuple(dict.fromkeys(found))


def _secret(value: object) -> Secret | None:
    text = line(_LONGEST)(value)
    return Secret(text) if text else None


FIELDS: dict[str, Reader] = {
    "name": name,
    "issuer": _issuer,
    "client_id": _needed,
    "client_secret": _secret,
    "scopes": _scopes,
    "email_domains": _domains,
    "groups_claim": line(100),
    "roles": _roles,
    "default_roles": lambda value: tuple(_texts(value)),
    "create_users": flag,
    "link_by_email": flag,
    "enabled": flag,
}


def read(given: Mapping[str, object], needed: tuple[str, ...] = ()) -> dict[str, Any]:
    """The values by our names. Raises BadInput with every fault."""
    reading = Reading()
    for typed, value in given.items():
        field = typed.strip().lower().replace("-", "_")
        if field in FIELDS:
            reading.take(field, FIELDS[field], value)
        else:
            reading.unknown(typed, list(FIELDS))
    for field in needed:
        if field not in given:
            reading.fault(field, "is missing.", "The provider tells it where you register Postroom with it.")
    return reading.close()
