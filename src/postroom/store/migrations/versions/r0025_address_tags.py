"""Addresses that mail comes back to may carry a signed tag."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    for name in ("return_path_tag", "reply_to_tag"):
        op.execute(  # in one statement: SQLite adds no constraint afterwards
            f"ALTER TABLE account ADD COLUMN {name} TEXT DEFAULT 'off' NOT NULL "
            f"CONSTRAINT ck_account_{name} CHECK ({name} IN ('off', 'plus', 'whole'))"
        )
    op.add_column("message", sa.Column("return_tag", sa.Text(), server_default="off", nullable=False))
