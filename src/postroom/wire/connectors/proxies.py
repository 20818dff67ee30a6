"""The ways through a SOCKS5 and an HTTP proxy: runs their conversations over a link, which then is the server's.

The link is made to the proxy, under the guard like any other; once the way is open it carries the server's name, and
what the server said meanwhile is given back to it. The proxy hears nothing of us but its own conversation.
"""

from __future__ import annotations

from time import monotonic

from postroom.model.attempt import Failure
from postroom.model.connector import ConnectorKind
from postroom.wire.connectors.http_connect import http_connect
from postroom.wire.connectors.socks5 import Talk, Through, socks5
from postroom.wire.connectors.way import Refused, Station, no_way
from postroom.wire.dial import DialTimeouts, NoLink, Target, link_over, reach
from postroom.wire.link import Gone, Link, Tried
from postroom.wire.names import host_name

__all__ = ["ProxyWay", "not_reached"]

_TALKS = {ConnectorKind.SOCKS5: socks5, ConnectorKind.HTTP: http_connect}


class ProxyWay:
    """Through one proxy; see `dial.Way`."""

    def __init__(self, station: Station) -> None:
        self._station = station

    async def open(self, target: Target, timeouts: DialTimeouts, ends: float) -> Link | NoLink:
        station = self._station
        name = host_name(target.host)
        if name is None:
            return no_way(station, target, Refused(Failure.CONNECTOR_SERVER, "this is no host name"))
        try:
            connector = station.connector
            talk = _TALKS[connector.kind](name, target.port, connector.user, station.secret)
        except ValueError as error:
            return no_way(station, target, Refused(Failure.CONNECTOR_LOGIN, str(error)))
        proxy = Target(connector.host, connector.port)
        reached = await reach(proxy, timeouts, ends, self._station.guard, self._station.discreet)
        if isinstance(reached, NoLink):
            return not_reached(station, target, reached)
        link = await link_over(reached[0], proxy, timeouts, reached[1])
        if isinstance(link, NoLink):
            return not_reached(station, target, link)
        try:
            return await self._through(link, talk, target, name, ends)
        except BaseException:  # cancelled: half a conversation is of no use to anybody
            link.abort()
            raise

    async def probe(self, timeouts: DialTimeouts, ends: float) -> tuple[Tried, ...] | NoLink:
        """Only whether the proxy can be reached: who may go where, it says when it is asked for a way."""
        proxy = Target(self._station.connector.host, self._station.connector.port)
        reached = await reach(proxy, timeouts, ends, self._station.guard, self._station.discreet)
        if isinstance(reached, NoLink):
            return not_reached(self._station, proxy, reached)
        reached[0][0].close()
        return reached[1]

    async def _through(self, link: Link, talk: Talk, target: Target, name: str, ends: float) -> Link | NoLink:
        began = monotonic()
        outcome = await _talked(link, talk, ends)
        ms = (monotonic() - began) * 1000
        if isinstance(outcome, Refused):
            link.abort()
            return no_way(self._station, target, outcome, link.tried)
        link.give_back(outcome.rest)
        link.tried = (*link.tried, self._station.step(f"the way to {target.shown} port {target.port} is open", ms))
        link.peer = f"{link.peer} for {target.shown}:{target.port}"
        link.host = name
        return link


def not_reached(station: Station, target: Target, why: NoLink) -> NoLink:
    """The connector itself could not be connected to."""
    if why.failure is Failure.FORBIDDEN_ADDRESS:
        # no more than this, as for any other host
        return no_way(station, target, Refused(Failure.CONNECTOR_ADDRESS, ""))
    words = why.detail[:1].lower() + why.detail[1:].removesuffix(".")
    return no_way(station, target, Refused(Failure.CONNECTOR_UNREACHABLE, words), why.tried)


async def _talked(link: Link, talk: Talk, ends: float) -> Through | Refused:
    """Runs a conversation to its end. The proxy has until `ends` for all of it: one octet a minute is no progress."""
    say = next(talk)
    while True:
        if say:
            link.write(say)
        left = ends - monotonic()
        came = await link.read(left) if left > 0 else Gone(Failure.TIMEOUT, "")
        if isinstance(came, Gone) and came.failure is Failure.TIMEOUT:
            talk.close()
            return Refused(
                Failure.CONNECTOR_UNREACHABLE,
                "it took the connection, but did not answer in time; perhaps it is another kind",
            )
        try:
            say = talk.send(b"" if isinstance(came, Gone) else came)
        except StopIteration as stop:
            outcome: Through | Refused = stop.value
            return outcome
