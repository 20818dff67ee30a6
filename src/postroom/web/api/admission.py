"""Bounded admission: only so many messages, and so many octets of them, are on their way into the database at once.

Unbounded, intake starves delivery to half its speed and memory grows with the flood. Whoever finds no room waits a
little, in the order of arrival, and is then told to come back (503 with Retry-After). Runs on the event loop only.
"""

from __future__ import annotations

import asyncio
from collections import deque

from postroom.web.api.problems import RequestError

__all__ = ["Admission", "Stay"]

PATIENCE_SECONDS = 5.0
_RETRY_SECONDS = 2


class Admission:
    """`messages` and `octets` that may be inside at once; who asks for more than all the room is given all of it."""

    def __init__(self, messages: int, octets: int, *, patience: float = PATIENCE_SECONDS) -> None:
        self._most_messages = messages
        self._most_octets = octets
        self._patience = patience
        self._messages = 0
        self._octets = 0
        self._waiting: deque[tuple[int, int, asyncio.Future[None]]] = deque()

    @property
    def inside(self) -> tuple[int, int]:
        """Messages and octets now inside."""
        return self._messages, self._octets

    def fitted(self, messages: int, octets: int) -> tuple[int, int]:
        """No more than all the room, or it would be waited for in vain."""
        return min(messages, self._most_messages), min(octets, self._most_octets)

    def enter_at_once(self, messages: int, octets: int) -> bool:
        """Enters if there is room and nobody waits; says whether it did."""
        if self._waiting or not self._fits(messages, octets):
            return False
        self._messages += messages
        self._octets += octets
        return True

    async def enter(self, messages: int, octets: int) -> None:
        """Enters, waiting for room. Raises RequestError (`busy`) when none comes; then nothing was entered."""
        if self.enter_at_once(messages, octets):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((messages, octets, turn))
        try:
            await asyncio.wait_for(asyncio.shield(turn), self._patience)
        except BaseException as error:
            self._give_up(turn, messages, octets)
            if not isinstance(error, TimeoutError):
                raise
            detail = "Nothing was accepted. Send it again in a moment."
            raise RequestError("busy", detail, [("retry-after", str(_RETRY_SECONDS))]) from None

    def leave(self, messages: int, octets: int) -> None:
        """Gives room back and lets in whoever waits for it."""
        self._messages -= messages
        self._octets -= octets
        while self._waiting:
            wanted_messages, wanted_octets, turn = self._waiting[0]
            if not self._fits(wanted_messages, wanted_octets):
                break
            self._waiting.popleft()
            self._messages += wanted_messages
            self._octets += wanted_octets
            turn.set_result(None)

    def _fits(self, messages: int, octets: int) -> bool:
        return self._messages + messages <= self._most_messages and self._octets + octets <= self._most_octets

    def _give_up(self, turn: asyncio.Future[None], messages: int, octets: int) -> None:
        if turn.done():  # its turn came in the very moment it gave up
            self.leave(messages, octets)
            return
        self._waiting.remove((messages, octets, turn))
        self.leave(0, 0)  # those behind it may fit


class Stay:
    """What one request holds of the room. `leave` gives back exactly that, whatever happened in between."""

    __slots__ = ("_admission", "_messages", "_octets")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._messages = 0
        self._octets = 0

    async def enter(self, messages: int, octets: int) -> None:
        """Takes this much on top. Raises RequestError (`busy`)."""
        messages, octets = self._admission.fitted(messages, octets)
        if not self._admission.enter_at_once(messages, octets):
            await self._admission.enter(messages, octets)
        self._messages += messages
        self._octets += octets

    async def become(self, messages: int) -> None:
        """Holds room for this many messages instead. Gives back first: two that wait for each other would starve."""
        held, self._messages = self._messages, 0
        self._admission.leave(held, 0)
        await self.enter(messages, 0)

    def leave(self) -> None:
        self._admission.leave(self._messages, self._octets)
        self._messages = self._octets = 0
