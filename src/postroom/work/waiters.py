"""Who waits for a message's first attempt (sending instantly): told once every recipient had it, or it was given
back. What became of them is told along, so that nobody has to read it back from the store.
"""

from __future__ import annotations

from collections.abc import Sequence

from postroom.intake.placement import Ended
from postroom.store.transmission import Move

__all__ = ["Waiters"]


class Waiters:
    def __init__(self) -> None:
        self._open: dict[int, tuple[int, list[Move], Ended]] = {}

    def add(self, message_id: int, recipients: int, told: Ended) -> None:
        self._open[message_id] = (recipients, [], told)

    def forget(self, message_id: int) -> None:
        self._open.pop(message_id, None)

    def over(self, message_id: int, recipients: int, moves: Sequence[Move] = ()) -> None:
        """So many of the message's recipients are over; `moves` say how, where that is known and durable."""
        found = self._open.get(message_id)
        if found is None:
            return
        left, known, told = found[0] - recipients, found[1], found[2]
        known += moves
        if left > 0:
            self._open[message_id] = (left, known, told)
            return
        del self._open[message_id]
        told(known)
