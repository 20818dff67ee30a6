"""Settings about passwords that are kept elsewhere: who may refer to them, and how the vault is reached.

A part of the one table (`Settings`), in a module of its own for its length.
"""

# ruff: noqa: RUF009  (setting only wraps dataclasses.field: nothing is computed once and then shared)

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from postroom.settings import spelling
from postroom.settings.name_servers import NameServerSettings
from postroom.settings.setting import setting
from postroom.settings.spelling import Hidden, Spelling

__all__ = ["Allowed", "VaultSettings"]


class Allowed(NamedTuple):
    """A tenant (its name or id) may use references that are just this, or begin so when it ends in `*`."""

    tenant: str
    pattern: str

    def __str__(self) -> str:
        return f"{self.tenant}={self.pattern}"

    def fits(self, reference: str) -> bool:
        if self.pattern.endswith("*"):
            return reference.startswith(self.pattern[:-1])
        return reference == self.pattern


_KINDS = re.compile(r"(env|file|systemd|vault):.+")


def _allowed(value: object, base: Path, environ: Mapping[str, str]) -> tuple[Allowed, ...]:
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        raise ValueError("is not a list of tenant=reference.")
    found = []
    for word in (one.strip() for one in words):
        tenant, mark, pattern = (part.strip() for part in word.partition("="))
        if not word:
            continue
        if not mark or not tenant or not _KINDS.fullmatch(pattern) or not word.isprintable():
            raise ValueError("does not say tenant=reference, the reference beginning with env:, file:, … or vault:.")
        found.append(Allowed(tenant, pattern))
    return tuple(found)


def _plain(value: object, base: Path, environ: Mapping[str, str]) -> str:
    if not isinstance(value, str) or not value.strip().isprintable():
        raise ValueError("is not text on one line.")
    return value.strip()


def _secret(value: object, base: Path, environ: Mapping[str, str]) -> Hidden:
    if not isinstance(value, str) or not value.strip().isascii() or not value.strip().isprintable():
        raise ValueError("is not one line of ASCII.")
    return Hidden(value.strip())


def _file_or_none(value: object, base: Path, environ: Mapping[str, str]) -> Path | None:
    found: Path = spelling.FILE.parse(value, base, environ)
    return found


_ALLOWED = Spelling(
    "list of tenant=reference", '["acme=vault:kv/acme/*"]', _allowed, lambda value: ", ".join(map(str, value))
)
_TEXT = Spelling("text", '"mail"', _plain)
_HIDDEN = Spelling("secret text", '"…"', _secret, secret=True)
_OPTIONAL_FILE = Spelling(
    "file", '"/run/secrets/postroom-vault"', _file_or_none, lambda value: "" if value is None else str(value)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSettings(NameServerSettings):
    secret_references: tuple[Allowed, ...] = setting(
        _ALLOWED,
        (),
        "Which tenants may use which passwords that are kept elsewhere. The installation's own accounts may use any.",
    )
    secret_cache_seconds: float = setting(
        spelling.duration("s", at_least=0),
        60.0,
        "How long a password from elsewhere is remembered before it is looked up again, in seconds.",
    )
    vault_address: str = setting(
        spelling.URL, "", "The HashiCorp Vault or OpenBao that vault: references are looked up in."
    )
    vault_ca: Path | None = setting(
        _OPTIONAL_FILE, None, "The CA, in PEM, that the vault's certificate is checked against. Empty: the system's."
    )
    vault_namespace: str = setting(_TEXT, "", "The vault's namespace, where it has any.")
    vault_token: Hidden = setting(
        _HIDDEN, Hidden(""), "The token for the vault. Only from the environment.", environment_only=True
    )
    vault_token_file: Path | None = setting(
        _OPTIONAL_FILE, None, "A file with the token, as Vault Agent writes it; read anew for each look-up."
    )
    vault_role_id: str = setting(
        _TEXT, "", "The role id of the AppRole to log in to the vault with, instead of a token."
    )
    vault_secret_id: Hidden = setting(
        _HIDDEN, Hidden(""), "The secret id that goes with it. Only from the environment.", environment_only=True
    )
    vault_secret_id_file: Path | None = setting(
        _OPTIONAL_FILE, None, "A file with the secret id; read anew for each login."
    )
    vault_approle_mount: str = setting(_TEXT, "approle", "Where the vault has AppRole mounted.")
