"""How columns and constraints are spelled, so that every table spells them alike."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Integer, MetaData, Text, false, true

from postroom.model.state import State

__all__ = ["flag", "in_states", "key", "metadata", "number", "one_of", "tenant_of", "words"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def one_of(column: str, values: Iterable[Enum]) -> CheckConstraint:
    listed = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def in_states(states: Iterable[State]) -> str:
    return f"state IN ({', '.join(sorted(repr(state.value) for state in states))})"


# On SQLite a lone key of exactly this type is the row's own number: no second tree to keep.
_ID = BigInteger().with_variant(Integer, "sqlite")


def key(name: str = "id") -> Column[int]:
    return Column(name, _ID, primary_key=True, autoincrement=False)


def tenant_of() -> Column[int]:
    return Column("tenant_id", BigInteger, nullable=False)


def number(name: str, default: int | None = None) -> Column[int]:
    if default is None:
        return Column(name, BigInteger, nullable=True)
    return Column(name, BigInteger, nullable=False, server_default=str(default))


def words(name: str, default: str | None = "") -> Column[str]:
    if default is None:
        return Column(name, Text, nullable=True)
    return Column(name, Text, nullable=False, server_default=default)


def flag(name: str, default: bool = False) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=true() if default else false())
