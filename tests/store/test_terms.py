"""The terms that messages are found by: listed once mail has settled, by one node, and gone with their message."""

from __future__ import annotations

import pytest

from postroom.clock import now_ms
from postroom.model.state import State
from postroom.reports import Query
from postroom.store import postings, retention, terms
from tests.store.house import ADMIN, DAY_MS, House


def listed(house: House) -> int:
    return int(house.sql("SELECT count(*) AS n FROM term")[0].n)


def test_mail_is_listed_once_whoever_made_its_number_has_committed_it(house: House) -> None:
    old = house.mail("old@example.org", at_ms=now_ms() - DAY_MS)
    house.mail("new@example.org")
    batch = house.store.read(lambda c: terms.next_batch(c, now_ms(), 100)).result()
    assert batch is not None
    assert {row[2] for row in batch.rows} == {old}


def test_two_nodes_never_list_the_same_mail(house: House) -> None:
    house.mail("x@example.org", at_ms=now_ms() - DAY_MS)
    batch = house.store.read(lambda c: terms.next_batch(c, now_ms(), 100)).result()
    assert batch is not None
    assert house.store.write(lambda c: terms.put(c, batch)).result()
    assert not house.store.write(lambda c: terms.put(c, batch)).result()
    assert listed(house) == len(batch.rows)


def test_terms_go_with_their_message(house: House) -> None:
    house.mail(("x@example.org", State.SENT), at_ms=now_ms() - 1000 * DAY_MS, subject="gone soon", tags='["a"]')
    house.list_everything()
    assert listed(house)
    house.store.write(lambda c: retention.sweep(c, now_ms(), 100)).result()
    assert listed(house) == 0


def test_a_message_with_very_many_recipients_does_not_stop_the_list(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terms, "_MOST_RECIPIENTS", 3)
    moment = now_ms() - DAY_MS
    for n in range(3):
        house.mail(*[f"r{n}.{one}@example.org" for one in range(5)], at_ms=moment + n)
    house.list_everything()
    for n in range(3):
        assert len(house.reports.search(ADMIN, Query(text=f"r{n}.4@example")).result().items) == 1


@pytest.mark.parametrize("few", [1, 5_000])
def test_long_lists_and_short_ones_find_the_same(house: House, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """Also where what is common to two lists lies far apart, and a list is put together from many words."""
    monkeypatch.setattr(postings, "FEW", few)
    monkeypatch.setattr(postings, "_PER_TERM", 2)
    wanted = []
    for n in range(12):
        kind, subject = ("old", "orange") if n < 4 else ("new", "order" if n % 2 else "ordinary apple")
        number = house.mail(f"to{n}@example.org", subject=subject, kind=kind, sender=f"s{n % 3}@example.com")
        if kind == "new" and subject == "order":
            wanted.append(number)
    both = house.mail("to@example.org", subject="order", kind="old")
    house.list_everything()

    def ids(**query: str) -> list[int]:
        return [line.id for line in house.reports.search(ADMIN, Query(**query), None, 50).result().items]

    assert ids(subject="order", kind="new") == wanted[::-1]
    assert ids(subject="order", kind="old") == [both]
    assert len(ids(subject="or")) == 13
    assert len(ids(text="or s1")) == 4
    assert len(ids(sender="s")) == 13
    assert ids(text="order nothing") == []
