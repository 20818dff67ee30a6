"""Keys that domains sign with (DKIM), what was found in the DNS, and who signs a second rendering."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "dkim_key",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("selector", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("bits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("absent_since_ms", sa.BigInteger(), nullable=True),
        sa.Column("activated_ms", sa.BigInteger(), nullable=True),
        sa.Column("retired_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("checked_ms", sa.BigInteger(), nullable=True),
        sa.Column("seen", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("algorithm IN ('rsa-sha256', 'ed25519-sha256')", name=op.f("ck_dkim_key_algorithm")),
        sa.CheckConstraint("state IN ('waiting', 'active', 'missing', 'retired')", name=op.f("ck_dkim_key_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dkim_key")),
        sa.UniqueConstraint("tenant_id", "domain", "selector", name=op.f("uq_dkim_key_tenant_id_domain_selector")),
    )
    op.create_table(
        "dns_check",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("checked_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("result", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "sender", "account_id", name=op.f("pk_dns_check")),
    )
    op.add_column("rendering", sa.Column("signers", sa.Text(), server_default="", nullable=False))
    op.add_column("rendering", sa.Column("signed_ms", sa.BigInteger(), server_default="0", nullable=False))
