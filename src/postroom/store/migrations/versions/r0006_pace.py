"""The day of an account slides by the hour; what a server taught about speed, and since when it can't be reached."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("pace", sa.Column("hours", sa.Text(), server_default="", nullable=False))
    op.execute(
        "UPDATE pace SET hours = CAST(day_start_ms / 3600000 AS TEXT) || ':' || CAST(day_count AS TEXT) "
        "WHERE day_count > 0"
    )
    op.drop_column("pace", "day_start_ms")
    op.drop_column("pace", "day_count")
    for name in ("per_minute", "per_minute_full", "connections", "connections_full", "since_ms"):
        op.add_column("pace", sa.Column(f"slow_{name}", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("pace", sa.Column("slow_why", sa.Text(), server_default="", nullable=False))
    op.add_column("pace", sa.Column("troubled_ms", sa.BigInteger(), nullable=True))
    op.add_column("pace", sa.Column("trouble", sa.Text(), server_default="", nullable=False))
