"""The header of the PROXY protocol: both versions, and what is none."""

from __future__ import annotations

import asyncio
import struct
from ipaddress import ip_address

import pytest

from postroom.listener.proxied import BadHeader, read_header

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def second(client: str, command: int = 0x21, family: int | None = None, more: bytes = b"") -> bytes:
    """A header of version 2, as a load balancer sends it."""
    address = ip_address(client)
    kind = (0x11 if address.version == 4 else 0x21) if family is None else family
    rest = address.packed * 2 + struct.pack("!HH", 4711, 25) + more
    return SIGNATURE + struct.pack("!BBH", command, kind, len(rest)) + rest


def read(octets: bytes) -> tuple[str, bytes]:
    """The address, and what is left for the client's own conversation."""
    left = bytearray(octets)

    async def exactly(count: int) -> bytes:
        if len(left) < count:
            raise BadHeader("the end")
        taken = bytes(left[:count])
        del left[:count]
        return taken

    return asyncio.run(read_header(exactly)), bytes(left)


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 25\r\n", "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 25\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", ""),
        (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", ""),
        (second("192.0.2.7"), "192.0.2.7"),
        (second("2001:db8::7"), "2001:db8::7"),
        (second("::ffff:192.0.2.7"), "192.0.2.7"),
        (second("192.0.2.7", more=b"\x04\x00\x02xx"), "192.0.2.7"),
        (second("192.0.2.7", command=0x20), ""),
        (second("192.0.2.7", family=0x00), ""),
        (SIGNATURE + b"\x20\x00\x00\x00", ""),
    ],
)
def test_a_header_names_the_client_and_is_read_to_its_last_octet(header: bytes, client: str) -> None:
    assert read(header + b"EHLO shop\r\n") == (client, b"EHLO shop\r\n")


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"EHLO shop.example.com\r\n",
        b"PROXY TCP4 192.0.2.7\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 4711 25\r\n",
        b"PROXY TCP6 192.0.2.7 10.0.0.1 4711 25\r\n",
        b"PROXY TCP4 192.0.2.7 10.0.0.1 x 25\r\n",
        b"PROXY TCP4 \xff 10.0.0.1 4711 25\r\n",
        b"PROXY TCP4  192.0.2.7 10.0.0.1 4711 25\r\n",
        b"PROXY " + b"x" * 200 + b"\r\n",
        b"PROXY UNKNOWN\n" + b"x" * 200,
        second("192.0.2.7", command=0x31),
        second("192.0.2.7", command=0x22),
        SIGNATURE + b"\x21\x11\x00\x04abcd",
        SIGNATURE + b"\x21\x21\x00\x0c" + b"x" * 12,
        SIGNATURE + b"\x21\x11\xff\xff" + b"x" * 70_000,
        second("192.0.2.7")[:-1],
    ],
)
def test_what_is_no_header_is_refused(octets: bytes) -> None:
    with pytest.raises(BadHeader):
        read(octets)
