"""How many messages an application may hand over: a token bucket for each, that holds a minute's worth.

In memory, for one process: several nodes take as much each. An application without a rate costs one look-up.
"""

from __future__ import annotations

import threading

from postroom.clock import monotonic_ms
from postroom.errors import TooMany
from postroom.policy.snapshot import Snapshot
from postroom.sentence import Sentence

__all__ = ["Rates"]

_MINUTE_MS = 60_000.0


class Rates:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[int, tuple[float, float]] = {}
        """Application → how much is in its bucket, and when that was so (monotonic, ms)."""

    def take(self, snapshot: Snapshot, application_id: int | None, now_ms: float | None = None) -> None:
        """Takes one message's worth. Raises TooMany, with the seconds until there is one again, when it is empty."""
        application = snapshot.applications.get(application_id or 0)
        if application is None or application.per_minute is None:
            return
        moment = monotonic_ms() if now_ms is None else now_ms
        size = float(application.per_minute)
        with self._lock:
            held, at = self._buckets.get(application.id, (size, moment))
            held = min(size, held + max(moment - at, 0.0) * size / _MINUTE_MS)
            if held < 1.0:
                self._buckets[application.id] = (held, moment)
                seconds = int((1.0 - held) * _MINUTE_MS / size / 1000) + 1
                raise TooMany(
                    Sentence(
                        "{application} may hand over {size:,.0f} messages a minute.",
                        application=application.name,
                        size=size,
                    ),
                    seconds=seconds,
                )
            self._buckets[application.id] = (held - 1.0, moment)
