"""Events for programs outside: the feed, who follows it, and webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _feed()
    _webhooks()
    _triggers()


def _feed() -> None:
    op.create_table(
        "feed",
        sa.Column("event_id", _ID, autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_feed")),
    )
    placed, unplaced = sa.text("position IS NOT NULL"), sa.text("position IS NULL")
    op.create_index("ix_feed_position", "feed", ["tenant_id", "position"], sqlite_where=placed, postgresql_where=placed)
    op.create_index("ix_feed_unplaced", "feed", ["event_id"], sqlite_where=unplaced, postgresql_where=unplaced)
    op.create_table(
        "follower",
        sa.Column("tenant_id", _ID, autoincrement=False, nullable=False),
        sa.Column("since_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("pulled_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_follower")),
    )


def _webhooks() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("types", sa.Text(), server_default="", nullable=False),
        sa.Column("authority", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("paused_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("paused_by", sa.Text(), server_default="", nullable=False),
        sa.Column("paused_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("state IN ('active', 'paused')", name=op.f("ck_webhook_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_webhook_tenant_id_name")),
    )
    op.create_table(
        "webhook_secret",
        sa.Column("webhook_id", _ID, autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("set_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("set_by", sa.Text(), server_default="", nullable=False),
        sa.Column("former", sa.LargeBinary(), nullable=True),
        sa.Column("former_until_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("webhook_id", name=op.f("pk_webhook_secret")),
    )
    op.create_table(
        "webhook_progress",
        sa.Column("webhook_id", _ID, autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tries", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failing_ms", sa.BigInteger(), nullable=True),
        sa.Column("due_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("answered_ms", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("leased_until_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", name=op.f("pk_webhook_progress")),
    )


def _triggers() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER event_feeds AFTER INSERT ON event "
            "WHEN EXISTS (SELECT 1 FROM follower WHERE tenant_id = NEW.tenant_id) "
            "BEGIN INSERT INTO feed (event_id, tenant_id, message_id, at_ms, kind) "
            "VALUES (NEW.id, NEW.tenant_id, NEW.message_id, NEW.at_ms, 'message.' || NEW.kind); END"
        )
        return
    op.execute(
        "CREATE FUNCTION event_feeds() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF EXISTS (SELECT 1 FROM follower) THEN "
        "INSERT INTO feed (event_id, tenant_id, message_id, at_ms, kind) "
        "SELECT id, tenant_id, message_id, at_ms, 'message.' || kind FROM fresh "
        "WHERE tenant_id IN (SELECT tenant_id FROM follower); "
        "END IF; RETURN NULL; END $$"
    )
    op.execute(
        "CREATE TRIGGER event_feeds AFTER INSERT ON event REFERENCING NEW TABLE AS fresh "
        "FOR EACH STATEMENT EXECUTE FUNCTION event_feeds()"
    )
