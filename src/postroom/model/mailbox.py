"""Mailboxes that are read: where what comes back arrives, fetched over IMAP (RFC 9051, RFC 3501).

How its server is reached and logged in at is said in the words of an account (`access`), so that one code reads, checks
and seals both, and asks for access tokens for both. The secret is not part of it: it is sealed to the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from postroom.model.account import Account, CertificateCheck, Encryption, Login
from postroom.model.grant import OAuth2Flow, OAuth2Provider

__all__ = ["ACCESS", "Afterwards", "Mailbox", "MailboxEvent", "MailboxState", "default_mailbox_port"]


class Afterwards(StrEnum):
    """What becomes of a mail in its folder once it is taken in. `leave` touches nothing at all."""

    SEEN = "seen"
    MOVE = "move"
    DELETE = "delete"
    LEAVE = "leave"


_PORTS = {Encryption.NONE: 143, Encryption.STARTTLS: 143, Encryption.TLS: 993}


def default_mailbox_port(encryption: Encryption) -> int:
    """993 with TLS from the start, else 143 (RFC 8314, RFC 9051)."""
    return _PORTS[encryption]


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One folder of one mailbox. Fields that an account has as well mean what they mean there.

    `address`: the address whose mail arrives in it, for the test of an account; `folder`: the one that is read;
    `move_to`: where mail goes that is taken in, with `move`; `poll_seconds`: how often it is looked into at least,
    where the server does not tell of new mail by itself; `only_new`: what lies there at the first look is left alone.
    """

    id: int
    tenant_id: int
    name: str
    host: str
    port: int
    encryption: Encryption = Encryption.TLS
    login: Login = Login.PASSWORD
    user: str = ""
    secret_reference: str = ""
    oauth2_provider: OAuth2Provider = OAuth2Provider.NONE
    oauth2_flow: OAuth2Flow = OAuth2Flow.AUTHORIZATION_CODE
    oauth2_tenant: str = ""
    oauth2_client_id: str = ""
    oauth2_scope: str = ""
    oauth2_authorize_url: str = ""
    oauth2_token_url: str = ""
    oauth2_secret_expires: str = ""
    certificate_check: CertificateCheck = CertificateCheck.VERIFY
    certificate_authority: str = ""
    certificate_pin: str = ""
    certificate_trusted: str = ""
    allow_clear_login: bool = False
    connector_id: int | None = None
    enabled: bool = True
    address: str = ""
    folder: str = "INBOX"
    afterwards: Afterwards = Afterwards.SEEN
    move_to: str = ""
    poll_seconds: int = 300
    only_new: bool = False
    has_secret: bool = False
    secret_set_ms: int | None = None
    granted_ms: int | None = None
    created_ms: int = 0
    version: int = 1

    @property
    def access(self) -> Account:
        """How its server is reached and logged in at, in the words of an account with the mailbox's own id."""
        shared: dict[str, Any] = {name: getattr(self, name) for name in ACCESS}
        return Account(self.id, self.tenant_id, self.name, self.host, self.port, **shared)


ACCESS = (
    "encryption", "login", "user", "secret_reference", "oauth2_provider", "oauth2_flow", "oauth2_tenant",
    "oauth2_client_id", "oauth2_scope", "oauth2_authorize_url", "oauth2_token_url", "oauth2_secret_expires",
    "certificate_check", "certificate_authority", "certificate_pin", "certificate_trusted", "allow_clear_login",
    "connector_id", "enabled", "has_secret", "secret_set_ms", "granted_ms", "created_ms", "version",
)  # fmt: skip
"""What a mailbox shares with accounts besides name, host and port."""


@dataclass(frozen=True, slots=True)
class MailboxState:
    """How far a mailbox is read, and how it stands; one for each, kept apart from what is set.

    `uid_validity` and `uid`: everything up to this number is dealt with, as long as the folder says the same validity
    (RFC 9051, 2.3.1.1); None before the first look. `taken` and `passed`: how many mails were taken in, and could not
    be. `looked_ms`: when it was last read without trouble; `taken_ms`: when the last mail was taken in. `trouble`
    counts failures in a row, since `trouble_ms`; `phase`, `failure` and `fault` say what the last one was.
    `idles`: the server tells of new mail by itself. `asked_ms`: when somebody wanted it read at once. Times: ms UTC;
    `leased_until_ms` by the database's clock.
    """

    mailbox_id: int
    tenant_id: int
    uid_validity: int | None = None
    uid: int = 0
    taken: int = 0
    passed: int = 0
    looked_ms: int | None = None
    taken_ms: int | None = None
    trouble: int = 0
    trouble_ms: int | None = None
    phase: str = ""
    failure: str = ""
    fault: str = ""
    idles: bool = False
    asked_ms: int | None = None
    node: str = ""
    fence: int = 0
    leased_until_ms: int = 0


@dataclass(frozen=True, slots=True)
class MailboxEvent:
    """A line of a mailbox's log. `trouble`: something is wrong since then, or a mail could not be taken in."""

    id: int
    tenant_id: int
    mailbox_id: int
    at_ms: int
    trouble: bool
    text: str
