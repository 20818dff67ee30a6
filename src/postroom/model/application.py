"""Applications, their keys, and who is acting."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Actor", "Application", "Key", "Scope"]


class Scope(StrEnum):
    """What a key may do. `admin` may do everything within its tenant; on the installation's row, everything."""

    SEND = "messages:send"
    READ = "messages:read"
    CONTENT = "messages:content"
    ACT = "messages:act"
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Application:
    id: int
    tenant_id: int
    name: str
    suspended: bool = False
    created_ms: int = 0


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is stored: never the key itself, only its SHA-256 and the prefix people tell it by."""

    id: int
    tenant_id: int
    application_id: int
    prefix: str
    scopes: frozenset[Scope]
    created_ms: int
    last_used_ms: int | None = None
    expires_ms: int | None = None
    revoked_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, for which tenant. Every call of a facade takes one; nothing is done for nobody."""

    tenant_id: int
    scopes: frozenset[Scope]
    application_id: int | None = None
    name: str = ""

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes
