"""What is set: tenants, accounts with their credentials, senders, applications and their keys, and earlier versions."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from postroom.model.account import AccountState, CertificateCheck, CredentialSource, Encryption, Login
from postroom.model.tenant import ForeignFrom, Mode, Sending, UnknownPolicy
from postroom.store.tables.columns import flag, key, metadata, number, one_of, tenant_of, words

__all__ = ["account", "api_key", "application", "client_key", "credential", "sender", "tenant", "version"]

tenant = Table(
    "tenant",
    metadata,
    key(),
    Column("parent_id", BigInteger, ForeignKey("tenant.id"), nullable=True),
    Column("name", Text, nullable=False, unique=True),
    flag("suspended"),
    words("mode", None),
    words("sending", None),
    number("default_sender_id"),
    number("default_account_id"),
    words("footer_text", None),
    words("footer_html", None),
    Column("recipients_choose", Boolean, nullable=True),
    words("unknown_policy", None),
    number("content_days"),
    number("log_days"),
    words("retry_minutes", None),
    number("retry_days"),
    words("guard_redirect", None),
    words("guard_allow", None),
    words("foreign_from", None),
    Column("reset_fallback", Boolean, nullable=True),
    number("deleted_ms"),
    number("created_ms", 0),
    number("version", 1),
    one_of("mode", Mode),
    one_of("sending", Sending),
    one_of("unknown_policy", UnknownPolicy),
    one_of("foreign_from", ForeignFrom),
)

account = Table(
    "account",
    metadata,
    key(),
    tenant_of(),
    Column("name", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False),
    words("encryption", Encryption.STARTTLS.value),
    words("login", Login.NONE.value),
    Column("user_name", Text, nullable=False, server_default=""),
    words("realm"),
    words("service_principal"),
    words("credential_source", CredentialSource.PASSWORD.value),
    words("credential_path"),
    words("secret_reference"),
    words("certificate_check", CertificateCheck.VERIFY.value),
    words("certificate_authority"),
    words("certificate_pin"),
    words("certificate_trusted"),
    words("client_certificate"),
    flag("allow_clear_login"),
    number("connector_id"),
    flag("enabled", True),
    words("sender_address"),
    words("sender_name"),
    words("reply_to"),
    words("return_path"),
    words("confirmation_address"),
    flag("request_receipt"),
    flag("force_settings"),
    flag("footer_enabled", True),
    words("footer_text", None),
    words("footer_html", None),
    words("ehlo_name"),
    number("fallback_account_id"),
    flag("rewrite_from"),
    number("limit_connections", 4),
    number("limit_per_minute"),
    number("limit_per_day"),
    number("limit_recipients", 100),
    number("limit_size"),
    words("state", AccountState.READY.value),
    words("paused_reason"),
    words("paused_by"),
    number("paused_ms"),
    number("resume_ms"),
    number("tested_ms"),
    number("created_ms", 0),
    number("version", 1),
    words("preset"),
    UniqueConstraint("tenant_id", "name"),
    CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
    one_of("encryption", Encryption),
    one_of("login", Login),
    one_of("credential_source", CredentialSource),
    one_of("certificate_check", CertificateCheck),
    one_of("state", AccountState),
)

credential = Table(
    "credential",
    metadata,
    key("account_id"),
    tenant_of(),
    Column("sealed", LargeBinary, nullable=False),
    number("set_ms", 0),
    words("set_by"),
)

# The private keys of client certificates, sealed.
client_key = Table(
    "client_key",
    metadata,
    key("account_id"),
    tenant_of(),
    Column("sealed", LargeBinary, nullable=False),
    number("set_ms", 0),
    words("set_by"),
)

sender = Table(
    "sender",
    metadata,
    key(),
    tenant_of(),
    Column("address", Text, nullable=False),
    words("name"),
    words("reply_to"),
    words("return_path"),
    words("confirmation_address"),
    number("account_id"),
    words("paused_reason"),
    number("created_ms", 0),
    number("version", 1),
    UniqueConstraint("tenant_id", "address"),
)

application = Table(
    "application",
    metadata,
    key(),
    tenant_of(),
    Column("name", Text, nullable=False),
    flag("suspended"),
    words("senders", None),
    words("kinds", None),
    number("per_minute"),
    number("created_ms", 0),
    number("version", 1),
    UniqueConstraint("tenant_id", "name"),
)

api_key = Table(
    "api_key",
    metadata,
    key(),
    tenant_of(),
    Column("application_id", BigInteger, nullable=False),
    Column("prefix", Text, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),
    words("scopes"),
    number("created_ms", 0),
    number("last_used_ms"),
    number("expires_ms"),
    number("revoked_ms"),
)

# What a tenant, account, sender or application looked like after each change; nothing, where it was deleted. Never a
# secret.
version = Table(
    "version",
    metadata,
    Column("noun_id", BigInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    tenant_of(),
    Column("noun", Text, nullable=False),
    number("at_ms", 0),
    words("who"),
    words("content"),
    sqlite_with_rowid=False,
)
