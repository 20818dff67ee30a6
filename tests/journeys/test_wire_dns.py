"""Asking the DNS, with a real name server on loopback: what it says is data, and so is that it says nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from postroom.model.attempt import Failure
from postroom.settings import NameServer
from postroom.wire.dns import MAX_RECORDS, Dns, Found, Kind, Mx, NotAnswered, Srv, Why
from postroom.wire.names import NoName
from tests.journeys.loopback import in_loop
from tests.rigs.names import NameServerRig

ZONE = {
    "firm.test": {
        "MX": ["20 Second.Firm.test.", "10 mail.firm.test.", r"5 bad\032name.firm.test."],
        "TXT": ['"v=spf1 " "-all"', '"other"', '"x" ' * 1_500],
        "A": ["192.0.2.7"],
        "AAAA": ["2001:db8::7"],
    },
    "null.test": {"MX": ["0 ."]},
    "_submissions._tcp.firm.test": {"SRV": ["1 5 465 .", "0 1 465 smtp.firm.test."]},
    "alias.test": {"CNAME": ["other.test."]},
    "other.test": {"CNAME": ["firm.test."]},
    "round.test": {"CNAME": ["about.test."]},
    "about.test": {"CNAME": ["round.test."]},
    "xn--mnchen-3ya.test": {"A": ["192.0.2.8"]},
    "7.2.0.192.in-addr.arpa": {"PTR": ["mail.firm.test."]},
    "servfail.test": "servfail",
    "refused.test": "refused",
    "silence.test": "silence",
    "garbage.test": "garbage",
    "stranger.test": "stranger",
    "truncated.test": "truncated",
    "flood.test": "flood",
}


@pytest.fixture(scope="module")
def server() -> Iterator[NameServerRig]:
    with NameServerRig(ZONE) as rig:
        yield rig


def asked(server: NameServerRig, name: str, kind: Kind, seconds: float = 20.0) -> Found | NotAnswered:
    async def ask() -> Found | NotAnswered:
        return await Dns((NameServer(server.host, server.port),), seconds).ask(name, kind)

    return asyncio.run(ask())


def found(server: NameServerRig, name: str, kind: Kind) -> Found:
    answer = asked(server, name, kind)
    assert isinstance(answer, Found), answer
    return answer


def why(server: NameServerRig, name: str, kind: Kind = Kind.A, seconds: float = 20.0) -> Why:
    answer = asked(server, name, kind, seconds)
    assert isinstance(answer, NotAnswered), answer
    assert answer.detail.endswith(".")
    return answer.why


def test_records_come_as_data_in_their_order_and_what_is_no_host_name_is_left_out(server: NameServerRig) -> None:
    mx = found(server, "Firm.test.", Kind.MX)
    assert mx.mx == (Mx(10, "mail.firm.test"), Mx(20, "second.firm.test"))
    assert mx.seconds == 300
    srv = found(server, "_submissions._tcp.firm.test", Kind.SRV).srv
    assert srv == (Srv(0, 1, 465, "smtp.firm.test"), Srv(1, 5, 465, "")), "the root says: not here"
    assert found(server, "null.test", Kind.MX).mx == (Mx(0, ""),)
    assert found(server, "xn--mnchen-3ya.test", Kind.A) == found(server, "münchen.test", Kind.A)


def test_texts_are_put_together_and_long_answers_come_by_tcp(server: NameServerRig) -> None:
    texts = found(server, "firm.test", Kind.TXT).texts
    assert set(texts) == {b"v=spf1 -all", b"other", b"x" * 1_500}
    flood = found(server, "flood.test", Kind.A)
    assert len(flood.records) == MAX_RECORDS
    assert flood.more


def test_no_such_name_no_such_record_and_nobody_knows_are_three_things(server: NameServerRig) -> None:
    missing, empty = found(server, "missing.test", Kind.MX), found(server, "firm.test", Kind.PTR)
    assert (missing.exists, missing.records) == (False, ())
    assert (empty.exists, empty.records) == (True, ())
    assert why(server, "servfail.test") is Why.SERVER_FAILED
    assert why(server, "refused.test") is Why.REFUSED
    assert why(server, "not a name.test") is Why.NO_NAME
    assert why(server, "192.0.2.7") is Why.NO_NAME


def test_who_answers_nothing_that_fits_did_not_answer(server: NameServerRig) -> None:
    for name in ("silence.test", "garbage.test", "stranger.test"):
        assert why(server, name, seconds=0.5) is Why.TIMEOUT
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = NameServer("127.0.0.1", closed.getsockname()[1])
    assert asyncio.run(_ask_of(nobody)).why is Why.TIMEOUT


async def _ask_of(server: NameServer) -> NotAnswered:
    answer = await Dns((server,), 1.0).ask("firm.test", Kind.A)
    assert isinstance(answer, NotAnswered)
    return answer


def test_aliases_are_followed_to_their_end_and_not_in_circles(server: NameServerRig) -> None:
    alias = found(server, "alias.test", Kind.A)
    assert alias.addresses == (ip_address("192.0.2.7"),)
    assert alias.via == "firm.test"
    answer = asked(server, "round.test", Kind.A)
    assert isinstance(answer, NotAnswered) or not answer.records


def test_the_loop_of_the_service_asks_as_well(server: NameServerRig) -> None:
    async def ask() -> None:
        dns = Dns((NameServer(server.host, server.port),), 20.0)
        flood, place = await dns.ask("flood.test", Kind.A), await dns.resolve("alias.test", 25, 20.0)
        assert isinstance(flood, Found)
        assert len(flood.records) == MAX_RECORDS
        assert not isinstance(place, NoName)
        assert [str(one) for one in place] == ["[2001:db8::7]:25", "192.0.2.7:25"]
        nowhere = await dns.resolve("missing.test", 25, 20.0)
        assert isinstance(nowhere, NoName)
        assert nowhere.failure is Failure.NAME

    in_loop("uvloop", ask())


def test_the_next_server_is_asked_when_one_fails(server: NameServerRig) -> None:
    with NameServerRig({"firm.test": "servfail"}) as broken:

        async def ask() -> Found | NotAnswered:
            servers = (NameServer(broken.host, broken.port), NameServer(server.host, server.port))
            return await Dns(servers, 20.0).ask("firm.test", Kind.A)

        answer = asyncio.run(ask())
    assert isinstance(answer, Found)
    assert answer.addresses == (ip_address("192.0.2.7"),)


def test_one_piece_of_work_asks_the_same_only_once(server: NameServerRig) -> None:
    server.asked.clear()

    async def ask() -> None:
        dns = Dns((NameServer(server.host, server.port),), 20.0)
        both = await dns.addresses("firm.test")
        assert isinstance(both, Found)
        assert [str(one) for one in both.addresses] == ["2001:db8::7", "192.0.2.7"]
        await asyncio.gather(*(dns.ask(name, Kind.A) for name in ("firm.test", "FIRM.test", "firm.test.")))
        pointer = await dns.pointer(ip_address("192.0.2.7"))
        assert isinstance(pointer, Found)
        assert pointer.names == ("mail.firm.test",)

    asyncio.run(ask())
    assert sorted(server.asked) == [
        ("7.2.0.192.in-addr.arpa", "PTR"), ("firm.test", "A"), ("firm.test", "AAAA"),
    ]  # fmt: skip
