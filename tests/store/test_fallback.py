"""Mail of an account that can't send goes to its fallback: only what certainly has not left, and all of it told."""

from __future__ import annotations

import asyncio
from typing import Any

import dkim
import pytest

from postroom.clock import now_ms
from postroom.errors import BadInput, Conflict
from postroom.ids import encode
from postroom.intake.signing import Signing
from postroom.model.account import Account
from postroom.model.application import Actor
from postroom.model.event import EventKind
from postroom.model.rendering import Rendering
from postroom.model.state import State
from postroom.policy.fallback import Diversion
from postroom.store import diversion
from postroom.work.backlog import rendered, take
from tests.store.house import ADMIN, House

S = State
BODY = b"From: Shop <shop@example.com>\r\nTo: a@example.org\r\nMessage-ID: <1@example.com>\r\n\r\nHello.\r\n"


@pytest.fixture
def pair(house: House) -> tuple[Account, Account]:
    """An account and its fallback."""
    second = house.account("second")
    first = house.account("first", fallback_account_id="second")
    accounts = house.office.snapshot.accounts
    return accounts[first], accounts[second]


def moved(house: House, source: Account, target: Account, only_of: int | None = None, limit: int = 100) -> int:
    way = Diversion(source, target, "The login was refused.", only_of)
    return house.store.write(lambda c: diversion.divert(c, way, now_ms(), house.store.ids.next, limit)).result()


def rows(house: House, number: int) -> list[Any]:
    sql = "SELECT state, account_id, fallback_of, due_ms, reason FROM recipient WHERE message_id = :id ORDER BY n"
    return [tuple(row) for row in house.sql(sql, id=number)]


def kinds(house: House, number: int) -> list[str]:
    return [row.kind for row in house.sql("SELECT kind FROM event WHERE message_id = :id ORDER BY id", id=number)]


def at(account: Account, **more: Any) -> dict[str, Any]:
    return {"account_id": account.id, "scope": "", **more}


def test_what_waits_goes_with_its_event_and_keeps_its_time(house: House, pair: tuple[Account, Account]) -> None:
    """Mail for later stays for later; what was put off because of the account goes at once."""
    first, second = pair
    later = now_ms() + 3_600_000
    number = house.mail(
        ("a@test", S.QUEUED, at(first)),
        ("b@test", S.QUEUED, at(first, due_ms=later)),
        ("c@test", S.DEFERRED, at(first, due_ms=later, scope="network")),
        ("d@test", S.DEFERRED, at(first, due_ms=later, scope="recipient")),
    )
    assert moved(house, first, second) == 4
    found = rows(house, number)
    assert [(row[0], row[1], row[2], row[4]) for row in found] == [
        ("queued", second.id, first.id, "fallback"),
        ("queued", second.id, first.id, "fallback"),
        ("queued", second.id, first.id, "fallback"),
        ("deferred", second.id, first.id, "fallback"),
    ]
    assert [row[3] == later for row in found] == [False, True, False, True]
    assert kinds(house, number) == ["accepted", *["diverted"] * 4]
    assert moved(house, first, second) == 0


def test_what_may_have_left_stays(house: House, pair: tuple[Account, Account]) -> None:
    """W7: whether its last attempt was the doubtful one or an earlier one, and whoever else got the message."""
    first, second = pair
    fresh = house.mail(("a@test", S.DEFERRED, at(first, reason="no-answer")))
    older = house.mail(("a@test", S.DEFERRED, at(first, scope="network")), ("b@test", S.QUEUED, at(first)))

    def doubt(connection: Any) -> None:
        house.event(connection, older, 1, now_ms(), EventKind.UNKNOWN)

    house.store.write(doubt).result()
    house.sql("UPDATE event SET n = 0 WHERE kind = 'unknown'")
    assert moved(house, first, second) == 1
    assert [row[1] for row in rows(house, fresh) + rows(house, older)] == [first.id, first.id, second.id]


def test_what_is_in_a_worker_s_hand_is_over_or_tests_this_account_stays(
    house: House, pair: tuple[Account, Account]
) -> None:
    first, second = pair
    house.mail(
        ("a@test", S.SENDING, at(first)), ("b@test", S.SENT, at(first)), ("c@test", S.HELD, at(first)),
        ("d@test", S.UNKNOWN, at(first)), ("e@test", S.QUEUED, at(first, routed="test")),
    )  # fmt: skip
    assert moved(house, first, second) == 0


def test_only_so_many_at_once(house: House, pair: tuple[Account, Account]) -> None:
    first, second = pair
    house.mail(*[(f"{n}@test", S.QUEUED, at(first)) for n in range(5)])
    assert [moved(house, first, second, limit=2) for _ in range(3)] == [2, 2, 1]


def test_what_comes_home_is_as_it_was(house: House, pair: tuple[Account, Account]) -> None:
    """Only what belongs there: the fallback's own mail stays with it."""
    first, second = pair
    number = house.mail(("a@test", S.QUEUED, at(first)))
    own = house.mail(("b@test", S.QUEUED, at(second)))
    moved(house, first, second)
    assert moved(house, second, first, only_of=first.id) == 1
    (row,) = rows(house, number)
    assert (row[1], row[2], row[4]) == (first.id, None, "")
    assert rows(house, own)[0][1] == second.id


def test_never_to_a_tenant_whose_account_it_is_not(house: House) -> None:
    """P8, should the rows ever say so."""
    tom = house.tenant("tom")
    ours, theirs = house.account("ours"), house.account("theirs", tom)
    accounts = house.office.snapshot.accounts
    house.mail(("a@test", S.QUEUED, {"account_id": ours}))
    assert moved(house, accounts[ours], accounts[theirs]) == 0


# -- second renderings ------------------------------------------------------------------------------------------------


@pytest.fixture
def rewriting(house: House) -> tuple[Account, Account]:
    """The fallback lets mail leave from its own address only."""
    second = house.account("second", rewrite_from=True, sender_address="us@example.net", sender_name="Us")
    first = house.account("first", fallback_account_id=second)
    accounts = house.office.snapshot.accounts
    return accounts[first], accounts[second]


def test_another_from_is_recorded_and_the_same_in_every_attempt(
    house: House, rewriting: tuple[Account, Account]
) -> None:
    """P5: Message-ID and all else stay; the wanted sender gets the answers; a second move records nothing new."""
    first, second = rewriting
    number = house.mail(("a@test", S.QUEUED, at(first)), ("b@test", S.QUEUED, at(first)), body=BODY)
    moved(house, first, second)
    assert kinds(house, number).count("rerendered") == 1
    seen = set()
    for fence in (1, 2):
        taken = house.store.write(lambda c, f=fence: take(c, second, f, 9, now_ms(), house.store.ids.next)).result()
        assert [one.mail_from for one in taken.claimed] == ["us@example.net"] * 2
        assert all(one.fallback_of == first.id for one in taken.claimed)
        seen |= {one.body for one in taken.claimed}
        assert rendered(BODY, taken.claimed[0].rendering) == taken.claimed[0].body, "large bodies are read later"
        house.sql("UPDATE recipient SET state = 'queued', lease = NULL, due_ms = 1 WHERE lease IS NOT NULL")
    assert seen == {
        b"From: Us <us@example.net>\r\nTo: a@example.org\r\nMessage-ID: <1@example.com>\r\n"
        b"Reply-To: shop@example.com\r\n\r\nHello.\r\n"
    }
    moved(house, second, first, only_of=first.id)
    home = house.store.write(lambda c: take(c, first, 3, 9, now_ms(), house.store.ids.next)).result()
    assert {(one.mail_from, one.body) for one in home.claimed} == {("shop@example.com", BODY)}


def test_a_second_rendering_is_signed_for_its_own_from_and_the_same_in_every_attempt(
    house: House, rewriting: tuple[Account, Account]
) -> None:
    """What was signed for the wanted sender's domain would not fit any more; who sends instead signs anew (P5)."""
    first, second = rewriting
    view = asyncio.run(house.office.create_dkim_key(ADMIN, {"domain": "example.net", "algorithm": "ed25519"}))
    house.sql("UPDATE dkim_key SET state = 'active', activated_ms = 1")
    house.office.change_tenant(ADMIN, {"log_days": 77}).result()
    signed = b"DKIM-Signature: v=1; d=example.com;\r\n\tb=old\r\n" + BODY
    number = house.mail(("a@test", S.QUEUED, at(first)), body=signed)
    moved(house, first, second)
    signing = Signing(house.office.open_dkim_key, lambda key, why: None)

    def sign(rendering: Rendering, content: bytes) -> bytes:
        keys = [house.office.snapshot.dkim_keys[one] for one in rendering.signers]
        return signing.fields(content, keys, rendering.signed_ms, frozenset())

    seen = set()
    for fence in (1, 2):
        taken = house.store.write(
            lambda c, f=fence: take(c, second, f, 9, now_ms(), house.store.ids.next, sign)
        ).result()
        seen |= {one.body for one in taken.claimed}
        assert rendered(signed, taken.claimed[0].rendering, sign) == taken.claimed[0].body
        house.sql("UPDATE recipient SET state = 'queued', lease = NULL, due_ms = 1 WHERE lease IS NOT NULL")
    (content,) = seen
    assert content is not None
    assert content.count(b"DKIM-Signature") == 1
    assert dkim.DKIM(content).verify(dnsfunc=lambda name, timeout=5: view.record.value.encode())
    assert number


def test_a_null_return_path_stays_one_and_the_sender_s_own_name_is_kept(
    house: House, rewriting: tuple[Account, Account]
) -> None:
    first, second = rewriting
    sender = house.office.create_sender(ADMIN, {"address": "shop@example.com", "name": "The Shop"}).result().sender
    number = house.mail(("a@test", S.QUEUED, at(first)), body=BODY, mail_from="", sender_id=sender.id)
    moved(house, first, second)
    found = house.store.read(lambda c: diversion.renderings(c, second.id, [number])).result()[number]
    assert (found.mail_from, found.sender) == ("", "The Shop <us@example.net>")


def test_a_message_that_is_from_there_anyway_is_not_rendered(house: House, rewriting: tuple[Account, Account]) -> None:
    first, second = rewriting
    number = house.mail(("a@test", S.QUEUED, at(first)), body=BODY, sender="us@example.net")
    moved(house, first, second)
    assert "rerendered" not in kinds(house, number)


def test_the_default_mailbox_of_all_takes_no_bulk_mail(house: House) -> None:
    """EL2, EL3: password resets may fall back to it, newsletters may not."""
    tom = house.tenant("tom")
    house.account("mailbox", rewrite_from=True, sender_address="us@example.net")
    own = house.account("own", tom, fallback_account_id="mailbox")
    accounts = house.office.snapshot.accounts
    shared = accounts[accounts[own].fallback_account_id or 0]
    reset = house.mail(("a@test", S.QUEUED, {"account_id": own, "priority": 1}), tenant_id=tom.tenant_id, body=BODY)
    news = house.mail(("b@test", S.QUEUED, {"account_id": own, "priority": 9}), tenant_id=tom.tenant_id, body=BODY)
    assert moved(house, accounts[own], shared) == 1
    assert (rows(house, reset)[0][1], rows(house, news)[0][1]) == (shared.id, own)


# -- setting it -------------------------------------------------------------------------------------------------------


def faults(house: House, actor: Actor, ref: int, value: object) -> str:
    with pytest.raises(BadInput) as caught:
        house.office.change_account(actor, ref, {"fallback_account_id": value}).result()
    (fault,) = caught.value.faults
    assert fault.field == "fallback_account_id"
    return fault.problem


def test_a_circle_itself_and_another_tenant_s_are_refused(house: House) -> None:
    tom = house.tenant("tom")
    a, b, c = (house.account(name, fallback_account_id=None) for name in "abc")
    house.office.change_account(ADMIN, a, {"fallback_account_id": "b"}).result()
    house.office.change_account(ADMIN, b, {"fallback_account": encode("a", c)}).result()
    assert "circle: c → a → b → c" in faults(house, ADMIN, c, "a")
    assert "itself" in faults(house, ADMIN, a, a)
    theirs = house.account("theirs", tom)
    assert "names no account" in faults(house, ADMIN, a, theirs)
    assert "names no account" in faults(house, tom, theirs, "nosuch")
    assert (
        house.office.change_account(tom, theirs, {"fallback_account_id": "a"}).result().account.fallback_account_id == a
    )
    assert (
        house.office.change_account(ADMIN, a, {"fallback_account_id": None}).result().account.fallback_account_id
        is None
    )


def test_a_fallback_is_not_deleted_from_under_those_who_rely_on_it(house: House) -> None:
    second, third = house.account("second"), house.account("third")
    first = house.account("first", fallback_account_id="second")
    with pytest.raises(Conflict, match="fallback of first"):
        house.office.delete_account(ADMIN, second).result()
    house.office.delete_account(ADMIN, second, move_to=third).result()
    assert house.office.snapshot.accounts[first].fallback_account_id == third
    house.office.delete_account(ADMIN, third, move_to=first).result()
    assert house.office.snapshot.accounts[first].fallback_account_id is None


def test_who_relies_on_a_fallback_is_told_that_it_is_broken_all_the_same(
    house: House, pair: tuple[Account, Account]
) -> None:
    first, _ = pair
    house.office.pause_for(first.id, "The login was refused.").result()
    view = house.office.account(ADMIN, first.id).result()
    assert view.account.paused_by == "verdict"
    assert any("paused" in sentence for sentence in view.needs)
    assert any("stays broken" in sentence for sentence in view.warnings)


def test_fallbacks_travel_in_files_by_name_also_when_they_change_places(house: House) -> None:
    tom = house.tenant("tom")
    house.account("mailbox")
    for name in "ab":
        house.account(name, tom)
    house.office.change_account(tom, "a", {"fallback_account_id": "b"}).result()
    house.office.change_account(tom, "b", {"fallback_account_id": "mailbox"}).result()
    text = house.office.export(tom).result()
    assert 'fallback_account = "b"' in text
    assert 'fallback_account = "mailbox"' in text
    assert house.office.plan(tom, text, prune=True).result().changes == ()
    swapped = text.replace('"mailbox"', '"a"').replace('fallback_account = "b"\n', "")
    changes = house.office.import_file(tom, swapped).result().changes
    assert sorted((one.name, one.fields[0].after) for one in changes) == [("a", None), ("b", "a")]
    with pytest.raises(BadInput, match="circle"):
        house.office.import_file(tom, text.replace('"mailbox"', '"a"')).result()
    with pytest.raises(BadInput, match=r"accounts\.a\.fallback_account"):
        house.office.import_file(tom, text.replace('"b"', '"nosuch"')).result()


def test_an_earlier_version_brings_its_fallback_back_if_it_is_still_there(house: House) -> None:
    second = house.account("second")
    first = house.account("first", fallback_account_id=second)
    house.office.change_account(ADMIN, first, {"fallback_account_id": None}).result()
    house.office.return_to(ADMIN, "account", first, 1).result()
    assert house.office.snapshot.accounts[first].fallback_account_id == second
    house.office.change_account(ADMIN, first, {"fallback_account_id": None}).result()
    house.office.delete_account(ADMIN, second, move_to=first).result()
    assert house.office.return_to(ADMIN, "account", first, 1).result().kept == ("fallback_account_id",)
