"""Whether links to choose a password may leave through the installation's default mailbox."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("tenant", sa.Column("reset_fallback", sa.Boolean(), nullable=True))
