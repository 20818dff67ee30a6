"""Many rows in few statements, spelled alike for SQLite and PostgreSQL.

The hot path writes rows by the hundred. One `INSERT … VALUES (…), (…)` is prepared once, takes its parameters in one go
and is stepped once, so that the database works without the interpreter's lock while the other threads go on. Rows
are cut into a few fixed sizes, so that each statement's text (and with it the prepared statement) is found again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Table

__all__ = ["insert_rows", "update_rows"]

Row = tuple[Any, ...]
_SIZES = (128, 32, 8, 1)


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    start, left = 0, len(rows)
    for size in _SIZES:
        while left >= size:
            yield rows[start : start + size]
            start, left = start + size, left - size


def _mark(connection: Connection) -> str:
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"


@lru_cache(maxsize=256)
def _insert_text(table: str, columns: tuple[str, ...], size: int, mark: str, suffix: str) -> str:
    one = f"({', '.join([mark] * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([one] * size)}{suffix}"  # noqa: S608


def insert_rows(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[Row], suffix: str = ""
) -> int:
    """Inserts all rows; returns how many went in (fewer only with an `ON CONFLICT DO NOTHING` suffix)."""
    mark = _mark(connection)
    count = 0
    for chunk in _chunks(rows):
        text = _insert_text(table.name, columns, len(chunk), mark, suffix)
        count += connection.exec_driver_sql(text, tuple(chain.from_iterable(chunk))).rowcount
    return count


@lru_cache(maxsize=256)
def _update_text(table: str, head: str, types: tuple[str, ...], where: str, size: int, mark: str) -> str:
    # The first row's casts give every column of the list its type; PostgreSQL would guess from the parameters.
    first = f"({', '.join(f'CAST({mark} AS {kind})' for kind in types)})"
    later = f"({', '.join([mark] * len(types))})"
    values = ", ".join([first] + [later] * (size - 1))
    return f"UPDATE {table} SET {head} FROM (VALUES {values}) AS given WHERE {where}"  # noqa: S608


def update_rows(
    connection: Connection, table: Table, head: str, types: tuple[str, ...], where: str, rows: Sequence[Row]
) -> int:
    """Updates each row named by a list of values; returns how many rows changed.

    `head` and `where` speak of the list's columns as `given.column1`, `given.column2` … in the order of `types`.
    """
    mark = _mark(connection)
    count = 0
    for chunk in _chunks(rows):
        text = _update_text(table.name, head, types, where, len(chunk), mark)
        count += connection.exec_driver_sql(text, tuple(chain.from_iterable(chunk))).rowcount
    return count
