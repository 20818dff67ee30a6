"""The name servers that are asked: addresses, with a port where it is not the usual one."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroom.errors import BadSettings
from postroom.settings import NameServer, load


def loaded(given: object) -> tuple[NameServer, ...]:
    return load({}, cwd=Path("/"), overrides={"dns_servers": given}).dns_servers


def test_addresses_with_and_without_port_and_shown_so_that_they_can_be_read_again() -> None:
    found = loaded("192.0.2.53, 127.0.0.1:5353, ::1, [2001:DB8::1]:5353")
    shown = ["192.0.2.53", "127.0.0.1:5353", "[::1]", "[2001:db8::1]:5353"]
    assert [str(one) for one in found] == shown
    assert loaded(shown) == found
    assert loaded("") == ()


@pytest.mark.parametrize(
    "given", ["dns.test", "1.2.3", "1.2.3.4:0", "1.2.3.4:70000", "[::1", "a b", "1.2.3.4\n:5", [7]]
)
def test_what_is_no_address_is_one_clear_mistake(given: object) -> None:
    with pytest.raises(BadSettings) as caught:
        loaded(given)
    assert len(caught.value.faults) == 1
