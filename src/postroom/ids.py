"""Numbers that name rows: 63 bits, ordered by time, made without asking the database.

Layout: 41 bits of milliseconds since 2024-01-01 · 10 bits of node number · 12 bits of counter. Nodes get their number
from the `node` table, so two nodes never make the same one. A counter that runs over borrows from the next millisecond,
and a clock set back never makes an id twice within a process: the last one used is the floor.

For people and programs an id is written in Crockford's base 32 behind a letter for its noun (`m` message, `a` account
…):
no look-alike characters, selected by a double click, sorted like the number.
"""

from __future__ import annotations

import threading

from postroom.clock import now_ms

__all__ = ["EPOCH_MS", "Ids", "decode", "encode", "id_at", "time_of"]

EPOCH_MS = 1_704_067_200_000
_NODE_BITS = 10
_COUNTER_BITS = 12
_SHIFT = _NODE_BITS + _COUNTER_BITS
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {char: value for value, char in enumerate(_ALPHABET)} | {"i": 1, "l": 1, "o": 0}
_TWO = [first + second for first in _ALPHABET for second in _ALPHABET]
_WIDTH = 13
MAX_NODE = (1 << _NODE_BITS) - 1


class Ids:
    """Makes ids for one node; safe to call from several threads."""

    def __init__(self, node: int = 0, *, floor: int = 0) -> None:
        if not 0 <= node <= MAX_NODE:
            raise ValueError(f"node number {node} is not between 0 and {MAX_NODE}")
        self._node = node << _COUNTER_BITS
        self._last_ms = max((floor >> _SHIFT) + 1 if floor else 0, 0)
        self._counter = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            ms = now_ms() - EPOCH_MS
            if ms > self._last_ms:
                self._last_ms, self._counter = ms, 0
            else:
                self._counter += 1
                if self._counter >> _COUNTER_BITS:
                    self._last_ms, self._counter = self._last_ms + 1, 0
            return self._last_ms << _SHIFT | self._node | self._counter


def id_at(at_ms: int) -> int:
    """The smallest id that could have been made at this time (milliseconds UTC): a bound for searches by time."""
    return max(at_ms - EPOCH_MS, 0) << _SHIFT


def time_of(number: int) -> int:
    """When an id was made, in milliseconds UTC."""
    return (number >> _SHIFT) + EPOCH_MS


def encode(prefix: str, number: int) -> str:
    """`m` and 123 → `m_000000000003v`."""
    low, middle, high = number & 0xFFFFF, number >> 20 & 0xFFFFF, number >> 40 & 0xFFFFF
    return (
        f"{prefix}_{_ALPHABET[number >> 60]}{_TWO[high >> 10]}{_TWO[high & 1023]}"
        f"{_TWO[middle >> 10]}{_TWO[middle & 1023]}{_TWO[low >> 10]}{_TWO[low & 1023]}"
    )


def decode(prefix: str, text: str) -> int | None:
    """The number behind an id as people write it, or None when it is not one of this noun's."""
    head, _, tail = text.strip().lower().partition("_")
    if head != prefix or len(tail) != _WIDTH:
        return None
    number = 0
    for char in tail:
        value = _VALUES.get(char)
        if value is None:
            return None
        number = number << 5 | value
    return number if number < 1 << 63 else None
