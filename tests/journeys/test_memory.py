"""Bombs (A19): whatever comes at once, memory is bounded, and what is good of it is taken."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.rigs.ports import free_port
from tests.rigs.postroom import Postroom

MIB = 1024 * 1024
LARGE = 20 * MIB
AT_ONCE = 20
GROWTH = 200
"""MiB that the process may grow by while all that comes in (400 MiB)."""
HEADER = b"From: postroom@sender.test\r\nTo: ok@sink.test\r\nSubject: Large\r\n\r\n"
LETTER = HEADER + (b"x" * 76 + b"\r\n") * (LARGE // 78)


def most_memory(process: int) -> int:
    """The most that the process ever had in memory, in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) // 1024


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def postroom(make_postroom: Callable[..., Postroom], port: int) -> Postroom:
    started = make_postroom(listen_smtp=f"127.0.0.1:{port}", smtp_trusted="127.0.0.1=webshop").start()
    started.api.post("/v1/applications", {"name": "webshop"}).expect(201)
    return started


def by_smtp(port: int) -> str:
    """The answer to the end of a large message."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as client, client.makefile("rb") as answers:
        answers.readline()
        for line in (b"HELO x", b"MAIL FROM:<postroom@sender.test>", b"RCPT TO:<ok@sink.test>", b"DATA"):
            client.sendall(line + b"\r\n")
            answers.readline()
        client.sendall(LETTER + b".\r\n")
        return answers.readline().decode()


def test_twenty_large_messages_at_once_by_smtp(postroom: Postroom, port: int) -> None:
    before = most_memory(postroom.process.pid)
    with ThreadPoolExecutor(AT_ONCE) as crowd:
        told = list(crowd.map(by_smtp, [port] * AT_ONCE))
    assert [answer[:3] for answer in told] == ["250"] * AT_ONCE, told
    assert most_memory(postroom.process.pid) - before < GROWTH


def by_http(postroom: Postroom) -> int:
    """The status of the answer."""
    connection = http.client.HTTPConnection(urlsplit(postroom.api.url).netloc, timeout=120)
    headers = {"Authorization": f"Bearer {postroom.api.key}", "Content-Type": "message/rfc822"}
    connection.request("POST", "/v1/messages/raw?to=ok@sink.test", LETTER, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_twenty_large_messages_at_once_by_http(postroom: Postroom) -> None:
    before = most_memory(postroom.process.pid)
    with ThreadPoolExecutor(AT_ONCE) as crowd:
        told = list(crowd.map(by_http, [postroom] * AT_ONCE))
    assert set(told) <= {202, 503}
    assert told.count(202) >= 3
    assert most_memory(postroom.process.pid) - before < GROWTH
