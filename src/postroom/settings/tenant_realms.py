"""The setting `tenant_realms`: Kerberos realms that the accounts of tenants may name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from postroom.settings.spelling import Spelling

__all__ = ["TENANT_REALMS"]

_REALM = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9])?", re.ASCII)


def _read(value: object, base: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        raise ValueError("is no list of realms.")
    realms = tuple(word.strip() for word in words if word.strip())
    if not all(map(_REALM.fullmatch, realms)):
        raise ValueError("names something that is no realm like EXAMPLE.COM.")
    return realms


TENANT_REALMS = Spelling("list of realms", '["EXAMPLE.COM"]', _read, ", ".join)
