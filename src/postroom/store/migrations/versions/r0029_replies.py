"""How often somebody answered lately is found quickly."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    replies = sa.text("kind = 'reply'")
    columns = ["tenant_id", "sender", "id"]
    op.create_index("ix_incoming_replies", "incoming", columns, sqlite_where=replies, postgresql_where=replies)
