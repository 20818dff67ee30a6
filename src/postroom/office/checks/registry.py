"""Every check there is. A new one is a function in a module of its own, one line here, and its words in
`policy/checks`."""

from __future__ import annotations

from collections.abc import Sequence

from postroom.model.problem import Finding
from postroom.office.checks import accounts, boxes, hooks, machine, mail, names, proven, readers, tenants
from postroom.office.checks.circumstances import Circumstances, Look
from postroom.policy.checks import order

__all__ = ["LOOKS", "MACHINE_LOOKS", "look"]

LOOKS: tuple[Look, ...] = (
    accounts.look,
    tenants.look,
    tenants.look_at_connectors,
    mail.look,
    mail.look_at_nodes,
    machine.look_at_home,
    hooks.look,
    boxes.look,
    proven.look,
    readers.look,
    names.look,
)
"""What is the same wherever it is looked at: one node does it for all."""

MACHINE_LOOKS: tuple[Look, ...] = (machine.look, machine.look_at_clock, machine.look_at_versions)
"""What each machine looks at for itself; the findings' subjects begin with its name."""


def look(at: Circumstances, looks: Sequence[Look] = LOOKS) -> list[Finding]:
    """What these find, of all tenants; what weighs most comes first."""
    return sorted((finding for one in looks for finding in one(at)), key=order)
