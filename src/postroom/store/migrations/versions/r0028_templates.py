"""Templates and their layouts; which one a message was written by; bulks."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _templates()
    _bulks()
    for column in ("template", "template_version", "bulk_id"):
        op.add_column(
            "message", sa.Column(column, sa.Text() if column == "template" else sa.BigInteger(), nullable=True)
        )
    mine = sa.text("bulk_id IS NOT NULL")
    op.create_index("ix_message_bulk_id", "message", ["bulk_id", "id"], sqlite_where=mine, postgresql_where=mine)


def _templates() -> None:
    op.create_table(
        "template",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), server_default="en", nullable=False),
        sa.Column("layout", sa.Text(), server_default="", nullable=False),
        sa.Column("texts", sa.Text(), server_default="{}", nullable=False),
        sa.Column("variables", sa.Text(), server_default="[]", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_template")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_template_tenant_id_name")),
    )
    op.create_table(
        "layout",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), server_default="", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("default", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_layout")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_layout_tenant_id_name")),
    )


def _bulks() -> None:
    op.create_table(
        "bulk",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("application_id", sa.BigInteger(), nullable=True),
        sa.Column("template", sa.Text(), server_default="", nullable=False),
        sa.Column("template_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("who", sa.Text(), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("finished_ms", sa.BigInteger(), nullable=True),
        sa.Column("cancelled_ms", sa.BigInteger(), nullable=True),
        sa.Column("refused", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk")),
    )
    keyed = sa.text("key IS NOT NULL")
    op.create_index(
        "ix_bulk_tenant_id_key", "bulk", ["tenant_id", "key"], unique=True, sqlite_where=keyed, postgresql_where=keyed
    )
    op.create_index("ix_bulk_tenant_id_id", "bulk", ["tenant_id", "id"])
