"""Mail that came back and waits for a person can be marked as dealt with."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.add_column("incoming", sa.Column("done_ms", sa.BigInteger(), nullable=True))
    op.add_column("incoming", sa.Column("done_by", sa.Text(), server_default="", nullable=False))
    waiting = sa.text("done_ms IS NULL AND (message_id IS NULL OR kind = 'other')")
    op.create_index(
        "ix_incoming_waiting", "incoming", ["tenant_id", "id"], sqlite_where=waiting, postgresql_where=waiting
    )
