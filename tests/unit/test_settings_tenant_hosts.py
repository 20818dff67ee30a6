"""The servers inside that tenants may use: networks and names, with a port where it is none of mail."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroom.errors import BadSettings
from postroom.settings import TenantHost, load


def loaded(given: object) -> tuple[TenantHost, ...]:
    return load({}, cwd=Path("/"), overrides={"tenant_hosts": given}).tenant_hosts


def test_networks_and_names() -> None:
    """What was read is shown so that it can be read again."""
    typed = "10.1.0.0/16, relay.internal, 192.0.2.7:2526, [fd00::/8]:25, fd12::1, Mail.Internal.:*"
    found = loaded(typed)
    shown = ["10.1.0.0/16", "relay.internal", "192.0.2.7/32:2526", "[fd00::/8]:25", "fd12::1/128", "mail.internal:*"]
    assert [str(one) for one in found] == shown
    assert loaded(shown) == found
    assert loaded("") == ()


@pytest.mark.parametrize(
    "given",
    [
        "10.1.2.3/8",
        "x/y",
        "1.2.3",
        "-a",
        "h:70000",
        "h:0",
        "a:b",
        "[::1",
        "two words",
        "a\nb",
        [7],
        7,
        True,
        "https://h",
    ],
)
def test_what_is_neither_is_refused(given: object) -> None:
    with pytest.raises(BadSettings, match="--tenant-hosts"):
        loaded(given)
