"""Whose turn it is: duties that one node does for all. A turn is a lease on a name, by the database's clock.

Nothing is lost when two do the same by mistake (what they write, they write conditionally); it only saves work.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from postroom.store.lanes import database_ms

__all__ = ["take_turn"]

_PREFIX = "turn."


def take_turn(connection: Connection, duty: str, worker: str, lease_ms: int) -> bool:
    """Whether this worker has the duty now, and for `lease_ms` from now on; who has it keeps it by asking again."""
    now, name = database_ms(connection), _PREFIX + duty
    found = connection.execute(text("SELECT value FROM meta WHERE name = :name"), {"name": name}).scalar()
    value = f"{now + lease_ms} {worker}"
    if found is None:
        statement = "INSERT INTO meta (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING"
        return connection.execute(text(statement), {"name": name, "value": value}).rowcount == 1
    until, _, holder = str(found).partition(" ")
    if holder != worker and int(until) > now:
        return False
    statement = "UPDATE meta SET value = :value WHERE name = :name AND value = :found"
    return connection.execute(text(statement), {"name": name, "value": value, "found": found}).rowcount == 1
