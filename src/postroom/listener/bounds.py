"""How much may come in at once: connections, of one client and in all, and octets of messages that are under way.

Counters and nothing else; used on the event loop only. A client is an address, or a /64 where it is IPv6: one machine
has as many addresses there as it likes.
"""

from __future__ import annotations

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


class Room:
    """Octets that are kept."""

    __slots__ = ("_most", "taken")

    def __init__(self, most: int) -> None:
        self._most = most
        self.taken = 0

    def has(self, octets: int) -> bool:
        return self.taken + octets <= self._most

    def take(self, octets: int) -> bool:
        if self.taken + octets > self._most:
            return False
        self.taken += octets
        return True

    def give(self, octets: int) -> None:
        self.taken -= octets
