"""A search of the mailing log that somebody keeps under a name, for himself or for everybody of the tenant."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["SavedFilter"]


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """`user_id`: whose it is; None where an application made it. `shared`: everybody of the tenant sees it. `search`:
    as `store.query.kept` gives it. Times are ms UTC.
    """

    id: int
    tenant_id: int
    name: str
    shared: bool = False
    search: dict[str, str | int] = field(default_factory=dict)
    user_id: int | None = None
    created_ms: int = 0
