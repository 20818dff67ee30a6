"""Bulks: calls that send one template to many, each recipient a message of his own with his own values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Bulk", "BulkCounts"]


@dataclass(frozen=True, slots=True)
class Bulk:
    """`key`: the idempotency key of the call; a repeated one goes on with the same bulk. `refused`: rows that were
    not accepted. `finished_ms`: when all its rows had come; None while they come, or when the call was cut off.
    """

    id: int
    tenant_id: int
    application_id: int | None
    template: str
    template_version: int
    kind: str = ""
    key: str | None = field(default=None, repr=False)
    who: str = ""
    created_ms: int = 0
    finished_ms: int | None = None
    cancelled_ms: int | None = None
    refused: int = 0


@dataclass(frozen=True, slots=True)
class BulkCounts:
    """What became of it, as far as its messages are still kept. `states`: state → messages; `suppressed` and `declined`
    are among those that failed or were cancelled.
    """

    bulk: Bulk
    states: Mapping[str, int]
    suppressed: int = 0
    declined: int = 0

    @property
    def accepted(self) -> int:
        return sum(self.states.values())
