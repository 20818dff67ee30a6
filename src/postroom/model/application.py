"""Applications, their keys, and who is acting."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from postroom.model.tenant import INSTALLATION

__all__ = ["Actor", "Application", "Key", "Scope"]


class Scope(StrEnum):
    """A permission: what a key or a user may do. `admin` may do everything within its tenant; on the installation's
    row, everything.
    """

    SEND = "messages:send"
    READ = "messages:read"
    CONTENT = "messages:content"
    ACT = "messages:act"
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"
    APPLICATIONS = "applications:manage"
    RECIPIENTS = "recipients:manage"
    USERS = "users:manage"
    TENANTS = "tenants:manage"
    AUDIT = "audit:read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Application:
    """`senders`: addresses, or `*@domain`, that it may use; `kinds`: what it may name as a message's kind; empty: all
    of its tenant's. `per_minute`: messages it may hand over, None for any number.
    """

    id: int
    tenant_id: int
    name: str
    suspended: bool = False
    created_ms: int = 0
    senders: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    per_minute: int | None = None
    version: int = 1


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
    """Who asks, for which tenant. Every call of a facade takes one; nothing is done for nobody.

    `everywhere`: a user of the installation, whose rights hold in every tenant. `door` and `address` say where he came
    in, for the audit trail.
    """

    tenant_id: int
    scopes: frozenset[Scope]
    application_id: int | None = None
    name: str = ""
    key_id: int | None = None
    user_id: int | None = None
    session_id: int | None = None
    everywhere: bool = False
    door: str = ""
    address: str = ""

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def reaches(self, tenant_id: int) -> bool:
        """Whether he may mean this tenant: his own, or any for those whose rights are installation-wide."""
        if tenant_id == self.tenant_id:
            return True
        return self.tenant_id == INSTALLATION and (self.everywhere or Scope.ADMIN in self.scopes)
