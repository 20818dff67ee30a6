"""Threat A9: an internal address is known as such, however it is dressed up."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from postroom.wire.guard import allow_all, is_internal, refuse_internal, why_internal

_INTERNAL = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254
    172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.7
    203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 febf::1 fec0::1 ff02::1 ff0e::1
    ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:7f00:1 ::ffff:0:0
    ::127.0.0.1 ::10.0.0.1 ::ffff:0:127.0.0.1 ::8.8.8.8
    64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::8.8.8.8 64:ff9b:1:ffff::1
    2002:7f00:1:: 2002:808:808::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001::1 2001:2::1 2001:10::1 2001:20::1
    2001:db8::1 3fff::1 100::1 5f00::1 4000::1 fc00::ffff:8.8.8.8
    2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:127.0.0.1
"""

_OUTSIDE = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 169.253.255.255
    169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.1 192.0.3.1 192.167.255.255 192.169.0.1 198.17.255.255 198.20.0.1
    223.255.255.255 40.97.0.1
    2606:4700:4700::1111 2a00:1450:4001::1a 2001:4860:4860::8888 2003::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8
    2606:4700::5eff:10.0.0.1
"""


@pytest.mark.parametrize("address", _INTERNAL.split())
def test_internal(address: str) -> None:
    assert is_internal(address)
    assert refuse_internal(ip_address(address))
    assert not allow_all(ip_address(address)), "a host of the operator's may be anywhere"


@pytest.mark.parametrize("address", _OUTSIDE.split())
def test_outside(address: str) -> None:
    assert not is_internal(address)
    assert refuse_internal(ip_address(address)) == ""


def test_the_reason_is_told() -> None:
    assert why_internal(ip_address("::ffff:169.254.169.254")) == "link-local, cloud metadata (RFC 3927)"
    assert why_internal(ip_address("2002::1")) == "6to4 (RFC 3056)"
    assert why_internal(ip_address("2001:0:1::1")) == "Teredo (RFC 4380)"


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f000001", "2130706433", "1.2.3.4.", "::1]"])
def test_what_is_no_address_is_no_address(text: str) -> None:
    """Other spellings are the resolver's business; what it makes of them is judged."""
    with pytest.raises(ValueError):
        is_internal(text)
