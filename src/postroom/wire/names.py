"""Name resolution: a host as people write it becomes addresses, once for each connection.

The system's resolver blocks, so it runs in a thread of its own; lookups of the same name that overlap share one, so
that a name server that does not answer holds one thread and not one for each attempt. The threads are daemons: a
hanging lookup delays no stop.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import threading
from dataclasses import dataclass

import idna

from postroom.model.attempt import Failure
from postroom.smtp.reply import printable
from postroom.wire.failures import of_lookup
from postroom.wire.guard import IpAddress

__all__ = ["Found", "NoName", "host_name", "in_turn", "own_name", "resolve"]

MAX_ADDRESSES = 8
"""Addresses of one host that are tried: whoever owns a name could list thousands."""

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
_Answer = list[tuple[socket.AddressFamily, SocketAddress]] | socket.gaierror

_NAME = re.compile(r"(?=.{1,253}\Z)([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\Z", re.ASCII)
"""What is asked of the DNS: letters, digits, hyphens, and the underscores that private networks use."""


@dataclass(frozen=True, slots=True)
class Found:
    """One address of a host: what is connected to, to the letter."""

    ip: IpAddress
    family: socket.AddressFamily
    address: SocketAddress

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.address[1]}" if self.ip.version == 6 else f"{self.ip}:{self.address[1]}"


@dataclass(frozen=True, slots=True)
class NoName:
    """Why there is no address."""

    failure: Failure
    detail: str


def host_name(host: str) -> str | None:
    """The name in ASCII (A-labels, RFC 5890) or the address, as TLS checks it; None when it is no host name.

    Brackets around an IPv6 address and the dot at the end of a full name are taken off.
    """
    name = host.strip(" \t")
    bare = name[1:-1].removeprefix("IPv6:") if name.startswith("[") and name.endswith("]") else name
    if _address(bare) is not None:
        return bare
    name = name.removesuffix(".")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    return name if _NAME.match(name) else None


def _address(text: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def own_name() -> str:
    """This machine's name as EHLO wants it: with a domain, else its address as a literal (RFC 5321, 4.1.3)."""
    name = socket.getfqdn()
    return name if "." in name and not name.endswith(".arpa") else "[127.0.0.1]"


async def resolve(host: str, port: int, seconds: float) -> tuple[Found, ...] | NoName:
    """The addresses of a host in the order to try them: as the system prefers, IPv6 and IPv4 in turn (RFC 8305, 4)."""
    name = host_name(host)
    if name is None:
        return NoName(Failure.NAME, f"{printable(host)[:100]} is not a host name.")
    answer = await _lookup(name, port, seconds)
    if isinstance(answer, NoName):
        return answer
    found = [
        Found(ip, family, address)
        for family, address in answer
        if family in (socket.AF_INET, socket.AF_INET6) and (ip := _address(str(address[0]))) is not None
    ]
    return in_turn(found) or NoName(Failure.NAME, f"{name} has no address.")


def in_turn(found: list[Found]) -> tuple[Found, ...]:
    """IPv6 and IPv4 alternately, each once, and not too many."""
    if not found:
        return ()
    first = [one for one in found if one.family == found[0].family]
    second = [one for one in found if one.family != found[0].family]
    ordered = []
    while first or second:
        ordered += first[:1] + second[:1]
        first, second = first[1:], second[1:]
    return tuple(dict.fromkeys(ordered))[:MAX_ADDRESSES]


_under_way: dict[tuple[asyncio.AbstractEventLoop, str, int], asyncio.Future[_Answer]] = {}


async def _lookup(name: str, port: int, seconds: float) -> list[tuple[socket.AddressFamily, SocketAddress]] | NoName:
    loop = asyncio.get_running_loop()
    key = (loop, name, port)
    future = _under_way.get(key)
    if future is None:
        future = _under_way[key] = loop.create_future()
        future.add_done_callback(lambda _: _under_way.pop(key, None))
        threading.Thread(target=_look_up, args=(loop, future, name, port), name="postroom-name", daemon=True).start()
    done, _ = await asyncio.wait({future}, timeout=seconds)
    if not done:
        return NoName(Failure.NAME_TEMPORARY, f"The address of {name} could not be looked up: no name server answered.")
    answer = future.result()
    return NoName(*of_lookup(answer, name)) if isinstance(answer, socket.gaierror) else answer


def _look_up(loop: asyncio.AbstractEventLoop, future: asyncio.Future[_Answer], name: str, port: int) -> None:
    answer: _Answer
    try:
        # as bytes: text would go through Python's own IDNA codec, which is of 2003 and raises for odd names
        rows = socket.getaddrinfo(name.encode("ascii"), port, type=socket.SOCK_STREAM)
        answer = [(row[0], row[4]) for row in rows]  # type: ignore[misc]
    except socket.gaierror as error:
        answer = error
    except (OSError, UnicodeError) as error:
        answer = socket.gaierror(socket.EAI_FAIL, str(error))
    try:
        loop.call_soon_threadsafe(_tell, future, answer)
    except RuntimeError:  # the loop has ended meanwhile
        _under_way.pop((loop, name, port), None)


def _tell(future: asyncio.Future[_Answer], answer: _Answer) -> None:
    if not future.done():
        future.set_result(answer)
