"""What an agent may reach: rules like `smtp.example.com:587`, `*.example.com:25`, `10.1.0.0/16:25` or `relay.lan:*`.

Default deny. A rule with a name allows that name, wherever it leads. A rule with a network allows its addresses, also
those that a name leads to: then exactly these are connected to, so that a name can't lead elsewhere in between.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

__all__ = ["Allowed", "BadRule"]

IpAddress = IPv4Address | IPv6Address
_NAME = re.compile(r"(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.ASCII)


class BadRule(ValueError):
    """A rule that can't be read: what is wrong with it, and how to mend it."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.mend = mend


@dataclass(frozen=True, slots=True)
class _Rule:
    """`port` 0 is any."""

    name: str
    network: IPv4Network | IPv6Network | None
    port: int

    def fits_name(self, host: str) -> bool:
        if self.network is not None:
            return False
        return host.endswith(self.name[1:]) if self.name.startswith("*.") else host == self.name

    def fits_port(self, port: int) -> bool:
        return self.port in (0, port)


class Allowed:
    """All rules of an agent. Raises BadRule."""

    def __init__(self, rules: Iterable[str]) -> None:
        self._rules = tuple(_rule(text.strip()) for text in rules)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def name(self, host: str, port: int) -> bool:
        """Whether a host may be reached by this very name or address, as it was asked for."""
        wanted = host.lower().removesuffix(".")
        address = _address(wanted)
        if address is not None:
            return self.address(address, port)
        return any(rule.fits_port(port) and rule.fits_name(wanted) for rule in self._rules)

    def address(self, address: IpAddress, port: int) -> bool:
        """Whether an address may be reached, however it was found."""
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(
            rule.fits_port(port) and rule.network is not None and address in rule.network for rule in self._rules
        )

    def by_address(self, port: int) -> bool:
        """Whether some rule for this port speaks of addresses, so that it is worth looking up a name."""
        return any(rule.fits_port(port) and rule.network is not None for rule in self._rules)


def _rule(text: str) -> _Rule:
    host, colon, port = text.rpartition(":")
    if not colon or not host:
        raise BadRule(f"{text!a} names no port.", "Write it like smtp.example.com:587, or :* for any port.")
    if port == "*":
        number = 0
    elif re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) and 1 <= int(port) <= 65_535:
        number = int(port)
    else:
        raise BadRule(f"{text!a} has a port that is none.", "Write a number from 1 to 65535, or * for any.")
    host = host.lower().removesuffix(".")
    bare = re.sub(r"^\[(.*)\](/[0-9]+)?$", r"\1\2", host)  # as IPv6 stands in web addresses
    try:
        return _Rule("", ip_network(bare), number)
    except ValueError:
        pass
    if "/" in bare or not _NAME.fullmatch(bare) or re.fullmatch(r"[0-9.]+", bare):
        raise BadRule(
            f"{text!a} names neither a host nor a network.",
            "Write it like smtp.example.com:587, *.example.com:25 or 10.1.0.0/16:25.",
        )
    return _Rule(bare, None, number)


def _address(host: str) -> IpAddress | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
