"""Which addresses may be connected to. The check is on the address that is then used, never on a name (no rebinding).

A guard is asked once for each resolved address and gives a reason to refuse it, or "". Hosts that the operator names
may be anywhere (`allow_all`: an internal relay is the normal case); hosts that a tenant names go through
`refuse_internal`.

An account's guard (`guard_for`) says all of it in one place: the installation's own accounts are the operator's, every
other account is a tenant's, for whom the ports of mail and the operator's setting `tenant_hosts` count as well.

Default deny: of IPv6 only global unicast counts as outside. An address that carries an IPv4 address inside (mapped,
NAT64) is judged by that one; tunnels that could lead anywhere (6to4, Teredo, ISATAP) are refused as such. How a host
was spelled (decimal, octal, hexadecimal, with a dot at the end) can't matter, for it is the result that is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from postroom.model.account import Account
from postroom.model.connector import Connector
from postroom.model.tenant import INSTALLATION
from postroom.settings import TenantHost

__all__ = [
    "CONNECTOR_PORTS",
    "MAILBOX_PORTS",
    "MAIL_PORTS",
    "AccountGuard",
    "AddressGuard",
    "IpAddress",
    "allow_all",
    "guard_for",
    "guard_for_connector",
    "guard_for_mailbox",
    "is_internal",
    "refuse_internal",
    "why_internal",
]

MAIL_PORTS = (25, 465, 587, 2465, 2525, 2587)
"""Where mail servers take mail: the registered ones, and those that providers offer where port 25 is blocked."""

MAILBOX_PORTS = (143, 993)
"""Where mail servers let mail be read over IMAP."""

CONNECTOR_PORTS = (22, 443, 1080, 3128, 8080, 8118, 8443, 8888)
"""Where proxies and SSH servers usually are."""

IpAddress = IPv4Address | IPv6Address
AddressGuard = Callable[[IpAddress], str]
"""Gives why an address may not be connected to, or "" when it may."""

_INTERNAL = tuple(
    (ip_network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "this network (RFC 1122)"),
        ("10.0.0.0/8", "private (RFC 1918)"),
        ("100.64.0.0/10", "carrier-grade NAT (RFC 6598)"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local, cloud metadata (RFC 3927)"),
        ("172.16.0.0/12", "private (RFC 1918)"),
        ("192.0.0.0/24", "protocol assignments (RFC 6890)"),
        ("192.0.2.0/24", "documentation (RFC 5737)"),
        ("192.88.99.0/24", "6to4 relay (RFC 7526)"),
        ("192.168.0.0/16", "private (RFC 1918)"),
        ("198.18.0.0/15", "benchmarking (RFC 2544)"),
        ("198.51.100.0/24", "documentation (RFC 5737)"),
        ("203.0.113.0/24", "documentation (RFC 5737)"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved or broadcast"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private (RFC 4193)"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local (RFC 3879)"),
        ("ff00::/8", "multicast"),
        ("64:ff9b:1::/48", "local NAT64 (RFC 8215)"),
        ("2001::/32", "Teredo (RFC 4380)"),
        ("2001::/23", "protocol assignments (RFC 2928)"),
        ("2001:db8::/32", "documentation (RFC 3849)"),
        ("2002::/16", "6to4 (RFC 3056)"),
        ("3fff::/20", "documentation (RFC 9637)"),
    )
)
_INTERNAL_4 = tuple((network, why) for network, why in _INTERNAL if isinstance(network, IPv4Network))
_INTERNAL_6 = tuple((network, why) for network, why in _INTERNAL if isinstance(network, IPv6Network))
_GLOBAL = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})


def allow_all(address: IpAddress) -> str:
    """For hosts that the operator named."""
    return ""


def refuse_internal(address: IpAddress) -> str:
    """For hosts that somebody else named: addresses of the outside world only."""
    return why_internal(address)


def is_internal(address: IpAddress | str) -> bool:
    """Whether the address is not one of the public internet. Raises ValueError for text that is no IP address."""
    return bool(why_internal(ip_address(address) if isinstance(address, str) else address))


def why_internal(address: IpAddress) -> str:
    """What kind of internal address it is, or ""."""
    if isinstance(address, IPv4Address):
        return next((why for network, why in _INTERNAL_4 if address in network), "")
    inside = _embedded(address)
    if inside is not None:
        return why_internal(inside)
    for network, why in _INTERNAL_6:
        if address in network:
            return why
    if address not in _GLOBAL:
        return "not global unicast (RFC 4291)"
    # the lower half of an ISATAP address is 0:5efe: or 200:5efe: and an IPv4 address, under any prefix
    return "ISATAP (RFC 5214)" if int(address) >> 32 & 0xFFFF_FFFF in _ISATAP else ""


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a packet to this one would really go to."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else None


@dataclass(frozen=True, slots=True)
class AccountGuard:
    """The guard of one account's server, to be called with each resolved address. `free`: the operator named it.

    `discreet`: whoever named the host learns nothing of what is not public: neither whether a name is known inside, nor
    where it leads, nor what something says there that is no mail server.
    """

    host: str
    port: int
    free: bool
    allowed: tuple[TenantHost, ...]
    usual: tuple[int, ...] = MAIL_PORTS

    def __call__(self, address: IpAddress) -> str:
        if self.free or any(self._fits(one, address) for one in self.allowed):
            return ""
        return why_internal(address) if self.port in self.usual else "not a port that such servers have"

    @property
    def discreet(self) -> bool:
        return not self.free

    @property
    def wrong_port(self) -> bool:
        """Whether no address at all may be connected to on this port."""
        if self.free or self.port in self.usual:
            return False
        return not any(self._port_fits(one) and one.name in ("", self.host) for one in self.allowed)

    @property
    def wrong_literal(self) -> bool:
        """Whether the host is written as an address, and as one that may not be connected to."""
        try:
            return not self.wrong_port and bool(self(ip_address(self.host)))
        except ValueError:
            return False

    @property
    def ports(self) -> str:
        """The ports that are always possible, for people."""
        return ", ".join(map(str, self.usual))

    def _fits(self, one: TenantHost, address: IpAddress) -> bool:
        if not self._port_fits(one):
            return False
        if one.network is None:
            return one.name == self.host
        inside = _embedded(address) if isinstance(address, IPv6Address) else None
        return (inside or address) in one.network

    def _port_fits(self, one: TenantHost) -> bool:
        return self.port in (*MAIL_PORTS, *MAILBOX_PORTS) if one.port is None else one.port in (0, self.port)


def guard_for(account: Account, allowed: Iterable[TenantHost]) -> AccountGuard:
    """The guard of this account's server; `allowed` is the setting `tenant_hosts`."""
    host = account.host.lower().removesuffix(".")
    return AccountGuard(host, account.port, account.tenant_id == INSTALLATION, tuple(allowed))


def guard_for_mailbox(access: Account, allowed: Iterable[TenantHost]) -> AccountGuard:
    """The same for the server of a mailbox, with the ports of IMAP."""
    host = access.host.lower().removesuffix(".")
    return AccountGuard(host, access.port, access.tenant_id == INSTALLATION, tuple(allowed), MAILBOX_PORTS)


def guard_for_connector(connector: Connector, allowed: Iterable[TenantHost]) -> AccountGuard:
    """The same for the host of a connector, with the ports that proxies and SSH servers usually have."""
    host = connector.host.lower().removesuffix(".")
    free = connector.tenant_id == INSTALLATION
    return AccountGuard(host, connector.port, free, tuple(allowed), CONNECTOR_PORTS)
