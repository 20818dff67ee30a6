"""OAuth2: an account's provider and flow, what was granted, consents under way."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_TEXTS = {
    "oauth2_provider": "",
    "oauth2_flow": "authorization-code",
    "oauth2_tenant": "",
    "oauth2_client_id": "",
    "oauth2_scope": "",
    "oauth2_authorize_url": "",
    "oauth2_token_url": "",
    "oauth2_secret_expires": "",
}


def upgrade() -> None:
    for name, default in _TEXTS.items():
        op.add_column("account", sa.Column(name, sa.Text(), server_default=default, nullable=False))
    op.create_table(
        "oauth2_grant",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("refresh", sa.LargeBinary(), nullable=True),
        sa.Column("access", sa.LargeBinary(), nullable=True),
        sa.Column("access_expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("granted_ms", sa.BigInteger(), nullable=True),
        sa.Column("granted_by", sa.Text(), server_default="", nullable=False),
        sa.Column("renewed_ms", sa.BigInteger(), nullable=True),
        sa.Column("asked_ms", sa.BigInteger(), nullable=True),
        sa.Column("trouble", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("leased_until_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_oauth2_grant")),
    )
    op.create_table(
        "oauth2_start",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("verifier", sa.LargeBinary(), nullable=False),
        sa.Column("redirect_url", sa.Text(), server_default="", nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("key_id", sa.BigInteger(), nullable=True),
        sa.Column("who", sa.Text(), server_default="", nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_oauth2_start")),
    )
