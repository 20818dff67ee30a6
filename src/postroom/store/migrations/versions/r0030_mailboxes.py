"""Mailboxes that are read over IMAP: what is set, how far each is read, what happened to it."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXTS = {
    "encryption": "tls",
    "login": "password",
    "user_name": "",
    "secret_reference": "",
    "oauth2_provider": "",
    "oauth2_flow": "authorization-code",
    "oauth2_tenant": "",
    "oauth2_client_id": "",
    "oauth2_scope": "",
    "oauth2_authorize_url": "",
    "oauth2_token_url": "",
    "oauth2_secret_expires": "",
    "certificate_check": "verify",
    "certificate_authority": "",
    "certificate_pin": "",
    "certificate_trusted": "",
}


def _text(name: str, default: str = "") -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def _number(name: str, default: int | None = None) -> "sa.Column[int]":
    if default is None:
        return sa.Column(name, sa.BigInteger(), nullable=True)
    return sa.Column(name, sa.BigInteger(), server_default=str(default), nullable=False)


def _flag(name: str, default: bool = False) -> "sa.Column[bool]":
    return sa.Column(name, sa.Boolean(), server_default=sa.true() if default else sa.false(), nullable=False)


def upgrade() -> None:
    _mailbox()
    op.create_table(
        "mailbox_state",
        sa.Column("mailbox_id", _ID, autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        _number("uid_validity"),
        _number("uid", 0),
        _number("taken", 0),
        _number("passed", 0),
        _number("looked_ms"),
        _number("taken_ms"),
        _number("trouble", 0),
        _number("trouble_ms"),
        _text("phase"),
        _text("failure"),
        _text("fault"),
        _flag("idles"),
        _number("asked_ms"),
        _text("node"),
        _number("fence", 0),
        _number("leased_until_ms", 0),
        sa.PrimaryKeyConstraint("mailbox_id", name=op.f("pk_mailbox_state")),
    )
    op.create_table(
        "mailbox_event",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("mailbox_id", sa.BigInteger(), nullable=False),
        _number("at_ms", 0),
        _flag("trouble"),
        _text("text"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailbox_event")),
    )
    op.create_index("ix_mailbox_event_mailbox_id_id", "mailbox_event", ["mailbox_id", "id"])


def _mailbox() -> None:
    op.create_table(
        "mailbox",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        *(_text(name, default) for name, default in _TEXTS.items()),
        _flag("allow_clear_login"),
        _number("connector_id"),
        _flag("enabled", True),
        _text("address"),
        _text("folder", "INBOX"),
        _text("afterwards", "seen"),
        _text("move_to"),
        _number("poll_seconds", 300),
        _flag("only_new"),
        _number("created_ms", 0),
        _number("version", 1),
        sa.CheckConstraint("port BETWEEN 1 AND 65535", name=op.f("ck_mailbox_port")),
        sa.CheckConstraint("encryption IN ('none', 'starttls', 'tls')", name=op.f("ck_mailbox_encryption")),
        sa.CheckConstraint(
            "certificate_check IN ('verify', 'own-ca', 'pinned', 'ignore')", name=op.f("ck_mailbox_certificate_check")
        ),
        sa.CheckConstraint("afterwards IN ('seen', 'move', 'delete', 'leave')", name=op.f("ck_mailbox_afterwards")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailbox")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_mailbox_tenant_id_name")),
    )
