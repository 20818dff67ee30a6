"""Where mail goes is read out of headers and command lines in one way only; what can be read in two ways is refused."""

from __future__ import annotations

import pytest

from postroom.client.mailboxes import Unreadable, addresses_in, name_in


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ann@x.test", ["ann@x.test"]),
        ("Ann <ann@x.test>", ["ann@x.test"]),
        ("ann@x.test, Bob <bob@x.test>,cid@x.test", ["ann@x.test", "bob@x.test", "cid@x.test"]),
        ('"Last, First" <ann@x.test>', ["ann@x.test"]),
        ('"a \\" < b" <ann@x.test>', ["ann@x.test"]),
        ("root (Cron, the <Daemon>)", ["root"]),
        ("(a (nested) comment) ann@x.test (and \\) more)", ["ann@x.test"]),
        ("undisclosed-recipients:;", []),
        ("People: ann@x.test, bob@x.test;, cid@x.test", ["ann@x.test", "bob@x.test", "cid@x.test"]),
        ("", []),
        (" , ,", []),
        ('"odd name"@x.test', ['"odd name"@x.test']),
        ('"a,b"@x.test', ['"a,b"@x.test']),
        ("a@[127.0.0.1], b@[IPv6:::1]", ["a@[127.0.0.1]", "b@[IPv6:::1]"]),
        ("<>", []),
        ("j\u00fcrgen@b\u00fccher.test", ["j\u00fcrgen@b\u00fccher.test"]),
        ("ann@x.test; bob@x.test", ["ann@x.test", "bob@x.test"]),
        ("a b@x.test", ["a b@x.test"]),
    ],
)
def test_addresses_are_found(text: str, found: list[str]) -> None:
    assert addresses_in(text) == found


@pytest.mark.parametrize(
    "text",
    [
        '"open',
        "(open",
        "closed)",
        "<a@x.test",
        "a@x.test>",
        "<a@x.test> <b@x.test>",
        "<a@x.test> rest",
        "a>b<c",
        "<a<b>>",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        addresses_in(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("root (Cron Daemon)", "Cron Daemon"),
        ("Cron Daemon <root>", "Cron Daemon"),
        ('"Daemon, Cron" <root>', '"Daemon, Cron"'),
        ("root", ""),
        ('"(x)" <root>', '"(x)"'),
    ],
)
def test_names_are_found(text: str, name: str) -> None:
    assert name_in(text) == name
