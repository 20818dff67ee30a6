"""Whose request a proxy brings: what is believed, how far, and what is ignored."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from postroom.settings import ProxyHeader
from postroom.web.forwarded import client_of

PROXIES = tuple(ip_network(one) for one in ("10.0.0.0/8", "2001:db8:1::/48"))
X = ProxyHeader.X_FORWARDED_FOR
F = ProxyHeader.FORWARDED


def found(peer: str, *said: str, header: ProxyHeader = X) -> str:
    name = b"x-forwarded-for" if header is X else b"forwarded"
    return client_of(peer, [(name, one.encode("latin-1")) for one in said], PROXIES, header)


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        ("10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["6.6.6.6, 192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["6.6.6.6", "192.0.2.7, 10.0.0.2"], "192.0.2.7"),
        ("10.0.0.1", ["6.6.6.6, 192.0.2.7, 10.0.0.2 ,10.0.0.3"], "192.0.2.7"),
        ("10.0.0.1", ["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
        ("10.0.0.1", ["192.0.2.7:4711"], "192.0.2.7"),
        ("10.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", ["2001:DB8::7"], "2001:db8::7"),
        ("2001:db8:1::1", ["192.0.2.7"], "192.0.2.7"),
        ("::ffff:10.0.0.1", ["::ffff:192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["6.6.6.6, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["6.6.6.6, garbage, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["192.0.2.7\r\n"], "192.0.2.7"),
        ("10.0.0.1", ["\xff"], "10.0.0.1"),
    ],
)
def test_the_last_address_that_is_no_proxy_of_ours_is_the_clients(peer: str, said: list[str], client: str) -> None:
    assert found(peer, *said) == client


@pytest.mark.parametrize("peer", ["192.0.2.1", "11.0.0.1", "2001:db8:2::1", "::1", "testclient", ""])
def test_whoever_is_no_proxy_of_ours_is_himself_whatever_he_says(peer: str) -> None:
    assert found(peer, "6.6.6.6") == peer
    assert found(peer, "for=6.6.6.6", header=F) == peer


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ("for=192.0.2.7", "192.0.2.7"),
        ('For="[2001:db8::7]:4711";proto=https;by=203.0.113.43', "2001:db8::7"),
        ("for=6.6.6.6, proto=https; for = 192.0.2.7 ;by=10.0.0.1", "192.0.2.7"),
        ('for=192.0.2.7, for="10.0.0.2:80"', "192.0.2.7"),
        ("for=6.6.6.6, for=_hidden", "10.0.0.1"),
        ("for=6.6.6.6, by=10.0.0.2", "10.0.0.1"),
        ('for=192.0.2.7;host="a,for=6.6.6.6"', "192.0.2.7"),
        ("xfor=6.6.6.6", "10.0.0.1"),
        ('for="', "10.0.0.1"),
    ],
)
def test_the_standards_own_header_is_read_alike(said: str, client: str) -> None:
    assert found("10.0.0.1", said, header=F) == client


def test_only_the_header_that_the_settings_name_is_read() -> None:
    """A proxy that sets one passes the other one on as a stranger wrote it."""
    headers = [(b"forwarded", b"for=6.6.6.6"), (b"x-forwarded-for", b"192.0.2.7"), (b"x-real-ip", b"6.6.6.6")]
    assert client_of("10.0.0.1", headers, PROXIES, X) == "192.0.2.7"
    assert client_of("10.0.0.1", headers[1:], PROXIES, F) == "10.0.0.1"


def test_an_endless_header_costs_little() -> None:
    assert found("10.0.0.1", "10.0.0.2," * 10_000 + "10.0.0.3") == "10.0.0.2"
    assert found("10.0.0.1", 'for="' * 5_000, header=F) == "10.0.0.1"
