"""Tenants, accounts, senders, applications; mail and its queue."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _meta()
    _node()
    _tenant()
    _account()
    _credential()
    _sender()
    _application()
    _api_key()
    _message()
    _content()
    _recipient()
    _event()
    _session()
    _attempt()
    _idempotency()
    _lane()
    _pace()


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )


def _node() -> None:
    op.create_table(
        "node",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), server_default="", nullable=False),
        sa.Column("started_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("floor", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_node")),
        sa.UniqueConstraint("worker", name=op.f("uq_node_worker")),
    )


def _tenant() -> None:
    op.create_table(
        "tenant",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("suspended", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=True),
        sa.Column("sending", sa.Text(), nullable=True),
        sa.Column("default_sender_id", sa.BigInteger(), nullable=True),
        sa.Column("default_account_id", sa.BigInteger(), nullable=True),
        sa.Column("footer_text", sa.Text(), nullable=True),
        sa.Column("footer_html", sa.Text(), nullable=True),
        sa.Column("recipients_choose", sa.Boolean(), nullable=True),
        sa.Column("unknown_policy", sa.Text(), nullable=True),
        sa.Column("content_days", sa.BigInteger(), nullable=True),
        sa.Column("log_days", sa.BigInteger(), nullable=True),
        sa.Column("retry_minutes", sa.Text(), nullable=True),
        sa.Column("retry_days", sa.BigInteger(), nullable=True),
        sa.Column("guard_redirect", sa.Text(), nullable=True),
        sa.Column("guard_allow", sa.Text(), nullable=True),
        sa.Column("foreign_from", sa.Text(), nullable=True),
        sa.Column("deleted_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("foreign_from IN ('refuse', 'rewrite')", name=op.f("ck_tenant_foreign_from")),
        sa.CheckConstraint("mode IN ('disabled', 'silent', 'native', 'smtp')", name=op.f("ck_tenant_mode")),
        sa.CheckConstraint("sending IN ('instantly', 'background')", name=op.f("ck_tenant_sending")),
        sa.CheckConstraint("unknown_policy IN ('retry', 'hold')", name=op.f("ck_tenant_unknown_policy")),
        sa.ForeignKeyConstraint(["parent_id"], ["tenant.id"], name=op.f("fk_tenant_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenant")),
        sa.UniqueConstraint("name", name=op.f("uq_tenant_name")),
    )


def _account() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("encryption", sa.Text(), server_default="starttls", nullable=False),
        sa.Column("login", sa.Text(), server_default="none", nullable=False),
        sa.Column("user_name", sa.Text(), server_default="", nullable=False),
        sa.Column("secret_reference", sa.Text(), server_default="", nullable=False),
        sa.Column("certificate_check", sa.Text(), server_default="verify", nullable=False),
        sa.Column("certificate_authority", sa.Text(), server_default="", nullable=False),
        sa.Column("certificate_pin", sa.Text(), server_default="", nullable=False),
        sa.Column("allow_clear_login", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("connector_id", sa.BigInteger(), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("sender_address", sa.Text(), server_default="", nullable=False),
        sa.Column("sender_name", sa.Text(), server_default="", nullable=False),
        sa.Column("reply_to", sa.Text(), server_default="", nullable=False),
        sa.Column("return_path", sa.Text(), server_default="", nullable=False),
        sa.Column("confirmation_address", sa.Text(), server_default="", nullable=False),
        sa.Column("request_receipt", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("force_settings", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("footer_enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("footer_text", sa.Text(), nullable=True),
        sa.Column("footer_html", sa.Text(), nullable=True),
        sa.Column("ehlo_name", sa.Text(), server_default="", nullable=False),
        sa.Column("fallback_account_id", sa.BigInteger(), nullable=True),
        sa.Column("rewrite_from", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("limit_connections", sa.BigInteger(), server_default="4", nullable=False),
        sa.Column("limit_per_minute", sa.BigInteger(), nullable=True),
        sa.Column("limit_per_day", sa.BigInteger(), nullable=True),
        sa.Column("limit_recipients", sa.BigInteger(), server_default="100", nullable=False),
        sa.Column("limit_size", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), server_default="ready", nullable=False),
        sa.Column("paused_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("paused_by", sa.Text(), server_default="", nullable=False),
        sa.Column("paused_ms", sa.BigInteger(), nullable=True),
        sa.Column("resume_ms", sa.BigInteger(), nullable=True),
        sa.Column("tested_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "certificate_check IN ('verify', 'own-ca', 'pinned', 'ignore')", name=op.f("ck_account_certificate_check")
        ),
        sa.CheckConstraint("encryption IN ('none', 'starttls', 'tls')", name=op.f("ck_account_encryption")),
        sa.CheckConstraint(
            "login IN ('none', 'password', 'plain', 'login', 'cram-md5', 'scram-sha-1', 'scram-sha-256', 'oauth2', 'kerberos', 'ntlm')",
            name=op.f("ck_account_login"),
        ),
        sa.CheckConstraint("state IN ('ready', 'paused')", name=op.f("ck_account_state")),
        sa.CheckConstraint("port BETWEEN 1 AND 65535", name=op.f("ck_account_port")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_account_tenant_id_name")),
    )


def _credential() -> None:
    op.create_table(
        "credential",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("set_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("set_by", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_credential")),
    )


def _sender() -> None:
    op.create_table(
        "sender",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("reply_to", sa.Text(), server_default="", nullable=False),
        sa.Column("return_path", sa.Text(), server_default="", nullable=False),
        sa.Column("confirmation_address", sa.Text(), server_default="", nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("paused_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sender")),
        sa.UniqueConstraint("tenant_id", "address", name=op.f("uq_sender_tenant_id_address")),
    )


def _application() -> None:
    op.create_table(
        "application",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("suspended", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("senders", sa.Text(), nullable=True),
        sa.Column("kinds", sa.Text(), nullable=True),
        sa.Column("per_minute", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_application_tenant_id_name")),
    )


def _api_key() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("application_id", sa.BigInteger(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.Text(), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_used_ms", sa.BigInteger(), nullable=True),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_key_prefix")),
    )


def _message() -> None:
    op.create_table(
        "message",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("application_id", sa.BigInteger(), nullable=True),
        sa.Column("sender_id", sa.BigInteger(), nullable=True),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("mail_from", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default="5", nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("eight_bit", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("smtputf8", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("send_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("unknown_policy", sa.Text(), server_default="retry", nullable=False),
        sa.Column("secret", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("resend_of", sa.BigInteger(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.Column("ret", sa.Text(), nullable=True),
        sa.Column("envid", sa.Text(), nullable=True),
        sa.CheckConstraint("unknown_policy IN ('retry', 'hold')", name=op.f("ck_message_unknown_policy")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
    )
    op.create_index("ix_message_tenant_id_id", "message", ["tenant_id", "id"], unique=False)


def _content() -> None:
    op.create_table(
        "content",
        sa.Column(
            "message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_content")),
        sqlite_with_rowid=True,
    )


def _recipient() -> None:
    op.create_table(
        "recipient",
        sa.Column(
            "message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("role", sa.Text(), server_default="to", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("sender_id", sa.BigInteger(), nullable=True),
        sa.Column("routed", sa.Text(), server_default="", nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default="5", nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=True),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("lease", sa.BigInteger(), nullable=True),
        sa.Column("mark", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("diagnosis", sa.Text(), server_default="", nullable=False),
        sa.Column("scope", sa.Text(), server_default="", nullable=False),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("notify", sa.Text(), nullable=True),
        sa.Column("orcpt", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state IN ('deferred', 'queued')) = (due_ms IS NOT NULL)", name=op.f("ck_recipient_waiting_has_due")
        ),
        sa.CheckConstraint("(state IN ('sending')) = (lease IS NOT NULL)", name=op.f("ck_recipient_leased_has_lease")),
        sa.CheckConstraint("role IN ('to', 'cc', 'bcc')", name=op.f("ck_recipient_role")),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'deferred', 'failed', 'unknown', 'held', 'silenced', 'disabled', 'cancelled', 'expired')",
            name=op.f("ck_recipient_state"),
        ),
        sa.CheckConstraint("mark IN (0, 1)", name=op.f("ck_recipient_mark")),
        sa.PrimaryKeyConstraint("message_id", "n", name=op.f("pk_recipient")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_recipient_address",
        "recipient",
        ["tenant_id", sa.literal_column("lower(address)"), "message_id"],
        unique=False,
    )
    op.create_index(
        "ix_recipient_attention",
        "recipient",
        ["tenant_id", "state", "message_id"],
        unique=False,
        sqlite_where=sa.text("state NOT IN ('queued', 'sending', 'sent')"),
        postgresql_where=sa.text("state NOT IN ('queued', 'sending', 'sent')"),
    )
    op.create_index(
        "ix_recipient_claim",
        "recipient",
        ["account_id", "priority", "tenant_id", "due_ms", "message_id", "n"],
        unique=False,
        sqlite_where=sa.text("due_ms IS NOT NULL"),
        postgresql_where=sa.text("due_ms IS NOT NULL"),
    )
    op.create_index(
        "ix_recipient_expires",
        "recipient",
        ["expires_ms"],
        unique=False,
        sqlite_where=sa.text("expires_ms IS NOT NULL AND due_ms IS NOT NULL"),
        postgresql_where=sa.text("expires_ms IS NOT NULL AND due_ms IS NOT NULL"),
    )
    op.create_index(
        "ix_recipient_lease",
        "recipient",
        ["lease"],
        unique=False,
        sqlite_where=sa.text("lease IS NOT NULL"),
        postgresql_where=sa.text("lease IS NOT NULL"),
    )


def _event() -> None:
    op.create_table(
        "event",
        sa.Column(
            "message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("message_id", "id", name=op.f("pk_event")),
        sqlite_with_rowid=False,
    )


def _session() -> None:
    op.create_table(
        "session",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("server", sa.Text(), server_default="", nullable=False),
        sa.Column("tls", sa.Text(), server_default="", nullable=False),
        sa.Column("conversation", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
    )


def _attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column(
            "message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("recipients", sa.Text(), server_default="", nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("account_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("courier", sa.Text(), server_default="", nullable=False),
        sa.Column("started_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("phase", sa.Text(), server_default="", nullable=False),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=True),
        sa.Column("conversation", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("message_id", "id", name=op.f("pk_attempt")),
        sqlite_with_rowid=False,
    )


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key", name=op.f("pk_idempotency")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_idempotency_created_ms", "idempotency", ["created_ms"], unique=False)


def _lane() -> None:
    op.create_table(
        "lane",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("worker", sa.Text(), server_default="", nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("account_id", "slot", name=op.f("pk_lane")),
    )


def _pace() -> None:
    op.create_table(
        "pace",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("minute_start_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("minute_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("day_start_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("day_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_pace")),
    )
