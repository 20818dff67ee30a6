"""Mail that came in, and what it was about."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KINDS = ("delivery-report", "read-receipt", "complaint", "automatic", "reply", "other")


def upgrade() -> None:
    kinds = ", ".join(f"'{kind}'" for kind in _KINDS)
    op.create_table(
        "incoming",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), server_default="", nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("n", sa.Integer(), nullable=True),
        sa.CheckConstraint(f"kind IN ({kinds})", name=op.f("ck_incoming_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incoming")),
    )
    op.create_index("ix_incoming_digest", "incoming", ["tenant_id", "digest"], unique=True)
    op.create_index("ix_incoming_tenant_id_id", "incoming", ["tenant_id", "id"])
    op.create_index("ix_incoming_message", "incoming", ["tenant_id", "message_id"])
    op.create_table(
        "incoming_content",
        sa.Column("incoming_id", _ID, autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("incoming_id", name=op.f("pk_incoming_content")),
    )
