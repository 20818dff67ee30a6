"""Dialling and links against real sockets on loopback, on asyncio's loop and on uvloop.

What a server may do to a connection comes back as data (promise P6).
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from postroom.model.attempt import Failure
from postroom.smtp.phase import Phase
from postroom.smtp.steps import Send
from postroom.wire.dial import DialTimeouts, NoLink, Target, dial
from postroom.wire.drive import Replies, exchange
from postroom.wire.guard import IpAddress, refuse_internal
from postroom.wire.link import MAX_WAITING, Gone, Link
from tests.journeys.loopback import SOON, closed_port, closes, cuts, in_loop, linked, says, served, silent, unanswering

Run = Callable[[Coroutine[Any, Any, None]], None]
BRIEF = DialTimeouts(address=0.3, stagger=0.05)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    return partial(in_loop, request.param)


def answer_with(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """What the system's resolver says from now on, whatever it is asked."""

    def resolver(host: bytes, port: int, **options: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)


class TestDial:
    def test_it_connects_and_says_where(self, run: Run) -> None:
        async def work() -> None:
            async with linked(says(b"220 hi\r\n")) as link:
                assert link.peer.startswith("127.0.0.1:")
                assert [(one.address, one.failure) for one in link.tried] == [(link.peer, None)]
                assert await link.read(20) == b"220 hi\r\n"
                assert link.describe_tls() is None

        run(work())

    def test_refused(self, run: Run) -> None:
        async def work() -> None:
            port = closed_port()
            none = await dial(Target("127.0.0.1", port), timeouts=SOON)
            assert isinstance(none, NoLink)
            assert (none.failure, none.phase) == (Failure.REFUSED, Phase.CONNECT)
            assert f"127.0.0.1 port {port}: connection refused" in none.detail

        run(work())

    def test_never_answered(self, run: Run) -> None:
        async def work() -> None:
            with unanswering() as port:
                none = await dial(Target("127.0.0.1", port), timeouts=BRIEF)
            assert isinstance(none, NoLink)
            assert none.failure is Failure.TIMEOUT
            assert "no answer within 0.3 s" in none.detail

        run(work())

    def test_no_such_host(self, run: Run) -> None:
        async def work() -> None:
            none = await dial(Target("no-such-host.invalid", 25), timeouts=DialTimeouts(total=20))
            assert isinstance(none, NoLink)
            assert none.failure in {Failure.NAME, Failure.NAME_TEMPORARY}, "without a name server nobody can say"
            assert none.phase is Phase.RESOLVE
            assert "no-such-host.invalid" in none.detail

        run(work())

    def test_no_host_name_at_all(self, run: Run) -> None:
        async def work() -> None:
            for host in ("", "a b", "x\r\nQUIT", "x\x00"):
                none = await dial(Target(host, 25), timeouts=SOON)
                assert isinstance(none, NoLink)
                assert none.failure is Failure.NAME
                assert none.detail.isprintable()

        run(work())

    def test_a_name_server_that_is_silent_holds_one_thread(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        released = threading.Event()
        asked: list[object] = []

        def hanging(*args: object, **options: object) -> list[object]:
            asked.append(args)
            released.wait()
            return []

        async def work() -> None:
            soon = DialTimeouts(total=0.2)
            answers = await asyncio.gather(*[dial(Target("slow.example", 25), timeouts=soon) for _ in range(20)])
            assert {one.failure for one in answers if isinstance(one, NoLink)} == {Failure.NAME_TEMPORARY}
            await dial(Target("slow.example", 25), timeouts=soon)
            assert len(asked) == 1
            released.set()

        monkeypatch.setattr(socket, "getaddrinfo", hanging)
        try:
            run(work())
        finally:
            released.set()

    def test_another_address_of_the_host_is_tried(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """The server listens on one of two addresses; both are recorded."""

        async def work() -> None:
            async with served(says(b"220 hi\r\n")) as port:
                link = await dial(Target("two.example", port), timeouts=SOON)
                assert isinstance(link, Link)
                assert link.host == "two.example"
                assert [one.failure for one in link.tried] == [Failure.REFUSED, None]
                assert link.peer == f"127.0.0.1:{port}"
                link.abort()
                await link.closed()

        answer_with(monkeypatch, "127.0.0.2", "127.0.0.1")
        run(work())

    def test_a_dead_address_does_not_hold_up_a_live_one(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        async def work() -> None:
            async with served(says(b"220 hi\r\n")) as port:
                with unanswering("127.0.0.2", port):
                    link = await dial(Target("two.example", port), timeouts=DialTimeouts(30, 20, 0.05))
                    running = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}  # type: ignore[union-attr]
                    assert not [name for name in running if "_attempt" in name], "the loser is called off"
                assert isinstance(link, Link)
                assert link.peer == f"127.0.0.1:{port}"
                link.abort()
                await link.closed()

        answer_with(monkeypatch, "127.0.0.2", "127.0.0.1")
        run(work())

    def test_where_all_fail_the_more_telling_failure_counts(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        async def work() -> None:
            with unanswering("127.0.0.2") as port:
                none = await dial(Target("two.example", port), timeouts=BRIEF)
            assert isinstance(none, NoLink)
            assert none.failure is Failure.REFUSED
            assert {one.failure for one in none.tried} == {Failure.REFUSED, Failure.TIMEOUT}
            assert f"no answer within 0.3 s (127.0.0.2:{port})" in none.detail

        answer_with(monkeypatch, "127.0.0.2", "127.0.0.1")
        run(work())

    @pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "::ffff:127.0.0.1",
                                      "[::1]", "localhost", "localhost.", "0"])  # fmt: skip
    def test_a_guard_judges_the_address_however_it_is_spelled(self, run: Run, host: str) -> None:
        """Threat A9: nothing is connected to, and the answer does not tell what is there."""

        async def work() -> None:
            connected = []

            async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                connected.append(1)

            async with served(handler) as port:
                none = await dial(Target(host, port), timeouts=SOON, guard=refuse_internal)
                assert isinstance(none, NoLink)
                assert none.failure is Failure.FORBIDDEN_ADDRESS
                assert none.detail == f"{host} is not at an address that may be connected to."
                assert none.tried
            assert not connected

        run(work())

    def test_the_checked_address_is_the_one_connected_to(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """DNS rebinding: a second lookup would give another address; there is none."""
        lookups: list[object] = []

        def rebinding(host: bytes, port: int, **options: object) -> list[object]:
            lookups.append(host)
            address = "127.0.0.1" if len(lookups) == 1 else "127.0.0.2"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        checked: list[str] = []

        def guard(address: IpAddress) -> str:
            checked.append(str(address))
            return ""

        async def work() -> None:
            async with served(says(b"220\r\n")) as port:
                link = await dial(Target("rebind.example", port), timeouts=SOON, guard=guard)
                assert isinstance(link, Link)
                assert (checked, link.peer) == (["127.0.0.1"], f"127.0.0.1:{port}")
                assert link.host == "rebind.example"
                link.abort()
                await link.closed()

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        run(work())
        assert lookups == [b"rebind.example"]

    def test_a_dial_that_is_called_off_leaves_nothing_open(self, run: Run) -> None:
        async def work() -> None:
            with unanswering() as port:
                before = len(os.listdir("/proc/self/fd"))
                for _ in range(5):
                    task = asyncio.create_task(dial(Target("127.0.0.1", port)))
                    await asyncio.sleep(0.01)
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                gc.collect()
                # what other tests had left to the collector may be gone meanwhile
                assert len(os.listdir("/proc/self/fd")) <= before

        run(work())


class TestLink:
    def test_single_octets_arrive_in_order(self, run: Run) -> None:
        async def work() -> None:
            text = b"250-first\r\n250 last\r\n"
            async with linked(says(*[bytes([octet]) for octet in text])) as link:
                heard = await exchange(link, Replies(), Send(b"", 1, 3.0))
                assert isinstance(heard, list)
                assert [str(reply) for reply in heard] == ["250-first\n250 last"]

        run(work())

    def test_what_came_before_the_end_is_read_first(self, run: Run) -> None:
        async def work() -> None:
            async with linked(says(b"421 bye\r\n", then=closes)) as link:
                assert await link.read(20) == b"421 bye\r\n"
                gone = await link.read(20)
                assert gone == Gone(Failure.CLOSED, "The server closed the connection.")
                assert await link.read(20) == gone, "it stays gone"
                link.write(b"into the void")

        run(work())

    def test_a_reset_is_told_from_a_close(self, run: Run) -> None:
        async def work() -> None:
            async def after_a_word(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.read(1)
                await cuts(reader, writer)

            async with linked(after_a_word) as link:
                link.write(b"x")
                gone = await link.read(20)
                assert isinstance(gone, Gone)
                assert (gone.failure, gone.reset) == (Failure.CLOSED, True)

        run(work())

    def test_silence_ends_at_the_end_of_the_patience(self, run: Run) -> None:
        async def work() -> None:
            async with linked(silent) as link:
                gone = await link.read(0.05)
                assert gone == Gone(Failure.TIMEOUT, "The server did not answer for 0.05 seconds.")

        run(work())

    def test_a_shorter_patience_counts_after_a_longer_one(self, run: Run) -> None:
        async def work() -> None:
            async with linked(says(b"x")) as link:
                assert await link.read(600) == b"x"
                assert isinstance(await link.read(0.05), Gone)

        run(work())

    def test_nobody_waits_longer_because_the_timer_was_armed_for_a_shorter_time(self, run: Run) -> None:
        async def work() -> None:
            async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.write(b"1")
                await asyncio.sleep(1.5)
                writer.write(b"2")
                await reader.read()

            async with linked(slowly) as link:
                assert await link.read(1.2) == b"1"
                assert await link.read(20) == b"2"

        run(work())

    def test_input_is_bounded(self, run: Run) -> None:
        async def work() -> None:
            async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                for _ in range(2_000):
                    writer.write(b"x" * 65_536)
                    await writer.drain()

            async with linked(flood) as link:
                for _ in range(200):
                    await asyncio.sleep(0.001)
                first = link.take()
                assert len(first) <= MAX_WAITING + 1_048_576
                total = len(first)
                while total < 16 * 1024 * 1024:
                    data = await link.read(20)
                    assert isinstance(data, bytes)
                    total += len(data)

        run(work())

    def test_a_large_body_arrives_whole(self, run: Run) -> None:
        async def work() -> None:
            body = os.urandom(1024) * 20_000

            async def compare(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                received = await reader.readexactly(len(body))
                writer.write(b"250 same\r\n" if received == body else b"554 other\r\n")
                await reader.read()

            async with linked(compare) as link:
                heard = await exchange(link, Replies(), Send(body, 1, 5.0))
                assert isinstance(heard, list)
                assert heard[0].code == 250
                assert link.handed == len(body)

        run(work())

    def test_closing_lets_the_last_words_leave(self, run: Run) -> None:
        async def work() -> None:
            received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

            async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                received.set_result(await reader.read())

            async with linked(listen) as link:
                link.write(b"QUIT\r\n")
                link.close()
                assert await asyncio.wait_for(received, 20) == b"QUIT\r\n"
                await link.closed()
                link.close()
                assert link.gone is not None

        run(work())

    def test_a_second_waiter_is_a_mistake_and_said(self, run: Run) -> None:
        async def work() -> None:
            async with linked(silent) as link:
                first = link.wait()
                with pytest.raises(RuntimeError, match="two tasks"):
                    link.wait()
                first.cancel()

        run(work())

    def test_being_called_off_loses_no_data(self, run: Run) -> None:
        async def work() -> None:
            async def when_asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.read(1)
                writer.write(b"220 hi\r\n")
                await reader.read()

            async with linked(when_asked) as link:
                task = asyncio.create_task(link.read(20))
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                link.write(b"x")
                assert await link.read(20) == b"220 hi\r\n"

        run(work())
