"""How much may come in at once: connections, of one client and in all, and octets of messages that are under way.

Used on the event loop only. A client is an address, or a /64 where it is IPv6: one machine
has as many addresses there as it likes.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

__all__ = ["Places", "Room", "client_of"]


def client_of(address: str) -> str:
    """What counts as one client. `address` as a socket tells it; one that can't be read counts for itself."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        mapped = found.ipv4_mapped
        if mapped is not None:
            return str(mapped)
        return f"{IPv6Address(int(found) >> 64 << 64)}/64"
    return str(found)


class Places:
    """Connections that are open."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._of: dict[str, int] = {}
        self.taken = 0

    def enter(self, client: str) -> bool:
        """Takes a place; False when there is none."""
        had = self._of.get(client, 0)
        if self.taken >= self._most or had >= self._most_of_one:
            return False
        self._of[client] = had + 1
        self.taken += 1
        return True

    def leave(self, client: str) -> None:
        self.taken -= 1
        left = self._of[client] - 1
        if left:
            self._of[client] = left
        else:
            del self._of[client]


_LONGEST_LINE = 100


class Room:
    """Octets that are kept of messages under way, over all clients.

    `most` of them, of which `largest` are for one message: when no more than that is left, room is short. Then whoever
    is in the middle of a message stands in line, and only the first of it goes on, as far as his message goes: what has
    begun comes to its end, one message behind the other, and nobody waits for somebody who waits for him.
    """

    def __init__(self, most: int, largest: int) -> None:
        self._most = most
        self._ease = max(most - largest, most // 4)
        self._line: dict[object, Callable[[], None]] = {}
        self.taken = 0

    @property
    def short(self) -> bool:
        return self.taken > self._ease

    @property
    def line_is_full(self) -> bool:
        """Whether so many wait already that another one had better come back."""
        return len(self._line) >= _LONGEST_LINE

    def take(self, who: object, octets: int) -> bool:
        """Keeps so many more; False where there is no room for them."""
        if self.taken + octets > self._most and not self._is_first(who):
            return False
        self.taken += octets
        return True

    def may_go_on(self, who: object, call: Callable[[], None]) -> bool:
        """Whether `who` may receive more of his message. If not, `call` is called once it may be otherwise."""
        if not self.short:
            return True
        self._line.setdefault(who, call)
        return self._is_first(who)

    def give(self, who: object, octets: int) -> None:
        """So many are not kept any more, of a message that is over."""
        self.taken -= octets
        self.leave(who)

    def leave(self, who: object) -> None:
        """Stands in line no more."""
        self._line.pop(who, None)
        if not self._line:
            return
        called = [next(iter(self._line.values()))] if self.short else list(self._line.values())
        if not self.short:
            self._line.clear()
        for call in called:
            call()

    def _is_first(self, who: object) -> bool:
        return next(iter(self._line), None) is who
