"""What the settings check found, and whom it tells."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "problem",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("found_by", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("place", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("weight", sa.Text(), server_default="warning", nullable=False),
        sa.Column("since_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.Text(), server_default="", nullable=False),
        sa.Column("closed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint("weight IN ('problem', 'warning', 'note')", name=op.f("ck_problem_weight")),
        sa.PrimaryKeyConstraint("tenant_id", "key", name=op.f("pk_problem")),
    )
    op.create_table(
        "alarm",
        sa.Column("tenant_id", _ID, autoincrement=False, nullable=False),
        sa.Column("mailed_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("listed_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("trouble", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_alarm")),
    )
    op.add_column("tenant", sa.Column("alarm_to", sa.Text(), nullable=True))
