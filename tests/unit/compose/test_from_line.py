"""A second rendering changes the From field and nothing else."""

from __future__ import annotations

import pytest

from postroom.addresses import Address
from postroom.compose.from_line import with_sender
from postroom.compose.letter import Letter
from postroom.compose.render import render

NEW = Address.parse("Büro der Firma <office@firm.example>")


@pytest.mark.parametrize("name", ["", "Postroom", "Ein sehr langer Name " * 8, "Ünïcödé"])
def test_only_the_from_field_changes(name: str) -> None:
    old = Address("postroom", "localhost.invalid", name)
    letter = Letter(
        old, (Address.parse("you@example.org"),), subject="From: me", text="From: x@y.example\r\n\r\nFrom: z"
    )
    before = render(letter, message_id="1@a.example", date_ms=0).content
    after = with_sender(before, NEW)
    same = render(Letter(NEW, letter.to, subject=letter.subject, text=letter.text), message_id="1@a.example", date_ms=0)
    assert after == same.content


def test_what_has_no_from_is_refused() -> None:
    with pytest.raises(ValueError, match="From"):
        with_sender(b"To: a@b.example\r\n\r\nFrom: x\r\n", NEW)
