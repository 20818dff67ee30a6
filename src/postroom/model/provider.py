"""Identity providers: who else says who somebody is (OpenID Connect), and which of their people are users here.

A provider lets people into one tenant. A user is known again by the provider's issuer and its number for him (the
subject), which never changes hands; an e-mail address does, so it links nobody unless the operator says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Identity", "Provider"]


@dataclass(frozen=True, slots=True)
class Provider:
    """`tenant_id`: where its people are users. `email_domains`: whose addresses may come in; empty: all.

    `groups_claim`: the name of what tells groups in its tokens, empty when roles are not taken from there; `roles`:
    pairs of group and role, a role being named as a user's row does; `default_roles`: for everybody from there.
    `create_users`: whoever comes first becomes a user. `link_by_email`: an address that the provider has verified
    links him to the user who has it. The client secret is no field.
    """

    id: int
    tenant_id: int
    name: str
    issuer: str
    client_id: str
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    email_domains: tuple[str, ...] = ()
    groups_claim: str = ""
    roles: tuple[tuple[str, str], ...] = ()
    default_roles: tuple[str, ...] = ()
    create_users: bool = False
    link_by_email: bool = False
    enabled: bool = True
    has_secret: bool = field(default=False, repr=False)
    secret_set_ms: int | None = None
    created_ms: int = 0
    version: int = 1


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody at a provider who is a user here. `subject`: the provider's number for him."""

    id: int
    tenant_id: int
    user_id: int
    provider_id: int
    issuer: str
    subject: str
    linked_ms: int = 0
    used_ms: int | None = None
