"""The first octets of a connection that a load balancer brings: whose it is (PROXY protocol, versions 1 and 2).

Rules it keeps: only connections from addresses that the settings name may begin so, and these have to; the header is
read to its last octet and not one further, for what follows is the client's; what is no header ends the connection.

Source: the PROXY protocol specification of HAProxy, sections 2.1 and 2.2.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address

__all__ = ["BadHeader", "client_behind", "read_header"]

_SECOND = b"\r\n\r\n\x00\r\nQUIT\n"
_LONGEST_FIRST = 107
_LONGEST_SECOND = 4_096
_IPV4, _IPV6 = 0x1, 0x2
_LOCAL, _PROXIED = 0x0, 0x1

Read = Callable[[int], Awaitable[bytes]]


class BadHeader(ValueError):
    """What a trusted load balancer sent is no header of the PROXY protocol."""


async def client_behind(one: socket.socket, peer: str, seconds: float) -> str:
    """The client's address, by the header that the peer sends first. Raises BadHeader, OSError, TimeoutError."""
    loop = asyncio.get_running_loop()

    async def exactly(count: int) -> bytes:
        octets = b""
        while len(octets) < count:
            more = await loop.sock_recv(one, count - len(octets))
            if not more:
                raise BadHeader("the connection ended within the header")
            octets += more
        return octets

    async with asyncio.timeout(seconds):
        return await read_header(exactly) or peer


async def read_header(exactly: Read) -> str:
    """The client's address in a header of either version; "" where it speaks of no client (a health check, say).

    `exactly` reads so many octets and no more. Raises BadHeader.
    """
    begun = await exactly(len(_SECOND))
    if begun == _SECOND:
        return await _second(exactly)
    while not begun.endswith(b"\r\n"):
        if len(begun) >= _LONGEST_FIRST or not begun.startswith(b"PROXY "):
            raise BadHeader("that is no header")
        begun += await exactly(1)
    return _first(begun)


def _first(line: bytes) -> str:
    words = line[:-2].split(b" ")
    if words[1:2] == [b"UNKNOWN"]:
        return ""
    kinds = {b"TCP4": IPv4Address, b"TCP6": IPv6Address}
    if len(words) != 6 or words[1] not in kinds or not all(port.isdigit() for port in words[4:]):
        raise BadHeader("that is no header of version 1")
    try:
        return str(kinds[words[1]](words[2].decode("ascii")))
    except ValueError:
        raise BadHeader("that header names no address") from None


async def _second(exactly: Read) -> str:
    kind, family, high, low = await exactly(4)
    length = high << 8 | low
    if kind >> 4 != 2 or kind & 15 not in (_LOCAL, _PROXIED) or length > _LONGEST_SECOND:
        raise BadHeader("that is no header of version 2")
    rest = await exactly(length) if length else b""
    if kind & 15 == _LOCAL:
        return ""
    if family >> 4 == _IPV4 and length >= 12:
        return str(IPv4Address(rest[:4]))
    if family >> 4 == _IPV6 and length >= 36:
        address = IPv6Address(rest[:16])
        return str(address.ipv4_mapped or address)
    if family >> 4 in (_IPV4, _IPV6):
        raise BadHeader("that header is too short for its addresses")
    return ""
