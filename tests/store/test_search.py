"""The mailing log is found again: by each field, page by page, and by nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from postroom.clock import now_ms
from postroom.errors import BadInput, Forbidden, NotFound
from postroom.ids import encode
from postroom.model.application import Actor, Scope
from postroom.model.state import State
from postroom.reports import Page, Query
from postroom.store import retention
from postroom.store import search as module
from tests.store.house import ADMIN, DAY_MS, House, plans_of

S = State


@pytest.fixture(params=["new mail", "listed mail"])
def house(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[House]:
    """What is found must not depend on whether upkeep has listed it yet."""
    built = House(database_url, tmp_path)
    built.lists = request.param == "listed mail"
    yield built
    built.close()


def found(house: House, actor: Actor = ADMIN, /, **query: object) -> list[int]:
    """All ids a query gives, page after page."""
    if house.lists:
        house.list_everything()
    ids, cursor = [], None
    for _ in range(1000):
        page = house.reports.search(actor, Query(**query), cursor, 3).result()  # type: ignore[arg-type]
        ids += [line.id for line in page.items]
        cursor = page.next
        if cursor is None:
            return ids
    raise AssertionError("the search never ends")


def test_every_page_goes_on_where_the_last_one_ended(house: House) -> None:
    """Newest first, each message once, whatever arrives meanwhile."""
    numbers = [house.mail(f"r{n}@example.org") for n in range(10)]
    first = house.reports.search(ADMIN, Query(), None, 4).result()
    house.mail("late@example.org")
    second = house.reports.search(ADMIN, Query(), first.next, 4).result()
    third = house.reports.search(ADMIN, Query(), second.next, 4).result()
    ids = [line.id for page in (first, second, third) for line in page.items]
    assert ids == numbers[::-1]
    assert third.next is None
    assert all(newer > older for newer, older in pairwise(ids))


def test_an_address_is_found_whatever_its_case(house: House) -> None:
    one = house.mail("Bob.Smith@example.org")
    house.mail("bob.smith@example.com")
    assert found(house, recipient="bob.smith@EXAMPLE.org") == [one]
    assert found(house, recipient="BOB.SMITH@example.ORG") == [one]


def test_an_international_domain_is_found_as_it_is_written(house: House) -> None:
    one = house.mail("petra@xn--mnchen-3ya.example")
    assert found(house, recipient="petra@münchen.example") == [one]


def test_an_address_is_found_by_its_beginning_and_by_any_part(house: House) -> None:
    one = house.mail("anna@example.org")
    two = house.mail("Annabel@example.net")
    house.mail("johanna@else.test")
    assert found(house, recipient="ANNA*") == [two, one]
    assert found(house, recipient="@example.") == [two, one]
    assert found(house, recipient="*") == found(house)
    assert found(house, recipient="nobody*") == []


FIELDS = ("recipient", "sender", "subject", "text", "tag", "kind")


@pytest.mark.parametrize("hostile", ["%", "_", "\\", "'", '"; DROP TABLE message; --', "a%b*", "\U0010ffff*"])
def test_signs_of_the_query_language_are_plain_letters(house: House, hostile: str) -> None:
    house.mail("someone@example.org", subject="plain")
    for field in FIELDS:
        assert found(house, **{field: hostile}) == []


@pytest.mark.parametrize("hostile", ["\x00", "a\x00b", "\r\n\x01", "\ud800"])
def test_what_no_database_can_compare_is_refused(house: House, hostile: str) -> None:
    with pytest.raises(BadInput) as caught:
        house.reports.search(ADMIN, Query(**dict.fromkeys(FIELDS, f"x{hostile}y")))
    assert {fault.field for fault in caught.value.faults} == set(FIELDS)


def test_what_must_hold_of_a_recipient_holds_of_one_and_the_same(house: House) -> None:
    one = house.mail(("a@example.org", S.FAILED), ("b@example.org", S.SENT))
    assert found(house, recipient="a@example.org", state="failed") == [one]
    assert found(house, recipient="b@example.org", state="failed") == []


@pytest.mark.parametrize("state", list(State))
def test_each_state_finds_its_own(house: House, state: State) -> None:
    numbers = {each: house.mail(("x@example.org", each)) for each in State}
    assert found(house, state=state) == [numbers[state]]


def test_waiting_mail_of_a_paused_account_is_found_as_held(house: House) -> None:
    account = house.account("main")
    waiting = house.mail(("x@example.org", S.QUEUED, {"account_id": account}))
    late = house.mail(("x@example.org", S.DEFERRED, {"account_id": account}))
    free = house.mail(("x@example.org", S.QUEUED, {"account_id": 5}))
    held = house.mail(("x@example.org", S.HELD))
    assert found(house, state="held") == [held]
    house.office.pause_account(ADMIN, "main", "Password expired.").result()
    assert found(house, state="held") == [held, late, waiting]
    assert found(house, state="queued") == [free]
    assert found(house, state="deferred") == []
    shown = house.reports.message(ADMIN, waiting).result().recipients[0]
    assert (shown.state, shown.account) == (S.HELD, "main")
    assert "Password expired." in shown.explanation


def test_the_other_fields_find_what_they_name(house: House) -> None:
    shop = house.office.create_application(ADMIN, "shop").result()
    one = house.mail(
        "x@example.org", subject="Ärger 100% vorbei", sender="sales@example.com", kind="news",
        tags='["a b", "q\\u00e4"]', application_id=shop.id,
    )  # fmt: skip
    house.mail("x@example.org", subject="else", kind="newsletter", tags='["a b c"]')
    assert found(house, subject="ärger 100%") == [one]
    assert found(house, subject="ÄRGER") == [one]
    assert found(house, sender="SALES@") == [one]
    assert found(house, kind="news") == [one]
    assert found(house, tag="a b") == [one]
    assert found(house, tag="qä") == [one]
    assert found(house, application="shop") == [one]
    assert found(house, application=encode("p", shop.id)) == [one]
    assert found(house, application="no such") == []


def test_free_text_looks_everywhere_people_expect(house: House) -> None:
    one = house.mail("who@Where.example", subject="About apples", sender="pears@example.com")
    house.mail("x@example.org", subject="else")
    for said in ("apples", "PEARS", "where.EXAMPLE", f"<{one}@example.com>", encode("m", one), f" {encode('m', one)} "):
        assert found(house, text=said) == [one], said


def test_times_bound_the_search(house: House) -> None:
    moment = now_ms() - 100 * DAY_MS
    numbers = [house.mail("x@example.org", at_ms=moment + day * DAY_MS) for day in range(6)]
    assert found(house, since_ms=moment + DAY_MS, until_ms=moment + 3 * DAY_MS) == [numbers[2], numbers[1]]
    assert found(house, since_ms=moment + 4 * DAY_MS, recipient="x@example.org") == [numbers[5], numbers[4]]
    assert found(house, since_ms=-(1 << 70), until_ms=1 << 70) == numbers[::-1]
    assert found(house, until_ms=0) == []


def test_another_tenants_mail_is_never_found(house: House) -> None:
    """P8: not by a search, not by its number, not with a cursor taken from the other tenant's page."""
    other = house.tenant("other")
    theirs = house.mail(("x@example.org", S.FAILED), tenant_id=other.tenant_id, subject="theirs")
    assert found(house) == []
    for query in (
        {"text": "theirs"},
        {"recipient": "x@example.org"},
        {"state": "failed"},
        {"text": encode("m", theirs)},
    ):
        assert found(house, **query) == []  # type: ignore[arg-type]
    for ask in (house.reports.message, house.reports.timeline, house.reports.content):
        with pytest.raises(NotFound):
            ask(ADMIN, theirs).result()
    assert [line.id for line in house.reports.search(ADMIN, tenant_id=other.tenant_id).result().items] == [theirs]
    with pytest.raises(NotFound):
        house.reports.search(other, tenant_id=1)


def test_rights_are_checked(house: House) -> None:
    blind = Actor(1, frozenset({Scope.SEND}))
    reader = Actor(1, frozenset({Scope.READ}))
    number = house.mail("x@example.org")
    for ask in (house.reports.search, house.reports.queue):
        with pytest.raises(Forbidden):
            ask(blind)
    for look in (house.reports.message, house.reports.timeline):
        with pytest.raises(Forbidden):
            look(blind, number)
        look(reader, number).result()
    with pytest.raises(Forbidden):
        house.reports.content(reader, number)


def test_all_mistakes_in_a_query_are_told_at_once(house: House) -> None:
    with pytest.raises(BadInput) as caught:
        house.reports.search(ADMIN, Query(state="gone", text="x" * 2000), "nonsense", 999)
    assert {fault.field for fault in caught.value.faults} == {"state", "text", "cursor", "limit"}


def test_a_search_for_something_rare_looks_at_a_bounded_number_of_rows(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how far it came, and the next page finds what it did not reach."""
    needle = house.mail("x@example.org", subject="needle")
    for _ in range(12):
        house.mail("x@example.org", subject="hay")
    monkeypatch.setattr(module, "_SLICE", 2)
    monkeypatch.setattr(module, "_MOST_ROWS", 4)
    page: Page = house.reports.search(ADMIN, Query(subject="needle"), None, 5).result()
    assert page.items == []
    assert page.next is not None
    assert page.searched_to_ms is not None
    assert found(house, subject="needle") == [needle]


def test_many_messages_with_many_failed_recipients_are_each_found_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FEW", 3)
    numbers = [house.mail(*[(f"r{n}@example.org", S.FAILED) for n in range(5)]) for _ in range(4)]
    assert found(house, state="failed") == numbers[::-1]
    waiting = [house.mail(f"r{n}@example.net") for n in range(6)]
    assert found(house, state="queued") == waiting[::-1]
    assert found(house, recipient="r1*") == [waiting[1], *numbers[::-1]]


def test_a_line_sums_its_recipients_up(house: House) -> None:
    house.mail(
        ("first@example.org", S.SENT),
        ("second@example.org", S.FAILED, {"reply": "550 no", "diagnosis": "no-such-mailbox"}),
        ("third@example.org", S.SENT),
    )
    line = house.reports.search(ADMIN).result().items[0]
    assert (line.to, line.recipients, line.state, line.states) == (
        "first@example.org", 3, S.FAILED, {S.SENT: 2, S.FAILED: 1},
    )  # fmt: skip
    assert (line.reply, line.diagnosis) == ("550 no", "no-such-mailbox")


def test_sqlite_uses_the_index_that_was_made_for_the_question(sqlite_url: str, tmp_path: Path) -> None:
    """A search that does not would be slow only once there is much mail: too late to notice."""
    house = House(sqlite_url, tmp_path)
    with plans_of(house) as plans:
        for index, query in (
            ("ix_recipient_address", {"recipient": "a@example.org"}),
            ("ix_recipient_address", {"recipient": "abc*"}),
            ("ix_recipient_attention", {"state": "failed"}),
            ("ix_recipient_attention", {"state": "silenced"}),
            ("ix_recipient_attention", {"state": "held"}),
            ("ix_recipient_claim", {"state": "queued"}),
            ("ix_recipient_lease", {"state": "sending"}),
            ("ix_message_tenant_id_id", {"text": "anything"}),
        ):
            plans.clear()
            found(house, **query)
            assert index in plans[1], (query, plans)
            assert "TEMP B-TREE" not in plans[1], (query, plans)
    house.close()


def test_no_question_walks_all_the_addresses_of_a_tenant(sqlite_url: str, tmp_path: Path) -> None:
    """SQLite takes that index for lists of messages if it can, and with a million mails each page takes a second."""
    house = House(sqlite_url, tmp_path)
    account, other = house.account("main"), house.account("other")
    old = now_ms() - 1000 * DAY_MS
    for n in range(60):
        house.mail((f"r{n}@example.org", S.SENT), at_ms=old + n)
        house.mail((f"r{n}@example.org", S.DEFERRED, {"account_id": account}))
    with plans_of(house) as plans:
        for state in (None, *State):
            house.reports.search(ADMIN, Query(state=state), None, 60).result()
        house.reports.search(ADMIN, Query(text="example"), None, 60).result()
        house.reports.queue(ADMIN).result()
        house.reports.health().result()
        house.office.set_default_account(ADMIN, other).result()
        house.office.delete_account(ADMIN, account, move_to=other).result()
        house.store.write(lambda c: retention.sweep(c, now_ms(), 100)).result()
    house.close()
    assert [plan for plan in plans if "ix_recipient_address (tenant_id=?)" in plan or "SCAN recipient /" in plan] == []
