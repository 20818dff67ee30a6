"""From a host name to a link: resolve once, check every address, connect to exactly that one, TLS where wanted.

Addresses are tried like RFC 8305 says: the next one starts when the last has failed or has not answered for a moment;
the first that answers is taken. Each is recorded with what came of it, for the conversation and the diagnosis. The host
name stays what TLS checks, whatever address it led to.

Which addresses are allowed is the guard's decision. Where the way leads through a connector, that makes the link
(`Way`); what follows, TLS and the name it checks, is the same.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from postroom.model.account import Account, Encryption
from postroom.model.attempt import Failure
from postroom.secrets import Secret
from postroom.smtp.phase import Phase
from postroom.smtp.reply import printable
from postroom.wire.failures import of_os_error
from postroom.wire.guard import AddressGuard, allow_all
from postroom.wire.link import Gone, Link, Tried
from postroom.wire.names import Found, NoName, host_name, resolve
from postroom.wire.tls import AuthorityError, TlsSettings, context_for

__all__ = [
    "DialTimeouts",
    "Lookup",
    "NoLink",
    "Target",
    "Tried",
    "Way",
    "Won",
    "dial",
    "encrypt",
    "link_over",
    "reach",
    "start_tls",
]

Won = tuple[socket.socket, Found]
Lookup = Callable[[str, int, float], Awaitable[tuple[Found, ...] | NoName]]
"""Gives the addresses of a host for a port, within so many seconds."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to. `host` is as people write it: a name (IDN too) or an address."""

    host: str
    port: int
    tls_from_start: bool = False
    tls: TlsSettings = field(default_factory=TlsSettings)

    @property
    def shown(self) -> str:
        """The host for people: as it was written, and nothing hidden in it."""
        return printable(self.host.strip())

    @classmethod
    def of(cls, account: Account, tls_minimum: str = "1.2", client_key: Secret | None = None) -> Target:
        """`client_key`: the private key of the account's client certificate."""
        tls = TlsSettings.of(account, tls_minimum, client_key)
        return cls(account.host, account.port, account.encryption is Encryption.TLS, tls)


@dataclass(frozen=True, slots=True)
class DialTimeouts:
    """Seconds. `total`: name, connection and TLS together; `address`: one address to answer; `stagger`: before the next
    one is tried as well; `block`: without progress while a link is written to (RFC 5321, 4.5.3.2.5)."""

    total: float = 30.0
    address: float = 10.0
    stagger: float = 0.25
    block: float = 180.0

    def scaled(self, factor: float) -> DialTimeouts:
        return DialTimeouts(self.total * factor, self.address * factor, self.stagger * factor, self.block * factor)


@dataclass(frozen=True, slots=True)
class NoLink:
    """Why there is no connection, and how far it came (`phase`: resolve, connect or tls)."""

    failure: Failure
    detail: str
    phase: Phase
    tried: tuple[Tried, ...] = ()


DEFAULT_TIMEOUTS = DialTimeouts()


class Way(Protocol):
    """How to come to a server that is not connected to directly."""

    async def open(self, target: Target, timeouts: DialTimeouts, ends: float) -> Link | NoLink:
        """A link in clear whose next octet is the target's, before `ends` (monotonic seconds). The target's TLS is not
        the way's business."""


async def dial(
    target: Target,
    *,
    timeouts: DialTimeouts = DEFAULT_TIMEOUTS,
    guard: AddressGuard = allow_all,
    discreet: bool = False,
    via: Way | None = None,
    lookup: Lookup = resolve,
) -> Link | NoLink:
    """A link to the target, encrypted if it is to be from the start, or why there is none. Close it when done.

    `guard` is asked about every address. On the link `tried` tells what was tried before. `discreet`: a name that is
    not known and one that leads to where the guard lets nobody are told alike, and no such address is told at all.
    `via`: the way, where it is not the direct one; then nothing is looked up or connected to from here for the target.
    `lookup`: who finds the addresses, where it is not the system.
    """
    ends = monotonic() + timeouts.total
    if via is None:
        link = await _direct(target, timeouts, ends, guard, discreet, lookup)
    else:
        link = await via.open(target, timeouts, ends)
    if isinstance(link, NoLink) or not target.tls_from_start:
        return link
    return await encrypt(link, target, max(ends - monotonic(), 0.001)) or link


async def encrypt(link: Link, target: Target, seconds: float) -> NoLink | None:
    """TLS from the start, as the target wants it; None when it is up. What the server showed stays with the link."""
    gone = await start_tls(link, target.tls, seconds, from_start=True)
    return None if gone is None else NoLink(gone.failure, _with_advice(gone, target), Phase.TLS, link.tried)


async def reach(
    target: Target,
    timeouts: DialTimeouts,
    ends: float,
    guard: AddressGuard,
    discreet: bool = False,
    lookup: Lookup = resolve,
) -> tuple[Won, tuple[Tried, ...]] | NoLink:
    """A connected socket, the address it leads to, and what was tried for it. Else as `dial`."""
    found = await lookup(target.host, target.port, max(ends - monotonic(), 0.001))
    if isinstance(found, NoName):
        if discreet and found.failure is Failure.NAME:
            return _not_public(target)
        return NoLink(found.failure, found.detail, Phase.RESOLVE)
    race = _Race(timeouts, ends)
    allowed = race.checked(found, guard, discreet)
    if discreet and not allowed:
        return _not_public(target)
    won = await race.run(allowed)
    tried = tuple(race.tried)
    return _no_connection(target, tried) if won is None else (won, tried)


async def _direct(
    target: Target, timeouts: DialTimeouts, ends: float, guard: AddressGuard, discreet: bool, lookup: Lookup
) -> Link | NoLink:
    reached = await reach(target, timeouts, ends, guard, discreet, lookup)
    return reached if isinstance(reached, NoLink) else await link_over(reached[0], target, timeouts, reached[1])


async def start_tls(link: Link, tls: TlsSettings, seconds: float, *, from_start: bool = False) -> Gone | None:
    """TLS on a link, checked against the host it was dialled for. None when it is up; else the link is of no use."""
    try:
        context = context_for(tls)
    except AuthorityError as error:
        link.abort()
        return Gone(Failure.CERTIFICATE, str(error))
    try:
        return await link.start_tls(context, link.host, seconds, expected=tls.expected, from_start=from_start)
    except BaseException:  # cancelled: half a handshake is of no use to anybody
        link.abort()
        raise


def _with_advice(gone: Gone, target: Target) -> str:
    if gone.failure is Failure.TLS and "plain text" in gone.detail:
        return f"{gone.detail} On port {target.port} the right encryption is probably STARTTLS, or none."
    return gone.detail


async def link_over(won: Won, target: Target, timeouts: DialTimeouts, tried: tuple[Tried, ...] = ()) -> Link | NoLink:
    """The socket in the loop's care."""
    sock, found = won
    name = host_name(target.host) or target.host
    loop = asyncio.get_running_loop()
    try:
        _, link = await loop.create_connection(
            lambda: Link(sock, name, str(found), tried=tried, block=timeouts.block), sock=sock
        )
    except OSError as error:  # the peer may have gone between connect and here
        sock.close()
        failure, why = of_os_error(error)
        return NoLink(failure, f"No connection to {target.shown} port {target.port}: {why}.", Phase.CONNECT, tried)
    except BaseException:
        sock.close()
        raise
    return link


class _Race:
    """The attempts to connect to one host. `tried` grows as they end."""

    def __init__(self, timeouts: DialTimeouts, ends: float) -> None:
        self.tried: list[Tried] = []
        self._timeouts = timeouts
        self._ends = ends

    def checked(self, found: Sequence[Found], guard: AddressGuard, discreet: bool) -> list[Found]:
        """The addresses that may be connected to."""
        allowed = []
        for one in found:
            if (refused := guard(one.ip)) and discreet:
                continue
            if refused:
                self.tried.append(Tried(str(one), Failure.FORBIDDEN_ADDRESS, f"not allowed: {refused}", 0.0))
            else:
                allowed.append(one)
        return allowed

    async def run(self, left: list[Found]) -> Won | None:
        """The first connection that comes about, and its address."""
        if len(left) == 1:
            return await self._attempt(left[0])
        running: set[asyncio.Task[Won | None]] = set()
        try:
            while left or running:
                if left:
                    running.add(asyncio.create_task(self._attempt(left.pop(0))))
                patience = self._timeouts.stagger if left else None
                done, running = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                winners = [won for task in done if (won := task.result()) is not None]
                for sock, _ in winners[1:]:
                    sock.close()
                if winners:
                    return winners[0]
            return None
        finally:
            await _call_off(running)

    async def _attempt(self, one: Found) -> Won | None:
        began = monotonic()
        seconds = max(min(self._timeouts.address, self._ends - began), 0.0)
        sock = None
        try:
            sock = _socket(one.family)
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().sock_connect(sock, one.address)
        except OSError as error:
            failure, why = of_os_error(error)
            within = f" within {seconds:g} s" if failure is Failure.TIMEOUT else ""
            self.tried.append(Tried(str(one), failure, f"{why}{within}", (monotonic() - began) * 1000))
            if sock is not None:
                sock.close()
            return None
        except BaseException:
            if sock is not None:
                sock.close()
            raise
        self.tried.append(Tried(str(one), None, "connected", (monotonic() - began) * 1000))
        return sock, one


def _socket(family: socket.AddressFamily) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a command must not wait for the last one's ACK
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # kept connections lie idle behind NAT
    return sock


async def _call_off(running: set[asyncio.Task[Won | None]]) -> None:
    for task in running:
        task.cancel()
    for outcome in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(outcome, tuple):
            outcome[0].close()


_TELLING = (Failure.CLOSED, Failure.REFUSED, Failure.TIMEOUT, Failure.UNREACHABLE, Failure.INTERNAL)
"""Where addresses failed differently: the more telling failure first."""


def _not_public(target: Target) -> NoLink:
    """The same words for a name that is not there and for one that leads inside: it can't be asked which."""
    text = f"There is no public server {target.shown}: the name is not known, or it leads to an internal address."
    return NoLink(Failure.NAME, text, Phase.RESOLVE)


def _no_connection(target: Target, tried: tuple[Tried, ...]) -> NoLink:
    failures = {one.failure for one in tried}
    if failures == {Failure.FORBIDDEN_ADDRESS}:
        # no more than this: what is at an internal address is nobody's business who may not connect there
        text = f"{target.shown} is not at an address that may be connected to."
        return NoLink(Failure.FORBIDDEN_ADDRESS, text, Phase.CONNECT, tried)
    failure = next((one for one in _TELLING if one in failures), Failure.TIMEOUT)
    reasons: dict[str, list[str]] = {}
    for one in tried:
        if one.failure is not Failure.FORBIDDEN_ADDRESS:
            reasons.setdefault(one.detail, []).append(one.address)
    why = "; ".join(f"{detail} ({', '.join(addresses)})" for detail, addresses in reasons.items()) or "no time left"
    return NoLink(failure, f"No connection to {target.shown} port {target.port}: {why}.", Phase.CONNECT, tried)
