"""Asking the DNS: MX, SRV, TXT and the like, from the name servers that the operator chose or the system's own.

Rules it keeps:
- An answer is data, and so is that there is none (promise P6): `Found` says whether the name exists, `NotAnswered` why
  nobody could say. "There is no such record" and "nobody answered" are never mixed up.
- Everything is bounded: seconds for a question, questions at a time, records of an answer, aliases that are followed.
- A reply counts only from the server asked, to the question asked; anything else is waited past.
- Text from outside is data (promise P9): names come back as A-labels in lower case, and what is none is left out.

One `Dns` is for one piece of work: what it has asked once, it does not ask again. Where a host is for a connection is
looked up by `names`, as the system does it, unless the caller wants it from here.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from time import monotonic
from typing import Any, NamedTuple, cast

import dns.asyncbackend
import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.reversename

from postroom.model.attempt import Failure
from postroom.settings import NameServer
from postroom.smtp.reply import printable
from postroom.wire.guard import IpAddress
from postroom.wire.names import Found as Place
from postroom.wire.names import NoName, host_name, in_turn, resolve

__all__ = ["Dns", "Found", "Kind", "Mx", "NameServer", "NotAnswered", "Record", "Srv", "Why"]

MAX_RECORDS = 100
"""Records of one answer that are kept."""
_AT_ONCE = 16
_ROUNDS = 2
_SYSTEM = "/etc/resolv.conf"


class Kind(StrEnum):
    """What can be asked for."""

    A = "A"
    AAAA = "AAAA"
    CNAME = "CNAME"
    MX = "MX"
    NS = "NS"
    PTR = "PTR"
    SRV = "SRV"
    TXT = "TXT"


class Mx(NamedTuple):
    """`host` is "" where the domain takes no mail at all (null MX, RFC 7505)."""

    preference: int
    host: str


class Srv(NamedTuple):
    """`host` is "" where the service is decidedly not there (RFC 2782: the target `.`)."""

    priority: int
    weight: int
    port: int
    host: str


Record = Mx | Srv | IPv4Address | IPv6Address | bytes | str
"""By kind: MX, SRV, A, AAAA; TXT as octets, its strings put together; CNAME, NS and PTR as a name."""


class Why(StrEnum):
    """Why nobody could say."""

    NO_NAME = "no-name"
    """What was asked for is no name."""
    NO_SERVER = "no-server"
    """There is no name server to ask."""
    TIMEOUT = "timeout"
    SERVER_FAILED = "server-failed"
    REFUSED = "refused"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Found:
    """What a name server said. `exists`: whether there is such a name, with records of whatever kind.

    `records` come as the server gave them, MX and SRV in the order of their preference or priority; `more`: there were
    more than are kept. `seconds`: how long the answer may be remembered. `via`: the name at the end of the aliases.
    """

    name: str
    kind: Kind
    exists: bool
    records: tuple[Record, ...] = ()
    seconds: int = 0
    via: str = ""
    more: bool = False

    @property
    def texts(self) -> tuple[bytes, ...]:
        return tuple(one for one in self.records if isinstance(one, bytes))

    @property
    def mx(self) -> tuple[Mx, ...]:
        return tuple(one for one in self.records if isinstance(one, Mx))

    @property
    def srv(self) -> tuple[Srv, ...]:
        return tuple(one for one in self.records if isinstance(one, Srv))

    @property
    def addresses(self) -> tuple[IpAddress, ...]:
        return tuple(one for one in self.records if isinstance(one, (IPv4Address, IPv6Address)))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one for one in self.records if isinstance(one, str))


@dataclass(frozen=True, slots=True)
class NotAnswered:
    """Nobody could say: `detail` is a sentence for people."""

    name: str
    kind: Kind
    why: Why
    detail: str


class Dns:
    """Asks `servers` in turn, those of the system where there are none. `seconds`: the most for one question."""

    def __init__(self, servers: Sequence[NameServer] = (), seconds: float = 5.0) -> None:
        self._servers = tuple(servers) or _of_system()
        self._seconds = seconds
        self._limit = asyncio.Semaphore(_AT_ONCE)
        self._asked: dict[tuple[str, Kind], asyncio.Task[Found | NotAnswered]] = {}

    async def ask(self, name: str, kind: Kind) -> Found | NotAnswered:
        """What there is of this kind at this name. Never raises for what comes from outside."""
        known = host_name(name)
        if known is None or _is_address(known):
            return NotAnswered(name, kind, Why.NO_NAME, "That is no name of the DNS.")
        key = (known.lower(), kind)
        if key not in self._asked:
            self._asked[key] = asyncio.get_running_loop().create_task(self._answer(*key))
        return await asyncio.shield(self._asked[key])

    async def addresses(self, name: str) -> Found | NotAnswered:
        """Its IPv6 and IPv4 addresses together. Not answered only when nobody could say anything of either."""
        both = await asyncio.gather(self.ask(name, Kind.AAAA), self.ask(name, Kind.A))
        found = [one for one in both if isinstance(one, Found)]
        records = tuple(record for one in found for record in one.records)
        silent = next((one for one in both if isinstance(one, NotAnswered)), None)
        if silent is not None and not records:
            return silent
        exists, via = any(one.exists for one in found), next((one.via for one in found if one.via), "")
        return Found(found[0].name, Kind.A, exists, records, min(one.seconds for one in found), via)

    async def pointer(self, address: IpAddress) -> Found | NotAnswered:
        """The names that an address says it has (PTR)."""
        return await self.ask(dns.reversename.from_address(str(address)).to_text(omit_final_dot=True), Kind.PTR)

    async def resolve(self, host: str, port: int, seconds: float) -> tuple[Place, ...] | NoName:
        """The addresses to connect to, as `names.resolve` gives them, but asked of these servers."""
        known = host_name(host)
        if known is not None and _is_address(known):
            return await resolve(known, port, seconds)
        try:
            async with asyncio.timeout(seconds):
                found = await self.addresses(host)
        except TimeoutError:
            found = NotAnswered(host, Kind.A, Why.TIMEOUT, f"No name server answered within {seconds:g} seconds.")
        if isinstance(found, NotAnswered):
            text = f"The address of {printable(host)[:100]} could not be looked up. {found.detail}"
            return NoName(Failure.NAME if found.why is Why.NO_NAME else Failure.NAME_TEMPORARY, text)
        places = [_place(one, port) for one in found.addresses]
        if not places:
            return NoName(Failure.NAME, f"There is no host {found.name} in the DNS, or it has no address.")
        return in_turn(places)

    async def _answer(self, name: str, kind: Kind) -> Found | NotAnswered:
        if not self._servers:
            return NotAnswered(name, kind, Why.NO_SERVER, f"No name server is known (dns_servers, {_SYSTEM}).")
        ends = monotonic() + self._seconds
        worst = NotAnswered(name, kind, Why.TIMEOUT, f"No name server answered within {self._seconds:g} seconds.")
        each = self._seconds / (_ROUNDS * len(self._servers))
        async with self._limit:
            for server in self._servers * _ROUNDS:
                left = ends - monotonic()
                if left <= 0:
                    break
                answer = await _asked(name, kind, server, min(left, max(each, 0.5)))
                if isinstance(answer, Found):
                    return answer
                worst = answer if answer.why is not Why.TIMEOUT else worst
        return worst


async def _asked(name: str, kind: Kind, server: NameServer, seconds: float) -> Found | NotAnswered:
    """One question to one server, by UDP, and by TCP when the answer is too long for that."""
    query = dns.message.make_query(dns.name.from_text(name), dns.rdatatype.from_text(kind), use_edns=0, payload=1232)
    try:
        reply, _ = await dns.asyncquery.udp_with_fallback(
            query,
            server.host,
            seconds,
            server.port,
            ignore_unexpected=True,
            ignore_errors=True,
            backend=dns.asyncbackend.get_backend("asyncio"),
        )
    except (dns.exception.Timeout, TimeoutError):
        return NotAnswered(name, kind, Why.TIMEOUT, f"The name server {server} did not answer.")
    except (dns.exception.DNSException, ValueError, EOFError):
        return NotAnswered(name, kind, Why.UNREADABLE, f"What the name server {server} answered can't be read.")
    except OSError as error:
        why = error.strerror or type(error).__name__
        return NotAnswered(name, kind, Why.TIMEOUT, f"The name server {server} can't be reached: {why}.")
    return _read(reply, name, kind, server)


def _read(reply: dns.message.Message, name: str, kind: Kind, server: NameServer) -> Found | NotAnswered:
    code = reply.rcode()
    if code == dns.rcode.REFUSED:
        return NotAnswered(name, kind, Why.REFUSED, f"The name server {server} refuses to answer.")
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        text = f"The name server {server} could not find out ({dns.rcode.to_text(code)})."
        return NotAnswered(name, kind, Why.SERVER_FAILED, text)
    try:
        chain = cast(dns.message.QueryMessage, reply).resolve_chaining()
    except dns.exception.DNSException:
        return NotAnswered(name, kind, Why.UNREADABLE, f"What the name server {server} answered makes no sense.")
    given = list(chain.answer) if chain.answer is not None else []
    records = [record for one in given if (record := _record(one, kind)) is not None]
    if kind in (Kind.MX, Kind.SRV):
        records.sort(key=lambda record: record[0])  # type: ignore[index]
    via = _name(chain.canonical_name)
    exists = code == dns.rcode.NOERROR
    more = len(records) > MAX_RECORDS
    seconds = max(0, chain.minimum_ttl) if given else 0
    return Found(name, kind, exists, tuple(records[:MAX_RECORDS]), seconds, via if via != name else "", more)


def _record(one: Any, kind: Kind) -> Record | None:
    """One record as data; None for one that names no host."""
    match kind:
        case Kind.A | Kind.AAAA:
            return ipaddress.ip_address(one.address)
        case Kind.TXT:
            return b"".join(one.strings)
        case Kind.MX:
            return _pointing(one.exchange, lambda host: Mx(one.preference, host))
        case Kind.SRV:
            return _pointing(one.target, lambda host: Srv(one.priority, one.weight, one.port, host))
        case _:
            return _name(one.target) or None


def _place(ip: IpAddress, port: int) -> Place:
    if ip.version == 6:
        return Place(ip, socket.AF_INET6, (str(ip), port, 0, 0))
    return Place(ip, socket.AF_INET, (str(ip), port))


def _pointing(target: dns.name.Name, made: Any) -> Record | None:
    host = _name(target)
    found: Record | None = made(host) if host or target == dns.name.root else None
    return found


def _name(name: dns.name.Name) -> str:
    """In ASCII and lower case; "" for the root, and for what is no host name."""
    text = name.to_text(omit_final_dot=True).lower()
    known = host_name(text)
    return known if known is not None and name != dns.name.root else ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _of_system() -> tuple[NameServer, ...]:
    try:
        known = dns.resolver.Resolver(_SYSTEM)
    except (dns.exception.DNSException, OSError, ValueError):
        return ()
    return tuple(NameServer(str(one), known.port) for one in known.nameservers if _is_address(str(one)))
