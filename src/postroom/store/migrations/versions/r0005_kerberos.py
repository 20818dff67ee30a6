"""What an account needs to log in by Kerberos or NTLM."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for name in ("realm", "service_principal", "credential_path"):
        op.add_column("account", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.execute(  # in one statement: SQLite adds no constraint afterwards
        "ALTER TABLE account ADD COLUMN credential_source TEXT DEFAULT 'password' NOT NULL "
        "CONSTRAINT ck_account_credential_source CHECK (credential_source IN ('password', 'keytab', 'ticket-cache'))"
    )
