"""Staged tests of accounts, and the reports of their steps."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "staged_test",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("facts", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "state IN ('running', 'passed', 'failed', 'incomplete', 'stopped')", name=op.f("ck_staged_test_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staged_test")),
    )
    op.create_index("ix_staged_test_tenant_id_id", "staged_test", ["tenant_id", "id"])
    op.create_table(
        "staged_step",
        sa.Column("test_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("test_id", "n", name=op.f("pk_staged_step")),
    )
