"""Small installations to decide about: one line each, so that a test shows only what it is about."""

from __future__ import annotations

from dataclasses import replace

from postroom.model.account import Account
from postroom.model.sender import Sender
from postroom.model.tenant import INSTALLATION, Mode, Tenant, TenantSettings
from postroom.policy.snapshot import Snapshot

ACME = 20
OTHER = 30
MAIN = Account(100, ACME, "Main relay", "smtp.acme.example", 587, sender_address="mail@acme.example")
BACKUP = Account(101, ACME, "Backup", "backup.acme.example", 587)
SHARED = Account(
    102,
    INSTALLATION,
    "Default mailbox",
    "smtp.host.example",
    587,
    sender_address="noreply@host.example",
    sender_name="Host",
    rewrite_from=True,
)
FOREIGN = Account(103, OTHER, "Theirs", "smtp.other.example", 587, sender_address="them@other.example")
SUPPORT = Sender(200, ACME, "support@acme.example", "Acme Support")
SALES = Sender(201, ACME, "sales@acme.example", account_id=BACKUP.id)
HOST = Sender(202, INSTALLATION, "service@host.example", "Service")
THEIRS = Sender(203, OTHER, "them@other.example", account_id=FOREIGN.id)

SMTP = TenantSettings(mode=Mode.SMTP)


def installation(settings: TenantSettings = SMTP) -> Tenant:
    return Tenant(INSTALLATION, None, "installation", settings)


def acme(settings: TenantSettings | None = None, *, suspended: bool = False) -> Tenant:
    own = TenantSettings(default_sender_id=SUPPORT.id, default_account_id=MAIN.id) if settings is None else settings
    return Tenant(ACME, INSTALLATION, "Acme", own, suspended)


def other() -> Tenant:
    return Tenant(OTHER, INSTALLATION, "Other", TenantSettings())


def usual(mode: Mode = Mode.SMTP, *, main: Account = MAIN, support: Sender = SUPPORT) -> Snapshot:
    """Acme with two accounts and two senders, another tenant with its own, and the installation with one of each."""
    return Snapshot.of(
        [installation(replace(SMTP, mode=mode, default_account_id=SHARED.id)), acme(), other()],
        [main, BACKUP, SHARED, FOREIGN],
        [support, SALES, HOST, THEIRS],
    )


def bare(mode: Mode = Mode.SILENT) -> Snapshot:
    """An installation as it is a second after its first start."""
    return Snapshot.of([installation(TenantSettings(mode=mode))])
