"""OAuth2 grants: what lets an account log in with access tokens instead of a password.

The settings of a grant are the account's fields `oauth2_…`; what was granted (tokens, sealed) is a `Grant`, which holds
none of its secrets in the open. Endpoints and scopes of providers are `policy.providers`' business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Grant", "OAuth2Flow", "OAuth2Provider"]


class OAuth2Provider(StrEnum):
    """Whose identity provider it is. The clouds of Microsoft that are run apart from the others have their own word."""

    NONE = ""
    MICROSOFT = "microsoft"
    MICROSOFT_US_GOV = "microsoft-us-gov"
    MICROSOFT_US_DOD = "microsoft-us-dod"
    MICROSOFT_CHINA = "microsoft-china"
    GOOGLE = "google"
    CUSTOM = "custom"

    @property
    def is_microsoft(self) -> bool:
        return self.value.startswith("microsoft")


class OAuth2Flow(StrEnum):
    """How tokens are got. The first and the last need a person's consent once, the others a key of the application."""

    AUTHORIZATION_CODE = "authorization-code"
    CLIENT_CREDENTIALS = "client-credentials"
    SERVICE_ACCOUNT = "service-account"
    REFRESH_TOKEN = "refresh-token"  # noqa: S105  (a word for a way, no secret)

    @property
    def needs_consent(self) -> bool:
        """Whether there is nothing to renew before somebody has consented, or typed a refresh token."""
        return self in (OAuth2Flow.AUTHORIZATION_CODE, OAuth2Flow.REFRESH_TOKEN)


@dataclass(frozen=True, slots=True)
class Grant:
    """What is kept of an account's grant. `refresh` and `access` are sealed; times are ms UTC.

    `asked_ms`: the last time the provider was asked; `trouble`: how often in a row that gave no token; `fault` is what
    it said then, printable. `fence` is the lease of whoever renews now, until `leased_until_ms` of the database's time.
    """

    account_id: int
    tenant_id: int
    refresh: bytes | None = field(default=None, repr=False)
    access: bytes | None = field(default=None, repr=False)
    access_expires_ms: int | None = None
    granted_ms: int | None = None
    granted_by: str = ""
    renewed_ms: int | None = None
    asked_ms: int | None = None
    trouble: int = 0
    fault: str = ""
    fence: int = 0
    leased_until_ms: int = 0
