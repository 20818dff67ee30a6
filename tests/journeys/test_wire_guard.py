"""Threat A9 where connections are made: a name is looked up once, what it led to is checked, and just that is connected
to. Whoever may not go inside can't tell what is there: not by an answer, not by an address, not by a failure's kind."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network

import pytest

from postroom.model.account import Account, Encryption
from postroom.model.attempt import Failure
from postroom.settings import TenantHost
from postroom.wire.dial import NoLink, Target, dial
from postroom.wire.guard import AccountGuard, guard_for
from postroom.wire.link import Link
from tests.journeys.loopback import SOON

ALLOWED, INSIDE = "127.0.0.2", "127.0.0.3"
LOOPBACK = TenantHost(ip_network("127.0.0.2/32"), "", 0)


class Names:
    """A resolver that an attacker owns: it gives another answer each time it is asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: bytes, port: int, **options: object) -> list[object]:
        self.asked += 1
        found = self.answers.pop(0) if self.answers else []
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        family = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [(family[ip_address(one).version], socket.SOCK_STREAM, 6, "", (one, port)) for one in found]


@contextmanager
def listening(address: str, port: int = 0) -> Iterator[socket.socket]:
    with socket.create_server((address, port)) as listener:
        listener.setblocking(False)
        yield listener


def visits(listener: socket.socket) -> int:
    """How many connections have come so far."""
    found = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return found
        found += 1


def guard(port: int, *allowed: TenantHost, host: str = "mail.example.test") -> AccountGuard:
    return guard_for(Account(1, 7, "theirs", host, port, Encryption.NONE), allowed)


async def reach(names: Names, port: int, by: AccountGuard, monkeypatch: pytest.MonkeyPatch) -> Link | NoLink:
    monkeypatch.setattr("socket.getaddrinfo", names)
    link = await dial(Target(by.host, port), timeouts=SOON, guard=by, discreet=by.discreet)
    if isinstance(link, Link):
        link.abort()
        await link.closed()
    return link


def test_a_name_that_leads_elsewhere_the_second_time_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: one look-up a connection, and no other address than the one that was checked."""

    async def work() -> None:
        with listening(ALLOWED) as good:
            port = good.getsockname()[1]
            with listening(INSIDE, port) as inside:
                names = Names([ALLOWED], [INSIDE], [INSIDE, ALLOWED])
                first = await reach(names, port, guard(port, LOOPBACK), monkeypatch)
                assert isinstance(first, Link)
                assert (names.asked, visits(good), visits(inside)) == (1, 1, 0)
                second = await reach(names, port, guard(port, LOOPBACK), monkeypatch)
                assert isinstance(second, NoLink)
                assert (names.asked, visits(good), visits(inside)) == (2, 0, 0)
                third = await reach(names, port, guard(port, LOOPBACK), monkeypatch)
                assert isinstance(third, Link), "of several addresses those that are allowed"
                assert (visits(good), visits(inside)) == (1, 0)
                assert [one.address for one in third.tried] == [f"{ALLOWED}:{port}"], "the others are not told"

    asyncio.run(work())


INTERNAL = ["127.0.0.1", "::1", "0.0.0.0", "169.254.169.254", "10.0.0.1", "172.16.9.9", "192.168.1.1", "100.64.0.1",
            "fd00::1", "fe80::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::1"]  # fmt: skip


@pytest.mark.parametrize("address", INTERNAL)
def test_where_a_name_leads_inside_it_is_as_if_there_were_none(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One answer for both: the same failure, the same words, nothing of the address."""

    async def work() -> None:
        inside = await reach(Names([address]), 25, guard(25), monkeypatch)
        unknown = await reach(Names(), 25, guard(25), monkeypatch)
        assert isinstance(inside, NoLink)
        assert inside == unknown
        assert inside.failure is Failure.NAME
        assert address not in inside.detail
        assert inside.tried == ()

    asyncio.run(work())


@pytest.mark.parametrize(
    "spelled", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "[::ffff:127.0.0.1]", "127.0.0.1."]
)
def test_however_an_address_is_spelled_it_is_the_same(spelled: str) -> None:
    """The system's own resolver reads these; what it makes of them is judged."""

    async def work() -> None:
        with listening("127.0.0.1") as inside:
            port = inside.getsockname()[1]
            anywhere_else = TenantHost(ip_network("10.0.0.0/8"), "", port)
            by = guard(port, anywhere_else, host=spelled)
            link = await dial(Target(spelled, port), timeouts=SOON, guard=by, discreet=by.discreet)
            assert isinstance(link, NoLink)
            assert visits(inside) == 0

    asyncio.run(work())


def test_the_operator_s_own_accounts_go_anywhere() -> None:
    own = guard_for(Account(1, 1, "ours", "relay.internal", 2526), ())
    assert not own.wrong_port
    assert not own.discreet
    assert not [one for one in INTERNAL if own(ip_address(one))]


@pytest.mark.parametrize(
    ("allowed", "host", "port", "address", "may"),
    [
        ((), "mail.example.test", 587, "8.8.8.8", True),
        ((), "mail.example.test", 6379, "8.8.8.8", False),
        ((), "mail.example.test", 25, "10.1.2.3", False),
        ((TenantHost(ip_network("10.1.0.0/16")),), "mail.example.test", 25, "10.1.2.3", True),
        ((TenantHost(ip_network("10.1.0.0/16")),), "mail.example.test", 25, "::ffff:10.1.2.3", True),
        ((TenantHost(ip_network("10.1.0.0/16")),), "mail.example.test", 25, "10.2.0.1", False),
        ((TenantHost(ip_network("10.1.0.0/16")),), "mail.example.test", 6379, "10.1.2.3", False),
        ((TenantHost(ip_network("10.1.0.0/16"), "", 2526),), "mail.example.test", 2526, "10.1.2.3", True),
        ((TenantHost(ip_network("10.1.0.0/16"), "", 2526),), "mail.example.test", 25, "10.1.2.3", False),
        ((TenantHost(None, "relay.internal"),), "relay.internal", 25, "10.9.9.9", True),
        ((TenantHost(None, "relay.internal"),), "relay.internal.evil.test", 25, "10.9.9.9", False),
        ((TenantHost(None, "relay.internal", 0),), "relay.internal", 6379, "10.9.9.9", True),
    ],
)
def test_what_a_tenant_may(allowed: tuple[TenantHost, ...], host: str, port: int, address: str, may: bool) -> None:
    by = guard(port, *allowed, host=host)
    assert (by(ip_address(address)) == "") is may
    assert not (by.wrong_port and may)


def test_a_port_that_nothing_allows_is_known_before_anything_is_asked() -> None:
    assert guard(6379).wrong_port
    assert not guard(6379, TenantHost(ip_network("10.1.0.0/16"), "", 6379)).wrong_port
    assert guard(6379, TenantHost(None, "other.internal", 6379)).wrong_port
    assert guard(25, host="10.0.0.1").wrong_literal
    assert not guard(25, host="8.8.8.8").wrong_literal
