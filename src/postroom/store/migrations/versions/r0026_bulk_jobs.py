"""Jobs on many messages."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "bulk_job",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="gathering", nullable=False),
        sa.Column("search", sa.Text(), server_default="", nullable=False),
        sa.Column("recipients", sa.Text(), server_default="", nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
            for name in ("found", "done", "refused")
        ),
        sa.Column("undo_of", sa.BigInteger(), nullable=True),
        sa.Column("undone_by", sa.BigInteger(), nullable=True),
        sa.Column("started_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("started_by", sa.Text(), server_default="", nullable=False),
        sa.Column("stopped_by", sa.Text(), server_default="", nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("application_id", sa.BigInteger(), nullable=True),
        *(
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
            for name in ("below", "after", "fence", "leased_until_ms")
        ),
        sa.CheckConstraint("act IN ('hold', 'release', 'retry', 'resend', 'cancel')", name=op.f("ck_bulk_job_act")),
        sa.CheckConstraint("state IN ('gathering', 'running', 'stopped', 'done')", name=op.f("ck_bulk_job_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_job")),
    )
    op.create_index("ix_bulk_job_tenant_id_id", "bulk_job", ["tenant_id", "id"])
    running = sa.text("ended_ms IS NULL")
    op.create_index("ix_bulk_job_open", "bulk_job", ["id"], sqlite_where=running, postgresql_where=running)
    op.create_table(
        "bulk_item",
        sa.Column("job_id", _ID, autoincrement=False, nullable=False),
        sa.Column("message_id", _ID, autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("copy_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("job_id", "message_id", name=op.f("pk_bulk_item")),
        sqlite_with_rowid=False,
    )
    refused = sa.text("outcome = 2")
    op.create_index(
        "ix_bulk_item_refused", "bulk_item", ["job_id", "message_id"], sqlite_where=refused, postgresql_where=refused
    )
