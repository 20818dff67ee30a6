"""Brute force is slowed: per client and per user name, without a thread or a task that waits.

Each failed login doubles how long the next one of that client, or for that name, is kept waiting before it is looked
at; what is looked at later can't be told from what is refused. Failures are forgotten by halves. Who logged in with
success lately, from the same client with the same name, is not kept waiting for what others do to his name; so nobody
can lock an application out. Memory is bounded: the oldest are forgotten first.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Slowing"]

FIRST_SECONDS = 0.5
MOST_SECONDS = 30.0
HALF_LIFE_SECONDS = 300.0
TRUSTED_SECONDS = 24 * 3600.0
MOST_REMEMBERED = 20_000


class _Score(NamedTuple):
    value: float
    at: float


class Slowing:
    """Times are seconds of any clock that only goes forward. `scale` multiplies what is waited, for tests."""

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self._clients: dict[str, _Score] = {}
        self._users: dict[str, _Score] = {}
        self._good: dict[tuple[str, str], float] = {}

    def delay(self, client: str, user: str, now: float) -> float:
        """Seconds that this login has to wait before it is looked at."""
        score = _value(self._clients, client, now)
        if self._good.get((client, user), now - 2 * TRUSTED_SECONDS) < now - TRUSTED_SECONDS:
            score = max(score, _value(self._users, user, now))
        if score < 0.5:
            return 0.0
        return float(min(FIRST_SECONDS * 2 ** (score - 1), MOST_SECONDS)) * self._scale

    def failed(self, client: str, user: str, now: float) -> None:
        for scores, name in ((self._clients, client), (self._users, user)):
            value = _value(scores, name, now) + 1
            scores.pop(name, None)
            scores[name] = _Score(value, now)
            _forget_oldest(scores)

    def succeeded(self, client: str, user: str, now: float) -> None:
        self._clients.pop(client, None)
        self._good.pop((client, user), None)
        self._good[client, user] = now
        _forget_oldest(self._good)


def _value(scores: dict[str, _Score], name: str, now: float) -> float:
    found = scores.get(name)
    if found is None:
        return 0.0
    return float(found.value * 0.5 ** ((now - found.at) / HALF_LIFE_SECONDS))


def _forget_oldest(memory: dict[str, _Score] | dict[tuple[str, str], float]) -> None:
    if len(memory) > MOST_REMEMBERED:
        del memory[next(iter(memory))]  # type: ignore[arg-type]  # the key is the dictionary's own
