"""Mail that another account sends in the stead of its own, and what is different of it then."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("recipient", sa.Column("fallback_of", sa.BigInteger(), nullable=True))
    op.create_table(
        "rendering",
        sa.Column(
            "message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("sender", sa.Text(), server_default="", nullable=False),
        sa.Column("mail_from", sa.Text(), server_default="", nullable=False),
        sa.Column("wanted", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("message_id", "account_id", name=op.f("pk_rendering")),
        sqlite_with_rowid=False,
    )
