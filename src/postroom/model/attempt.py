"""One attempt to deliver: what was tried, what came back, and what Postroom makes of it.

A refusal is data (promise P6): a courier answers with a `Result` per recipient, `policy.verdict` turns each into a
`Verdict`, and nothing on this way raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Action", "Attempt", "Failure", "Result", "Scope", "Severity", "Verdict"]


class Failure(StrEnum):
    """What kept us from getting an answer at all: the local half of a diagnosis."""

    NAME = "name-not-found"
    NAME_TEMPORARY = "name-lookup-failed"
    REFUSED = "connection-refused"
    TIMEOUT = "timeout"
    CLOSED = "connection-closed"
    UNREACHABLE = "network-unreachable"
    FORBIDDEN_ADDRESS = "address-not-allowed"
    CONNECTOR_UNREACHABLE = "connector-unreachable"
    CONNECTOR_ADDRESS = "connector-address-not-allowed"
    CONNECTOR_LOGIN = "connector-refused-login"
    CONNECTOR_FORBIDS = "connector-forbids-server"
    CONNECTOR_SERVER = "connector-reached-no-server"
    CONNECTOR_KEY = "connector-key-not-confirmed"
    CONNECTOR_BROKEN = "connector-not-understood"
    TLS = "tls-failed"
    CERTIFICATE = "certificate-refused"
    NO_STARTTLS = "starttls-not-offered"
    INJECTED = "bytes-before-tls"
    UNINTELLIGIBLE = "unintelligible-reply"
    NO_LOGIN = "no-common-login"
    CLEAR_LOGIN = "login-would-be-in-clear"
    SERVER_UNPROVEN = "server-not-proven"
    NO_8BIT = "8bit-not-offered"
    NO_SMTPUTF8 = "smtputf8-not-offered"
    TOO_BIG = "larger-than-server-takes"
    SECRET_REFERENCE = "secret-reference-refused"  # noqa: S105  (a word for a fault, as the next two)
    SECRET_SOURCE = "secret-source-away"  # noqa: S105
    SECRET = "secret-not-usable"  # noqa: S105  (a word for a fault)
    NOT_INSTALLED = "login-not-installed"
    CHANNEL_BINDING = "channel-binding-refused"
    LOGIN_SERVICE = "login-service-unreachable"
    CLOCK = "kerberos-clocks-differ"
    PRINCIPAL = "kerberos-user-unknown"
    PASSWORD = "kerberos-password-refused"  # noqa: S105  (a word for a fault)
    PASSWORD_EXPIRED = "kerberos-password-expired"  # noqa: S105
    USER_LOCKED = "kerberos-user-locked"
    TICKET = "kerberos-no-ticket"
    KEYTAB = "kerberos-keytab-unusable"
    KEYTAB_STALE = "kerberos-keytab-stale"
    SERVICE_NAME = "kerberos-service-unknown"
    REALM = "kerberos-realm-unknown"
    KERBEROS = "kerberos-failed"
    NO_GRANT = "grant-missing"
    GRANT = "grant-refused"
    GRANT_LATER = "grant-not-renewed"
    MAILBOX_LOGIN = "mailbox-login-refused"
    MAILBOX_FOLDER = "mailbox-folder-refused"
    MAILBOX_REFUSED = "mailbox-refused"
    COMMAND = "native-command-failed"
    UNWRITABLE = "command-can-not-be-written"
    INTERNAL = "internal"
    NOT_AVAILABLE = "not-available-yet"


@dataclass(frozen=True, slots=True)
class Result:
    """What came back for one recipient.

    `phase` is a value of `smtp.phase.Phase`; `code` the SMTP reply code, 0 when no reply came; `enhanced` the RFC 3463
    code or ""; `text` the server's words, escaped; `failure` the local failure when no reply decided; `in_doubt`
    says that the end of the body may have left while its answer never came.
    """

    phase: str
    code: int = 0
    enhanced: str = ""
    text: str = ""
    failure: Failure | None = None
    in_doubt: bool = False

    @property
    def delivered(self) -> bool:
        return 200 <= self.code < 300 and self.failure is None and not self.in_doubt

    @property
    def words(self) -> str:
        """The server's answer on one line, or the local failure."""
        if self.code:
            return " ".join(part for part in (str(self.code), self.enhanced, self.text.replace("\n", " ")) if part)
        return f"{self.failure}: {self.text}" if self.failure else self.text


class Scope(StrEnum):
    """Whose trouble it is. Classified before soft or hard: many a 5xx speaks of the account, not of the recipient."""

    ACCOUNT = "account"
    SENDER = "sender"
    TENANT = "provider-tenant"
    RECIPIENT = "recipient"
    MESSAGE = "message"
    NETWORK = "network"
    SERVER = "server"
    NONE = ""


class Severity(StrEnum):
    DONE = "done"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    DOUBTFUL = "doubtful"


class Action(StrEnum):
    """What is to be done. `pause` stops the account and holds its mail, `hold-sender` that sender's mail only."""

    NONE = "none"
    RETRY = "retry"
    SLOW = "slow"
    SPLIT = "split"
    PAUSE = "pause"
    HOLD_DAY = "hold-24h"
    HOLD_SENDER = "hold-sender"
    FAIL = "fail"
    SUPPRESS = "suppress"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Postroom makes of a `Result`: words and deeds from the same rule.

    `diagnosis` is a stable id; `title` and `explanation` plain sentences; `remedy` what to do; `field` the setting to
    look at, or "".
    """

    diagnosis: str
    scope: Scope
    severity: Severity
    action: Action
    title: str
    explanation: str = ""
    remedy: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as it is kept. `conversation` is text for people, secrets blanked; times are ms UTC."""

    id: int
    tenant_id: int
    message_id: int
    recipients: tuple[int, ...]
    account_id: int | None
    account_version: int
    courier: str
    started_ms: int
    ended_ms: int
    phase: str
    reply: str
    server: str = ""
    tls: str = ""
    session_id: int | None = None
    conversation: str = ""
