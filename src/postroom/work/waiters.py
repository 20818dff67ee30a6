"""Who waits for a message's first attempt (sending instantly): told once every recipient had it, or it was given
back.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Waiters"]


class Waiters:
    def __init__(self) -> None:
        self._open: dict[int, tuple[int, Callable[[], None]]] = {}

    def add(self, message_id: int, recipients: int, told: Callable[[], None]) -> None:
        self._open[message_id] = (recipients, told)

    def forget(self, message_id: int) -> None:
        self._open.pop(message_id, None)

    def over(self, message_id: int, recipients: int) -> None:
        """So many of the message's recipients are over."""
        found = self._open.get(message_id)
        if found is None:
            return
        left, told = found[0] - recipients, found[1]
        if left > 0:
            self._open[message_id] = (left, told)
            return
        del self._open[message_id]
        told()
