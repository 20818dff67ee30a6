"""Applications have versions."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("application", sa.Column("version", sa.BigInteger(), server_default="1", nullable=False))
