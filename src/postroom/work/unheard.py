"""Answers that no rule knew, counted until upkeep writes them down, so that the catalogue can grow.

Only what tells kinds of answers apart is counted: the server family, the phase, the codes; never the words, in which
servers repeat addresses. Bounded, for a server chooses its codes: more kinds than fit are not counted.
"""

from __future__ import annotations

from collections.abc import Iterable

from postroom.deliver.conclude import Ending
from postroom.policy.verdict import ACCEPTED, is_generic
from postroom.store.unknown_answers import Kind

__all__ = ["Unheard"]

_MOST = 500


class Unheard:
    def __init__(self) -> None:
        self._counts: dict[Kind, int] = {}

    def note(self, tenant_id: int, endings: Iterable[Ending]) -> None:
        for ending in endings:
            if ending.verdict is ACCEPTED or ending.result is None or not is_generic(ending.verdict.diagnosis):
                continue
            result = ending.result
            kind = Kind(
                tenant_id, ending.family, result.phase, result.code, result.enhanced[:16], ending.verdict.diagnosis
            )
            if kind in self._counts or len(self._counts) < _MOST:
                self._counts[kind] = self._counts.get(kind, 0) + 1

    def take(self) -> dict[Kind, int]:
        """What was counted since the last time; whoever takes it writes it down, or gives it `back`."""
        counts, self._counts = self._counts, {}
        return counts

    def back(self, counts: dict[Kind, int]) -> None:
        for kind, count in counts.items():
            if kind in self._counts or len(self._counts) < _MOST:
                self._counts[kind] = self._counts.get(kind, 0) + count
