"""Templates and layouts."""

from __future__ import annotations

import json
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from postroom.model.template import Layout, Template, Variable, VariableType, Wording
from postroom.store import tables
from postroom.store.scope import across, within

__all__ = [
    "all_layouts", "all_templates", "create", "create_layout", "get", "get_layout", "layout_named", "layouts_of",
    "named", "of_tenant", "remove", "remove_layout", "save", "save_layout",
]  # fmt: skip

_table = tables.template
_layout = tables.layout


# -- templates --------------------------------------------------------------------------------------------------------


def _from_row(row: Row[Any]) -> Template:
    texts = {language: Wording(**one) for language, one in json.loads(row.texts).items()}
    variables = tuple(Variable(**one | {"type": VariableType(one["type"])}) for one in json.loads(row.variables))
    return Template(
        row.id, row.tenant_id, row.name, row.kind, row.language, row.layout, MappingProxyType(texts), variables,
        row.created_ms, row.version,
    )  # fmt: skip


def _stored(template: Template) -> dict[str, Any]:
    texts = {language: asdict(one) for language, one in template.texts.items()}
    return {
        "name": template.name,
        "kind": template.kind,
        "language": template.language,
        "layout": template.layout,
        "texts": _json(texts),
        "variables": _json([asdict(one) | {"type": one.type.value} for one in template.variables]),
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def get(connection: Connection, tenant_id: int, template_id: int) -> Template | None:
    row = connection.execute(select(_table).where(within(_table, tenant_id), _table.c.id == template_id)).one_or_none()
    return None if row is None else _from_row(row)


def named(connection: Connection, tenant_id: int, name: str) -> Template | None:
    """In whatever case it is written."""
    query = select(_table).where(within(_table, tenant_id), func.lower(_table.c.name) == name.strip().lower())
    row = connection.execute(query).first()
    return None if row is None else _from_row(row)


def of_tenant(connection: Connection, tenant_id: int) -> list[Template]:
    rows = connection.execute(select(_table).where(within(_table, tenant_id)).order_by(_table.c.id))
    return [_from_row(row) for row in rows]


def all_templates(connection: Connection) -> list[Template]:
    query = across(select(_table).order_by(_table.c.id), "the snapshot holds all tenants' settings")
    return [_from_row(row) for row in connection.execute(query)]


def create(connection: Connection, template: Template) -> None:
    kept = {"id": template.id, "tenant_id": template.tenant_id, "created_ms": template.created_ms}
    connection.execute(_table.insert().values(**kept, version=template.version, **_stored(template)))


def save(connection: Connection, template: Template) -> None:
    """Writes what people set; the version grows by one."""
    connection.execute(
        update(_table)
        .where(within(_table, template.tenant_id), _table.c.id == template.id)
        .values(**_stored(template), version=_table.c.version + 1)
    )


def remove(connection: Connection, tenant_id: int, template_id: int) -> None:
    connection.execute(delete(_table).where(within(_table, tenant_id), _table.c.id == template_id))


# -- layouts ----------------------------------------------------------------------------------------------------------


def _layout_from(row: Row[Any]) -> Layout:
    default = bool(row._mapping["default"])
    return Layout(row.id, row.tenant_id, row.name, row.html, row.text, default, row.created_ms, row.version)


def get_layout(connection: Connection, tenant_id: int, layout_id: int) -> Layout | None:
    row = connection.execute(select(_layout).where(within(_layout, tenant_id), _layout.c.id == layout_id)).one_or_none()
    return None if row is None else _layout_from(row)


def layout_named(connection: Connection, tenant_id: int, name: str) -> Layout | None:
    query = select(_layout).where(within(_layout, tenant_id), func.lower(_layout.c.name) == name.strip().lower())
    row = connection.execute(query).first()
    return None if row is None else _layout_from(row)


def layouts_of(connection: Connection, tenant_id: int) -> list[Layout]:
    rows = connection.execute(select(_layout).where(within(_layout, tenant_id)).order_by(_layout.c.id))
    return [_layout_from(row) for row in rows]


def all_layouts(connection: Connection) -> list[Layout]:
    query = across(select(_layout).order_by(_layout.c.id), "the snapshot holds all tenants' settings")
    return [_layout_from(row) for row in connection.execute(query)]


def create_layout(connection: Connection, layout: Layout) -> None:
    connection.execute(_layout.insert().values(**asdict(layout)))
    _only_default(connection, layout)


def save_layout(connection: Connection, layout: Layout) -> None:
    """Writes what people set; the version grows by one."""
    values = {"name": layout.name, "html": layout.html, "text": layout.text, "default": layout.default}
    connection.execute(
        update(_layout)
        .where(within(_layout, layout.tenant_id), _layout.c.id == layout.id)
        .values(**values, version=_layout.c.version + 1)
    )
    _only_default(connection, layout)


def _only_default(connection: Connection, layout: Layout) -> None:
    """A tenant has one default layout: making another one the default takes the word from the first."""
    if layout.default:
        connection.execute(
            update(_layout)
            .where(within(_layout, layout.tenant_id), _layout.c.id != layout.id, _layout.c.default)
            .values(default=False, version=_layout.c.version + 1)
        )


def remove_layout(connection: Connection, tenant_id: int, layout_id: int) -> None:
    connection.execute(delete(_layout).where(within(_layout, tenant_id), _layout.c.id == layout_id))
