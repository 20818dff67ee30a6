"""Bombs (A19): whatever comes at once, memory is bounded, and what is good of it is taken."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.rigs.ports import free_port
from tests.rigs.postroom import Postroom
from tests.rigs.sink import Sink

MIB = 1024 * 1024
LARGE = 20 * MIB
AT_ONCE = 20
GROWTH = 200
"""MiB that the process may grow by while all that comes in (400 MiB)."""
GROWTH_LEAVING = 140
"""MiB, for four connections: one letter of 20 MiB each, and some air."""
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


def by_http(postroom: Postroom) -> tuple[int, str]:
    """The status of the answer, and the message's id."""
    connection = http.client.HTTPConnection(urlsplit(postroom.api.url).netloc, timeout=120)
    headers = {"Authorization": f"Bearer {postroom.api.key}", "Content-Type": "message/rfc822"}
    connection.request("POST", "/v1/messages/raw?to=ok@sink.test", LETTER, headers)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    return answer.status, str(told.get("id"))


def test_twenty_large_messages_at_once_by_http(postroom: Postroom) -> None:
    before = most_memory(postroom.process.pid)
    with ThreadPoolExecutor(AT_ONCE) as crowd:
        told = [status for status, _ in crowd.map(by_http, [postroom] * AT_ONCE)]
    assert set(told) <= {202, 503}
    assert told.count(202) >= 3
    assert most_memory(postroom.process.pid) - before < GROWTH


@pytest.mark.parametrize("without", [(), ("CHUNKING",)], ids=["bdat", "data"])
def test_large_messages_that_leave_side_by_side(
    make_postroom: Callable[..., Postroom], make_sink: Callable[..., Sink], without: tuple[str, ...]
) -> None:
    """What leaves is not joined to its commands, and no other message lies beside it meanwhile."""
    sink = make_sink(without=without)
    postroom = make_postroom().start()
    postroom.deliver_to(sink.port)
    postroom.api.call("PATCH", "/v1/settings", {"mode": "silent"}).expect(200)
    letters = [by_http(postroom)[1] for _ in range(8)]
    process = postroom.process.pid
    Path(f"/proc/{process}/clear_refs").write_text("5")  # the most is reckoned anew, from what there is now
    before = most_memory(process)
    postroom.api.call("PATCH", "/v1/settings", {"mode": "smtp"}).expect(200)
    postroom.api.post("/v1/messages/release").expect(200)
    sink.wait_for(len(letters), seconds=120)
    assert most_memory(process) - before < GROWTH_LEAVING
