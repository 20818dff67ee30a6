"""Kinds of mail, what recipients chose, who is suppressed, and what waits for a digest, with its two states."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BEFORE = "'cancelled', 'expired')"
_AFTER = "'cancelled', 'expired', 'collected', 'digested')"
_STATES = (
    "state IN ('queued', 'sending', 'sent', 'deferred', 'failed', 'unknown', 'held', 'silenced', 'disabled', "
    "'cancelled', 'expired', 'collected', 'digested')"
)


def upgrade() -> None:
    _states()
    _settings()
    _kind()
    _of_recipients()


def _states() -> None:
    """More words for a CHECK change nothing that is stored, so the table is not written anew: it may hold millions
    (https://www.sqlite.org/lang_altertable.html, section 7, the shorter procedure).
    """
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_recipient_state"), "recipient", type_="check")
        op.create_check_constraint(op.f("ck_recipient_state"), "recipient", _STATES)
        return
    number = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.exec_driver_sql(
        "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'recipient'",
        (_BEFORE, _AFTER),
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {int(number) + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def _settings() -> None:
    op.add_column("tenant", sa.Column("language", sa.Text(), nullable=True))
    op.add_column("tenant", sa.Column("time_zone", sa.Text(), nullable=True))
    op.add_column("tenant", sa.Column("suppress_unknown", sa.Boolean(), nullable=True))


def _kind() -> None:
    op.create_table(
        "kind",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("title_de", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("description_de", sa.Text(), server_default="", nullable=False),
        sa.Column("way", sa.Text(), server_default="at-once", nullable=False),
        sa.Column("mandatory", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("bulk", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("attachments", sa.Text(), server_default="keep", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("way IN ('at-once', 'hourly', 'daily', 'weekly', 'none')", name=op.f("ck_kind_way")),
        sa.CheckConstraint("attachments IN ('keep', 'link')", name=op.f("ck_kind_attachments")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kind")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_kind_tenant_id_name")),
    )


def _of_recipients() -> None:
    op.create_table(
        "preference",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="", nullable=False),
        sa.Column("hour", sa.SmallInteger(), server_default="8", nullable=False),
        sa.Column("weekday", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("ways", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("hour BETWEEN 0 AND 23", name=op.f("ck_preference_hour")),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_preference_weekday")),
        sa.PrimaryKeyConstraint("tenant_id", "address", name=op.f("pk_preference")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "suppression",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "why IN ('no-mailbox', 'complaint', 'unsubscribed', 'by-hand')", name=op.f("ck_suppression_why")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "address", name=op.f("pk_suppression")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "collected",
        sa.Column("message_id", _ID, autoincrement=False, nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("message_id", "n", name=op.f("pk_collected")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_collected_due_ms", "collected", ["due_ms"], unique=False)
    op.create_index("ix_collected_address", "collected", ["tenant_id", "address"], unique=False)
