"""Identity providers as data: which URLs and scopes an account's grant means. What is typed wins over the preset."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode

from postroom.model.account import Account
from postroom.model.grant import OAuth2Flow, OAuth2Provider

__all__ = ["Endpoints", "authorize_link", "endpoints", "mailbox_scope", "needs_tenant"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a grant's tokens come from. `loopback`: the host that the provider takes for a return to this machine;
    `signature`: how the application signs (JWS `alg`) with an RSA key; `authorize`: more arguments for consent."""

    authorize_url: str
    token_url: str
    scope: str
    loopback: str
    signature: str
    authorize: Mapping[str, str] = field(default_factory=dict)


@cache
def _presets() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(files("postroom.policy").joinpath("providers.toml").read_text("utf-8"))


def needs_tenant(account: Account) -> bool:
    """Whether the provider must be told which directory: an application without a person is of exactly one."""
    return account.oauth2_provider.is_microsoft and account.oauth2_flow is OAuth2Flow.CLIENT_CREDENTIALS


def mailbox_scope(account: Account) -> str:
    """What is asked for in order to read a mailbox, where that is not what sending needs; else ""."""
    preset = _presets()[account.oauth2_provider.value or OAuth2Provider.CUSTOM.value]
    return str(preset.get("mailbox_scope", "")) if account.oauth2_flow.needs_consent else ""


def endpoints(account: Account) -> Endpoints:
    """What holds for the account; empty texts where neither it nor its provider says anything."""
    preset = _presets()[account.oauth2_provider.value or OAuth2Provider.CUSTOM.value]
    tenant = quote(account.oauth2_tenant or preset.get("tenant", ""), safe="")
    consent = account.oauth2_flow.needs_consent
    return Endpoints(
        authorize_url=account.oauth2_authorize_url or preset["authorize_url"].replace("{tenant}", tenant),
        token_url=account.oauth2_token_url or preset["token_url"].replace("{tenant}", tenant),
        scope=account.oauth2_scope or preset["scope" if consent else "application_scope"],
        loopback=preset["loopback"],
        signature=preset["signature"],
        authorize=preset.get("authorize", {}),
    )


def authorize_link(account: Account, state: str, challenge: str, redirect_url: str) -> str:
    """Where the person goes to consent (RFC 6749, 4.1.1, with PKCE S256, RFC 7636, 4.3)."""
    found = endpoints(account)
    asked = {
        "response_type": "code",
        "client_id": account.oauth2_client_id,
        "redirect_uri": redirect_url,
        "scope": found.scope,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "login_hint": account.user,
        **found.authorize,
    }
    joint = "&" if "?" in found.authorize_url else "?"
    return f"{found.authorize_url}{joint}{urlencode({name: value for name, value in asked.items() if value})}"
