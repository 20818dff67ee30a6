"""What a server offers is read as it means it, in whatever spelling."""

from __future__ import annotations

import pytest

from postroom.smtp.capabilities import Capabilities
from postroom.smtp.reply import Reply


def parsed(*lines: str) -> Capabilities:
    return Capabilities.parse(Reply(250, None, "\n".join(("mail.example.net", *lines))))


def test_everything() -> None:
    offered = parsed(
        "PIPELINING",
        "CHUNKING",
        "SIZE 1000",
        "8BITMIME",
        "SMTPUTF8",
        "DSN",
        "ENHANCEDSTATUSCODES",
        "STARTTLS",
        "AUTH A",
    )
    assert offered == Capabilities(True, True, 1000, True, True, True, True, True, ("A",), offered.lines)
    assert offered.lines[0] == "PIPELINING"


def test_nothing() -> None:
    """The first line is a name and not an extension, whatever it says."""
    assert Capabilities.parse(Reply(250, None, "PIPELINING STARTTLS")) == Capabilities()
    assert parsed("", "   ", "X-SOMETHING else") == Capabilities(lines=("", "   ", "X-SOMETHING else"))


def test_case_does_not_matter() -> None:
    assert parsed("pipelining", "8BitMime").pipelining
    assert parsed("pipelining", "8BitMime").eightbitmime


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("SIZE 35882577", 35882577),
        ("SIZE", 0),
        ("SIZE 0", 0),
        ("SIZE many", 0),
        ("SIZE -5", 0),
        ("SIZE " + "9" * 99, 0),
    ],
)
def test_size(line: str, size: int) -> None:
    """0: known, but without a limit that can be relied on."""
    assert parsed(line).size == size


def test_size_unknown() -> None:
    assert parsed("PIPELINING").size is None


@pytest.mark.parametrize(
    ("lines", "mechanisms"),
    [
        (("AUTH PLAIN LOGIN",), ("PLAIN", "LOGIN")),
        (("AUTH=PLAIN LOGIN",), ("PLAIN", "LOGIN")),
        (("AUTH LOGIN", "AUTH=LOGIN PLAIN"), ("LOGIN", "PLAIN")),
        (("AUTH plain scram-sha-256",), ("PLAIN", "SCRAM-SHA-256")),
        (("AUTH",), ()),
        (("AUTH \\x00 PLAIN WAYTOOLONGTOBEAMECHANISM A/B",), ("PLAIN",)),
        (("XAUTH=PLAIN",), ()),
    ],
)
def test_logins(lines: tuple[str, ...], mechanisms: tuple[str, ...]) -> None:
    assert parsed(*lines).auth == mechanisms
