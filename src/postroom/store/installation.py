"""What tells this installation from every other: a fingerprint, made once and kept in its database."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, text

__all__ = ["fingerprint", "renew_fingerprint"]

_NAME = "fingerprint"


def fingerprint(connection: Connection) -> str:
    """32 hexadecimal digits; made on the first call. Several nodes that start together agree."""
    connection.execute(
        text("INSERT INTO meta (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING"),
        {"name": _NAME, "value": secrets.token_hex(16)},
    )
    found: str = connection.execute(text("SELECT value FROM meta WHERE name = :name"), {"name": _NAME}).scalar_one()
    return found


def renew_fingerprint(connection: Connection) -> None:
    """A copy that becomes an installation of its own."""
    connection.execute(
        text("UPDATE meta SET value = :value WHERE name = :name"), {"name": _NAME, "value": secrets.token_hex(16)}
    )
