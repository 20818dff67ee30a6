"""Messages and their recipients: what an application hands over, and what is kept of it.

Promise P5: `content` is fixed at acceptance; every attempt sends these very bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from postroom.addresses import Address
from postroom.model.state import State

__all__ = ["Draft", "DraftAttachment", "Message", "Priority", "Recipient", "RecipientRole"]


class Priority(IntEnum):
    """Lower leaves first: a password reset overtakes a newsletter."""

    URGENT = 1
    NORMAL = 5
    BULK = 9


class RecipientRole(StrEnum):
    TO = "to"
    CC = "cc"
    BCC = "bcc"


@dataclass(frozen=True, slots=True)
class DraftAttachment:
    filename: str
    content: bytes = field(repr=False)
    content_type: str = "application/octet-stream"
    content_id: str | None = None
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as an application hands it over, in words, before anything is checked.

    Addresses are text (`Name <local@domain>`). Times are milliseconds UTC. `retry_unknown`: None follows the tenant.
    """

    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    sender: str = ""
    subject: str = ""
    text: str | None = None
    html: str | None = None
    reply_to: tuple[str, ...] = ()
    return_path: str = ""
    receipt_to: str = ""
    request_receipt: bool | None = None
    attachments: tuple[DraftAttachment, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = ""
    priority: Priority = Priority.NORMAL
    send_at_ms: int | None = None
    expires_at_ms: int | None = None
    tags: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    account: str = ""
    hold: bool = False
    secret: bool = False
    unknown_policy: str = ""
    message_id: str = ""
    template: str = ""
    language: str = ""
    variables: Mapping[str, Any] | None = None
    """Values for the template, as JSON has them."""
    bulk_id: int | None = None
    template_version: int | None = None
    """Set by who writes the template's words into it."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is kept. `content` is None once retention or a secret mark wiped it."""

    id: int
    tenant_id: int
    created_ms: int
    sender: str
    mail_from: str
    subject: str
    message_id: str
    size: int
    priority: int
    application_id: int | None = None
    sender_id: int | None = None
    kind: str = ""
    eight_bit: bool = False
    smtputf8: bool = False
    send_at_ms: int | None = None
    expires_at_ms: int | None = None
    unknown_policy: str = "retry"
    secret: bool = False
    resend_of: int | None = None
    tags: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    template: str = ""
    template_version: int | None = None
    bulk_id: int | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient of one message: the unit that is queued, delivered and accounted for."""

    message_id: int
    n: int
    tenant_id: int
    address: str
    role: RecipientRole
    state: State
    account_id: int | None
    priority: int
    due_ms: int | None = None
    attempts: int = 0
    reason: str = ""
    diagnosis: str = ""
    scope: str = ""
    reply: str = ""
    updated_ms: int = 0

    @property
    def parsed(self) -> Address:
        return Address.parse(self.address)
