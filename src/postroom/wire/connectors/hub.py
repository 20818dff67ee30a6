"""The agents that have dialled in to this process, and the ways through them.

An agent's connection is TLS, on which it proved its key; inside it speaks SSH with the parts exchanged: it dialled, and
then is the server, which opens connections for us in its network and nowhere else. Of several agents of a connector the
one that came first is used; when it is gone, the next one is. One that is silent for too long is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import asyncssh

from postroom.model.attempt import Failure
from postroom.model.connector import Agent
from postroom.wire.connectors.channels import refused_channel, through_channel
from postroom.wire.connectors.way import Refused, Station, no_way
from postroom.wire.dial import DialTimeouts, NoLink, Target
from postroom.wire.link import Link, Tried
from postroom.wire.names import host_name

__all__ = ["Hub", "LiveAgent"]

_KEEPALIVES = 2
"""Questions without an answer, until the connection is given up at the time for the next one."""
_VERDICT_SECONDS = 20.0
"""An agent that says neither yes nor no for so long is taken for dead; its own patience with a server is shorter."""


@dataclass(frozen=True, slots=True, eq=False)
class LiveAgent:
    """An agent with its connection."""

    agent: Agent
    address: str
    connection: asyncssh.SSHClientConnection = field(repr=False)

    async def ended(self) -> None:
        """Waits until it is gone."""
        await self.connection.wait_closed()


class Hub:
    """`silence`: seconds without a word after which an agent is gone."""

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._live: dict[int, list[LiveAgent]] = {}

    def live(self, connector_id: int) -> tuple[LiveAgent, ...]:
        """Those that are connected to this process now, the one that is used first."""
        return tuple(self._live.get(connector_id, ()))

    def agents(self) -> list[Agent]:
        """All that are connected, each once."""
        return list({live.agent.id: live.agent for agents in self._live.values() for live in agents}.values())

    def way(self, station: Station) -> AgentWay:
        return AgentWay(self, station)

    async def adopt(self, agent: Agent, transport: asyncio.Transport, address: str, early: bytes) -> LiveAgent:
        """Begins SSH on an agent's connection, which is known to be his. `early`: octets of it that came already.

        Raises OSError or asyncssh.Error when that fails.
        """
        connection = await asyncssh.connect(
            "agent",
            tunnel=_Accepted(transport, early),
            known_hosts=None,  # he has proved more than a host key would
            username="postroom",
            config=[],
            agent_path=None,
            client_keys=None,
            gss_host=None,
            preferred_auth="none",
            keepalive_interval=self._silence / (_KEEPALIVES + 1),
            keepalive_count_max=_KEEPALIVES,
        )
        live = LiveAgent(agent, address, connection)
        self._live.setdefault(agent.connector_id, []).append(live)
        return live

    def forget(self, live: LiveAgent) -> None:
        """It is gone."""
        left = [one for one in self._live.get(live.agent.connector_id, ()) if one is not live]
        if left:
            self._live[live.agent.connector_id] = left
        else:
            self._live.pop(live.agent.connector_id, None)

    def dismiss(self, unwanted: Callable[[Agent], bool]) -> None:
        """Ends the connections of agents that are not to be any more."""
        for agents in list(self._live.values()):
            for live in agents:
                if unwanted(live.agent):
                    live.connection.abort()

    def close(self) -> None:
        """Ends all connections."""
        self.dismiss(lambda _: True)


class AgentWay:
    """Through the agents of one connector; see `dial.Way`."""

    def __init__(self, hub: Hub, station: Station) -> None:
        self._hub = hub
        self._station = station

    async def open(self, target: Target, timeouts: DialTimeouts, ends: float) -> Link | NoLink:
        name = host_name(target.host)
        if name is None:
            return no_way(self._station, target, Refused(Failure.CONNECTOR_SERVER, "this is no host name"))
        tried: list[Tried] = []
        for live in self._hub.live(self._station.connector.id):
            outcome = await self._through(live, target, name, timeouts, min(ends, monotonic() + _VERDICT_SECONDS))
            if isinstance(outcome, Link):
                outcome.tried = (*tried, *outcome.tried)
                return outcome
            if isinstance(outcome, Refused):
                return no_way(self._station, target, outcome, tuple(tried))
            tried.append(outcome)
        why = "none of its agents answers" if tried else "no agent of it is connected to this Postroom"
        return no_way(self._station, target, Refused(Failure.CONNECTOR_UNREACHABLE, why), tuple(tried))

    async def probe(self, timeouts: DialTimeouts, ends: float) -> tuple[Tried, ...] | NoLink:
        """Whether an agent is connected to this process."""
        found = self._hub.live(self._station.connector.id)
        if found:
            return tuple(
                self._station.step(f"agent {live.agent.name} at {live.address} is connected", 0.0) for live in found
            )
        why = "no agent of it is connected to this Postroom"
        return no_way(self._station, Target("", 0), Refused(Failure.CONNECTOR_UNREACHABLE, why))

    async def _through(
        self, live: LiveAgent, target: Target, name: str, timeouts: DialTimeouts, ends: float
    ) -> Link | Refused | Tried:
        """The link, the agent's refusal, or that it is dead."""
        began = monotonic()
        words = f"agent {live.agent.name} at {live.address}"
        link = Link(None, name, f"{words} for {target.shown}:{target.port}", block=timeouts.block)
        try:
            async with asyncio.timeout(max(ends - began, 0.001)):
                await through_channel(live.connection, name, target.port, link, _nothing)
        except asyncssh.ChannelOpenError as error:
            if not live.connection.is_closed():
                return refused_channel(error)
        except TimeoutError:
            if monotonic() - began < _VERDICT_SECONDS:
                return Refused(Failure.CONNECTOR_SERVER, "nothing came back in time")
            live.connection.abort()
        except (asyncssh.Error, OSError):
            pass
        else:
            open_words = f"{words} opened the way to {target.shown} port {target.port}"
            link.tried = (self._station.step(open_words, (monotonic() - began) * 1000),)
            return link
        dead = f"{words} does not answer any more"
        return self._station.step(dead, (monotonic() - began) * 1000, Failure.CONNECTOR_UNREACHABLE)


class _Accepted:
    """A connection that exists already, as asyncssh takes it in place of one that it makes."""

    def __init__(self, transport: asyncio.Transport, early: bytes) -> None:
        self._transport = transport
        self._early = early

    async def create_connection(self, factory: Callable[[], Any], _host: str, _port: int) -> tuple[Any, Any]:
        protocol = factory()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        if self._early:
            protocol.data_received(self._early)
        self._transport.resume_reading()
        return self._transport, protocol


def _nothing() -> None:
    pass
