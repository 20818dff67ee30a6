"""Mailboxes that are read: what is set, how far each is read, and what happened to it.

A mailbox's secret and what was granted to it stand with those of accounts (`credential`, `oauth2_grant`), under its id.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, Table, Text, UniqueConstraint

from postroom.model.account import CertificateCheck, Encryption, Login
from postroom.model.grant import OAuth2Flow
from postroom.model.mailbox import Afterwards
from postroom.store.tables.columns import flag, key, metadata, number, one_of, tenant_of, words

__all__ = ["mailbox", "mailbox_event", "mailbox_state"]

mailbox = Table(
    "mailbox",
    metadata,
    key(),
    tenant_of(),
    Column("name", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False),
    words("encryption", Encryption.TLS.value),
    words("login", Login.PASSWORD.value),
    words("user_name"),
    words("secret_reference"),
    words("oauth2_provider"),
    words("oauth2_flow", OAuth2Flow.AUTHORIZATION_CODE.value),
    words("oauth2_tenant"),
    words("oauth2_client_id"),
    words("oauth2_scope"),
    words("oauth2_authorize_url"),
    words("oauth2_token_url"),
    words("oauth2_secret_expires"),
    words("certificate_check", CertificateCheck.VERIFY.value),
    words("certificate_authority"),
    words("certificate_pin"),
    words("certificate_trusted"),
    flag("allow_clear_login"),
    number("connector_id"),
    flag("enabled", True),
    words("address"),
    words("folder", "INBOX"),
    words("afterwards", Afterwards.SEEN.value),
    words("move_to"),
    number("poll_seconds", 300),
    flag("only_new"),
    number("created_ms", 0),
    number("version", 1),
    UniqueConstraint("tenant_id", "name"),
    CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
    one_of("encryption", Encryption),
    one_of("certificate_check", CertificateCheck),
    one_of("afterwards", Afterwards),
)

mailbox_state = Table(
    "mailbox_state",
    metadata,
    key("mailbox_id"),
    tenant_of(),
    number("uid_validity"),
    number("uid", 0),
    number("taken", 0),
    number("passed", 0),
    number("looked_ms"),
    number("taken_ms"),
    number("trouble", 0),
    number("trouble_ms"),
    words("phase"),
    words("failure"),
    words("fault"),
    flag("idles"),
    number("asked_ms"),
    words("node"),
    number("fence", 0),
    number("leased_until_ms", 0),
)

mailbox_event = Table(
    "mailbox_event",
    metadata,
    key(),
    tenant_of(),
    Column("mailbox_id", BigInteger, nullable=False),
    number("at_ms", 0),
    flag("trouble"),
    words("text"),
)
Index("ix_mailbox_event_mailbox_id_id", mailbox_event.c.mailbox_id, mailbox_event.c.id)
