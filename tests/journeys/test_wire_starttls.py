"""STARTTLS over real connections (threats A6, A7): nothing of what came in clear is ever believed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from postroom.model.account import Encryption
from postroom.model.attempt import Failure
from postroom.smtp.client import Failed, Opened, SessionSettings, Timeouts, open_session
from postroom.smtp.fault import Lost, LostKind
from postroom.smtp.phase import Phase
from postroom.wire.dial import Target, dial, start_tls
from postroom.wire.drive import Replies, drive_open
from postroom.wire.link import Link
from postroom.wire.tls import TlsSettings
from tests.journeys.loopback import SOON, Handler, context_with, in_loop, says, served, tls_served, trusting
from tests.rigs.certificates import Certificates

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    return partial(in_loop, request.param)


def smtp_server(context: ssl.SSLContext | None, injected: bytes = b"") -> Handler:
    """EHLO, STARTTLS, EHLO: as a real one does, with something slipped in behind the answer to STARTTLS."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test\r\n")
        while line := await reader.readline():
            if line.startswith(b"EHLO"):
                writer.write(b"250-mail.test\r\n250 STARTTLS\r\n")
            elif line.startswith(b"STARTTLS"):
                writer.write(b"220 go ahead\r\n" + injected)
                await writer.drain()
                if context is not None:
                    await writer.start_tls(context)
            else:
                writer.write(b"221 bye\r\n")

    return handler


async def opened(
    port: int, tls: TlsSettings, host: str = "127.0.0.1", *, patience: float = 0.1
) -> tuple[Opened | Failed, Link]:
    link = await dial(Target(host, port), timeouts=SOON)
    assert isinstance(link, Link)
    settings = SessionSettings("client.test", Encryption.STARTTLS, timeouts=Timeouts().scaled(patience))
    result = await drive_open(open_session(settings), link, Replies(), tls, tls_seconds=20.0)
    link.abort()
    await link.closed()
    return result, link


def test_a_session_becomes_encrypted(run: Run, certificates: Certificates) -> None:
    async def work() -> None:
        async with served(smtp_server(context_with(certificates.good))) as port:
            result, link = await opened(port, trusting(certificates))
            assert isinstance(result, Opened)
            assert result.encrypted
            assert link.encrypted

    run(work())


def test_a_wrong_certificate_ends_it_before_anything_is_said(run: Run, certificates: Certificates) -> None:
    async def work() -> None:
        async with served(smtp_server(context_with(certificates.wrong_host))) as port:
            result, link = await opened(port, trusting(certificates))
            assert isinstance(result, Failed)
            assert result.phase is Phase.TLS
            assert isinstance(result.cause, Lost)
            assert result.cause.kind is LostKind.TLS
            assert "is not for 127.0.0.1 but for elsewhere.test" in result.cause.detail
            assert link.gone is not None
            assert link.gone.failure is Failure.CERTIFICATE

    run(work())


@pytest.mark.parametrize("injected", [b"250 injected\r\n", b"2", b"250-a\r\n", b"\r\n"])
def test_octets_in_clear_behind_the_answer_are_never_used(
    run: Run, certificates: Certificates, injected: bytes
) -> None:
    """RFC 3207, 6; CVE-2021-38371."""

    async def work() -> None:
        async with served(smtp_server(context_with(certificates.good), injected)) as port:
            result, link = await opened(port, trusting(certificates))
            assert isinstance(result, Failed)
            assert isinstance(result.cause, Lost)
            assert result.cause.kind is LostKind.INJECTED
            assert not link.encrypted

    run(work())


def test_octets_that_wait_on_the_link_are_dropped_and_reported(run: Run, certificates: Certificates) -> None:
    async def work() -> None:
        async with served(says(b"250 injected\r\n")) as port:
            link = await dial(Target("127.0.0.1", port), timeouts=SOON)
            assert isinstance(link, Link)
            await asyncio.wait_for(link.wait(), 20)
            gone = await start_tls(link, trusting(certificates), 20.0)
            assert gone is not None
            assert gone.failure is Failure.INJECTED
            assert link.take() == b""
            await link.closed()

    run(work())


def test_a_server_that_goes_on_in_clear(run: Run) -> None:
    async def work() -> None:
        async def goes_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.test\r\n")
            await reader.readline()
            writer.write(b"250-mail.test\r\n250 STARTTLS\r\n")
            await reader.readline()
            writer.write(b"220 go ahead\r\n")
            await reader.read(10)
            writer.write(b"500 what?\r\n")
            await reader.read()

        async with served(goes_on) as port:
            result, _ = await opened(port, TlsSettings())
            assert isinstance(result, Failed)
            assert isinstance(result.cause, Lost)
            assert (result.cause.kind, result.phase) == (LostKind.TLS, Phase.TLS)
            assert "plain text" in result.cause.detail

    run(work())


def test_a_server_that_waits_for_tls_gets_a_hint(run: Run, certificates: Certificates) -> None:
    """TLS from the start, spoken to in clear: it says nothing, and neither do we."""

    async def work() -> None:
        async with tls_served(context_with(certificates.good)) as port:
            result, _ = await opened(port, trusting(certificates), patience=0.003)
            assert isinstance(result, Failed)
            assert isinstance(result.cause, Lost)
            assert result.phase is Phase.GREETING
            assert "if it expects TLS from the start (as on port 465), choose that" in result.cause.detail

    run(work())
