"""SMTP accounts: everything senhasegura's, Alvao's and Elixeum's forms know of one, and its limits.

A field whose means come with a later release is here already; `office` refuses such a value with "not available yet",
it is never ignored. The secret is not part of the account: it is sealed to the account's server (see `secrets`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from postroom.model.grant import OAuth2Flow, OAuth2Provider

__all__ = [
    "Account",
    "AccountState",
    "AddressTag",
    "CertificateCheck",
    "CredentialSource",
    "Encryption",
    "Limits",
    "Login",
    "default_port",
]


class Encryption(StrEnum):
    """The three honest words for what other products call SSL, TLS, secure connection and so on."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


class Login(StrEnum):
    """How Postroom logs in. `password` means: the strongest of SCRAM, CRAM-MD5, PLAIN, LOGIN that both sides know."""

    NONE = "none"
    PASSWORD = "password"  # noqa: S105  (a word for a method, no secret)
    PLAIN = "plain"
    LOGIN = "login"
    CRAM_MD5 = "cram-md5"
    SCRAM_SHA_1 = "scram-sha-1"
    SCRAM_SHA_256 = "scram-sha-256"
    OAUTH2 = "oauth2"
    KERBEROS = "kerberos"
    NTLM = "ntlm"


class CredentialSource(StrEnum):
    """What a Kerberos login proves itself with. The last two are this machine's own: only the operator gives them."""

    PASSWORD = "password"  # noqa: S105  (a word for a source)
    KEYTAB = "keytab"
    TICKET_CACHE = "ticket-cache"


class CertificateCheck(StrEnum):
    VERIFY = "verify"
    OWN_CA = "own-ca"
    PINNED = "pinned"
    IGNORE = "ignore"


class AddressTag(StrEnum):
    """Whether an address that mail comes back to carries a signed tag that leads to its message, and where: behind a
    plus (`post+TAG@example.com`), or as the whole local part, for a domain that takes mail for any address.
    """

    OFF = "off"
    PLUS = "plus"
    WHOLE = "whole"


class AccountState(StrEnum):
    """Whether mail may leave through the account now. A paused account keeps its mail; nothing bounces."""

    READY = "ready"
    PAUSED = "paused"


_PORTS = {Encryption.NONE: 25, Encryption.STARTTLS: 587, Encryption.TLS: 465}


def default_port(encryption: Encryption) -> int:
    """25, 587 or 465: the port that goes with the encryption unless another is given."""
    return _PORTS[encryption]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the provider allows. None is unlimited; `connections` always has a number."""

    connections: int = 4
    per_minute: int | None = None
    per_day: int | None = None
    recipients: int = 100
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """One way out. `port`: 1 to 65535. `limits.size` and sizes elsewhere: octets. Times: ms UTC.

    `fallback_account_id`: who sends while the account as a whole can't; `paused_by`: "person" or "verdict", "" while it
    is not paused. `preset`: the provider whose values filled what was not given (`policy.presets`), or "".
    `realm`: the Kerberos realm, or the domain of an NTLM user. `service_principal`: `smtp/mail.example.com`, when it is
    not the host's. `credential_path`: the keytab or the ticket cache; empty: that of the process.
    `certificate_pin`: the SHA-256 of the one certificate that is trusted; `certificate_trusted`: that certificate as it
    was shown then; `client_certificate`: what we show of ourselves, our own first. All certificates are PEM.
    `oauth2_…`: where access tokens come from, for the login of that name (see `model.grant`); `oauth2_secret_expires`
    is a day, YYYY-MM-DD. `granted_ms`: when somebody consented to it, or typed a refresh token.

    `probe_address`: who gets the messages by which senders are proven; "" is nobody.
    `tested_ms`: when this very server last took a test message by this very login; None after a change of these.
    """

    id: int
    tenant_id: int
    name: str
    host: str
    port: int
    encryption: Encryption = Encryption.STARTTLS
    login: Login = Login.NONE
    user: str = ""
    realm: str = ""
    service_principal: str = ""
    credential_source: CredentialSource = CredentialSource.PASSWORD
    credential_path: str = ""
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
    client_certificate: str = ""
    allow_clear_login: bool = False
    connector_id: int | None = None
    enabled: bool = True
    sender_address: str = ""
    sender_name: str = ""
    reply_to: str = ""
    return_path: str = ""
    return_path_tag: AddressTag = AddressTag.OFF
    reply_to_tag: AddressTag = AddressTag.OFF
    confirmation_address: str = ""
    probe_address: str = ""
    request_receipt: bool = False
    force_settings: bool = False
    footer_enabled: bool = True
    footer_text: str | None = None
    footer_html: str | None = None
    ehlo_name: str = ""
    fallback_account_id: int | None = None
    rewrite_from: bool = False
    preset: str = ""
    limits: Limits = field(default_factory=Limits)
    state: AccountState = AccountState.READY
    paused_reason: str = ""
    paused_by: str = ""
    paused_ms: int | None = None
    resume_ms: int | None = None
    has_client_key: bool = False
    has_secret: bool = False
    secret_set_ms: int | None = None
    tested_ms: int | None = None
    granted_ms: int | None = None
    created_ms: int = 0
    version: int = 1

    @property
    def by_own_identity(self) -> bool:
        """Whether it logs in with what this machine has: a keytab or a ticket cache, and no password."""
        return self.login is Login.KERBEROS and self.credential_source is not CredentialSource.PASSWORD

    @property
    def needs_secret(self) -> bool:
        """Whether a password is needed before it can log in."""
        if self.login is Login.OAUTH2:
            return not self.oauth2_flow.needs_consent
        return self.login is not Login.NONE and not self.by_own_identity

    @property
    def takes_secret(self) -> bool:
        """Whether a secret is kept for it at all: its password, or that of its application, which need not have one."""
        return self.login is Login.OAUTH2 or self.needs_secret
