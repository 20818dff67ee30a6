"""Waiting for the first attempt of a message that is sent instantly, with an end to the patience."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from postroom.intake.placement import Ended
from postroom.store.transmission import Move

__all__ = ["Awaited"]


class Awaited:
    """Goes on once: when the first attempt is over, or when patience is."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, go_on: Ended) -> None:
        self._go_on: Ended | None = go_on
        self._alarm = loop.call_later(seconds, self.over, ())

    def over(self, moves: Sequence[Move]) -> None:
        go_on, self._go_on = self._go_on, None
        if go_on is not None:
            self._alarm.cancel()
            go_on(moves)
