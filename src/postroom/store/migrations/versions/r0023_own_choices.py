"""What people chose for themselves: language, time zone, light or dark."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    for name in ("language", "time_zone", "look"):
        op.add_column("person", sa.Column(name, sa.Text(), server_default="", nullable=False))
