"""An agent has a verdict in time: Postroom takes one that says nothing for dead, with all that goes through it."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import asyncssh
import pytest

from postroom.agent import tunnel
from postroom.agent.allowed import Allowed


class Nowhere:
    """A network in which nothing ever answers."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    async def forward_connection(self, host: str, port: int) -> Any:
        self.tried.append(host)
        await asyncio.Event().wait()


def verdict(network: Nowhere) -> asyncssh.ChannelOpenError:
    async def ask() -> asyncssh.ChannelOpenError:
        door = tunnel._Door(Allowed(["127.0.0.0/8:25"]), lambda line: None)
        door.connection_made(cast("asyncssh.SSHServerConnection", network))
        with pytest.raises(asyncssh.ChannelOpenError) as raised:
            await door.connection_requested("mail.test.lan", 25, "", 0)
        return raised.value

    return asyncio.run(ask())


def places(monkeypatch: pytest.MonkeyPatch) -> None:
    async def looked_up(host: str, port: int) -> list[str]:
        return ["127.0.0.1", "127.0.0.2", "127.0.0.3"]

    monkeypatch.setattr(tunnel, "_looked_up", looked_up)


def test_all_of_a_servers_addresses_have_one_time_together(monkeypatch: pytest.MonkeyPatch) -> None:
    places(monkeypatch)
    monkeypatch.setattr(tunnel, "_OPEN_SECONDS", 0.05)
    network = Nowhere()
    found = verdict(network)
    assert found.code == asyncssh.OPEN_CONNECT_FAILED
    assert "Nothing came back within 0.05 seconds" in found.reason
    assert network.tried == ["127.0.0.1"]


def test_an_address_that_does_not_answer_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    places(monkeypatch)
    monkeypatch.setattr(tunnel, "_CONNECT_SECONDS", 0.01)
    network = Nowhere()
    found = verdict(network)
    assert "Nothing came back within 0.01 seconds" in found.reason
    assert network.tried == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]


def test_the_agents_patience_is_shorter_than_postrooms() -> None:
    from postroom.wire.connectors import hub

    assert tunnel._CONNECT_SECONDS < tunnel._OPEN_SECONDS < hub._VERDICT_SECONDS
