"""Bringing a database to this release's schema, and refusing one that a newer release wrote.

Alembic does the work; it is loaded only when there is some. A test holds the migrations against `tables`.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from postroom.errors import SchemaTooNew

__all__ = ["HEAD", "REVISIONS", "bring_up_to_date", "revision"]

REVISIONS = tuple(f"{number:04}" for number in range(1, 33))
"""Every revision this release knows, oldest first."""

HEAD = REVISIONS[-1]
_LOCK = 7_227_001


def revision(connection: Connection) -> str | None:
    """The revision the database is at, or None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row[0])


def bring_up_to_date(engine: Engine) -> None:
    """Runs what migrations are missing, in one transaction. Several nodes may start at once on PostgreSQL.

    Raises SchemaTooNew when the database knows a revision that this release does not.
    """
    with engine.execution_options(postroom_writes=True).connect() as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        found = revision(connection)
        if found == HEAD:
            return
        if found is not None and found not in REVISIONS:
            raise SchemaTooNew(
                f"The database is at revision {found}, which this Postroom does not know (it knows up to {HEAD}). "
                "Start the newer Postroom that wrote it, or restore a backup from before the update.",
                found=found,
                known=HEAD,
            )
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
