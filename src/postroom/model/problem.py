"""What a settings check found: a finding is so at this moment, a problem is one that is remembered since it began.

What a check says, and how much it weighs, stands in a catalogue (`policy.checks`); here are only its name and the
values that its sentences are filled with, so that everybody reads it in his own language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Finding", "Problem", "Weight"]


class Weight(StrEnum):
    """`problem`: mail does not leave, or soon will not; `warning`: it leaves, but somebody should look; `note`: worth
    knowing, and nothing to be woken for.
    """

    PROBLEM = "problem"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check`: its name in the catalogue; `subject`: what it is about, as an id (`a_…`) or another lasting word, ""
    for the tenant or the installation as a whole; `weight`: only where it differs from the catalogue's.
    """

    check: str
    tenant_id: int
    subject: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    weight: Weight | None = None

    @property
    def key(self) -> str:
        """What it is recognised by, for as long as it lasts and when it comes back."""
        return f"{self.check}:{self.subject}" if self.subject else self.check


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding with its time. `ended_ms`: since when it is not found any more, None while it is; `closed`: it has
    stayed away long enough to count as over. `told`: what the last alarm said of it: "" (nothing), its weight then,
    or "ended". Times: ms UTC.
    """

    finding: Finding
    weight: Weight
    since_ms: int
    seen_ms: int
    ended_ms: int | None = None
    told: str = ""
    closed: bool = False

    @property
    def key(self) -> str:
        return self.finding.key
