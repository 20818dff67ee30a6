"""The provider whose values filled what was not given of an account."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("account", sa.Column("preset", sa.Text(), server_default="", nullable=False))
