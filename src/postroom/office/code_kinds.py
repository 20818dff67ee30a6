"""Kinds of mail in settings as code: making and changing those of a file, deleting those that are not in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from postroom.model.kind import Kind
from postroom.model.plan import What
from postroom.office.code_text import kind_code
from postroom.store import kinds

__all__ = ["prune_kinds", "take_kinds"]

Note = Callable[[What, str, str, Mapping[str, Any], Mapping[str, Any]], None]


def take_kinds(
    connection: Connection, tenant_id: int, wanted: Iterable[Kind], next_id: Callable[[], int], now_ms: int, note: Note
) -> None:
    """Makes everything as the file has it. A name that differs in case only is the same kind."""
    known = {one.name.casefold(): one for one in kinds.of_tenant(connection, tenant_id)}
    for kind in wanted:
        after, old = kind_code(kind), known.get(kind.name.casefold())
        if old is None:
            kinds.create(connection, replace(kind, id=next_id(), tenant_id=tenant_id, created_ms=now_ms))
            shown = {name: value for name, value in after.items() if value not in ("", False)}
            note(What.CREATE, "kind", kind.name, {}, shown)
        elif kind_code(old) != after:
            new = replace(kind, id=old.id, tenant_id=tenant_id, name=old.name, created_ms=old.created_ms)
            kinds.save(connection, new)
            note(What.CHANGE, "kind", old.name, kind_code(old), after)


def prune_kinds(connection: Connection, tenant_id: int, wanted: Iterable[Kind], note: Note) -> None:
    stay = {kind.name.casefold() for kind in wanted}
    for one in kinds.of_tenant(connection, tenant_id):
        if one.name.casefold() not in stay:
            kinds.remove(connection, tenant_id, one.id)
            note(What.DELETE, "kind", one.name, {}, {})
