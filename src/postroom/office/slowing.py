"""Slowing down those who guess: each address and each account has a few tries, and then ever longer waits between them.

A try is counted when it begins and taken back when it succeeds, so that a thousand at once are a thousand tries. Nobody
is made to wait by holding his request: he is told when to come again, and no thread sleeps. Names that no user has are
counted like any other (no oracle). In memory, for one process, bounded: who has not tried for longest is forgotten;
`guessing` counts names for several nodes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from postroom.clock import monotonic_ms
from postroom.errors import TooMany

__all__ = ["FORGOTTEN_MS", "Slowing", "pause_ms", "refusal"]

_FREE = 5
_FREE_OF_AN_ADDRESS = 30
_LONGEST_MS = 60_000.0
FORGOTTEN_MS = 15 * 60_000
_MOST = 50_000


class Slowing:
    """`free`: tries of one name without any wait, `free_of_an_address`: of one address, behind which a whole office may
    sit. `longest_ms`: the wait that doubling ends at.
    """

    def __init__(
        self,
        free: int = _FREE,
        longest_ms: float = _LONGEST_MS,
        *,
        free_of_an_address: int = _FREE_OF_AN_ADDRESS,
    ) -> None:
        self._free = free
        self._free_of_an_address = free_of_an_address
        self._longest_ms = longest_ms
        self._lock = threading.Lock()
        self._tries: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()
        """What and who → how often, and when last (monotonic, ms)."""

    def enter(self, name: str, address: str = "", now_ms: float | None = None) -> None:
        """Counts a try of both. Raises TooMany while one of them has to wait; that is no try."""
        moment = monotonic_ms() if now_ms is None else now_ms
        whose = _keys(name, address)
        with self._lock:
            wait = max(self._wait(one, moment) for one in whose)
            if wait > 0:
                raise refusal(wait)
            for one in whose:
                count, last = self._tries.pop(one, (0, moment))
                self._tries[one] = (1 if moment - last > FORGOTTEN_MS else count + 1, moment)
            while len(self._tries) > _MOST:
                self._tries.popitem(last=False)

    def forgive(self, name: str, address: str = "") -> None:
        """It succeeded: the name begins anew, and the address gets this one try back."""
        with self._lock:
            self._tries.pop(("name", name), None)
            count, last = self._tries.get(("address", address), (0, 0.0))
            if count > 1:
                self._tries["address", address] = (count - 1, last)
            else:
                self._tries.pop(("address", address), None)

    def _wait(self, one: tuple[str, str], moment: float) -> float:
        count, last = self._tries.get(one, (0, moment))
        free = self._free if one[0] == "name" else self._free_of_an_address
        if moment - last > FORGOTTEN_MS:
            return 0.0
        pause = pause_ms(count, free, self._longest_ms)
        return last + pause - moment if pause else 0.0


def pause_ms(count: int, free: int = _FREE, longest_ms: float = _LONGEST_MS) -> float:
    """How long it has to be after so many tries before there may be another."""
    return 0.0 if count < free else min(1000.0 * 2.0 ** min(count - free, 20), longest_ms)


def refusal(wait_ms: float) -> TooMany:
    return TooMany("There were too many tries. Wait a little, then try again.", seconds=int(wait_ms / 1000) + 1)


def _keys(name: str, address: str) -> tuple[tuple[str, str], ...]:
    return (("name", name), ("address", address)) if address else (("name", name),)
