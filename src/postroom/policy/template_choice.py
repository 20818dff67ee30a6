"""Which language of a template somebody gets, and which layout it stands in."""

from __future__ import annotations

from collections.abc import Collection

from postroom.model.template import NO_LAYOUT, Layout, Template
from postroom.policy.snapshot import Snapshot

__all__ = ["MissingLayout", "language_for", "layout_for"]


class MissingLayout(Exception):
    """The layout that the template names is not there (any more)."""


def language_for(template: Template, *wanted: str) -> str:
    """The first of the wanted languages that the template has, or has without its region (de-AT → de); else its own
    default.
    """
    for one in wanted:
        found = _found(template.texts, one)
        if found:
            return found
    return template.language


def _found(there: Collection[str], wanted: str) -> str:
    told = wanted.strip().replace("_", "-").casefold()
    known = {one.casefold(): one for one in there}
    while told:
        if told in known:
            return known[told]
        told = told.rpartition("-")[0]
    return ""


def layout_for(snapshot: Snapshot, tenant_id: int, template: Template) -> Layout | None:
    """Raises MissingLayout."""
    wanted = template.layout.strip().casefold()
    if wanted == NO_LAYOUT:
        return None
    if not wanted:
        return snapshot.default_layout(tenant_id)
    found = next((one for one in snapshot.layouts_of(tenant_id) if one.name.casefold() == wanted), None)
    if found is None:
        raise MissingLayout(template.layout)
    return found
