"""The HTTP server: bounded before the application sees a request, and stopped without cutting anybody off."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import pytest

from postroom.errors import BadSettings
from postroom.web import server as serving
from postroom.web.server import HEAD_OCTETS, HttpServer, listen, serve_http

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


async def answer(send: Send, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def counting(scope: Message, receive: Receive, send: Send) -> None:
    """Answers with the length of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await answer(send, str(size).encode())


async def refusing(scope: Message, receive: Receive, send: Send) -> None:
    """Answers without reading the body, as a refusal does."""
    await answer(send, b"no")


@contextlib.asynccontextmanager
async def connected(server: HttpServer) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*server.addresses[0])
    try:
        yield reader, writer
    finally:
        writer.close()


async def ask(server: HttpServer, octets: bytes) -> bytes:
    """Everything that comes back until the server closes or the first answer is there."""
    async with connected(server) as (reader, writer):
        writer.write(octets)
        return await reader.read(65_536)


def run(app: App, scene: Callable[[HttpServer], Awaitable[None]], **options: Any) -> None:
    async def whole() -> None:
        async with serve_http(app, "127.0.0.1", 0, **options) as server:
            await scene(server)

    asyncio.run(whole())


HEAD = b"POST / HTTP/1.1\r\nhost: x\r\n"


def test_port_0_takes_a_free_port_and_says_which() -> None:
    async def scene(server: HttpServer) -> None:
        assert server.addresses[0][1] > 0
        assert server.url == f"http://127.0.0.1:{server.addresses[0][1]}"
        assert (await ask(server, HEAD + b"content-length: 2\r\n\r\nab")).endswith(b"\r\n\r\n2")

    run(counting, scene)


def test_an_address_that_is_taken_is_a_mistake_in_the_settings() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BadSettings) as caught:
        listen("127.0.0.1", taken.getsockname()[1])
    assert caught.value.faults[0].field == "listen"
    with pytest.raises(BadSettings):
        listen("no-such-host.invalid", 0)


@pytest.mark.parametrize(
    "octets",
    [
        b"GET /" + b"a" * 3 * HEAD_OCTETS,
        HEAD + b"x: " + b"a" * 3 * HEAD_OCTETS,
        HEAD + b"x: y\r\n" * HEAD_OCTETS,
        HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: " + b"a" * 20 * HEAD_OCTETS,
        b"garbage\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
        HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nabcde",
        HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=["path", "one field", "many fields", "trailer", "garbage", "tls", "two lengths", "length and chunks"],
)
def test_an_endless_or_senseless_head_is_answered_by_400_and_the_end(octets: bytes) -> None:
    """A19: nothing is collected that the application never asked for. Two lengths are how requests are smuggled."""

    async def scene(server: HttpServer) -> None:
        async with connected(server) as (reader, writer):
            writer.write(octets)
            with contextlib.suppress(ConnectionError):
                said = await reader.read()
                assert b"400 Bad Request" in said
                assert b"application/problem+json" in said

    run(counting, scene)


def test_a_long_body_is_no_long_head() -> None:
    async def scene(server: HttpServer) -> None:
        size = 40 * HEAD_OCTETS
        assert (await ask(server, HEAD + f"content-length: {size}\r\n\r\n".encode() + b"a" * size)).endswith(
            str(size).encode()
        )

    run(counting, scene)


def test_many_requests_on_one_connection_are_no_long_head() -> None:
    async def scene(server: HttpServer) -> None:
        async with connected(server) as (reader, writer):
            for _ in range(300):
                writer.write(HEAD + b"x: " + b"a" * 1_000 + b"\r\ncontent-length: 1\r\n\r\na")
                assert (await reader.readuntil(b"\r\n\r\n1")).startswith(b"HTTP/1.1 200")

    run(counting, scene)


def test_a_refused_body_is_not_collected_and_the_answer_arrives() -> None:
    """The caller is told, although it was still sending; and what it sends goes nowhere."""

    async def scene(server: HttpServer) -> None:
        async with connected(server) as (reader, writer):
            writer.write(HEAD + b"content-length: 3000000\r\n\r\n")
            writer.write(b"a" * 3_000_000 + HEAD + b"content-length: 0\r\n\r\n")
            said = b""
            while said.count(b"no") < 2:
                said += await reader.read(1_000)

    run(refusing, scene)


def test_silent_and_trickling_connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.0)
    monkeypatch.setattr(serving, "SWEEP_TICKS", 1)

    async def scene(server: HttpServer) -> None:
        async with connected(server) as (silent, _), connected(server) as (slow, writer):
            writer.write(b"GET / HT")
            for reader in (silent, slow):
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""

    run(counting, scene)


def test_a_waiting_keep_alive_connection_and_a_running_request_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.0)
    monkeypatch.setattr(serving, "SWEEP_TICKS", 1)

    async def scene(server: HttpServer) -> None:
        async with connected(server) as (kept, writer), connected(server) as (running, body):
            body.write(HEAD + b"content-length: 2\r\n\r\na")
            writer.write(HEAD + b"content-length: 0\r\n\r\n")
            await kept.readuntil(b"\r\n\r\n0")
            await asyncio.sleep(0.35)  # three sweeps
            body.write(b"b")
            assert (await running.readuntil(b"\r\n\r\n2")).startswith(b"HTTP/1.1 200")
            writer.write(HEAD + b"content-length: 1\r\n\r\na")
            assert (await kept.readuntil(b"\r\n\r\n1")).startswith(b"HTTP/1.1 200")

    run(counting, scene)


def test_connections_are_bounded() -> None:
    async def scene(server: HttpServer) -> None:
        async with connected(server) as (_, first), connected(server) as (_, second):
            first.write(HEAD)
            second.write(HEAD)
            while server.connections < 2:
                await asyncio.sleep(0)
            async with connected(server) as (third, _):
                with contextlib.suppress(ConnectionError):
                    assert await third.read() == b""
            assert server.connections <= 2

    run(counting, scene, connections=2)


def test_stopping_lets_a_running_request_end_and_takes_no_new_one() -> None:
    """P10."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Message, receive: Receive, send: Send) -> None:
        begun.set()
        await go_on.wait()
        await answer(send, b"done")

    async def scene() -> None:
        serving_it = serve_http(slow, "127.0.0.1", 0)
        server = await serving_it.__aenter__()
        async with connected(server) as (reader, writer):
            writer.write(HEAD + b"content-length: 0\r\n\r\n")
            await begun.wait()
            stopping = asyncio.create_task(serving_it.__aexit__(None, None, None))
            while server.listening:
                await asyncio.sleep(0.01)
            with pytest.raises(ConnectionError):
                await asyncio.open_connection(*server.addresses[0])
            go_on.set()
            assert (await reader.read()).endswith(b"done")
            await stopping

    asyncio.run(scene())


def test_the_address_is_free_again_once_the_server_has_stopped() -> None:

    async def scene() -> None:
        async with serve_http(counting, "127.0.0.1", 0) as server:
            address = server.addresses[0]
        listen(*address)[0].close()

    asyncio.run(scene())
