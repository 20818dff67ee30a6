"""The conversation with a SOCKS5 proxy (RFC 1928), with user name and password where it wants them (RFC 1929).

Pure: a generator that yields what is to be sent and is sent what came, in whatever pieces it came; b"" when no more
will come. It ends with `Through`, which holds what the server behind the proxy has said already, or with `Refused`. No
answer of a proxy is longer than 262 octets, so nothing here grows. The host goes to the proxy as a name: it is looked
up there (section 5), and this side does not know the address.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from postroom.model.attempt import Failure
from postroom.secrets import Secret
from postroom.wire.connectors.way import Refused

__all__ = ["Talk", "Through", "socks5"]

_VERSION, _LOGIN_VERSION = 5, 1
_NO_LOGIN, _PASSWORD, _NONE_OF_THEM = 0, 2, 255
_CONNECT = 1
_IPV4, _DOMAIN, _IPV6 = 1, 3, 4
_LONGEST = 255

_REPLIES = {
    1: (Failure.CONNECTOR_SERVER, "the proxy failed, and does not say why"),
    2: (Failure.CONNECTOR_FORBIDS, "its rules forbid that"),
    3: (Failure.CONNECTOR_SERVER, "there is no route to that network"),
    4: (Failure.CONNECTOR_SERVER, "the host is not there, or its name is not known"),
    5: (Failure.CONNECTOR_SERVER, "the connection was refused: nothing listens there, or a firewall says no"),
    6: (Failure.CONNECTOR_SERVER, "nothing came back in time"),
    7: (Failure.CONNECTOR_BROKEN, "it does not make connections (CONNECT is not supported)"),
    8: (Failure.CONNECTOR_SERVER, "the proxy does not know this kind of address"),
}
"""RFC 1928, section 6."""


@dataclass(frozen=True, slots=True)
class Through:
    """The way is open. `rest`: octets of the server that came along with the proxy's answer."""

    rest: bytes = b""


Talk = Generator[bytes, bytes, Through | Refused]
"""Yields octets to send (b"": only waits), is sent the next octets that came, b"" at their end."""


class _Ended(Exception):
    """The proxy hung up. Never leaves this module."""


class _Broken(Exception):
    """The proxy said what no proxy says. Never leaves this module."""


def socks5(host: str, port: int, user: str = "", secret: Secret | None = None) -> Talk:
    """Asks for a connection to `host` (an A-label name or an IP address). Raises ValueError for what can't be written:
    a host, user or password of more than 255 octets, an empty user."""
    request = _request(host, port)
    login = None if secret is None else _login(user, secret)
    hears = _Hears()
    try:
        chosen = yield from _method(hears, login is not None)
        if chosen == _NONE_OF_THEM or (chosen == _PASSWORD and login is None):
            why = "it takes nobody without user name and password"
            if login is not None:
                why = "it takes neither user name and password nor nobody"
            return Refused(Failure.CONNECTOR_LOGIN, why)
        if chosen == _PASSWORD and login is not None:
            version, status = yield from hears.exactly(2, login)
            if version != _LOGIN_VERSION:
                raise _Broken(f"it answered the login with the octet {version}")
            if status != 0:
                return Refused(Failure.CONNECTOR_LOGIN, "the SOCKS5 proxy does not accept this user name and password")
        return (yield from _connected(hears, request))
    except _Ended:
        return Refused(Failure.CONNECTOR_BROKEN, "it closed the connection in the middle of its answer")
    except _Broken as broken:
        return Refused(Failure.CONNECTOR_BROKEN, str(broken))


class _Hears:
    """What came and was not used yet."""

    def __init__(self) -> None:
        self.waiting = b""

    def exactly(self, count: int, say: bytes = b"") -> Generator[bytes, bytes, bytes]:
        """The next `count` octets. `say` is sent first; the proxy must not have answered before it was asked."""
        if say and self.waiting:
            raise _Broken("it answered before it was asked")
        while say or len(self.waiting) < count:
            came = yield say
            if not came:
                raise _Ended
            self.waiting += came
            say = b""
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken


def _method(hears: _Hears, has_login: bool) -> Generator[bytes, bytes, int]:
    """Section 3: which of our ways of logging in the proxy wants."""
    offered = bytes([_NO_LOGIN, _PASSWORD]) if has_login else bytes([_NO_LOGIN])
    version, chosen = yield from hears.exactly(2, bytes([_VERSION, len(offered)]) + offered)
    if version != _VERSION:
        raise _Broken(f"it began with the octet {version}, a SOCKS5 proxy with 5")
    if chosen not in offered and chosen != _NONE_OF_THEM:
        raise _Broken(f"it chose the login method {chosen}, which was not offered")
    return chosen


def _connected(hears: _Hears, request: bytes) -> Talk:
    """Sections 4 to 6. The address that the proxy tells is its own business, but must be read to its last octet."""
    version, reply, _, kind = yield from hears.exactly(4, request)
    if version != _VERSION:
        raise _Broken(f"it answered with the octet {version}, a SOCKS5 proxy with 5")
    if reply != 0:
        return Refused(*_REPLIES.get(reply, (Failure.CONNECTOR_BROKEN, f"it refused with the unknown code {reply}")))
    if kind == _DOMAIN:
        (length,) = yield from hears.exactly(1)
    elif kind in (_IPV4, _IPV6):
        length = 4 if kind == _IPV4 else 16
    else:
        raise _Broken(f"it told an address of the unknown kind {kind}")
    yield from hears.exactly(length + 2)
    return Through(hears.waiting)


def _request(host: str, port: int) -> bytes:
    head = bytes([_VERSION, _CONNECT, 0])
    return head + _address(host) + port.to_bytes(2, "big")


def _address(host: str) -> bytes:
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        name = host.encode("ascii")
        if not 1 <= len(name) <= _LONGEST:
            raise ValueError("a host name has 1 to 255 octets") from None
        return bytes([_DOMAIN, len(name)]) + name
    return bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed


def _login(user: str, secret: Secret) -> bytes:
    """RFC 1929, section 2."""
    name, word = user.encode(), secret.reveal().encode()
    if not (1 <= len(name) <= _LONGEST and 1 <= len(word) <= _LONGEST):
        raise ValueError("SOCKS5 takes user names and passwords of 1 to 255 octets")
    return bytes([_LOGIN_VERSION, len(name)]) + name + bytes([len(word)]) + word
