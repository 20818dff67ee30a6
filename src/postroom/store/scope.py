"""The tenant's predicate, in its one place (promise P8).

Every statement that people's questions are made of is built with `within`. A guard on the engine refuses, before it
reaches the database, any Core statement that touches a tenant's table without it; work that must see all tenants
(the worker, upkeep) says so with `across`, and says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Table, event
from sqlalchemy.sql import Delete, Executable, Select, Update, visitors
from sqlalchemy.sql.elements import BinaryExpression

__all__ = ["UnscopedQuery", "across", "guard", "within"]

S = TypeVar("S", bound=Executable)
_OPTION = "postroom_across"


class UnscopedQuery(RuntimeError):
    """A statement that would read or change every tenant's rows. A mistake in our code, never in somebody's input."""


def within(table: Table, tenants: int | Sequence[int]) -> ColumnElement[bool]:
    """The predicate: rows of this tenant, or of these (a tenant and the installation it inherits from)."""
    if isinstance(tenants, int):
        return table.c.tenant_id == tenants
    return table.c.tenant_id.in_(tuple(tenants))


def across(statement: S, why: str) -> S:
    """Marks a statement that rightly sees all tenants. `why` is for the reader."""
    return statement.execution_options(**{_OPTION: why})


def guard(engine: Engine) -> None:
    """From now on the engine refuses unscoped statements."""
    event.listen(engine, "before_execute", _check)


def _check(_connection: Connection, statement: Any, _many: Any, _params: Any, options: Any) -> None:
    if not isinstance(statement, (Select, Update, Delete)) or _OPTION in options:
        return
    if _OPTION in statement.get_execution_options():
        return
    touched: set[Table] = set()
    scoped: set[Table] = set()
    for element in visitors.iterate(statement):
        if isinstance(element, Table) and "tenant_id" in element.c:
            touched.add(element)
        elif isinstance(element, BinaryExpression):
            left: Any = element.left
            if getattr(left, "name", "") == "tenant_id" and isinstance(getattr(left, "table", None), Table):
                scoped.add(left.table)
    missing = touched - scoped
    if missing:
        names = ", ".join(sorted(table.name for table in missing))
        raise UnscopedQuery(f"a statement on {names} names no tenant")
