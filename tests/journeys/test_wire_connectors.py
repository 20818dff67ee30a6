"""Ways through proxies against real sockets, most of them hostile: what comes back is data, bounded, and in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from postroom.model.account import CertificateCheck
from postroom.model.attempt import Failure
from postroom.model.connector import Connector, ConnectorKind
from postroom.secrets import Secret
from postroom.wire.connectors.proxies import ProxyWay
from postroom.wire.connectors.ssh import SshWay
from postroom.wire.connectors.way import Station
from postroom.wire.dial import DialTimeouts, NoLink, Target, Way, dial
from postroom.wire.guard import refuse_internal
from postroom.wire.http import HttpAnswer, HttpQuestion, NoAnswer, ask
from postroom.wire.link import Link
from postroom.wire.tls import TlsSettings
from tests.journeys.loopback import SOON, Handler, closed_port, closes, cuts, in_loop, says, served, silent, tls_served
from tests.rigs.certificates import Certificates

Run = Callable[[Coroutine[Any, Any, None]], None]
SERVER = Target("mail.test.lan", 587)
BRIEF = DialTimeouts(total=0.5)
SOCKS_OPEN = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x19"
HTTP_OPEN = b"HTTP/1.1 200 Fine\r\n\r\n"
WORD = "a-canary-word"


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    return partial(in_loop, request.param)


def way(kind: ConnectorKind, port: int, **more: Any) -> Way:
    station = Station(Connector(1, 1, "office", kind, "127.0.0.1", port, "ann"), Secret(WORD), **more)
    assert WORD not in repr(station)
    return SshWay(station) if kind is ConnectorKind.SSH else ProxyWay(station)


async def through(
    kind: ConnectorKind, proxy: Handler, target: Target = SERVER, timeouts: DialTimeouts = SOON, **station: Any
) -> Link | NoLink:
    async with served(proxy) as port:
        return await dial(target, timeouts=timeouts, via=way(kind, port, **station))


def after(asked: int, *pieces: bytes, then: Handler = silent) -> Handler:
    """A proxy that waits for so many octets before it says anything."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(asked)
        await says(*pieces, then=then)(reader, writer)

    return handler


def refusal(outcome: Link | NoLink) -> NoLink:
    assert isinstance(outcome, NoLink)
    assert WORD not in outcome.detail + str(outcome.tried)
    assert outcome.detail.isprintable()
    assert len(outcome.detail) < 400
    return outcome


def socks_server(*tail: bytes) -> Handler:
    """SOCKS5 without a login, then whatever comes in one segment with its last answer."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write(b"\x05\x00")
        await reader.readexactly(7 + len(SERVER.host))
        writer.write(SOCKS_OPEN + b"".join(tail))
        await silent(reader, writer)

    return handler


@pytest.mark.parametrize("kind", [ConnectorKind.SOCKS5, ConnectorKind.HTTP])
def test_the_greeting_in_the_proxys_segment_is_not_lost(run: Run, kind: ConnectorKind) -> None:
    async def work() -> None:
        greeting = b"220 mail.test.lan ESMTP\r\n"
        proxy = socks_server(greeting) if kind is ConnectorKind.SOCKS5 else after(60, HTTP_OPEN + greeting)
        link = await through(kind, proxy)
        assert isinstance(link, Link)
        assert await link.read(20) == greeting
        assert link.host == "mail.test.lan"
        assert "for mail.test.lan:587" in link.peer
        link.abort()

    run(work())


def test_the_name_that_tls_checks_is_the_servers_and_not_the_proxys(run: Run, certificates: Certificates) -> None:
    """The same server, once asked for by its own name and once by another: only the first is believed."""

    async def work() -> None:
        async with tls_served(certificates.server_context()) as port:

            async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                there, back = await asyncio.open_connection("127.0.0.1", port)
                writer.write(HTTP_OPEN)
                await asyncio.gather(_pump(reader, back), _pump(there, writer))

            tls = TlsSettings(CertificateCheck.OWN_CA, certificates.ca.read_text())
            good = await through(ConnectorKind.HTTP, proxy, Target("localhost", 465, True, tls))
            assert isinstance(good, Link)
            assert await good.read(20) == b"220 mail.test ESMTP\r\n"
            good.abort()
            other = refusal(await through(ConnectorKind.HTTP, proxy, Target("mail.other.test", 465, True, tls)))
            assert other.failure is Failure.CERTIFICATE
            assert "mail.other.test" in other.detail

    run(work())


def test_a_question_in_http_goes_the_way_when_it_is_encrypted_and_only_then(
    run: Run, certificates: Certificates
) -> None:
    """The name that is checked is the asked server's; what is in clear stays on this machine."""

    async def work() -> None:
        asked: list[bytes] = []
        answering = says(b"HTTP/1.1 200 Fine\r\nContent-Length: 2\r\n\r\nhi")
        async with tls_served(certificates.server_context(), answering) as port, served(answering) as clear:

            async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                asked.append((await reader.readuntil(b"\r\n\r\n")).split()[1])
                there, back = await asyncio.open_connection("127.0.0.1", port)
                writer.write(HTTP_OPEN)
                await asyncio.gather(_pump(reader, back), _pump(there, writer))

            async def put(url: str, proxied: int) -> HttpAnswer | NoAnswer:
                question = HttpQuestion(url, authority=certificates.ca.read_text())
                through_it = way(ConnectorKind.HTTP, proxied)
                return await ask(question, guard=refuse_internal, plain_on_loopback=True, via=through_it)

            async with served(proxy) as proxied:
                good = await put("https://localhost/", proxied)
                assert isinstance(good, HttpAnswer), good
                assert good.body == b"hi"
                other = await put("https://mail.other.test/", proxied)
                assert isinstance(other, NoAnswer)
                assert other.failure is Failure.CERTIFICATE
                plain = await put(f"http://localhost:{clear}/", proxied)
                assert isinstance(plain, HttpAnswer), plain
        assert asked == [b"localhost:443", b"mail.other.test:443"]

    run(work())


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 Fine\r\n")
    while True:
        writer.write(b"X-More: " + b"y" * 1_000 + b"\r\n")
        await writer.drain()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for octet in HTTP_OPEN * 100:
        writer.write(bytes([octet]))
        await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("kind", "proxy", "failure", "words"),
    [
        (ConnectorKind.HTTP, endless, Failure.CONNECTOR_BROKEN, "no end within"),
        (ConnectorKind.HTTP, says(b"\x00\xff\x1b[2J\r\n" * 9), Failure.CONNECTOR_BROKEN, "no HTTP"),
        (ConnectorKind.HTTP, closes, Failure.CONNECTOR_BROKEN, "closed the connection"),
        (ConnectorKind.HTTP, after(20, then=cuts), Failure.CONNECTOR_BROKEN, "closed the connection"),
        (ConnectorKind.HTTP, after(20, HTTP_OPEN[:9], then=closes), Failure.CONNECTOR_BROKEN, "whole answer"),
        (ConnectorKind.SOCKS5, says(b"220 mail ESMTP\r\n"), Failure.CONNECTOR_BROKEN, "octet 50"),
        (ConnectorKind.SOCKS5, closes, Failure.CONNECTOR_BROKEN, "closed the connection"),
        (ConnectorKind.SOCKS5, after(4, b"\x05\x00" + SOCKS_OPEN), Failure.CONNECTOR_BROKEN, "before it was asked"),
        (ConnectorKind.SSH, says(b"220 mail ESMTP\r\n" * 9, then=closes), Failure.CONNECTOR_BROKEN, ""),
        (ConnectorKind.SSH, says(b"\x00" * 100_000, then=closes), Failure.CONNECTOR_BROKEN, ""),
        (ConnectorKind.SSH, closes, Failure.CONNECTOR_BROKEN, "closed"),
    ],
)
def test_hostile_proxies(run: Run, kind: ConnectorKind, proxy: Handler, failure: Failure, words: str) -> None:
    async def work() -> None:
        outcome = refusal(await through(kind, proxy))
        assert outcome.failure is failure
        assert words in outcome.detail
        assert "Check the connector's kind, host and port" in outcome.detail

    run(work())


@pytest.mark.parametrize("kind", [ConnectorKind.SOCKS5, ConnectorKind.HTTP, ConnectorKind.SSH])
@pytest.mark.parametrize("proxy", [silent, dripping], ids=["silent", "dripping"])
def test_a_proxy_has_as_much_time_as_dialling_has(run: Run, kind: ConnectorKind, proxy: Handler) -> None:
    async def work() -> None:
        outcome = refusal(await asyncio.wait_for(through(kind, proxy, timeouts=BRIEF), 20))
        assert outcome.failure in (Failure.CONNECTOR_UNREACHABLE, Failure.CONNECTOR_BROKEN)

    run(work())


@pytest.mark.parametrize("kind", [ConnectorKind.SOCKS5, ConnectorKind.HTTP, ConnectorKind.SSH])
def test_one_that_is_not_there_or_not_allowed(run: Run, kind: ConnectorKind) -> None:
    async def work() -> None:
        gone = refusal(await dial(SERVER, timeouts=SOON, via=way(kind, closed_port())))
        assert gone.failure is Failure.CONNECTOR_UNREACHABLE
        assert "connection refused" in gone.detail
        barred = refusal(await through(kind, silent, guard=refuse_internal))
        assert barred.failure is Failure.CONNECTOR_ADDRESS
        assert "127.0.0.1" not in barred.detail
        hidden = refusal(await through(kind, silent, guard=refuse_internal, discreet=True))
        assert "no public server 127.0.0.1" in hidden.detail
        read = refusal(await through(kind, says(b"secret banner\r\n" * 99, then=closes), discreet=True))
        assert "banner" not in read.detail + str(read.tried)

    run(work())


@pytest.mark.parametrize("kind", [ConnectorKind.SOCKS5, ConnectorKind.HTTP, ConnectorKind.SSH])
def test_a_host_that_is_none_never_gets_to_the_proxy(run: Run, kind: ConnectorKind) -> None:
    async def work() -> None:
        heard: list[bytes] = []

        async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.read(100))

        for host in ("a\r\nX: y", "a b", "ä" * 200, ""):
            outcome = refusal(await through(kind, proxy, Target(host, 25)))
            assert outcome.failure is Failure.CONNECTOR_SERVER
        assert heard == []

    run(work())


def test_an_ssh_server_whose_key_is_not_confirmed_hears_nothing_of_us(run: Run) -> None:
    """Neither user nor password: the key exchange is all there is."""
    import asyncssh

    async def work() -> None:
        asked: list[str] = []

        class Nosy(asyncssh.SSHServer):
            def begin_auth(self, username: str) -> bool:
                asked.append(username)
                return True

            def password_auth_supported(self) -> bool:
                return True

            def validate_password(self, username: str, password: str) -> bool:
                asked.append(password)
                return True

        key = asyncssh.generate_private_key("ssh-ed25519")
        server = await asyncssh.create_server(Nosy, "127.0.0.1", 0, server_host_keys=[key])
        try:
            outcome = refusal(await dial(SERVER, timeouts=SOON, via=way(ConnectorKind.SSH, server.get_port())))
            assert outcome.failure is Failure.CONNECTOR_KEY
            assert f"ssh-ed25519 {key.get_fingerprint()}" in outcome.detail
            assert asked == []
        finally:
            server.close()

    run(work())
