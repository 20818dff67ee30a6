"""What a provider's claims make of somebody: his address, his roles, what he would be called.

Claims are a stranger's data: whatever is not of the kind that is expected counts as not said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from postroom.addresses import Address, BadAddress
from postroom.model.provider import Provider

__all__ = ["Newcomer", "Unwelcome", "newcomer"]

_MOST_GROUPS = 2_000
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Newcomer:
    """`email`: as it is stored, "" without one; `verified`: the provider says that it is his. `roles`: None where the
    provider does not decide about them.
    """

    subject: str
    email: str
    verified: bool
    login: str
    name: str
    roles: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Unwelcome:
    """Why he may not come in, as a sentence that speaks of nothing but what the provider says of him. `roles`: what is
    left of those that he had, where the provider decides about them.
    """

    why: str
    roles: tuple[str, ...] | None = None


def newcomer(provider: Provider, claims: Mapping[str, Any]) -> Newcomer | Unwelcome:
    """`claims`: of a token that was checked."""
    email = _email(claims.get("email"))
    said = claims.get("email_verified")
    verified = bool(email) and (said is True or said == "true")  # some providers send text
    if provider.email_domains:
        if not verified:
            return Unwelcome("Only certain e-mail addresses may come in, and the provider has verified none of yours.")
        if email.rpartition("@")[2].lower() not in provider.email_domains:
            return Unwelcome("Addresses of your domain may not come in by this provider.")
    roles = _roles(provider, claims)
    if isinstance(roles, Unwelcome):
        return roles
    called = _line(claims.get("name"))
    return Newcomer(claims["sub"], email, verified, email or _line(claims.get("preferred_username")), called, roles)


def _email(value: object) -> str:
    if not isinstance(value, str) or not value:
        return ""
    try:
        parsed = Address.parse(value)
    except BadAddress:
        return ""
    return "" if parsed.name else parsed.spec


def _line(value: object) -> str:
    return value.strip()[:_LONGEST_NAME] if isinstance(value, str) and value.isprintable() else ""


def _roles(provider: Provider, claims: Mapping[str, Any]) -> tuple[str, ...] | Unwelcome | None:
    if not provider.groups_claim:
        return None
    given = claims.get(provider.groups_claim)
    elsewhere = claims.get("_claim_names")
    if given is None and isinstance(elsewhere, Mapping) and provider.groups_claim in elsewhere:
        return Unwelcome(
            "You are in so many groups that the provider names none of them. Its administrator can mend that."
        )
    listed = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    groups = {group for group in listed[:_MOST_GROUPS] if isinstance(group, str)}
    found = [role for group, role in provider.roles if group in groups]
    roles = tuple(dict.fromkeys([*found, *provider.default_roles]))
    return roles or Unwelcome("None of your groups may come in by this provider.", roles=())
