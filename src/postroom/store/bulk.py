"""Many rows in few statements: the one place where the two databases are spoken to differently.

The hot path writes rows by the hundred. On SQLite one `INSERT … VALUES (…), (…)` is prepared once, takes its parameters
in one go and is stepped once, so that the database works without the interpreter's lock while other threads go on; rows
are cut into a few fixed sizes, so that each statement's text (and with it the prepared statement) is found again. On
PostgreSQL rows go in by COPY, and lists of values as one JSON parameter: adapting a parameter costs more there than
writing the row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Table

__all__ = ["Row", "delete_rows", "fetch", "insert_rows", "run", "update_rows"]

Row = tuple[Any, ...]
_SIZES = (128, 32, 8, 1)


def insert_rows(connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Inserts all rows, each a tuple in the order of `columns`."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _copy(connection, table.name, columns, rows)
        return
    for chunk in _chunks(rows):
        run(connection, _insert_text(table.name, columns, len(chunk)), tuple(chain.from_iterable(chunk)))


def update_rows(
    connection: Connection, table: Table, head: str, types: tuple[str, ...], where: str, rows: Sequence[Row]
) -> int:
    """Updates each row named by a list of values; returns how many rows changed.

    `head` and `where` speak of the list's columns as `given.column1`, `given.column2` … in the order of `types`. Values
    are text, whole numbers or None.
    """
    if not rows:
        return 0
    if connection.dialect.name == "postgresql":
        text = _update_text_of_json(table.name, head, types, where)
        return run(connection, text, (_records(rows),))
    count = 0
    for chunk in _chunks(rows):
        text = _update_text(table.name, head, types, where, len(chunk))
        count += run(connection, text, tuple(chain.from_iterable(chunk)))
    return count


def delete_rows(
    connection: Connection, table: Table, columns: tuple[str, ...], types: tuple[str, ...], rows: Sequence[Row]
) -> None:
    """Deletes the rows named by their whole keys, each a tuple in the order of `columns`."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        run(connection, _delete_text_of_json(table.name, columns, types), (_records(rows),))
        return
    where = " AND ".join(f"{column} = ?" for column in columns)
    cursor = _driver(connection).cursor()
    try:
        cursor.executemany(f"DELETE FROM {table.name} WHERE {where}", rows)  # noqa: S608  (names of our tables)
    finally:
        cursor.close()


def fetch(connection: Connection, text: str, parameters: Row = ()) -> list[Row]:
    """The rows of a hot query, straight from the driver. `text` has a `?` for each parameter, on either database."""
    cursor = _driver(connection).cursor()
    try:
        rows: list[Row] = cursor.execute(_spelled(text, connection.dialect.name), parameters).fetchall()
        return rows
    finally:
        cursor.close()


def run(connection: Connection, text: str, parameters: Row = ()) -> int:
    """A hot statement, straight to the driver; returns how many rows it changed. Spelled as for `fetch`."""
    cursor = _driver(connection).cursor()
    try:
        count: int = cursor.execute(_spelled(text, connection.dialect.name), parameters).rowcount
        return count
    finally:
        cursor.close()


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


@lru_cache(maxsize=512)
def _spelled(text: str, dialect: str) -> str:
    return text.replace("?", "%s") if dialect == "postgresql" else text


# -- SQLite -----------------------------------------------------------------------------------------------------------


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    start, left = 0, len(rows)
    for size in _SIZES:
        while left >= size:
            yield rows[start : start + size]
            start, left = start + size, left - size


@lru_cache(maxsize=256)
def _insert_text(table: str, columns: tuple[str, ...], size: int) -> str:
    one = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([one] * size)}"  # noqa: S608


@lru_cache(maxsize=256)
def _update_text(table: str, head: str, types: tuple[str, ...], where: str, size: int) -> str:
    one = f"({', '.join('?' * len(types))})"
    return f"UPDATE {table} SET {head} FROM (VALUES {', '.join([one] * size)}) AS given WHERE {where}"  # noqa: S608


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


def _copy(connection: Connection, table: str, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    with _driver(connection).cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        write = copy.write_row
        for row in rows:
            write(row)


@lru_cache(maxsize=16)
def _update_text_of_json(table: str, head: str, types: tuple[str, ...], where: str) -> str:
    columns = ", ".join(f"column{place} {kind}" for place, kind in enumerate(types, 1))
    return f"UPDATE {table} SET {head} FROM json_to_recordset(?) AS given ({columns}) WHERE {where}"  # noqa: S608


@lru_cache(maxsize=16)
def _delete_text_of_json(table: str, columns: tuple[str, ...], types: tuple[str, ...]) -> str:
    listed = ", ".join(f"column{place} {kind}" for place, kind in enumerate(types, 1))
    where = " AND ".join(f"{table}.{column} = given.column{place}" for place, column in enumerate(columns, 1))
    return f"DELETE FROM {table} USING json_to_recordset(?) AS given ({listed}) WHERE {where}"  # noqa: S608


def _records(rows: Sequence[Row]) -> str:
    names = [f"column{place}" for place in range(1, len(rows[0]) + 1)]
    return json.dumps([dict(zip(names, row, strict=True)) for row in rows])
