"""Commands and replies over real connections: the hot path of every delivery, and all that can cut it short.

Promise P3: how much of what we wrote may have left is known. Promise P6: whatever the server does is data.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from postroom.model.attempt import Failure
from postroom.smtp.fault import Lost, LostKind
from postroom.smtp.steps import Send
from postroom.wire.dial import Target, dial
from postroom.wire.drive import Replies, exchange
from postroom.wire.link import Gone, Link
from tests.journeys.loopback import SOON, closes, cuts, deafen, in_loop, linked, says

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    return partial(in_loop, request.param)


def test_replies_come_in_groups_and_exactly_as_many_as_asked_for(run: Run) -> None:
    async def work() -> None:
        async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                writer.write(b"250 " + line)

        async with linked(answers) as link:
            replies = Replies()
            for many in (1, 3, 2):
                step = Send(b"".join(b"%d\r\n" % n for n in range(many)), many, 20.0)
                heard = await exchange(link, replies, step)
                assert isinstance(heard, list)
                assert [reply.text for reply in heard] == [str(n) for n in range(many)]
                assert 0 < step.began <= step.ended
            assert await exchange(link, replies, Send(b"", 0, 20.0)) == []

    run(work())


def test_nothing_is_said_when_something_is_left_over(run: Run) -> None:
    """Off by one would give a message's answer to another message."""

    async def work() -> None:
        for extra, kind in ((b"250 extra\r\n", LostKind.OUT_OF_STEP), (b"25", LostKind.OUT_OF_STEP),
                            (b"421 bye\r\n", LostKind.CLOSED)):  # fmt: skip
            async with linked(says(b"220 hi\r\n" + extra)) as link:
                replies = Replies()
                heard = await exchange(link, replies, Send(b"", 1, 20.0))
                assert isinstance(heard, list)
                assert [reply.code for reply in heard] == [220]
                lost = await exchange(link, replies, Send(b"MAIL\r\n", 1, 20.0))
                assert isinstance(lost, Lost)
                assert (lost.kind, lost.written) == (kind, 0)
                assert link.handed == 0
                assert len(lost.replies) == (kind is LostKind.CLOSED)

    run(work())


def test_a_server_that_left_meanwhile_gets_nothing(run: Run) -> None:
    async def work() -> None:
        for then, kind in ((closes, LostKind.CLOSED), (cuts, LostKind.RESET)):
            async with linked(says(b"220 hi\r\n", then=then)) as link:
                replies = Replies()
                await exchange(link, replies, Send(b"", 1, 20.0))
                await asyncio.wait_for(link.wait(), 20)
                lost = await exchange(link, replies, Send(b"MAIL\r\n", 1, 20.0))
                assert isinstance(lost, Lost)
                assert (lost.kind, lost.written) == (kind, 0)

    run(work())


def test_replies_before_the_loss_are_kept(run: Run) -> None:
    async def work() -> None:
        async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(b"250 one\r\n250 two\r\n250-thr")
            writer.close()

        async with linked(half) as link:
            lost = await exchange(link, Replies(), Send(b"MAIL\r\n", 3, 20.0))
            assert isinstance(lost, Lost)
            assert lost.kind is LostKind.CLOSED
            assert [reply.text for reply in lost.replies] == ["one", "two"]
            assert lost.written == 6

    run(work())


def test_what_is_no_reply_is_data(run: Run) -> None:
    async def work() -> None:
        for odd in (
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\x16\x03\x01\x00\n",
            b"999 x\r\n",
            b"000 x\r\n",
            b"\xff" * 20_000,
        ):
            async with linked(says(odd)) as link:
                lost = await exchange(link, Replies(), Send(b"", 1, 20.0))
                assert isinstance(lost, Lost)
                assert lost.kind in {LostKind.UNINTELLIGIBLE, LostKind.TOO_LONG}

    run(work())


def test_each_reply_renews_the_patience(run: Run) -> None:
    async def work() -> None:
        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in range(5):
                await asyncio.sleep(0.4)
                writer.write(b"250 ok\r\n")
            await reader.read()

        async with linked(slow) as link:
            heard = await exchange(link, Replies(), Send(b"x\r\n", 5, 1.5))
            assert isinstance(heard, list)
            assert len(heard) == 5

    run(work())


def test_octets_alone_do_not(run: Run) -> None:
    """A server that sends one octet now and then can't hold a connection for ever."""

    async def work() -> None:
        async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for octet in b"250-" + b"x" * 200:
                await asyncio.sleep(0.05)
                writer.write(bytes([octet]))
                await writer.drain()

        async with linked(trickle) as link:
            lost = await exchange(link, Replies(), Send(b"x\r\n", 1, 0.3))
            assert isinstance(lost, Lost)
            assert lost.kind is LostKind.TIMEOUT

    run(work())


def test_a_body_that_nobody_takes_is_certainly_not_sent(run: Run) -> None:
    """Promise P3: the end of the body has not left, so nothing is in doubt."""

    async def work() -> None:
        async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            deafen(writer)
            await asyncio.sleep(5)

        async with linked(deaf) as link:
            body = b"x" * 30_000_000
            link.block = 0.4
            lost = await exchange(link, Replies(), Send(body, 1, 60.0))
            assert isinstance(lost, Lost)
            assert lost.kind is LostKind.TIMEOUT
            assert "take any data" in lost.detail
            assert lost.written is not None
            assert lost.written < len(body)
            assert not lost.may_have_left(len(body))

    run(work())


def test_a_refusal_in_the_middle_of_a_body_is_heard(run: Run) -> None:
    """A server that says 552 and hangs up with data unread resets the connection: its answer still counts."""

    async def work() -> None:
        async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(100_000)
            deafen(writer)
            writer.write(b"552 5.3.4 too big\r\n")
            await asyncio.sleep(0.1)
            writer.close()

        async with linked(refuses) as link:
            lost = await exchange(link, Replies(), Send(b"x" * 30_000_000, 1, 20.0))
            assert isinstance(lost, Lost)
            assert [reply.code for reply in lost.replies] == [552]
            assert not lost.may_have_left(30_000_000)

    run(work())


def test_what_the_transport_still_held_has_not_left_either(run: Run) -> None:
    async def work() -> None:
        async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            deafen(writer)
            await asyncio.sleep(5)

        async with linked(deaf) as link:
            written = 0
            for _ in range(2_000):  # until the system's own buffers are full
                if link.writing:
                    await asyncio.sleep(0.01)
                if link.writing:
                    break
                link.write(b"x" * 65_536)
                written += 65_536
            assert link.handed == link.accepted == written, "all of it is with the transport"
            link.block = 0.4
            gone = await link.drain()
            assert gone is not None
            assert gone.failure is Failure.TIMEOUT
            assert link.handed < written

    run(work())


def test_last_words_are_heard_though_our_write_failed_first(run: Run) -> None:
    """The server refuses and resets while we are busy: the loop learns of the end from a failed write."""

    def refuse(listener: socket.socket, done: threading.Event) -> None:
        connection, _ = listener.accept()
        connection.recv(5)
        connection.sendall(b"552 5.3.4 too big\r\n")
        connection.close()  # with octets unread: the system sends a reset
        done.set()

    async def work() -> None:
        done = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=refuse, args=(listener, done))
            thread.start()
            link = await dial(Target("127.0.0.1", listener.getsockname()[1]), timeouts=SOON)
            assert isinstance(link, Link)
            link.write(b"x" * 10)
            await asyncio.sleep(0)
            assert done.wait(20)  # blocks the loop, on purpose
            for _ in range(3):
                link.write(b"more")
            assert await link.read(20) == b"552 5.3.4 too big\r\n"
            gone = await link.read(20)
            assert isinstance(gone, Gone)
            assert gone.failure is Failure.CLOSED
            thread.join()
            await link.closed()

    run(work())
