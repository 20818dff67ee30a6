"""Tenants and the settings that are inherited: installation → tenant → account → sender → message.

The installation itself is the tenant without a parent, so that every row has a tenant and inheritance is one rule.
A value of None means "not set here: inherited".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["INSTALLATION", "Footer", "ForeignFrom", "Mode", "Sending", "Tenant", "TenantSettings", "UnknownPolicy"]

INSTALLATION = 1
"""The id of the installation's own row in the tenant table."""


class Mode(StrEnum):
    """What becomes of accepted mail (activeCollab's four words)."""

    DISABLED = "disabled"
    SILENT = "silent"
    NATIVE = "native"
    SMTP = "smtp"


class Sending(StrEnum):
    INSTANTLY = "instantly"
    BACKGROUND = "background"


class UnknownPolicy(StrEnum):
    """What to do when the answer to the final dot never came.

    Send again (at least once), or hold for a person (at most once).
    """

    RETRY = "retry"
    HOLD = "hold"


class ForeignFrom(StrEnum):
    """What becomes of a message that names a From its application may not use."""

    REFUSE = "refuse"
    REWRITE = "rewrite"


@dataclass(frozen=True, slots=True)
class Footer:
    """Added below the text and the HTML body. Either may be empty; the other is then made from it."""

    text: str = ""
    html: str = ""

    def __bool__(self) -> bool:
        return bool(self.text or self.html)


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """What can be set for the installation or for one tenant. None is inherited."""

    mode: Mode | None = None
    sending: Sending | None = None
    default_sender_id: int | None = None
    default_account_id: int | None = None
    footer_text: str | None = None
    footer_html: str | None = None
    recipients_choose: bool | None = None
    unknown_policy: UnknownPolicy | None = None
    content_days: int | None = None
    log_days: int | None = None
    retry_minutes: tuple[int, ...] | None = None
    retry_days: int | None = None
    guard_redirect: str | None = None
    guard_allow: tuple[str, ...] | None = None
    foreign_from: ForeignFrom | None = None
    reset_fallback: bool | None = None
    language: str | None = None
    time_zone: str | None = None
    suppress_unknown: bool | None = None
    alarm_to: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Tenant:
    """`deleted_ms`: since when it is gone but for its log, which retention still keeps; its name is free again."""

    id: int
    parent_id: int | None
    name: str
    settings: TenantSettings
    suspended: bool = False
    created_ms: int = 0
    version: int = 1
    deleted_ms: int | None = None
