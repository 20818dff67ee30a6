"""What an agent may reach: nothing but what its rules name."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from postroom.agent.allowed import Allowed, BadRule

RULES = Allowed(["smtp.example.com:587", "*.lan.test:25", "10.1.0.0/16:25", "192.0.2.7:*", "[2001:db8::]/32:465"])


@pytest.mark.parametrize(
    ("host", "port", "may"),
    [
        ("smtp.example.com", 587, True),
        ("SMTP.Example.COM.", 587, True),
        ("smtp.example.com", 25, False),
        ("x.smtp.example.com", 587, False),
        ("smtp.example.com.evil.test", 587, False),
        ("relay.lan.test", 25, True),
        ("a.b.lan.test", 25, True),
        ("lan.test", 25, False),
        ("evillan.test", 25, False),
        ("10.1.2.3", 25, True),
        ("10.2.2.3", 25, False),
        ("10.1.2.3", 26, False),
        ("::ffff:10.1.2.3", 25, True),
        ("192.0.2.7", 1, True),
        ("192.0.2.8", 1, False),
        ("2001:db8::9", 465, True),
        ("2001:db9::9", 465, False),
        ("127.0.0.1", 25, False),
        ("169.254.169.254", 80, False),
        ("0x0a010203", 25, False),
    ],
)
def test_only_what_is_named(host: str, port: int, may: bool) -> None:
    assert RULES.name(host, port) is may


def test_without_rules_nothing_is_allowed() -> None:
    nothing = Allowed([])
    assert not nothing
    assert not nothing.name("smtp.example.com", 25)
    assert not nothing.address(ip_address("10.1.2.3"), 25)


def test_a_network_allows_the_addresses_that_a_name_leads_to() -> None:
    assert RULES.by_address(25)
    assert not Allowed(["smtp.example.com:587", "10.1.0.0/16:25"]).by_address(587)
    assert RULES.address(ip_address("10.1.9.9"), 25)
    assert not RULES.address(ip_address("10.9.9.9"), 25)


@pytest.mark.parametrize(
    "rule",
    [
        "smtp.example.com",
        "a:b",
        "a:0",
        "a:65536",
        ":25",
        "10.1.0.0/33:25",
        "10.1.0.1/16:25",
        "a b:25",
        "*:25",
        "1.2.3:5",
    ],
)
def test_a_rule_that_can_not_be_read_is_refused(rule: str) -> None:
    with pytest.raises(BadRule):
        Allowed([rule])
