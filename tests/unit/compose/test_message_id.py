"""A message has one Message-ID for good, and no two messages share one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.addresses import Address
from postroom.compose.message_id import is_message_id, message_id


def test_an_id_is_the_number_and_the_domain() -> None:
    assert message_id(0, "example.com") == "0@example.com"
    assert message_id(31, "example.com") == "z@example.com"
    assert message_id(32, "xn--bcher-kva.example", mark="k7") == "10.k7@xn--bcher-kva.example"
    assert message_id(1 << 63, "[192.0.2.1]") == "8000000000000@[192.0.2.1]"


@given(st.integers(0, 1 << 64), st.integers(0, 1 << 64))
def test_different_numbers_make_different_ids(one: int, other: int) -> None:
    assert (message_id(one, "a.example") == message_id(other, "a.example")) == (one == other)
    assert is_message_id(message_id(one, "a.example"))


@pytest.mark.parametrize("text", ["a@[IPv6:2001:db8::1]", "a@[192.0.2.1]", "a@bücher.example", "a@b-c.example"])
def test_every_domain_of_an_address_will_do(text: str) -> None:
    assert is_message_id(message_id(7, Address.parse(text).domain, mark="m"))


@pytest.mark.parametrize(
    ("number", "domain", "mark"),
    [
        (-1, "a.example", ""),
        *[(1, domain, "") for domain in ("", "a b", "a\r\nb", "a>", "bücher.example", "a..b", "A.example")],
        *[(1, "a.example", mark) for mark in ("x\ny", "a@b", "a b", "é")],
    ],
)
def test_what_does_not_belong_into_an_id_is_refused(number: int, domain: str, mark: str) -> None:
    with pytest.raises(ValueError, match=r"Message-ID|number"):
        message_id(number, domain, mark=mark)
