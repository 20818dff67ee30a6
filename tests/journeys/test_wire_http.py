"""Questions to web services over real sockets and TLS: only the right server is asked, by the address that was allowed;
whatever it does is answered within bounds and in words (threats A8, A9, A19)."""

from __future__ import annotations

import asyncio
import http.server
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from postroom.model.attempt import Failure
from postroom.wire.guard import IpAddress, allow_all, refuse_internal
from postroom.wire.http import HttpAnswer, HttpQuestion, NoAnswer, ask, fault_of_url
from tests.journeys.loopback import Handler, closed_port, closes, cuts, in_loop, says, served, silent, tls_served
from tests.rigs.certificates import Certificates

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    return partial(in_loop, request.param)


class _Echo(http.server.BaseHTTPRequestHandler):
    """Python's own server as the independent counterpart: says what it was asked, chunk by chunk."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told = f"{self.command} {self.path} {self.headers['Host']} {self.headers['X-Test']} ".encode() + body
        self.send_response(201)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("X-Heard", "yes")
        self.end_headers()
        for piece in (told[:5], told[5:]):
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "https://elsewhere.test/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def echoing(certificates: Certificates) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    server.socket = certificates.server_context().wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.02))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answering(raw: bytes, then: Handler = closes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await says(raw, then=then)(reader, writer)

    return handler


def plain(port: int, **more: Any) -> Coroutine[Any, Any, HttpAnswer | NoAnswer]:
    return ask(HttpQuestion(f"http://127.0.0.1:{port}/", **more), guard=allow_all, plain_on_loopback=True)


def test_a_question_is_answered(run: Run, certificates: Certificates) -> None:
    """Method, path with query, own headers and body arrive as they were given; so does the answer."""

    async def work() -> None:
        with echoing(certificates) as port:
            question = HttpQuestion(
                f"https://localhost:{port}/a/b?c=d",
                method="POST",
                headers=(("X-Test", "t"),),
                body=b"x=1",
                authority=certificates.ca.read_text(),
            )
            answer = await ask(question, guard=allow_all)
            assert isinstance(answer, HttpAnswer), answer
            assert answer.status == 201
            assert answer.header("x-heard") == "yes"
            assert answer.body.decode() == f"POST /a/b?c=d localhost:{port} t x=1"

    run(work())


def test_no_redirect_is_followed(run: Run, certificates: Certificates) -> None:
    async def work() -> None:
        with echoing(certificates) as port:
            answer = await ask(
                HttpQuestion(f"https://localhost:{port}/", authority=certificates.ca.read_text()), guard=allow_all
            )
            assert isinstance(answer, HttpAnswer)
            assert (answer.status, answer.header("location")) == (302, "https://elsewhere.test/")

    run(work())


@pytest.mark.parametrize("which", ["wrong_host", "expired", "not_yet_valid", "stranger", "self_signed"])
def test_only_the_right_certificate_is_believed(certificates: Certificates, which: str) -> None:
    """None of the question reaches a server that is not proven to be the URL's host."""
    heard: list[bytes] = []

    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1000))

    async def work() -> None:
        async with tls_served(certificates.server_context(getattr(certificates, which)), listens) as port:
            question = HttpQuestion(f"https://localhost:{port}/", authority=certificates.ca.read_text())
            answer = await ask(question, guard=allow_all)
            assert isinstance(answer, NoAnswer)
            assert answer.failure is Failure.CERTIFICATE
            assert "certificate" in answer.detail
            assert not answer.sent

    in_loop("asyncio", work())
    assert not any(heard)


def test_the_system_store_does_not_know_our_ca(certificates: Certificates) -> None:
    async def work() -> None:
        async with tls_served(certificates.server_context()) as port:
            answer = await ask(HttpQuestion(f"https://localhost:{port}/"), guard=allow_all)
            assert isinstance(answer, NoAnswer)
            assert answer.failure is Failure.CERTIFICATE

    in_loop("asyncio", work())


class TestAddresses:
    def test_a_tenants_url_leads_to_no_internal_address(self) -> None:
        async def work() -> None:
            for host in ("localhost", "127.0.0.1", "[::1]", "0x7f.1", "2130706433", "localhost."):
                answer = await ask(HttpQuestion(f"https://{host}:{closed_port()}/secret"), guard=refuse_internal)
                assert isinstance(answer, NoAnswer)
                assert answer.failure is Failure.FORBIDDEN_ADDRESS, (host, answer)
                assert "secret" not in answer.detail

        in_loop("asyncio", work())

    def test_a_name_is_resolved_once_and_the_checked_address_is_used(
        self, monkeypatch: pytest.MonkeyPatch, certificates: Certificates
    ) -> None:
        """A name that changes its address between two lookups (rebinding) gains nothing; SNI stays the URL's host."""
        asked: list[bytes] = []
        names: list[str | None] = []

        async def work() -> None:
            context = certificates.server_context()
            context.sni_callback = lambda _, name, __: names.append(name)
            handler = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            async with tls_served(context, handler) as port:

                def resolver(host: bytes, port: int, **_: object) -> list[object]:
                    asked.append(host)
                    address = "127.0.0.1" if len(asked) == 1 else "127.0.0.9"
                    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

                checked: list[IpAddress] = []

                def guard(address: IpAddress) -> str:
                    checked.append(address)
                    return ""

                monkeypatch.setattr(socket, "getaddrinfo", resolver)
                question = HttpQuestion(f"https://LOCALHOST:{port}/", authority=certificates.ca.read_text())
                answer = await ask(question, guard=guard)
                assert isinstance(answer, HttpAnswer), answer
                assert answer.body == b"hi"
                assert [str(one) for one in checked] == ["127.0.0.1"]

        in_loop("asyncio", work())
        assert asked == [b"localhost"]
        assert names == ["localhost"]

    def test_plain_http_leads_nowhere_but_to_loopback(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Even where the operator allows it, and whatever a name server says of `localhost`."""

        def resolver(host: bytes, port: int, **_: object) -> list[object]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]

        monkeypatch.setattr(socket, "getaddrinfo", resolver)

        async def work() -> None:
            answer = await ask(HttpQuestion("http://localhost/"), guard=allow_all, plain_on_loopback=True)
            assert isinstance(answer, NoAnswer)
            assert answer.failure is Failure.FORBIDDEN_ADDRESS

        in_loop("asyncio", work())

    def test_the_environments_proxies_are_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def work() -> None:
            async with served(answering(b"HTTP/1.0 200 OK\r\n\r\nall the rest")) as port:
                for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"):
                    monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
                answer = await plain(port)
                assert isinstance(answer, HttpAnswer)
                assert answer.body == b"all the rest"

        in_loop("asyncio", work())


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("raw", "failure", "words"),
    [
        (b"220 mail.test ESMTP\r\n", Failure.UNINTELLIGIBLE, "no answer in HTTP"),
        (b"", Failure.UNINTELLIGIBLE, "no answer in HTTP"),
        (HEAD + b"Content-Length: 10\r\n\r\nshort", Failure.UNINTELLIGIBLE, "without an end"),
        (HEAD + b"X: " + b"x" * 40_000 + b"\r\n\r\n", Failure.UNINTELLIGIBLE, "127.0.0.1"),
        (HEAD + b"X: y\r\n" * 10_000 + b"\r\n", Failure.UNINTELLIGIBLE, "127.0.0.1"),
        (HEAD + b"X: y\r\n" * 10_000, Failure.UNINTELLIGIBLE, "no answer in HTTP"),
        (HEAD + b"Content-Length: 99\r\n\r\n" + b"x" * 99, Failure.UNINTELLIGIBLE, "more than 64 octets"),
        (HEAD + b"\r\n" + b"x" * 99, Failure.UNINTELLIGIBLE, "more than 64 octets"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", Failure.UNINTELLIGIBLE, "no answer in HTTP"),
        (HEAD + b"Content-Encoding: gzip\r\n\r\nx", Failure.UNINTELLIGIBLE, "compressed"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 50, Failure.UNINTELLIGIBLE, "without end"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Failure.UNINTELLIGIBLE, "127.0.0.1"),
    ],
)
def test_odd_answers_are_data(raw: bytes, failure: Failure, words: str) -> None:
    async def work() -> None:
        async with served(answering(raw)) as port:
            answer = await plain(port, max_body=64)
            assert isinstance(answer, NoAnswer)
            assert answer.failure is failure
            assert words in answer.detail
            assert answer.sent

    in_loop("asyncio", work())


def test_an_interim_answer_is_passed_over() -> None:
    async def work() -> None:
        raw = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\n[1]"
        async with served(answering(raw)) as port:
            answer = await plain(port)
            assert isinstance(answer, HttpAnswer)
            assert (answer.status, answer.json()) == (500, [1])

    in_loop("asyncio", work())


def test_silence_ends_at_the_deadline_and_a_cut_is_told(run: Run) -> None:
    async def work() -> None:
        async with served(silent) as port:
            answer = await plain(port, seconds=0.3)
            assert answer == NoAnswer(Failure.TIMEOUT, "127.0.0.1 did not answer within 0.3 seconds.", sent=True)
        async with served(answering(HEAD, then=cuts)) as port:
            answer = await plain(port)
            assert isinstance(answer, NoAnswer)
            assert answer.sent
        answer = await plain(closed_port())
        assert isinstance(answer, NoAnswer)
        assert (answer.failure, answer.sent) == (Failure.REFUSED, False)

    run(work())


def test_drop_by_drop_ends_at_the_deadline_too() -> None:
    """The deadline is for everything together: progress does not move it."""

    async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(1000):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def work() -> None:
        async with served(answering(HEAD + b"\r\n", then=drips)) as port:
            answer = await plain(port, seconds=0.5)
            assert isinstance(answer, NoAnswer)
            assert answer.failure is Failure.TIMEOUT

    in_loop("asyncio", work())


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://idp.test/", "https://"),
        ("ftp://idp.test/", "https://"),
        ("", "https://"),
        ("https://", "no host"),
        ("https://user:pass@idp.test/", "password"),
        ("https://idp.test:99999/", "port"),
        ("https://idp.test/a b", "spaces"),
        ("https://idp.test/\r\nX: y", "spaces"),
        ("https://idp.test/ü", "spaces"),
        ("https://[::1/", "can't be read"),
        ("https://a..b/", "no host"),
    ],
)
def test_urls_that_are_not_asked(url: str, words: str) -> None:
    assert words in fault_of_url(url)
    assert not fault_of_url("https://idp.test/oauth2/v2.0/token?x=y")


def test_plain_http_is_the_operators_word_and_for_this_machine_only() -> None:
    assert fault_of_url("http://127.0.0.1:8200/")
    assert not fault_of_url("http://127.0.0.1:8200/", plain_on_loopback=True)
    assert not fault_of_url("http://[::1]:8200/", plain_on_loopback=True)
    assert fault_of_url("http://10.0.0.1/", plain_on_loopback=True)


def test_a_header_is_no_way_to_inject_another() -> None:
    """And the value, which may be the secret, is not repeated."""

    async def work() -> None:
        answer = await plain(closed_port(), headers=(("X-Token", "s3cret\r\nX: y"),))
        assert isinstance(answer, NoAnswer)
        assert answer.failure is Failure.UNWRITABLE
        assert "s3cret" not in answer.detail

    in_loop("asyncio", work())


def test_no_secret_in_any_repr() -> None:
    question = HttpQuestion("https://idp.test/", headers=(("Authorization", "s3cret"),), body=b"s3cret")
    answer = HttpAnswer(200, (("x", "s3cret"),), b"s3cret")
    assert "s3cret" not in f"{question!r} {answer!r}"
