"""What is wrong with a draft is told all at once, and cheaply, however much of it there is."""

from __future__ import annotations

import pytest

from postroom.errors import Fault
from postroom.intake.checks import addressees, check_labels, check_times
from postroom.model.message import Draft, RecipientRole

NOW = 1_795_167_133_732
DAY = 86_400_000


def fields(faults: list[Fault]) -> set[str]:
    return {fault.field for fault in faults}


def test_everyone_is_named_once_in_order() -> None:
    faults: list[Fault] = []
    draft = Draft(to=("A <a@b.example>", "c@d.example"), cc=("a@B.example",), bcc=("e@f.example",))
    found = addressees(draft, 10, faults)
    assert [(role, address.spec) for role, address in found] == [
        (RecipientRole.TO, "a@b.example"), (RecipientRole.TO, "c@d.example"), (RecipientRole.BCC, "e@f.example"),
    ]  # fmt: skip
    assert not faults


def test_every_wrong_address_is_named_by_its_place() -> None:
    faults: list[Fault] = []
    addressees(Draft(to=("x", "ok@a.example"), cc=("y z@a.example",), bcc=("",)), 10, faults)
    assert fields(faults) == {"to[0]", "cc[0]", "bcc[0]"}


def test_nobody_and_too_many_are_faults_and_too_many_are_not_even_read() -> None:
    nobody: list[Fault] = []
    addressees(Draft(), 10, nobody)
    assert fields(nobody) == {"to"}
    many: list[Fault] = []
    assert addressees(Draft(to=("not read",) * 11), 10, many) == []
    assert [fault.field for fault in many] == ["to"]


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (Draft(kind="a\x00b"), "kind"),
        (Draft(kind="k" * 101), "kind"),
        (Draft(tags=("t",) * 51), "tags"),
        (Draft(tags=("a\nb",)), "tags"),
        (Draft(tags=("",)), "tags"),
        (Draft(metadata=(("a", "b"),) * 51), "metadata"),
        (Draft(metadata=(("a", "b\x1b[0m"),)), "metadata"),
        (Draft(metadata=(("", "b"),)), "metadata"),
        (Draft(metadata=(("a", "b" * 1001),)), "metadata"),
    ],
)
def test_labels_are_short_and_plain(draft: Draft, field: str) -> None:
    faults: list[Fault] = []
    check_labels(draft, faults)
    assert fields(faults) == {field}


def test_good_labels_pass() -> None:
    faults: list[Fault] = []
    check_labels(Draft(kind="Passwort zurücksetzen", tags=("a", "ü"), metadata=(("order", "4711"),)), faults)
    assert not faults


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (Draft(expires_at_ms=NOW), "expires_at"),
        (Draft(send_at_ms=NOW + 367 * DAY), "send_at"),
        (Draft(send_at_ms=NOW + 2 * DAY, expires_at_ms=NOW + DAY), "expires_at"),
    ],
)
def test_times_make_sense(draft: Draft, field: str) -> None:
    faults: list[Fault] = []
    check_times(draft, NOW, faults)
    assert fields(faults) == {field}
