"""Whether recipients have a say about a message, as far as the settings tell; worked out once for all like it.

Most mail is nobody's choice: where a tenant has neither kinds nor anybody suppressed, this is a look into a dictionary.
"""

from __future__ import annotations

from postroom.policy.preference import Asked
from postroom.policy.snapshot import Snapshot

__all__ = ["asked_of"]


def asked_of(snapshot: Snapshot, tenant_id: int, kind: str) -> Asked | None:
    """None when its recipients need not be looked up. `kind`: the word that the message names."""
    found: Asked | None = snapshot.remembered(
        ("asked", tenant_id, kind), lambda: _worked_out(snapshot, tenant_id, kind)
    )
    return found


def _worked_out(snapshot: Snapshot, tenant_id: int, kind: str) -> Asked | None:
    settings = snapshot.settings(tenant_id)
    suppresses = settings.suppress_unknown.value or tenant_id in snapshot.suppressing
    named = snapshot.kind_named(tenant_id, kind) if kind else None
    if named is not None and named.mandatory:
        return None
    if named is None and not suppresses:
        return None
    return Asked(named, settings.recipients_choose.value, suppresses, settings.time_zone.value)
