"""Tries at passwords, counted for all nodes."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "guess",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("tries", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_guess")),
    )
    op.create_index("ix_guess_last_ms", "guess", ["last_ms"], unique=False)
