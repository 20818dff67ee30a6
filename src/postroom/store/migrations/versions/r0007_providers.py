"""Identity providers, and who of theirs is a user."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("person_session", sa.Column("provider_id", sa.BigInteger(), nullable=True))
    _provider()
    _identity()


def _provider() -> None:
    op.create_table(
        "provider",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), server_default="", nullable=False),
        sa.Column("email_domains", sa.Text(), server_default="", nullable=False),
        sa.Column("groups_claim", sa.Text(), server_default="", nullable=False),
        sa.Column("roles", sa.Text(), server_default="", nullable=False),
        sa.Column("default_roles", sa.Text(), server_default="", nullable=False),
        sa.Column("create_users", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("link_by_email", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("secret_set_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_provider_tenant_id_name")),
    )


def _identity() -> None:
    op.create_table(
        "identity",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("provider_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("linked_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity")),
        sa.UniqueConstraint("provider_id", "issuer", "subject", name=op.f("uq_identity_provider_id_issuer_subject")),
    )
    op.create_index("ix_identity_person_id", "identity", ["person_id"], unique=False)
