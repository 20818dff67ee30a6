"""The network address that something comes from, as it is compared: IPv4 within IPv6 counts as IPv4, zones do not."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from postroom.wire.guard import IpAddress

__all__ = ["address_of", "is_among"]


def address_of(text: str) -> IpAddress | None:
    """The address, None for what is none."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def is_among(address: IpAddress | None, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether one of the networks has it."""
    return address is not None and any(address in network for network in networks)
