"""Who a request really comes from, when a reverse proxy brings it.

Rules it keeps: nothing that a request says is believed unless the connection comes from a proxy that the settings name;
one header is read, the one that the settings name, for a proxy passes the other one on as a stranger wrote it; it is
read from its end, where the nearest proxy wrote, and only as far as the addresses are proxies that the settings name.
The first address that is none of these is the client's, whoever else stands before it (RFC 7239, section 8.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from postroom.settings import Network, ProxyHeader
from postroom.wire.origin import address_of, is_among

__all__ = ["client_of"]

_MOST_HOPS = 50
_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*("(?:[^"\\]|\\.)*"|[^;"\s]*)\s*(?=;|$)', re.IGNORECASE)
_NAMES = {ProxyHeader.X_FORWARDED_FOR: b"x-forwarded-for", ProxyHeader.FORWARDED: b"forwarded"}


def client_of(
    peer: str, headers: Iterable[tuple[bytes, bytes]], proxies: Sequence[Network], header: ProxyHeader
) -> str:
    """The address of the client. `peer`: the one the connection comes from; `headers`: names in small letters."""
    here = address_of(peer)
    if here is None or not is_among(here, proxies):
        return peer
    name = _NAMES[header]
    said = b",".join(value for known, value in headers if known == name).decode("latin-1")
    found = str(here)
    for hop in reversed(_hops(said)):
        text = _for(hop) if header is ProxyHeader.FORWARDED else hop
        address = address_of(_without_port(text))
        if address is None:
            break
        found = str(address)
        if not is_among(address, proxies):
            break
    return found


def _hops(said: str) -> list[str]:
    """The elements of a list with commas, of which those in quotes do not count; the last ones."""
    parts = re.split(r',(?=(?:[^"]*"[^"]*")*[^"]*$)', said) if '"' in said else said.split(",")
    return [part.strip() for part in parts[-_MOST_HOPS:]]


def _for(hop: str) -> str:
    """The `for` of an element of Forwarded (RFC 7239, section 4); "" when it has none, or is none."""
    matched = _FOR.search(hop)
    return "" if matched is None else matched[1].strip('"')


def _without_port(text: str) -> str:
    """`192.0.2.1:80`, `[2001:db8::1]:80`, `[2001:db8::1]` without what is no address."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
